"""Methods of Tensor about where and how it is kept, and loops that call a Python function on every element."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from dynagrad._core.card import CARDS, Card, register

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

_ONLY_THE_CPU = ": dynagrad computes on the CPU only for now"


def _false(name: str, why: str) -> Callable[[Tensor], bool]:
    def answer(self: Tensor) -> bool:  # noqa: ARG001
        return False

    answer.__name__ = answer.__qualname__ = name
    answer.__doc__ = f"False: {why}."
    return answer


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> NoReturn:  # noqa: ARG001
    """Raises AssertionError: there is no CUDA."""
    raise AssertionError(f"Torch not compiled with CUDA enabled{_ONLY_THE_CPU}")


def xpu(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> NoReturn:  # noqa: ARG001
    """Raises AssertionError: there is no XPU."""
    raise AssertionError(f"Torch not compiled with XPU enabled{_ONLY_THE_CPU}")


def is_nonzero(self: Tensor) -> bool:
    """Whether the only element is not zero."""
    return bool(self)


def pin_memory(self: Tensor, device: object = None) -> Tensor:  # noqa: ARG001
    """Raises RuntimeError: there is no accelerator whose copies pinned memory would speed up."""
    raise RuntimeError("Need to provide pin_memory allocator to use pin memory.")


def apply_(self: Tensor, callable: Callable[[float], float]) -> Tensor:
    """Replaces every element by what the function gives for it; slow, and without a derivative."""
    if self.requires_grad:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    values = [callable(value) for value in self.reshape(-1).tolist()]
    return self.copy_(CARDS["tensor"].op(values, dtype=self.dtype).reshape(self.shape))


def map_(self: Tensor, tensor: Tensor, callable: Callable[[float, float], float]) -> Tensor:
    """Replaces every element by what the function gives for it and the other tensor's; slow, and without a derivative."""
    if self.requires_grad:
        raise RuntimeError("Can't call map_() on Variable that requires grad. Use var.detach().map_() instead.")
    if tensor.dtype != self.dtype:
        raise TypeError(f"map_: expected {self.type()} for 'other' (got {tensor.type()})")
    pairs = zip(self.reshape(-1).tolist(), tensor.expand(self.shape).reshape(-1).tolist(), strict=True)
    values = [callable(a, b) for a, b in pairs]
    return self.copy_(CARDS["tensor"].op(values, dtype=self.dtype).reshape(self.shape))


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Writes a number on the main diagonal; in tall matrices, with ``wrap``, again after each block."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step, n = sum(self.stride()), min(self.shape)
    self.as_strided((n,), (step,)).fill_(fill_value)
    if wrap and self.ndim == 2 and self.shape[0] > self.shape[1] + 1:
        self.narrow(0, n + 1, self.shape[0] - n - 1).fill_diagonal_(fill_value, wrap)
    return self


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:  # noqa: ARG001
    """The tensor itself, or converted to a dtype: it is dense."""
    return self if dtype is None else self.to(dtype)


def dequantize(self: Tensor) -> Tensor:
    """The tensor in float32: it is not quantised."""
    return self.float()


def sparse_dim(self: Tensor) -> int:  # noqa: ARG001
    """0: no dimension is sparse."""
    return 0


def dense_dim(self: Tensor) -> int:
    """The number of dimensions: all are dense."""
    return self.ndim


def _of_sparse(name: str, wanted: str) -> Callable[[Tensor], NoReturn]:
    """A question to sparse tensors, which a dense one refuses."""

    def refuse(self: Tensor) -> NoReturn:  # noqa: ARG001
        raise RuntimeError(f"{name} expected sparse {wanted} layout but got Strided")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises RuntimeError: the tensor is dense."
    return refuse


for _name, _wanted in (
    ("coalesce", "coordinate tensor"),
    ("is_coalesced", "coordinate tensor"),
    ("indices", "coordinate tensor"),
    ("values", "tensor"),
    ("crow_indices", "row compressed tensor"),
    ("col_indices", "row compressed tensor"),
    ("ccol_indices", "column compressed tensor"),
    ("row_indices", "column compressed tensor"),
):
    register(Card(_name, _of_sparse(_name, _wanted), samples="database", function=False))
for _name, _why in (
    ("is_conj", "there are no complex tensors"),
    ("is_neg", "negation is carried out at once"),
    ("is_pinned", "memory is not pinned"),
):
    register(Card(_name, _false(_name, _why), samples="database", function=False))
for _op in (
    is_nonzero,
    pin_memory,
    apply_,
    map_,
    fill_diagonal_,
    to_dense,
    dequantize,
    sparse_dim,
    dense_dim,
    cuda,
    xpu,
):
    register(Card(_op.__name__, _op, samples="database", function=False))
