"""Which ops autocast runs in which dtype, and the casts of their arguments.

The lists are PyTorch's for the CPU: products and convolutions in the lower precision; losses, factorisations and what sums
up many numbers in float32; what joins tensors in the widest dtype among them; everything else as its arguments come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad._core.graph import is_grad_enabled
from dynagrad._core.types import BY_NAME, promote_types
from dynagrad.tensor import Tensor

__all__ = ["Cache", "cast_arguments"]

_LOWER = """
    addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution
    linalg_vecdot linear lstm_layers matmul mm scaled_dot_product_attention
"""
_FLOAT32 = """
    adaptive_avg_pool3d adaptive_max_pool3d_with_indices avg_pool3d binary_cross_entropy
    binary_cross_entropy_with_logits cdist cholesky cholesky_inverse cholesky_solve cosine_embedding_loss
    cross_entropy ctc_loss ctc_losses fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices geqrf
    grid_sampler hinge_embedding_loss huber_loss inverse kl_div l1_loss linalg_cholesky linalg_cholesky_ex
    linalg_cond linalg_eigh linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq
    linalg_matrix_rank linalg_qr linalg_solve linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve lu_solve
    margin_ranking_loss max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d mse_loss multi_margin_loss
    multilabel_margin_loss nanquantile nll_loss ormqr pinverse poisson_nll_loss prod qr quantile smooth_l1_loss
    soft_margin_loss svd trace triangular_solve triplet_margin_loss
"""
LOWER, FLOAT32 = frozenset(_LOWER.split()), frozenset(_FLOAT32.split())
WIDEST = frozenset({"cat", "index_copy", "stack"})
AS_STATE = frozenset({"gru_cell_step", "lstm_cell_step"})  # whose third argument is the state before

_F32, _F64 = BY_NAME["float32"], BY_NAME["float64"]


class Cache:
    """Casts of parameters, kept while the outermost region lasts: each is cast once, however many ops use it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, Any], tuple[Tensor, int, Tensor]] = {}

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        """The tensor in a dtype. A leaf's cast is kept if it is recorded, until the leaf is written to."""
        if not (tensor.requires_grad and tensor.is_leaf and tensor.dtype is _F32 and is_grad_enabled()):
            return tensor.to(dtype)
        version = tensor._version  # noqa: SLF001 - PyTorch's name of it
        found = self.kept.get((id(tensor), dtype))
        if found is None or found[1] != version:
            found = self.kept[id(tensor), dtype] = tensor, version, tensor.to(dtype)
        return found[2]

    def clear(self) -> None:
        """Forgets all."""
        self.kept.clear()


def _direct(tensor: Tensor, dtype: Any) -> Tensor:
    return tensor.to(dtype)


def _eligible(value: Any) -> bool:
    """Whether autocast casts something: floating tensors, float64 excepted, whose precision was asked for."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.dtype is not _F64


def _mapped(value: Any, dtype: Any, cast: Callable[[Tensor, Any], Tensor]) -> Any:
    """An argument, or a list or tuple of arguments, with the tensors in it in a dtype."""
    if _eligible(value):
        return value if value.dtype is dtype else cast(value, dtype)
    if type(value) in (list, tuple):
        return type(value)(_mapped(each, dtype, cast) for each in value)
    return value


def _widest(values: Any, found: Any = None) -> Any:
    """The widest dtype of the floating tensors among arguments; None without any."""
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point():
            found = value.dtype if found is None else promote_types(found, value.dtype)
        elif type(value) in (list, tuple):
            found = _widest(value, found)
    return found


def cast_arguments(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], lower: Any, cache: Cache | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with which autocast calls an op; an op that writes to a tensor given is left as it is.

    >>> import dynagrad as torch
    >>> from dynagrad.amp.policy import cast_arguments
    >>> cast_arguments("mm", (torch.ones(1, 1),), {}, torch.bfloat16, None)
    ((tensor([[1.]], dtype=torch.bfloat16),), {})
    """
    if kwargs.get("out") is not None:
        return args, kwargs
    cast = _direct if cache is None else cache.cast
    if name in LOWER:
        dtype = lower
    elif name in FLOAT32:
        dtype = _F32
    elif name in WIDEST:
        dtype = _widest((*args, *kwargs.values()))
    elif name in AS_STATE:
        dtype = args[2].dtype
    else:
        return args, kwargs
    mapped = tuple(_mapped(each, dtype, cast) for each in args)
    return mapped, {key: _mapped(each, dtype, cast) for key, each in kwargs.items()}
