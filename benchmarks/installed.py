"""The disk space that installing a peer takes, with what it requires, NumPy apart."""

from __future__ import annotations

import importlib.util
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.peers import Peer


def required(dist: Distribution) -> list[str]:
    """The names that ``dist`` requires here, without extras."""
    requirements = (Requirement(line) for line in dist.requires or ())
    return [it.name for it in requirements if it.marker is None or it.marker.evaluate({"extra": ""})]


def closure(name: str) -> dict[str, Distribution]:
    """``name`` and all that it requires, by distribution name."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        dist = distribution(waiting.pop())
        if dist.name.lower() not in found:
            found[dist.name.lower()] = dist
            waiting += required(dist)
    return found


def folder_bytes(module: str) -> float | None:
    """For a package on the path that was not installed, such as a development build."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    files = Path(spec.submodule_search_locations[0]).rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def installed_bytes(peer: Peer) -> float | None:
    try:
        dists = closure(peer.distribution)
    except PackageNotFoundError:
        return folder_bytes(peer.module)
    files = [dist.locate_file(file) for name, dist in dists.items() if name != "numpy" for file in dist.files or ()]
    return sum(Path(str(file)).stat().st_size for file in files if Path(str(file)).is_file())
