"""PyTorch's names for our objects in pickles, and ours for PyTorch's.

Note [A pickle speaks PyTorch]
A file holds no class of ours: tensors are calls of ``torch._utils._rebuild_tensor_v2`` over a ``torch.FloatStorage``,
and a class that lives in ``dynagrad.x`` is written as ``torch.x``. Either library finds its own under those names.
"""

from __future__ import annotations

import importlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import dynagrad
from dynagrad._core.ops.data import alias_of
from dynagrad.nn.parameter import Buffer, Parameter
from dynagrad.storage import TypedStorage, UntypedStorage, tensor_over
from dynagrad.tensor import Size, Tensor


class StorageType(NamedTuple):
    """Stands for ``torch.FloatStorage`` and its like."""

    name: str
    dtype: Any


STORAGE_TYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
BY_NAME = {name: StorageType(name, getattr(dynagrad, dtype)) for name, dtype in STORAGE_TYPES.items()}
OF_DTYPE = {each.dtype: each for each in BY_NAME.values()}


# ---- what a pickle calls ---------------------------------------------------------------------------------------------
def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    backward_hooks: Any = None,  # noqa: ARG001  # hooks are not saved
    metadata: Any = None,
) -> Tensor:
    """A tensor over a storage of the file."""
    if metadata:
        raise ValueError(f"the file holds a tensor with {metadata}, which dynagrad has not")
    _check_storage(storage)
    untyped = storage._untyped_storage
    return tensor_over(untyped, storage.dtype, storage_offset, tuple(size), tuple(stride), bool(requires_grad))


def _rebuild_tensor(storage: TypedStorage, storage_offset: int, size: Any, stride: Any) -> Tensor:
    """The form of very old files."""
    return _rebuild_tensor_v2(storage, storage_offset, size, stride)


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,  # noqa: ARG001  # hooks are not saved
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    """A tensor whose dtype has no storage class of its own."""
    _check_storage(storage)
    if not isinstance(dtype, dynagrad.dtype):
        raise ValueError(f"expected a dtype, but the file holds {type(dtype).__name__}")  # noqa: TRY004
    typed = TypedStorage(storage._untyped_storage, dtype)
    return _rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, None, metadata)


def _check_storage(storage: Any) -> None:
    if not isinstance(storage, TypedStorage):
        raise ValueError(f"expected a storage, but the file holds {type(storage).__name__}")  # noqa: TRY004


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:  # noqa: ARG001
    """A parameter over a tensor of the file."""
    return Parameter(data, bool(requires_grad))


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Parameter:
    """A parameter on which the user had set attributes."""
    return _with_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_from_type_v2(rebuild: Callable[..., Any], kind: Any, arguments: Any, state: Any) -> Tensor:
    """A tensor of a subclass, or one on which the user had set attributes."""
    if rebuild not in REBUILDERS.values():
        raise ValueError(f"the file calls {rebuild!r} to make a tensor")
    found = rebuild(*arguments)
    if kind not in (Tensor, Parameter, Buffer) and type(found) is not kind:
        found = alias_of(found, kind, found.requires_grad)
    return _with_state(found, state)


def _with_state(tensor: Any, state: Any) -> Any:
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        if name.startswith("__"):
            raise ValueError(f"the file sets {name} on a tensor")
        setattr(tensor, name, value)
    return tensor


def _get_layout(name: str) -> Any:
    """A layout by its name."""
    if name != "torch.strided":
        raise ValueError(f"the file holds a {name} tensor, which dynagrad has not")
    return dynagrad.strided


REBUILDERS: dict[str, Any] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
}


def _codecs_encode(text: str, encoding: str = "utf-8") -> bytes:
    """How pickles of protocol 2 hold bytes. Only the encoding that they use."""
    if encoding != "latin1" or not isinstance(text, str):
        raise ValueError(f"the file encodes bytes as {encoding!r}")
    return text.encode("latin1")


def _bounded_bytearray(value: Any = b"", encoding: str = "latin1") -> bytearray:
    """A bytearray of bytes or text; not of a number, which could ask for any amount of memory."""
    if isinstance(value, str):
        return bytearray(_codecs_encode(value, encoding))
    if not isinstance(value, (bytes, list)):
        raise ValueError(f"the file makes a bytearray of {type(value).__name__}")  # noqa: TRY004
    return bytearray(value)


SAFE: dict[str, Any] = {
    **REBUILDERS,
    **{f"torch.{name}": each for name, each in BY_NAME.items()},
    **{f"torch.{name}": getattr(dynagrad, name) for name in STORAGE_TYPES.values()},
    "torch.storage.UntypedStorage": StorageType("UntypedStorage", None),
    "torch.storage.TypedStorage": StorageType("TypedStorage", None),
    "torch.serialization._get_layout": _get_layout,
    "torch.Size": Size,
    "torch.Tensor": Tensor,
    "torch.device": dynagrad.device,
    "torch.nn.parameter.Parameter": Parameter,
    "torch.nn.parameter.Buffer": Buffer,
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "_codecs.encode": _codecs_encode,
    "builtins.bytearray": _bounded_bytearray,
    "builtins.set": set,
    "builtins.complex": complex,
}


# ---- names -----------------------------------------------------------------------------------------------------------
def spoken(value: Any) -> tuple[str, str] | None:
    """(module, name) under which a class or function of ours is written; None for anything else."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] != "dynagrad":
        return None
    return "torch" + module.removeprefix("dynagrad"), name


def found(module: str, name: str) -> Any:
    """What stands here under PyTorch's name. ModuleNotFoundError or AttributeError if nothing does."""
    known = SAFE.get(f"{module}.{name}")
    if known is not None:
        return known
    here: Any = importlib.import_module("dynagrad" + module.removeprefix("torch"))
    for part in name.split("."):
        here = getattr(here, part)
    return here


def is_untyped(kind: Any) -> bool:
    """Whether a storage type of a file says nothing of its elements."""
    return kind is UntypedStorage or (isinstance(kind, StorageType) and kind.dtype is None)
