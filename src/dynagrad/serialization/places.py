"""Where storages belong: the names of places in files, and what brings a storage to one. Programs may register more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["default_restore_location", "location_tag", "register_package"]


class _Package(NamedTuple):
    priority: int
    tagger: Callable[[Any], str | None]
    deserializer: Callable[[Any, str], Any]


def _no_accelerator(_storage: Any, location: str) -> Any:
    kind = location.partition(":")[0]
    if kind in ("cuda", "mps", "xpu", "hpu"):
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind.upper()} device but torch.{kind}.is_available() is False. If you "
            "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    return None


_packages = [
    _Package(10, lambda _: "cpu", lambda storage, location: storage if location in ("cpu", "meta") else None),
    _Package(20, lambda _: None, _no_accelerator),
]
_OWN = len(_packages)


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Names places of storages in files, and brings storages there.

    Args:
        priority: those with lower ones are asked first; the CPU has 10.
        tagger: says where a storage is that is being saved, or None.
        deserializer: gives the storage for a place when it is loaded, or None.

    >>> import dynagrad as torch
    >>> torch.serialization.register_package(30, lambda storage: None, lambda storage, place: None)
    """
    _packages.append(_Package(priority, tagger, deserializer))
    _packages.sort(key=lambda package: package.priority)


def location_tag(storage: Any) -> str:
    """The place of a storage, as files name it.

    >>> import dynagrad as torch
    >>> torch.serialization.location_tag(torch.ones(2).untyped_storage())
    'cpu'
    """
    for package in _packages:
        place = package.tagger(storage)
        if place:
            return place
    raise RuntimeError(f"don't know how to determine data location of {_kind(storage)}")


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage at a place that a file names. RuntimeError for one that nobody knows or that is not there.

    >>> import dynagrad as torch
    >>> storage = torch.ones(2).untyped_storage()
    >>> torch.serialization.default_restore_location(storage, "cpu") is storage
    True
    """
    for package in _packages:
        found = package.deserializer(storage, location)
        if found is not None:
            return found
    raise RuntimeError(f"don't know how to restore data location of {_kind(storage)} (tagged with {location})")


def are_more_registered() -> bool:
    """Whether a program has registered places."""
    return len(_packages) > _OWN


def _kind(storage: Any) -> str:
    return f"torch.storage.{type(storage).__name__}"
