"""Processes that a bound program starts: ``torch`` is dynagrad there, too.

A forked process has the modules of its parent. One that is spawned starts anew: Python sends it a pickle that says how to
prepare, and then imports the program again. What is put into that pickle here binds the names when it is read, which is
before. The server of the method "forkserver" imports `bound` instead of the program, and so do the processes it forks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_WATCHED = {"multiprocessing.spawn": "_prepare_spawn", "multiprocessing.forkserver": "_prepare_forkserver"}


class _Bound:
    """Binds the names in the process that reads its pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        from dynagrad.cli.binding import bind

        return bind, ()


def _prepare_spawn(module: Any) -> None:
    original = module.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        return {"dynagrad": _Bound(), **original(name)}

    module.get_preparation_data = get_preparation_data


def _prepare_forkserver(module: Any) -> None:
    module.set_forkserver_preload(["dynagrad.cli.bound"])


class _Watcher(MetaPathFinder):
    """Sees Python's modules for starting processes when they are first imported; most programs never do."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _WATCHED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                globals()[_WATCHED[fullname]](module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
        return spec


def bind_children() -> None:
    """Has the processes that this one starts bind the names, too."""
    for name, prepare in _WATCHED.items():
        if name in sys.modules:
            globals()[prepare](sys.modules[name])
    sys.meta_path.insert(0, _Watcher())
