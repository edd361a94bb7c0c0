"""Which kernels ``scaled_dot_product_attention`` may use. It has one here, exact, so a choice is kept and changes no number.

The switches themselves are `backends/cuda`; attention is `nn/functional/attention`.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable, Iterator

from dynagrad.backends import cuda

__all__ = ["WARN_FOR_UNFUSED_KERNELS", "SDPBackend", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(enum.IntEnum):
    """The kernels that PyTorch may choose from."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self) -> str:
        return f"<SDPBackend.{self.name}: {self.value}>"


# The switch of each, as `backends.cuda` names it.
_SWITCHES = {
    SDPBackend.MATH: "math",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.CUDNN_ATTENTION: "cudnn",
}


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[dict[str, object]]:
    """Allows only the given kernels inside a ``with`` block or a decorated function.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     torch.backends.cuda.math_sdp_enabled(), torch.backends.cuda.flash_sdp_enabled()
    (True, False)
    """
    given = [backends] if isinstance(backends, SDPBackend) else list(backends)
    for each in given:
        if not isinstance(each, SDPBackend):
            raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    before = dict(cuda.sdp_switches)
    cuda.sdp_switches.update({switch: backend in given for backend, switch in _SWITCHES.items()})
    try:
        yield {}
    finally:
        cuda.sdp_switches.update(before)


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    """The kernels that are allowed now."""
    return [backend for backend, switch in _SWITCHES.items() if cuda.sdp_switches[switch]]
