"""Settings of saving and loading that are no arguments: skipped data, shared maps, the order of bytes in old files."""

from __future__ import annotations

import enum
import mmap
import sys
import threading
from types import TracebackType
from typing import Any

__all__ = [
    "LoadEndianness",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
]


class LoadEndianness(enum.Enum):
    """The order of bytes of a file that does not say it."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Settings(threading.local):
    skipping = False
    endianness: LoadEndianness | None = None
    map_flags = mmap.MAP_PRIVATE


_settings = _Settings()


def get_default_load_endianness() -> LoadEndianness | None:
    """The order of bytes of files that do not say theirs; None is the machine's own.

    >>> import dynagrad as torch
    >>> torch.serialization.get_default_load_endianness()
    """
    return _settings.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets what `get_default_load_endianness` gives. TypeError for anything else.

    >>> import dynagrad as torch
    >>> torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.NATIVE)
    >>> torch.serialization.set_default_load_endianness(None)
    """
    if not isinstance(endianness, (LoadEndianness, type(None))):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _settings.endianness = endianness


def assumed_byteorder() -> str:
    """The order of bytes, "little" or "big", of a file that does not say it."""
    if _settings.endianness in (None, LoadEndianness.NATIVE):
        return sys.byteorder
    return "big" if _settings.endianness is LoadEndianness.BIG else "little"


def get_default_mmap_options() -> int:
    """How ``load(mmap=True)`` maps a file: `mmap.MAP_PRIVATE`, where writes stay with the process, or `mmap.MAP_SHARED`.

    >>> import mmap
    >>> import dynagrad as torch
    >>> torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    return _settings.map_flags


class set_default_mmap_options:  # noqa: N801  # PyTorch's name: a function, and a context manager too
    """Sets what `get_default_mmap_options` gives; as a context manager, until its end. ValueError for other flags.

    >>> import mmap
    >>> import dynagrad as torch
    >>> with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
    ...     torch.serialization.get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self.before, _settings.map_flags = _settings.map_flags, flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _settings.map_flags = self.before


def get_crc32_options() -> bool:
    """True: every record is written with its checksum.

    >>> import dynagrad as torch
    >>> torch.serialization.get_crc32_options()
    True
    """
    return True


def set_crc32_options(compute_crc32: bool) -> None:
    """Accepts True. NotImplementedError for False: the files are ordinary zip archives, which have checksums.

    >>> import dynagrad as torch
    >>> torch.serialization.set_crc32_options(True)
    """
    if not compute_crc32:
        raise NotImplementedError("checksums are always written: without them other programs could not unzip the file")


class skip_data:  # noqa: N801  # PyTorch's name
    """Within, ``save`` leaves space for the bytes of storages and writes zeros there; ``load`` does not read them.

    What is loaded so has the shapes of the file, and zeros.

    Args:
        materialize_fake_tensors: PyTorch's, for tensors without memory, which are not here; NotImplementedError if True.

    >>> import io
    >>> import dynagrad as torch
    >>> file = io.BytesIO()
    >>> with torch.serialization.skip_data():
    ...     torch.save(torch.ones(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    tensor([0., 0.])
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        if materialize_fake_tensors:
            raise NotImplementedError("skip_data: there are no fake tensors here to materialize")

    def __enter__(self) -> None:
        self.before, _settings.skipping = _settings.skipping, True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _settings.skipping = self.before


def skips_data() -> Any:
    """Whether bytes of storages are neither written nor read."""
    return _settings.skipping
