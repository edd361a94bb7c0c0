"""Reading: opens a file, chooses its format and its unpickler, and puts its storages where they belong."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dynagrad
from dynagrad.serialization import names
from dynagrad.serialization.archive import Archive
from dynagrad.serialization.legacy import load_legacy
from dynagrad.serialization.places import default_restore_location
from dynagrad.serialization.restricted import RestrictedUnpickler, globals_in, is_safe
from dynagrad.storage import TypedStorage, UntypedStorage

_HINT = (
    "Weights only load failed. In PyTorch 2.6, we changed the default value of the `weights_only` argument in "
    "`torch.load` from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely "
    "succeed, but it can result in arbitrary code execution. Do it only if you got the file from a trusted source."
)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads an object from a file that ``save`` or PyTorch wrote.

    Args:
        f: a path, or an object with ``read``, ``readline``, ``seek`` and ``tell``.
        map_location: where storages of other devices go: a device, a dict of devices by name, or a function of
            (storage, location). RuntimeError for storages of accelerators if nothing is said.
        weights_only: True, the default, runs no code from the file: tensors, containers, numbers and what
            ``add_safe_globals`` allows, UnpicklingError for all else. False unpickles anything, and so runs what the
            file says.
        mmap: maps the storages of a path into memory instead of reading them.
        pickle_module, pickle_load_args: with ``weights_only=False``, instead of ``pickle``.

    RuntimeError for files that are truncated, damaged or foreign.

    >>> import io
    >>> import dynagrad
    >>> file = io.BytesIO()
    >>> dynagrad.save([dynagrad.zeros(2), "text"], file)
    >>> _ = file.seek(0)
    >>> dynagrad.load(file)
    [tensor([0., 0.]), 'text']
    """
    weights_only = _weights_only(weights_only, pickle_module)
    is_path = isinstance(f, (str, os.PathLike))
    if mmap and not is_path:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if weights_only and pickle_load_args.keys() - {"encoding"}:
        raise RuntimeError(f"Can not use {sorted(pickle_load_args)} with weights_only=True")
    pickle_load_args.setdefault("encoding", "utf-8")
    reader = _Reader(map_location, None if weights_only else (pickle_module or pickle), pickle_load_args)
    with _opened(f) as file:
        if not _is_zip(file):
            if mmap:
                raise RuntimeError(
                    f"mmap can only be used with files saved with `torch.save({f}, _use_new_zipfile_serialization=True), "
                    "please torch.save your checkpoint with this option in order to use mmap."
                )
            return reader.guarded(lambda: load_legacy(file, reader.unpickle, reader.relocate))
        with _from_here(file) as whole:
            archive = Archive(whole, os.fspath(f) if mmap else None)
            stream = io.BytesIO(archive.bytes_of("data.pkl"))
            return reader.guarded(lambda: reader.unpickle(stream, reader.storages_of(archive)))


