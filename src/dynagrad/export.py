"""``torch.export``, which turns programs into graphs: an error that says that there are none here."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["draft_export", "export", "load", "save"]


def _no_graphs(name: str) -> NoReturn:
    raise NotImplementedError(
        f"torch.export.{name}: dynagrad runs programs as they are and turns none into a graph of its own. Keep the "
        "model's code, and save its state_dict() with torch.save"
    )


def export(mod: Any, args: Any = (), kwargs: Any = None, **options: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: programs are not turned into graphs."""
    _no_graphs("export")


def draft_export(mod: Any, args: Any = (), kwargs: Any = None, **options: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError, as ``export``."""
    _no_graphs("draft_export")


def save(ep: Any, f: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: there are no exported programs."""
    _no_graphs("save")


def load(f: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: exported programs are not run."""
    _no_graphs("load")


def __getattr__(name: str) -> NoReturn:
    """What an exported program is made of is missing, by name."""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: dynagrad turns no programs into graphs")
