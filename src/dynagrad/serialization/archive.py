"""The zip archive of a file: finds its records, reads them whole, and trusts none of its numbers."""

from __future__ import annotations

import mmap
import os
import struct
import sys
import zipfile
from typing import Any

import dynagrad
from dynagrad.serialization.options import assumed_byteorder, get_default_mmap_options, skips_data
from dynagrad.tensor import Tensor

_LOCAL_HEADER = 30


class Archive:
    """A file in PyTorch's zip format.

    Args:
        file: seekable, open for reading.
        path: of the file, if it has one and its records are to be mapped instead of read.

    RuntimeError for what is no such file: truncated, damaged, compressed, or written by something else.
    """

    def __init__(self, file: Any, path: str | None = None) -> None:
        self.file = file
        self.size = _size_of(file)
        try:
            self.zip = zipfile.ZipFile(file)
            self.entries = {entry.filename: entry for entry in self.zip.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
            raise _unreadable(f"failed finding central directory: {error}") from error
        self.name = self._name()
        self.read_so_far = 0
        self.map = _mapped(path) if path is not None else None
        self.swaps = self._other_byteorder()

    def _name(self) -> str:
        pickles = [name for name in self.entries if name.split("/", 1)[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise _unreadable("it holds no data.pkl" if not pickles else "it holds several data.pkl")
        name = pickles[0].removesuffix("data.pkl")
        if f"{name}constants.pkl" in self.entries:
            raise RuntimeError("the file is a TorchScript archive, a program and no data; dynagrad cannot load it")
        return name

    def _other_byteorder(self) -> bool:
        entry = f"{self.name}byteorder"
        order = (
            self.bytes_of("byteorder", limit=16).decode("ascii", "replace")
            if entry in self.entries
            else assumed_byteorder()
        )
        if order not in ("little", "big"):
            raise _unreadable(f"its byte order is {order!r}")
        return order != sys.byteorder

    def _entry(self, record: str) -> zipfile.ZipInfo:
        entry = self.entries.get(self.name + record)
        if entry is None:
            raise _unreadable(f"the record {record} is missing")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise _unreadable(f"the record {record} is compressed, which torch.save never does")
        # Records that overlap could make a small file ask for any amount of memory.
        self.read_so_far += entry.file_size
        if self.read_so_far > self.size:
            raise _unreadable(f"its records claim more than the {self.size} bytes of the file")
        return entry

    def bytes_of(self, record: str, limit: int | None = None) -> bytes:
        """A small record."""
        entry = self._entry(record)
        if limit is not None and entry.file_size > limit:
            raise _unreadable(f"the record {record} has {entry.file_size} bytes")
        return bytes(self._read(entry))

    def _read(self, entry: zipfile.ZipInfo) -> bytearray:
        data = bytearray(entry.file_size)
        try:
            with self.zip.open(entry) as record:
                view, done = memoryview(data), 0
                while done < len(data):
                    count = record.readinto(view[done:])  # type: ignore[attr-defined]  # zipfile's files have it
                    if not count:
                        break
                    done += count
                record.read(1)  # the checksum is compared at the end
        except (zipfile.BadZipFile, OSError, EOFError, struct.error, NotImplementedError, RuntimeError) as error:
            raise _unreadable(f"the record {entry.filename} cannot be read: {error}") from error
        if done != len(data):
            raise _unreadable(f"the record {entry.filename} ends after {done} of {len(data)} bytes")
        return data

    def storage(self, key: str, nbytes: int, itemsize: int) -> Tensor:
        """The bytes of a storage as a uint8 tensor. RuntimeError unless there are ``nbytes`` of them."""
        entry = self._entry(f"data/{key}")
        if entry.file_size < nbytes:
            raise _unreadable(f"storage {key} has {entry.file_size} bytes, but the pickle promises {nbytes}")
        if nbytes == 0:
            return dynagrad.empty(0, dtype=dynagrad.uint8)
        if skips_data():
            return dynagrad.zeros(nbytes, dtype=dynagrad.uint8)
        if self.map is not None and not self.swaps:
            return self._map(entry)
        data = self._read(entry)
        if self.swaps and itemsize > 1:
            swapped = bytearray(len(data))
            for i in range(itemsize):
                swapped[i::itemsize] = data[itemsize - 1 - i :: itemsize]
            data = swapped
        return dynagrad.frombuffer(data, dtype=dynagrad.uint8)

    def _map(self, entry: zipfile.ZipInfo) -> Tensor:
        """The record where it lies in the file; pages are read when they are touched; writes stay private unless maps are shared."""
        header = self.map[entry.header_offset : entry.header_offset + _LOCAL_HEADER]  # type: ignore[index]  # is mapped
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise _unreadable(f"the record {entry.filename} is not where it should be")
        name, extra = struct.unpack("<HH", header[26:30])
        start = entry.header_offset + _LOCAL_HEADER + name + extra
        if start + entry.file_size > self.size:
            raise _unreadable(f"the record {entry.filename} reaches beyond the end")
        part = memoryview(self.map)[start : start + entry.file_size]  # type: ignore[arg-type]  # is mapped
        return dynagrad.frombuffer(part, dtype=dynagrad.uint8)


def _unreadable(why: str) -> RuntimeError:
    return RuntimeError(
        f"PytorchStreamReader failed reading zip archive: {why}. The file is truncated or damaged, or torch.save did "
        "not write it"
    )


def _size_of(file: Any) -> int:
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size if size is not None else file.tell()


def _mapped(path: str) -> mmap.mmap:
    shared = get_default_mmap_options() == mmap.MAP_SHARED
    with open(path, "r+b" if shared else "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
