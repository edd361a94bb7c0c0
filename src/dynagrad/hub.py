"""``torch.hub``: models from folders with a ``hubconf.py``, and weights from files, addresses and the cache.

Repositories of GitHub are not fetched: clone one, and load it with ``source="local"``.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlparse

import dynagrad

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_MODULE = "hubconf.py"
_hub_dir: str | None = None


def get_dir() -> str:
    """The folder of the cache: as ``set_dir`` says, else ``hub`` in ``$TORCH_HOME``, else in ``~/.cache/torch``."""
    if _hub_dir is not None:
        return _hub_dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets the folder of the cache.

    >>> import dynagrad as torch
    >>> before = torch.hub.get_dir()
    >>> torch.hub.set_dir("~/models")
    >>> torch.hub.get_dir().endswith("models")
    True
    >>> torch.hub.set_dir(before)
    """
    global _hub_dir  # noqa: PLW0603  # a setting of the process
    _hub_dir = os.path.expanduser(d)


# ---- models ----------------------------------------------------------------------------------------------------------


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",  # noqa: ARG001  # of repositories that are fetched
    force_reload: bool = False,  # noqa: ARG001
    verbose: bool = True,  # noqa: ARG001
    skip_validation: bool = False,  # noqa: ARG001
    **kwargs: Any,
) -> Any:
    """Calls the function ``model`` of a folder's ``hubconf.py`` with the other arguments.

    Args:
        repo_or_dir: the folder, with ``source="local"``.
        model: the function's name. RuntimeError if there is none, or if ``dependencies`` names a missing package.
        source: "local"; NotImplementedError for "github", and ValueError for anything else.
    """
    with _configuration(repo_or_dir, source) as module:
        return _entry(module, model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,  # noqa: ARG001  # this and what follows is about repositories that are fetched
    skip_validation: bool = False,  # noqa: ARG001
    trust_repo: Any = "check",  # noqa: ARG001
    verbose: bool = True,  # noqa: ARG001
    *,
    source: str | None = None,
) -> builtins.list[str]:
    """The names of the models of a folder."""
    with _configuration(github, _source_of(github, source)) as module:
        return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(
    github: str,
    model: str,
    force_reload: bool = False,  # noqa: ARG001  # this and what follows is about repositories that are fetched
    skip_validation: bool = False,  # noqa: ARG001
    trust_repo: Any = "check",  # noqa: ARG001
    *,
    source: str | None = None,
) -> str | None:
    """What a folder's model says of itself."""
    with _configuration(github, _source_of(github, source)) as module:
        return _entry(module, model).__doc__


def _source_of(repository: str, source: str | None) -> str:
    return source or ("local" if os.path.isdir(repository) else "github")


@contextmanager
def _configuration(folder: str, source: str) -> Iterator[Any]:
    """The folder's ``hubconf.py`` as a module, with the folder on ``sys.path`` meanwhile."""
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError(
            f"torch.hub: dynagrad fetches no repositories. Clone {folder!r}, and say source='local' with the clone's folder"
        )
    folder = os.path.realpath(folder)
    path = os.path.join(folder, _MODULE)
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location(_MODULE, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        _check_dependencies(module)
        yield module
    finally:
        sys.path.remove(folder)


def _check_dependencies(module: Any) -> None:
    needed = getattr(module, "dependencies", None) or ()
    missing = [name for name in needed if name not in ("torch", "dynagrad") and importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")


def _entry(module: Any, model: str) -> Any:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")  # noqa: TRY004  # PyTorch's kind
    found = getattr(module, model, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")  # noqa: TRY004  # likewise
    return found


# ---- weights ---------------------------------------------------------------------------------------------------------


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """What ``torch.load`` reads from an address, from the cache if the file is there.

    Args:
        url: ``file://``, ``http://`` or ``https://``.
        model_dir: where the file is kept, ``get_dir() + "/checkpoints"`` if not given.
        map_location, weights_only: as in ``torch.load``.
        progress: whether the progress is shown.
        check_hash: whether the name's last part, ``-8-digits.``, has to begin the file's SHA-256. RuntimeError if not.
        file_name: the name under which the file is kept; that of the address if not given.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    kept = os.path.join(folder, name)
    if not os.path.exists(kept):
        print(f'Downloading: "{url}" to {kept}\n', file=sys.stderr)  # noqa: T201  # as PyTorch says it
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, kept, found.group(1) if found else None, progress=progress)
    return dynagrad.load(kept, map_location=map_location, weights_only=weights_only)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Writes what is at an address to a file, which appears when it is complete.

    RuntimeError if its SHA-256 does not begin with ``hash_prefix``; URLError where there is nothing to be had.
    """
    from urllib.request import Request, urlopen

    dst = os.path.expanduser(dst)
    request = Request(url, headers={"User-Agent": "torch.hub"})  # noqa: S310  # the program names the address
    digest = hashlib.sha256()
    partial = tempfile.NamedTemporaryFile(dir=os.path.dirname(dst) or ".", suffix=".partial", delete=False)  # noqa: SIM115
    try:
        with partial, urlopen(request) as source:  # noqa: S310  # likewise
            total, done = int(source.headers.get("Content-Length") or 0), 0
            while block := source.read(1 << 17):
                partial.write(block)
                digest.update(block)
                done += len(block)
                if progress and total and sys.stderr.isatty():
                    print(f"\r{100 * done // total:3d}%", end="", file=sys.stderr)  # noqa: T201
        if progress and sys.stderr.isatty():
            print(file=sys.stderr)  # noqa: T201
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        os.replace(partial.name, dst)
    finally:
        if os.path.exists(partial.name):
            os.remove(partial.name)
