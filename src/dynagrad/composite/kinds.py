"""The methods and attributes of tensors for kinds that there are none of here: sparse, quantised, complex, on accelerators.

Flags are False, numbers are those of dense tensors, what only another kind has raises PyTorch's error, and a conversion
to one says that it is not there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.tensor import Tensor

_FLAGS = """
    is_ipu is_maia is_mkldnn is_mtia is_sparse_csr is_vulkan is_xla is_xpu
""".split()  # noqa: SIM905 - the names of attributes
_COORDINATES = "coalesce is_coalesced indices _indices _values _nnz".split()  # noqa: SIM905
_COMPRESSED = {
    "crow_indices": "row", "col_indices": "row", "ccol_indices": "column", "row_indices": "column",
}  # fmt: skip
_CONVERSIONS = """
    to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr to_mkldnn sparse_mask sparse_resize_
    sparse_resize_and_clear_ smm sspaddmm
""".split()  # noqa: SIM905
_QUANTISED = """
    int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme
""".split()  # noqa: SIM905
_COMPLEX = "cdouble cfloat chalf".split()  # noqa: SIM905


def _raising(name: str, kind: type[Exception], text: str) -> Callable[..., Any]:
    def method(self: Tensor, *_: Any, **__: Any) -> Any:  # noqa: ARG001  # whatever it is called with
        raise kind(text)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Raises {kind.__name__}: {text}"
    return method


def _moved_to(kind: str) -> Callable[..., Any]:
    def method(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:  # noqa: ARG001
        return self.to(kind if device is None else device)

    method.__name__ = method.__qualname__ = kind
    method.__doc__ = f'``to("{kind}")``, which raises: tensors are on the CPU.'
    return method


def _is_shared(self: Tensor) -> bool:  # noqa: ARG001
    """False: the memory is the process' own."""
    return False


def _share_memory_(self: Tensor) -> Tensor:
    """Raises RuntimeError: data loaders share memory by themselves, and there is no other way."""
    raise RuntimeError(
        f"share_memory_(): the memory of a tensor {list(self.shape)} is the process' own and cannot be moved to where others "
        "see it; send the tensor, or a NumPy array over multiprocessing.shared_memory"
    )


def _is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both show the same memory with the same sizes and strides."""
    if self.untyped_storage() != tensor.untyped_storage() or self.storage_offset() != tensor.storage_offset():
        return False
    return self.shape == tensor.shape and self.stride() == tensor.stride()


def _dim_order(self: Tensor, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from that of the largest stride to that of the smallest.

    RuntimeError, if ``ambiguity_check``, where several orders would do.
    """
    order = tuple(sorted(range(self.dim()), key=lambda d: -self.stride(d)))
    if ambiguity_check and len({self.stride(d) for d in order if self.shape[d] != 1}) < self.dim():
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
        )
    return order


def _to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool = True) -> Tensor:  # noqa: ARG001
    """Itself, in another dtype if one is given."""
    return self if dtype is None else self.to(dtype)


def _map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[float, float, float], float]) -> Tensor:
    """Every element becomes ``callable`` of itself and of those of two tensors, which are broadcast; in place."""
    if self.requires_grad or x.requires_grad or y.requires_grad:
        raise RuntimeError("Can't call map2_() on Variable that requires grad. Use var.detach().map2_() instead.")
    triples = zip(*(each.expand(self.shape).flatten().tolist() for each in (self, x, y)), strict=True)
    return self.copy_(self.new_tensor([callable(*triple) for triple in triples]).reshape(self.shape))


def _resize(self: Tensor, *sizes: Any) -> Tensor:
    """A view of other sizes, with PyTorch's warning. RuntimeError for another number of elements."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return self.view(*sizes)


def _resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """A view of the sizes of another tensor, with PyTorch's warning. RuntimeError for another number of elements."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return self.view(tensor.shape)


def _storage_type(self: Tensor) -> Any:
    """The class of its storage."""
    return type(self.storage())


def _module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What ``load_state_dict`` puts in the place of this tensor: itself with the values of ``other``, or that one."""
    return other.detach() if assign else self.copy_(other).detach()


def _volatile(self: Tensor) -> bool:  # noqa: ARG001
    """False, with a warning: `no_grad` has taken its place."""
    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


def _imag(self: Tensor) -> Tensor:  # noqa: ARG001
    raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")


def _hardshrink(self: Tensor, lambd: float = 0.5) -> Tensor:
    """The elements outside of ``[-lambd, lambd]``, and 0 for the others."""
    return CARDS["hardshrink"].op(self, lambd)


def _prelu(self: Tensor, weight: Tensor) -> Tensor:
    """``x`` above 0 and ``weight x`` below; a weight for all, or one for each channel, which is dimension 1."""
    return CARDS["prelu"].op(self, weight)


_METHODS: dict[str, Callable[..., Any]] = {
    "const_data_ptr": lambda self: self.data_ptr(),
    "dense_dim": lambda self: self.dim(),
    "sparse_dim": lambda _: 0,
    "dequantize": _to_dense,
    "dim_order": _dim_order,
    "hardshrink": _hardshrink,
    "is_distributed": lambda _: False,
    "is_set_to": _is_set_to,
    "is_shared": _is_shared,
    "map2_": _map2_,
    "module_load": _module_load,
    "prelu": _prelu,
    "resize": _resize,
    "resize_as": _resize_as,
    "share_memory_": _share_memory_,
    "storage_type": _storage_type,
    "to_dense": _to_dense,
    **{kind: _moved_to(kind) for kind in ("cuda", "xpu", "ipu", "mtia")},
    **{
        name: _raising(name, RuntimeError, f"{name} expected sparse coordinate tensor layout but got Strided")
        for name in _COORDINATES
    },
    "values": _raising("values", RuntimeError, "values expected sparse tensor layout but got Strided"),
    **{
        name: _raising(name, RuntimeError, f"{name} expected sparse {side} compressed tensor layout but got Strided")
        for name, side in _COMPRESSED.items()
    },
    **{
        name: _raising(name, NotImplementedError, f"{name}(): dynagrad has no sparse tensors; all are strided")
        for name in _CONVERSIONS
    },
    **{
        name: _raising(name, NotImplementedError, f"Could not run 'aten::{name}': dynagrad has no quantised tensors")
        for name in _QUANTISED
    },
    **{
        name: _raising(
            name,
            NotImplementedError,
            "dynagrad has no complex tensors yet; keep the real and imaginary parts in two tensors",
        )
        for name in _COMPLEX
    },
    "reinforce": _raising(
        "reinforce",
        RuntimeError,
        "reinforce() was removed.\nUse torch.distributions instead, whose log_prob gives a loss.",
    ),
    "record_stream": _raising(
        "record_stream", RuntimeError, "record_stream(): streams are of accelerators, of which there are none"
    ),
}
_PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    **dict.fromkeys(_FLAGS, lambda _: False),
    "imag": _imag,
    "real": lambda self: self,
    "volatile": _volatile,
}

for _name, _method in _METHODS.items():
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, _method)
for _name, _getter in _PROPERTIES.items():
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, property(_getter))
