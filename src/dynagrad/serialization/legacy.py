"""Files in the format of PyTorch before 1.6: pickles one after the other, then the bytes of the storages."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad.serialization import names
from dynagrad.serialization.options import skips_data
from dynagrad.storage import TypedStorage, UntypedStorage
from dynagrad.tensor import Tensor

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

SYSTEM = {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}

Unpickle = Callable[[Any, Callable[[Any], Any]], Any]


def save_legacy(file: Any, pickled: bytes, storages: list[tuple[str, Tensor, int]], protocol: int) -> None:
    """Writes a file of the old format.

    Args:
        file: has ``write``.
        pickled: the object.
        storages: of each, its key, its bytes, and the bytes of one element.
        protocol: of the pickles around it.
    """
    for head in (MAGIC_NUMBER, PROTOCOL_VERSION, SYSTEM):
        file.write(pickle.dumps(head, protocol))
    file.write(pickled)
    ordered = sorted(storages)
    file.write(pickle.dumps([key for key, _, _ in ordered], protocol))
    for _, data, itemsize in ordered:
        file.write(struct.pack("<q", data.numel() // itemsize))
        file.write(memoryview(data))  # tensors export buffers


def load_legacy(file: Any, unpickle: Unpickle, relocate: Callable[[UntypedStorage, Any], UntypedStorage]) -> Any:
    """The object in a file of the old format. UnpicklingError or RuntimeError for what is none.

    Args:
        file: at its beginning.
        unpickle: reads one pickle, given what makes its storages.
        relocate: brings each storage from the device that it came from to its place.
    """

    def refused(_: Any) -> Any:
        raise pickle.UnpicklingError("the file is damaged: a storage stands where none belongs")

    try:
        magic = unpickle(file, refused)
    except (pickle.UnpicklingError, EOFError, IndexError, UnicodeDecodeError) as error:
        raise pickle.UnpicklingError(f"the file is none that torch.save wrote: {error}") from error
    if magic != MAGIC_NUMBER:
        raise pickle.UnpicklingError("Invalid magic number; corrupt file? torch.save did not write it")
    version = unpickle(file, refused)
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = unpickle(file, refused)
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise RuntimeError(
            "the file was written by a big-endian machine in the old format, which dynagrad does not read"
        )
    reader = _Storages(file, relocate)
    result = unpickle(file, reader.persistent_load)
    reader.fill(unpickle(file, refused))
    return result


class _Storages:
    def __init__(self, file: Any, relocate: Callable[[UntypedStorage, Any], UntypedStorage]) -> None:
        self.file, self.relocate = file, relocate
        here = file.tell()
        self.left = (file.seek(0, os.SEEK_END) or file.tell()) - here
        file.seek(here)
        self.known: dict[str, TypedStorage] = {}

    def persistent_load(self, reference: Any) -> Any:
        if not isinstance(reference, tuple) or not reference or reference[0] != "storage" or len(reference) < 5:
            raise pickle.UnpicklingError("the file is damaged: a reference to a storage is none")
        _, kind, key, location, count, *view = reference
        if not isinstance(kind, names.StorageType) or type(count) is not int or count < 0:
            raise pickle.UnpicklingError("the file is damaged: a storage has no type or size")
        if view and view[0] is not None:
            raise RuntimeError("the file holds views of storages in the form of before PyTorch 0.4, which is not read")
        dtype = kind.dtype or dynagrad.uint8
        if key not in self.known:
            self.left -= count * dtype.itemsize
            if self.left < 0:
                raise RuntimeError(
                    "unexpected EOF: the storages need more bytes than the file has. It may be truncated"
                )
            untyped = self.relocate(UntypedStorage(count * dtype.itemsize), location)
            self.known[key] = TypedStorage(untyped, dtype)
        return self.known[key]

    def fill(self, keys: Any) -> None:
        """Reads the bytes of the storages, which follow in the order of the keys."""
        if not isinstance(keys, list) or set(keys) != set(self.known):
            raise RuntimeError("the file is damaged: it lists other storages than it uses")
        for key in keys:
            storage = self.known[key]
            head = self.file.read(8)
            if len(head) != 8 or struct.unpack("<q", head)[0] != storage.size():
                raise RuntimeError(f"unexpected EOF or size of storage {key}: the file is truncated or damaged")
            if skips_data():
                self.file.seek(storage.nbytes(), os.SEEK_CUR)
            elif storage.nbytes() and not _read_whole(self.file, memoryview(storage.untyped()._bytes)):
                raise RuntimeError(f"unexpected EOF in storage {key}: the file is truncated")


def _read_whole(file: Any, target: memoryview) -> bool:
    """Fills the memory from a file, without a copy on the way if the file can; whether there were bytes enough."""
    into = getattr(file, "readinto", None)
    while len(target):
        if into is not None:
            got = into(target) or 0
        else:
            data = file.read(len(target))
            got = len(data)
            target[:got] = data
        if not got:
            return False
        target = target[got:]
    return True
