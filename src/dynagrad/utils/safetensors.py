"""Tensors in files of the safetensors format, through its own library (the extra ``safetensors``).

The functions are those of ``safetensors.torch``: names, arguments and files are the same.
"""

from __future__ import annotations

import os
from typing import Any

import dynagrad
from dynagrad._core.ops.exchange import packed
from dynagrad._core.ops.storage import over_bytes, storage_id
from dynagrad.serialization.write import replaced
from dynagrad.tensor import Tensor

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]

_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def _library() -> Any:
    try:
        import safetensors
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "files of safetensors need its library: pip install 'dynagrad[safetensors]'", name="safetensors"
        ) from error
    return safetensors


def _laid_out(tensors: dict[str, Tensor]) -> dict[str, Any]:
    if not isinstance(tensors, dict):
        raise ValueError(  # noqa: TRY004  # the library's type
            f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}"
        )
    seen: dict[int, str] = {}
    made = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(  # noqa: TRY004  # the library's type
                f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}"
            )
        if tensor.numel() and storage_id(tensor) in seen:
            raise RuntimeError(
                f"Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
                f"loading them again: {{{seen[storage_id(tensor)]!r}, {name!r}}}. Save a clone() of one, or use "
                "save_model"
            )
        if not tensor.is_contiguous():
            raise ValueError(f"You are trying to save a non contiguous tensor: `{name}`. Call .contiguous() first")
        seen[storage_id(tensor)] = name
        made[name] = _described(tensor)
    return made


def _described(tensor: Tensor) -> Any:
    """How the library wants to hear of a tensor: by address, or, before its version 0.7, with the bytes."""
    dtype, shape = str(tensor.dtype).removeprefix("torch."), list(tensor.shape)
    if hasattr(_library(), "TensorSpec"):
        nbytes = tensor.numel() * tensor.element_size()
        return _library().TensorSpec(dtype=dtype, shape=shape, data_ptr=tensor.data_ptr(), data_len=nbytes)
    return {"dtype": dtype, "shape": shape, "data": bytes(packed(tensor)[0])}


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with the tensors. ValueError for strided ones, RuntimeError for two over the same memory.

    >>> import dynagrad
    >>> from dynagrad.utils import safetensors
    >>> safetensors.load(safetensors.save({"w": dynagrad.ones(2)}))
    {'w': tensor([1., 1.])}
    """
    return bytes(_library().serialize(_laid_out(tensors), metadata=metadata))


def save_file(tensors: dict[str, Tensor], filename: str | os.PathLike[str], metadata: Any = None) -> None:
    """Writes a file with the tensors; an older file of that name stays until the new one is whole. Errors as `save`."""
    data = save(tensors, metadata)
    with replaced(os.fspath(filename)) as file:
        file.write(data)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file. The library's ``SafetensorError`` for damaged ones.

    >>> import dynagrad
    >>> from dynagrad.utils import safetensors
    >>> sorted(safetensors.load(safetensors.save({"b": dynagrad.ones(2), "a": dynagrad.ones(1)})))
    ['a', 'b']
    """
    found = {}
    for name, entry in _library().deserialize(data):
        dtype = _NAMES.get(entry["dtype"])
        if dtype is None:
            raise ValueError(f"{name} is of dtype {entry['dtype']}, which dynagrad has not")
        size = tuple(entry["shape"])
        content = bytearray(entry["data"])
        whole = (
            dynagrad.frombuffer(content, dtype=dynagrad.uint8) if content else dynagrad.empty(0, dtype=dynagrad.uint8)
        )
        strides, step = [], 1
        for n in reversed(size):
            strides.append(step)
            step *= max(n, 1)
        found[name] = over_bytes(whole, getattr(dynagrad, dtype), 0, size, tuple(reversed(strides)))
    return found


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors in a file. Errors as `load`."""
    with open(filename, "rb") as file:
        found = load(file.read())
    return {name: tensor.to(device) for name, tensor in found.items()}


def save_model(model: Any, filename: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
    """Writes the ``state_dict`` of a module; of several names of one tensor the first is kept, the others are noted."""
    kept: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    notes = dict(metadata or {})
    for name, tensor in model.state_dict().items():
        first = names.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), name)
        if first == name:
            kept[name] = tensor.contiguous()
        else:
            notes[name] = first
    save_file(kept, filename, notes or None)


def load_model(model: Any, filename: str | os.PathLike[str], strict: bool = True, device: Any = "cpu") -> Any:
    """Loads a file into a module; (missing keys, unexpected keys). RuntimeError for any of them if ``strict``."""
    found = load_file(filename, device)
    with _library().safe_open(os.fspath(filename), framework="np") as file:
        notes = file.metadata() or {}
    found.update({name: found[first] for name, first in notes.items() if first in found and name not in found})
    result = model.load_state_dict(found, strict=strict)
    return result.missing_keys, result.unexpected_keys