def _weights_only(asked: bool | None, pickle_module: Any) -> bool:
    def forced(name: str) -> bool:
        return os.environ.get(name, "").lower() in ("1", "y", "yes", "true")

    if forced("TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        asked = True
    elif asked is None:
        asked = pickle_module is None and not forced("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if asked and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return asked


@contextmanager
def _opened(f: Any) -> Iterator[Any]:
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            yield file
        return
    for name in ("read", "readline", "seek", "tell"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    yield f


@contextmanager
def _from_here(file: Any) -> Iterator[Any]:
    """A file whose beginning is where ``file`` stands: the places in an archive count from its own beginning."""
    start = file.tell()
    if start == 0:
        yield file
        return
    rest = io.BytesIO(file.read())
    yield rest
    file.seek(start + rest.tell())


def _is_zip(file: Any) -> bool:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    if not head:
        raise EOFError("Ran out of input: the file is empty")
    return head == b"PK\x03\x04"


class _Reader:
    def __init__(self, map_location: Any, module: Any, options: dict[str, Any]) -> None:
        self.map_location, self.module, self.options = map_location, module, options

    def guarded(self, read: Callable[[], Any]) -> Any:
        """What ``read`` gives; a failure of the restricted unpickler says what may be done about it."""
        try:
            return read()
        except pickle.UnpicklingError as error:
            if self.module is not None:
                raise
            raise pickle.UnpicklingError(f"{_HINT}\n\tWeightsUnpickler error: {error}") from None
        except RecursionError as error:
            raise pickle.UnpicklingError("the file is nested too deeply") from error

    def unpickle(self, file: Any, persistent_load: Callable[[Any], Any]) -> Any:
        if self.module is None:
            return RestrictedUnpickler(file, persistent_load).load()

        class Unpickler(self.module.Unpickler):  # type: ignore[name-defined]  # of the module that the user chose
            def find_class(self, module: str, name: str) -> Any:
                if module.partition(".")[0] != "torch":
                    return super().find_class(module, name)
                try:
                    return names.found(module, name)
                except (ModuleNotFoundError, AttributeError) as error:
                    raise pickle.UnpicklingError(f"the file needs {module}.{name}, which dynagrad has not") from error

        unpickler = Unpickler(file, **self.options)
        unpickler.persistent_load = persistent_load
        return unpickler.load()

    def storages_of(self, archive: Archive) -> Callable[[Any], Any]:
        """A function that makes a storage of what the pickle says of it, once."""
        known: dict[str, TypedStorage] = {}

        def persistent_load(reference: Any) -> Any:
            kind, key, location, count = _reference(reference)
            itemsize = 1 if names.is_untyped(kind) else kind.dtype.itemsize
            if key not in known:
                untyped = UntypedStorage(archive.storage(key, count * itemsize, itemsize))
                known[key] = TypedStorage(self.relocate(untyped, location), kind.dtype or dynagrad.uint8)
            if known[key].dtype is (kind.dtype or dynagrad.uint8):
                return known[key]
            return TypedStorage(known[key]._untyped_storage, kind.dtype or dynagrad.uint8)

        return persistent_load

    def relocate(self, storage: UntypedStorage, location: Any) -> UntypedStorage:
        """The storage where it belongs. RuntimeError for places that are not there."""
        asked = self.map_location
        if callable(asked) and not isinstance(asked, (str, dynagrad.device)):
            found = asked(storage, location)
            return default_restore_location(storage, location) if found is None else storage
        if isinstance(asked, dict):
            asked = asked.get(location, location)
        target = location if asked is None else asked
        return default_restore_location(storage, str(target))


def _reference(reference: Any) -> tuple[Any, str, Any, int]:
    """(type, key, location, number of elements) of a reference to a storage. UnpicklingError for anything else."""
    if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] not in ("storage", b"storage"):
        raise pickle.UnpicklingError("Only persistent_load of storage is allowed")
    _, kind, key, location, count = reference
    if kind is not UntypedStorage and not isinstance(kind, names.StorageType):
        raise pickle.UnpicklingError(f"the file is damaged: {kind!r} is no type of storage")
    if type(key) is not str or type(count) is not int or count < 0:
        raise pickle.UnpicklingError("the file is damaged: a storage has no key or size")
    return kind, key, location, count


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that ``load(weights_only=True)`` would refuse, none of them used.

    ValueError for files of the old format.

    >>> import io
    >>> import dynagrad
    >>> file = io.BytesIO()
    >>> dynagrad.save({"w": dynagrad.ones(2)}, file)
    >>> dynagrad.serialization.get_unsafe_globals_in_checkpoint(file)
    []
    """
    if hasattr(f, "seek"):
        f.seek(0)
    with _opened(f) as file:
        if not _is_zip(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save in the zip format")
        stream = io.BytesIO(Archive(file).bytes_of("data.pkl"))
    return sorted({name for name in globals_in(stream) if not is_safe(name)})
