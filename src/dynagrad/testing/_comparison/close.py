"""``assert_close``, and what it was called with looser rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import dynagrad as torch
from dynagrad.testing._comparison.pairs import BooleanPair, NonePair, NumberPair
from dynagrad.testing._comparison.tensors import TensorLikePair
from dynagrad.testing._comparison.tolerances import default_tolerances
from dynagrad.testing._comparison.walk import not_close_error_metas

_PAIRS = (NonePair, BooleanPair, NumberPair, TensorLikePair)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    r"""Raises AssertionError unless ``actual`` and ``expected`` are close.

    They are tensors, Python or NumPy numbers, booleans, None, what ``as_tensor`` takes (arrays), or sequences and
    mappings of these. Numbers are close where \|actual - expected\| ≤ atol + rtol · \|expected\|; infinities where they
    are equal. Tolerances that are not given are those of the dtypes, the looser where they differ:

    =========  =======  =====
    dtype      rtol     atol
    =========  =======  =====
    float16    1e-3     1e-5
    bfloat16   1.6e-2   1e-5
    float32    1.3e-6   1e-5
    float64    1e-7     1e-7
    any other  0        0
    =========  =======  =====

    Args:
        allow_subclasses: whether types may differ where one is a subclass of the other.
        rtol, atol: relative and absolute tolerance, both or neither.
        equal_nan: whether two NaN are close.
        check_device, check_dtype, check_layout, check_stride: what must be the same beside shapes and values. Python
            numbers have their type for a dtype.
        msg: the message of the error, or a function of the one that it would have.

    Raises:
        AssertionError: where they are not close, or lengths, keys or attributes differ.
        TypeError: where two values cannot be compared: a tensor and an array, a tensor and a number.
        ValueError: where only one tolerance is given.

    >>> import dynagrad as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-7, 2.0]))
    >>> torch.testing.assert_close([torch.tensor([1.0, 2.0])], [torch.tensor([1.0, 2.5])])
    Traceback (most recent call last):
    ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)
    <BLANKLINE>
    The failure occurred for item [0]
    """
    __tracebackhide__ = True
    wrong = not_close_error_metas(
        actual,
        expected,
        pair_types=_PAIRS,
        allow_subclasses=allow_subclasses,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
        msg=msg,
    )
    if wrong:
        raise wrong[0].to_error(msg)


_LOOSER = {torch.float16: (1e-3, 1e-3), torch.float32: (1e-4, 1e-5), torch.float64: (1e-5, 1e-8)}


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Raises AssertionError unless two tensors, or what tensors can be made of, are close; dtypes may differ.

    Deprecated: it warns, a FutureWarning. `assert_close` is stricter, and says more.

    Args:
        rtol, atol: tolerances, both or neither; if not given those of the dtypes, looser than `assert_close`'s.
        equal_nan: whether two NaN are close.
        msg: the message of the error, in place of the one that it would have.

    >>> import warnings
    >>> import dynagrad as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.testing.assert_allclose(torch.ones(2), [1, 1])
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. "
        "You can find detailed upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    a = actual if isinstance(actual, torch.Tensor) else torch.tensor(actual)
    b = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected, dtype=a.dtype)
    if rtol is None and atol is None:
        rtol, atol = default_tolerances(a, b, dtype_precisions=_LOOSER)
    assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
