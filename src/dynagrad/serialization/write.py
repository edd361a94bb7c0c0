"""Writing: the pickle that speaks PyTorch, the archive around it, and the file that is whole or not there."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import stat
import sys
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import dynagrad
from dynagrad._core.ops.data import alias_of
from dynagrad._core.ops.exchange import attributes
from dynagrad._core.ops.storage import storage_id, whole_storage
from dynagrad.nn.parameter import Parameter
from dynagrad.serialization import names
from dynagrad.serialization.legacy import save_legacy
from dynagrad.serialization.options import skips_data
from dynagrad.serialization.places import are_more_registered, location_tag
from dynagrad.storage import TypedStorage, UntypedStorage
from dynagrad.tensor import Size, Tensor

ALIGNMENT = 64


class _Call:
    """A call that the pickle makes when it is read: a name of PyTorch's, and arguments."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        """Only what can be called may stand in a pickle's REDUCE."""


_TENSOR = _Call("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = _Call("torch._utils", "_rebuild_parameter")
_PARAMETER_WITH_STATE = _Call("torch._utils", "_rebuild_parameter_with_state")
_FROM_TYPE = _Call("torch._tensor", "_rebuild_from_type_v2")
_SIZE = _Call("torch", "Size")
_DEVICE = _Call("torch", "device")


class _StorageReference:
    """A place in the pickle that stands for a storage of the archive."""

    def __init__(self, kind: names.StorageType, key: str, place: str, count: int) -> None:
        self.id: tuple[Any, ...] = ("storage", kind, key, place, count)


class TorchPickler(pickle._Pickler):  # the C one looks up every name it writes
    """Pickles under PyTorch's names, with the bytes of tensors aside in ``storages``."""

    proto: int
    save: Callable[[Any], None]
    write: Callable[[bytes], object]
    memoize: Callable[[Any], None]

    def __init__(self, file: Any, protocol: int, legacy: bool = False) -> None:
        super().__init__(file, protocol)
        self.legacy = legacy
        self.storages: dict[int, tuple[str, Tensor]] = {}
        self.dtypes: dict[int, Any] = {}
        self.kept: list[Any] = []

    def persistent_id(self, value: Any) -> Any:
        """What a pickle says in the place of a storage."""
        if isinstance(value, _StorageReference):
            return value.id
        if isinstance(value, TypedStorage):
            return self._reference(value._untyped_storage._bytes, names.OF_DTYPE[value.dtype]).id
        if isinstance(value, UntypedStorage):
            return self._reference(value._bytes, names.StorageType("UntypedStorage", None)).id
        return None

    def _reference(self, tensor: Tensor, kind: names.StorageType) -> _StorageReference:
        known = self.storages.get(storage_id(tensor))
        if known is None:
            known = self.storages[storage_id(tensor)] = (str(len(self.storages)), whole_storage(tensor))
        dtype = kind.dtype or dynagrad.uint8
        place = location_tag(UntypedStorage(known[1])) if are_more_registered() else "cpu"
        made = _StorageReference(kind, known[0], place, known[1].numel() // dtype.itemsize)
        if self.legacy:
            made.id += (None,)
            if self.dtypes.setdefault(storage_id(tensor), dtype) is not dtype:
                raise RuntimeError(
                    "Cannot save multiple tensors or storages that view the same data as different types"
                )
        return made

    def reducer_override(self, value: Any) -> Any:
        """How our own objects are written."""
        if isinstance(value, Tensor):
            return self._reduced(value)
        if isinstance(value, names.StorageType):
            return value.name
        if isinstance(value, _Call):
            return value.name
        if isinstance(value, dynagrad.dtype):
            return value.__reduce__()[1][0]
        if isinstance(value, dynagrad.device):
            return _DEVICE, (value.type,) if value.index is None else (value.type, value.index)
        if isinstance(value, Size):
            return _SIZE, (tuple(value),)
        return NotImplemented

    def _reduced(self, tensor: Tensor) -> Any:
        state = {**attributes(tensor), **getattr(tensor, "__dict__", {})}
        state.pop("_is_param", None)
        if type(tensor) is Parameter or (isinstance(tensor, Parameter) and type(tensor) is Tensor):
            data = alias_of(tensor, Tensor)
            self.kept.append(data)  # the memo goes by identity: nothing may be freed before the end
            arguments: tuple[Any, ...] = (data, tensor.requires_grad, OrderedDict())
            return (_PARAMETER_WITH_STATE, (*arguments, state)) if state else (_PARAMETER, arguments)
        arguments = self._laid_out(tensor)
        if type(tensor) is Tensor and not state:
            return _TENSOR, arguments
        return _FROM_TYPE, (_TENSOR, type(tensor), arguments, state)

    def _laid_out(self, tensor: Tensor) -> Any:
        reference = self._reference(tensor, names.OF_DTYPE[tensor.dtype])
        self.kept.append(reference)
        layout = (tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        return (reference, *layout, tensor.requires_grad, OrderedDict())

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Writes a class, function or constant by name; one of ours under PyTorch's."""
        if isinstance(obj, names.StorageType):
            self._write_name(obj, "torch.storage" if obj.dtype is None else "torch", obj.name)
        elif isinstance(obj, _Call):
            self._write_name(obj, obj.module, obj.name)
        elif isinstance(obj, dynagrad.dtype):
            self._write_name(obj, "torch", str(name))
        elif obj is Tensor:
            self._write_name(obj, "torch", "Tensor")
        elif (spoken := names.spoken(obj)) is not None:
            self._write_name(obj, *spoken)
        else:
            super().save_global(obj, name)  # type: ignore[misc]  # typeshed lacks it

    def _write_name(self, obj: Any, module: str, name: str) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode("ascii"))
        self.memoize(obj)

    dispatch = {**pickle._Pickler.dispatch, FunctionType: save_global}  # type: ignore[dict-item]  # noqa: RUF012  # typeshed takes it for that of Unpickler


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes an object to a file that PyTorch reads too.

    Args:
        obj: tensors, state dicts, containers, or anything that can be pickled. Storages and views stay shared.
        f: a path, or an object with ``write``. A path gets the new file when it is whole and on disk, and keeps the old
            one until then, whatever happens.
        pickle_module: only ``pickle`` itself; ValueError for others.
        pickle_protocol: of the pickle; 2 is what PyTorch loads without running code.

        _use_new_zipfile_serialization: False writes the format of before PyTorch 1.6.

    RuntimeError where the folder does not exist.

    >>> import io
    >>> import dynagrad
    >>> file = io.BytesIO()
    >>> dynagrad.save({"w": dynagrad.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> dynagrad.load(file)
    {'w': tensor([1., 1.])}
    """
    if pickle_module is not pickle:
        raise ValueError(f"save pickles by itself and cannot use {getattr(pickle_module, '__name__', pickle_module)}")
    legacy = not _use_new_zipfile_serialization
    if legacy and skips_data():
        raise RuntimeError("Cannot use skip_data=True with _use_new_zipfile_serialization=False")
    stream = io.BytesIO()
    pickler = TorchPickler(stream, pickle_protocol, legacy)
    pickler.dump(obj)
    pickled, storages = stream.getvalue(), list(pickler.storages.values())

    def written(file: Any, name: str) -> None:
        if legacy:
            sizes = [dtype.itemsize for dtype in pickler.dtypes.values()]
            save_legacy(
                file, pickled, [(*each, size) for each, size in zip(storages, sizes, strict=True)], pickle_protocol
            )
        else:
            _write_archive(file, name, pickled, storages, not _disable_byteorder_record)

    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        with replaced(path) as file:
            written(file, os.path.splitext(os.path.basename(os.path.realpath(path)))[0] or "archive")
    elif hasattr(f, "write"):
        written(f, "archive")
    else:
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, not {f!r}"
        )


@contextlib.contextmanager
def replaced(path: str) -> Iterator[Any]:
    """A file to write to in the place of ``path``: made beside it, put on disk, and moved there in one step at the end.

    Whatever is not a plain file, such as a pipe, is written to directly. RuntimeError where the folder does not exist.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write_archive(file: Any, name: str, pickled: bytes, storages: list[tuple[str, Tensor]], byteorder: bool) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, f"{name}/data.pkl", pickled)
        _add(archive, f"{name}/.format_version", b"1")
        _add(archive, f"{name}/.storage_alignment", str(ALIGNMENT).encode())
        if byteorder:
            _add(archive, f"{name}/byteorder", sys.byteorder.encode())
        for key, data in storages:
            shown = bytes(data.numel()) if skips_data() else memoryview(data)  # tensors export buffers
            _add(archive, f"{name}/data/{key}", shown)
        _add(archive, f"{name}/version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    """One record, stored as it is, at an address of the file that suits a memory map."""
    entry = zipfile.ZipInfo(name)
    wide = 20 if len(data) * 1.05 > zipfile.ZIP64_LIMIT else 0
    start = archive.fp.tell() if archive.fp is not None and hasattr(archive.fp, "tell") else 0
    here = start + 30 + len(name.encode()) + 4 + wide
    padding = -here % ALIGNMENT
    entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    archive.writestr(entry, data)
