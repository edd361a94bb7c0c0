"""Functions that PyTorch keeps for old programs, and those that it has taken away, whose errors say what to write instead."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.types import BY_NAME, TYPE_NAMES

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def range(
    start: float,
    end: float,
    step: float = 1,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from ``start`` to ``end``, which is one of them, ``step`` apart; in the default dtype if none is given.

    `arange`, which ends as Python's range does, is its present form: there is a warning. RuntimeError for a step that is
    zero or has the wrong sign, and for bounds that are not finite.

    >>> import warnings
    >>> import dynagrad as torch
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.range(1, 2, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    numbers = tuple(each.item() if hasattr(each, "item") else each for each in (start, end, step))
    for name, each in zip(("start", "end", "step"), numbers, strict=True):
        if not isinstance(each, (int, float)):
            raise TypeError(f"range(): argument '{name}' must be Number, not {type(each).__name__}")
    first, last, width = numbers
    if width == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if (last < first) is (width > 0) and first != last:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is not None and out is not None and dtype != out.dtype:
        spoken = dict(zip(BY_NAME.values(), TYPE_NAMES, strict=True))
        name, other = spoken[dtype], spoken[out.dtype]
        raise RuntimeError(f"dtype {name} does not match dtype of out parameter ({other})")
    made = CARDS["empty"].op(0, dtype=dtype if out is None else out.dtype, layout=layout, device=device)
    count = math.floor((last - first) / width) + 1
    steps = CARDS["arange"].op(count, dtype=CARDS["zeros"].op(()).double().dtype) * width + first
    found = steps.to(made.dtype)
    if out is not None:  # one of as many elements keeps its shape
        return (out if out.numel() == count else out.resize_(count)).copy_(found.reshape(out.shape))
    return found.requires_grad_() if requires_grad else found


def orgqr(input: Tensor, input2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of the reflectors of `geqrf`; `linalg.householder_product` is its present name.

    >>> import dynagrad as torch
    >>> torch.orgqr(torch.zeros(2, 1), torch.zeros(1))
    tensor([[1.],
            [0.]])
    """
    return CARDS["linalg_householder_product"].op(input, input2, out=out)


def frobenius_norm(
    input: Tensor, dim: int | Sequence[int], keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The root of the sum of squares over one dimension or two; `linalg.vector_norm` is its present form: there is a warning.

    >>> import warnings
    >>> import dynagrad as torch
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.frobenius_norm(torch.tensor([[3.0, 4.0]]), (0, 1))
    tensor(5.)
    """
    warnings.warn(
        "at::frobenius_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future "
        "PyTorch release. Please use `linalg.vector_norm(A, 2., dim, keepdim)` instead",
        stacklevel=2,
    )
    dims = [dim] if isinstance(dim, int) else list(dim)
    if len(dims) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead.")
    return CARDS["linalg_vector_norm"].op(input, 2, dims or None, keepdim, out=out)


def nuclear_norm(
    input: Tensor, *args: Any, dim: Any = None, keepdim: bool = False, out: Tensor | None = None
) -> Tensor:
    """The sum of the singular values; `linalg.matrix_norm` with "nuc" is its present form: there is a warning.

    Called as ``nuclear_norm(input, keepdim=False)`` or ``nuclear_norm(input, dim, keepdim=False)`` with two dimensions.

    >>> import warnings
    >>> import dynagrad as torch
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.nuclear_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    warnings.warn(
        "at::nuclear_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future "
        "PyTorch release. Please use `linalg.matrix_norm(A, 'nuc', dim, keepdim)` instead",
        stacklevel=2,
    )
    given = list(args)
    if given and not isinstance(given[0], bool):
        dim = given.pop(0)
    keepdim = given.pop(0) if given else keepdim
    dims = (-2, -1) if dim is None else tuple(dim)
    return CARDS["linalg_matrix_norm"].op(input, "nuc", dims, keepdim, out=out)


# ---- taken away ------------------------------------------------------------------------------------------------------

_SINCE = "This function was deprecated since version 1.9 and is now removed."
_INSTEAD = {
    "eig": "`torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking "
    "complex tensors, of which dynagrad has none; for symmetric matrices use `torch.linalg.eigh`.",
    "symeig": "The default behavior has changed from using the upper triangular portion of the matrix by default to using "
    "the lower triangular portion. `torch.linalg.eigh(A, UPLO='U' if upper else 'L')` gives eigenvalues and eigenvectors, "
    "and `torch.linalg.eigvalsh` the former.",
    "solve": "`torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments "
    "reversed and does not return the LU factorization: `X = torch.linalg.solve(A, B)`.",
    "lstsq": "`torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`. `torch.linalg.lstsq` has reversed arguments "
    "and does not return the QR decomposition in the returned tuple: `X = torch.linalg.lstsq(A, B).solution`.",
    "matrix_rank": "Please use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' was renamed in "
    "`torch.linalg.matrix_rank()` to 'hermitian'.",
}


def _removed(name: str) -> Callable[..., Any]:
    def function(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"{_SINCE} {_INSTEAD[name]}")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Raises RuntimeError: it is no longer there.

    {_INSTEAD[name]}

    >>> import dynagrad as torch
    >>> torch.{name}(torch.eye(2))
    Traceback (most recent call last):
    ...
    RuntimeError: {_SINCE} {_INSTEAD[name]}
    """
    return function


register(Card("range", range, samples="database", method=False))
register(Card("orgqr", orgqr, samples="database"))
register(Card("frobenius_norm", frobenius_norm, samples="database", method=False))
register(Card("nuclear_norm", nuclear_norm, samples="database", method=False))
for _name in _INSTEAD:
    register(Card(_name, _removed(_name), samples="database", method=_name != "matrix_rank"))
