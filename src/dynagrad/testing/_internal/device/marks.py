"""What a test says of itself: the dtypes that it is for, and how exact it is with each."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import dynagrad as torch

tol = namedtuple("tol", ["atol", "rtol"])  # noqa: PYI024  # PyTorch's: suites take it apart and pickle it


class dtypes:
    """A test that is made for each of several dtypes, or tuples of them, and takes ``dtype``, or ``dtypes``.

    Args:
        device_type: the device on which these dtypes count; all, but for those that a ``dtypesIf...`` speaks of.

    Raises:
        AssertionError: for anything else than dtypes, and for dtypes beside tuples.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_device_type import dtypes
    >>> @dtypes(torch.float32, torch.int64)
    ... def test_it(self, device, dtype):
    ...     pass
    >>> test_it.dtypes
    {'all': (torch.float32, torch.int64)}
    """

    def __init__(self, *args: Any, device_type: str = "all") -> None:
        tuples = bool(args) and isinstance(args[0], (list, tuple))
        for arg in args:
            if tuples and not isinstance(arg, (list, tuple)):
                raise AssertionError(
                    "When one dtype variant is a tuple or list, all dtype variants must be. "
                    f"Received non-list non-tuple dtype {arg}"
                )
            if not all(isinstance(dtype, torch.dtype) for dtype in (arg if tuples else (arg,))):
                raise AssertionError(f"Unknown dtype in {arg if tuples else args}")
        self.args = args
        self.device_type = device_type

    def __call__(self, fn: Any) -> Any:
        asked = fn.__dict__.setdefault("dtypes", {})
        if self.device_type in asked:
            raise AssertionError(f"dtypes redefinition for {self.device_type}")
        asked[self.device_type] = self.args
        return fn


def _on(device_type: str, name: str) -> type[dtypes]:
    class dtypesIf(dtypes):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, device_type=device_type)

    dtypesIf.__name__ = dtypesIf.__qualname__ = name
    dtypesIf.__doc__ = f"The dtypes of a test on {device_type}, in place of those of `dtypes`."
    return dtypesIf


dtypesIfCPU = _on("cpu", "dtypesIfCPU")
dtypesIfCUDA = _on("cuda", "dtypesIfCUDA")
dtypesIfXPU = _on("xpu", "dtypesIfXPU")
dtypesIfMPS = _on("mps", "dtypesIfMPS")
dtypesIfHPU = _on("hpu", "dtypesIfHPU")
dtypesIfPRIVATEUSE1 = _on("privateuseone", "dtypesIfPRIVATEUSE1")


class precisionOverride:
    """The absolute tolerance of a test by dtype, which ``self.precision`` is while it runs.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_device_type import precisionOverride
    >>> precisionOverride({torch.float32: 1e-3})(lambda self, device, dtype: None).precision_overrides
    {torch.float32: 0.001}
    """

    def __init__(self, d: dict[torch.dtype, float]) -> None:
        if not isinstance(d, dict):
            raise AssertionError("precisionOverride not given a dtype : precision dict!")
        for dtype in d:
            if not isinstance(dtype, torch.dtype):
                raise AssertionError(f"precisionOverride given unknown dtype {dtype}")
        self.d = d

    def __call__(self, fn: Any) -> Any:
        fn.precision_overrides = self.d
        return fn


class toleranceOverride:
    """Both tolerances of a test by dtype, each a `tol`; it goes before `precisionOverride`.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_device_type import tol, toleranceOverride
    >>> loose = toleranceOverride({torch.float32: tol(atol=1e-3, rtol=0)})
    >>> loose(lambda self, device, dtype: None).tolerance_overrides[torch.float32].atol
    0.001
    """

    def __init__(self, d: dict[torch.dtype, tol]) -> None:
        if not isinstance(d, dict):
            raise AssertionError("toleranceOverride not given a dtype : tol dict!")
        for dtype, allowed in d.items():
            if not isinstance(dtype, torch.dtype):
                raise AssertionError(f"toleranceOverride given unknown dtype {dtype}")
            if not isinstance(allowed, tol):
                raise AssertionError("toleranceOverride not given a dtype : tol dict!")
        self.d = d

    def __call__(self, fn: Any) -> Any:
        fn.tolerance_overrides = self.d
        return fn
