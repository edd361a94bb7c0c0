"""What the distributions share: broadcasting parameters, probabilities and logits, values made when first asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.overrides import has_torch_function_unary

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060

Number = (int, float)
T = TypeVar("T")


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the dtype of the first tensor, or the default one.

    Raises ValueError where a value is neither.

    >>> from dynagrad.distributions.utils import broadcast_all
    >>> broadcast_all(dynagrad.zeros(2), 1)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not all(isinstance(value, (Tensor, *Number)) or has_torch_function_unary(value) for value in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    dtype = next((value.dtype for value in values if isinstance(value, Tensor)), dynagrad.get_default_dtype())
    tensors = (dynagrad.tensor(value, dtype=dtype) if isinstance(value, Number) else value for value in values)
    return tuple(dynagrad.broadcast_tensors(*tensors))


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The softmax over the last dimension; where ``is_binary``, the logistic function of each element."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved off 0 and 1 by one rounding step, so that their logarithms are finite."""
    eps = dynagrad.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The inverse of `logits_to_probs`: logarithms; where ``is_binary``, the log-odds.

    >>> from dynagrad.distributions.utils import probs_to_logits
    >>> probs_to_logits(dynagrad.tensor([0.5, 0.25]), is_binary=True)
    tensor([ 0.0000, -1.0986])
    """
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


class lazy_property(Generic[T]):  # noqa: N801 - PyTorch's name
    """A property computed when it is first read, and kept under its own name in the instance.

    >>> from dynagrad.distributions.utils import lazy_property
    >>> class Circle:
    ...     @lazy_property
    ...     def area(self):
    ...         return print("computed") or 3.14
    >>> c = Circle()
    >>> c.area + c.area
    computed
    6.28
    """

    def __init__(self, wrapped: Callable[[Any], T]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: Any = None) -> lazy_property[T]: ...
    @overload
    def __get__(self, instance: object, owner: Any = None) -> T: ...
    def __get__(self, instance: object | None, owner: Any = None) -> Any:
        if instance is None:
            return self
        with dynagrad.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal of square matrices, row by row: (..., n, n) becomes (..., m).

    Raises ValueError where the diagonal is outside of the matrix.

    >>> from dynagrad.distributions.utils import tril_matrix_to_vec
    >>> tril_matrix_to_vec(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows = dynagrad.arange(n)
    return mat[..., rows <= rows.view(-1, 1) + diag]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`, zero above the diagonal: (..., m) becomes (..., n, n).

    Raises ValueError where no n has m elements there.
    """
    # m = n (n + 1) / 2 + n d - |d| (d + 1) / 2, solved for n.
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if not round(n) - n == 0:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    size = round(n)
    rows = dynagrad.arange(size)
    made = vec.new_zeros((*vec.shape[:-1], size, size))
    made[..., rows <= rows.view(-1, 1) + diag] = vec
    return made


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last ``dims`` dimensions."""
    return value if dims == 0 else value.flatten(-dims).sum(-1)


def standard_normal(shape: Sequence[int], dtype: Any, device: Any = None) -> Tensor:  # noqa: ARG001 - there is one
    """Independent normal numbers."""
    return dynagrad.normal(dynagrad.zeros(shape, dtype=dtype), dynagrad.ones(shape, dtype=dtype))


def cross_entropy_of_bits(logits: Tensor, value: Tensor) -> Tensor:
    """``-value log p - (1 - value) log(1 - p)`` of each element, p by its log-odds."""
    return F.binary_cross_entropy_with_logits(logits, value, reduction="none")


def batch_mv(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrices times vectors, both in batches that broadcast."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


# Names that programs import from here, though they are private.
_sum_rightmost = sum_rightmost
_standard_normal = standard_normal
