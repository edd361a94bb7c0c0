"""Comparison of tensors in tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.types import finfo
from dynagrad.tensor import Tensor

# (rtol, atol) by dtype, PyTorch's.
_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,  # noqa: ARG001  # there is one device
    check_dtype: bool = True,
    check_layout: bool = True,  # noqa: ARG001  # and one layout
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless ``actual`` and ``expected`` are close: tensors, numbers, sequences or mappings of them.

    Args:
        rtol, atol: relative and absolute tolerance, both or neither; by the dtypes if not given.
        equal_nan: whether two NaN are close.
        check_dtype, check_stride: whether dtypes and strides must be the same.
        msg: the message of the error, or a function of the one that it would have.

    >>> import dynagrad
    >>> dynagrad.testing.assert_close(dynagrad.tensor([1.0]), dynagrad.tensor([1.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"rtol and atol must both be specified or both be unspecified, but got {rtol=} and {atol=}")
    problem = _difference(actual, expected, (rtol, atol), equal_nan, check_dtype, check_stride, allow_subclasses, "")
    if problem:
        raise AssertionError(msg(problem) if callable(msg) else msg or problem)


def _difference(
    a: Any,
    b: Any,
    tol: tuple[float | None, float | None],
    equal_nan: bool,
    dtypes: bool,
    strides: bool,
    subs: bool,
    at: str,
) -> str:
    """What differs between two values, or ''."""
    rest = (tol, equal_nan, dtypes, strides, subs)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return f"The keys of the mappings do not match{at}: {sorted(map(str, a))} and {sorted(map(str, b))}"
        return next(filter(None, (_difference(a[k], b[k], *rest, f"{at} at key {k!r}") for k in a)), "")
    if _is_sequence(a) and _is_sequence(b):
        if len(a) != len(b):
            return f"The length of the sequences mismatch{at}: {len(a)} != {len(b)}"
        return next(
            filter(
                None,
                (_difference(x, y, *rest, f"{at} at index {i}") for i, (x, y) in enumerate(zip(a, b, strict=True))),
            ),
            "",
        )
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _tensors_differ(a, b, tol, equal_nan, dtypes, strides, subs, at)
    if isinstance(a, (bool, int, float)) and isinstance(b, (bool, int, float)):
        return _numbers_differ(a, b, tol, equal_nan, at)
    if a is None and b is None:
        return ""
    return f"Values of type {type(a).__name__} and {type(b).__name__} cannot be compared{at}"


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _numbers_differ(a: float, b: float, tol: tuple[float | None, float | None], equal_nan: bool, at: str) -> str:
    floats = isinstance(a, float) or isinstance(b, float)
    rtol, atol = (1e-7, 1e-7) if floats else (0.0, 0.0)
    if tol[0] is not None and tol[1] is not None:
        rtol, atol = tol[0], tol[1]
    if a == b or (math.isnan(a) and math.isnan(b) and equal_nan) or abs(a - b) <= atol + rtol * abs(b):
        return ""
    return f"Scalars are not close{at}!\n\nExpected {b} but got {a}.\nAbsolute difference: {abs(a - b)} (up to {atol} allowed)"


def _tensors_differ(
    a: Tensor,
    b: Tensor,
    tol: tuple[float | None, float | None],
    equal_nan: bool,
    dtypes: bool,
    strides: bool,
    subs: bool,
    at: str,
) -> str:
    if not subs and type(a) is not type(b):
        return f"The types do not match{at}: {type(a)} and {type(b)}"
    if a.shape != b.shape:
        return f"The values for attribute 'shape' do not match{at}: {a.shape} != {b.shape}."
    if dtypes and a.dtype != b.dtype:
        return f"The values for attribute 'dtype' do not match{at}: {a.dtype} != {b.dtype}."
    if strides and a.stride() != b.stride():
        return f"The values for attribute 'stride()' do not match{at}: {a.stride()} != {b.stride()}."
    found = [_TOLERANCES.get(str(t.dtype).removeprefix("torch."), (0.0, 0.0)) for t in (a, b)]
    rtol, atol = (max(each[0] for each in found), max(each[1] for each in found))
    if tol[0] is not None and tol[1] is not None:
        rtol, atol = tol[0], tol[1]
    x, y = a.detach().double(), b.detach().double()
    close = (x == y) | ((x - y).abs() <= atol + rtol * y.abs()) & y.isfinite()
    if equal_nan:
        close = close | (x.isnan() & y.isnan())
    wrong = int((~close).sum().item())
    if not wrong:
        return ""
    worst = (x - y).abs().reshape(-1)
    return (
        f"Tensor-likes are not close{at}!\n\nMismatched elements: {wrong} / {a.numel()} ({100 * wrong / a.numel():.1f}%)\n"
        f"Greatest absolute difference: {worst.max().item()} at flat index {worst.argmax().item()} (up to {atol} allowed)"
    )


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Numbers drawn evenly from [low, high), which are -9 and 9 (10 for integers) unless given, kept within the dtype.

    Args:
        noncontiguous: whether every second element of a larger memory is taken.
        exclude_zero: whether zeros are replaced by the smallest number that is not one.

    >>> import dynagrad
    >>> dynagrad.testing.make_tensor(2, 3, dtype=dynagrad.float32).shape
    torch.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)
    name = str(dtype).removeprefix("torch.")
    made = CARDS["empty"].op(sizes, dtype=dtype, device=device)
    if name in _TOLERANCES:
        made.uniform_(-9 if low is None else low, 9 if high is None else high)
    elif name == "bool":
        made.random_(0, 2)
    else:
        least = 0 if name == "uint8" else -9
        made.random_(least if low is None else math.ceil(low), 10 if high is None else math.ceil(high))
    if exclude_zero:
        made.masked_fill_(made == 0, finfo(dtype).tiny if name in _TOLERANCES else 1)
    if noncontiguous and made.numel() > 1:
        made = made.repeat_interleave(2, -1)[..., ::2]
    if memory_format is not None:
        made = made.clone(memory_format=memory_format)
    return made.requires_grad_() if requires_grad else made
