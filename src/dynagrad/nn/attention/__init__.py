"""``torch.nn.attention``: which kernels ``scaled_dot_product_attention`` may use."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dynagrad.backends.cuda import attention

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The kernels. A CPU has ``MATH`` and ``FLASH_ATTENTION``, which name one and the same computation here."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_SWITCHES = {
    SDPBackend.MATH: "math",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.CUDNN_ATTENTION: "cudnn",
}


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict[Any, Any]]:  # one is left
    """Within, attention may use the kernels given alone; as a decorator, within the function.

    Args:
        backends: one, or a list of them. AssertionError for anything else.
        set_priority: whether their order counts; there is one kernel.

    Attention that may use neither of the CPU's two raises RuntimeError.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.attention import SDPBackend, sdpa_kernel
    >>> q = torch.ones(1, 2, 4)
    >>> with sdpa_kernel([SDPBackend.MATH]):
    ...     torch.nn.functional.scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 4])
    """
    if not isinstance(backends, (SDPBackend, list)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    allowed = [backends] if isinstance(backends, SDPBackend) else backends
    before = dict(vars(attention))
    for backend, switch in _SWITCHES.items():
        setattr(attention, switch, backend in allowed)
    try:
        yield {}
    finally:
        vars(attention).update(before)
