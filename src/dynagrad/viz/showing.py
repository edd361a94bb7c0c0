"""Shows pages and pictures where the user is: in a notebook, or in the browser."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import webbrowser
from html import escape
from typing import Any

FRAME_HEIGHT = 640


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs the program."""
    kernel = sys.modules.get("IPython")
    shell = kernel.get_ipython() if kernel is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def framed(page: str) -> str:
    """A page for a notebook's cell: in a frame of its own, so that neither sees the other's styles and scripts."""
    return (
        f'<iframe sandbox="allow-scripts allow-downloads" srcdoc="{escape(page, quote=True)}" '
        f'style="width:100%;height:{FRAME_HEIGHT}px;border:0" title="dynagrad recording"></iframe>'
    )


class _Shown:
    """What a notebook displays."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _repr_html_(self) -> str:
        return self.markup


def open_page(page: str, title: str) -> str:
    """Writes a page to a temporary file, opens it in the browser, and returns the file's path."""
    stem = re.sub(r"[^\w.-]+", "-", os.path.splitext(title)[0])[:40].strip("-.") or "recording"
    handle, path = tempfile.mkstemp(prefix=f"{stem}-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(page)
    webbrowser.open(f"file://{path}")
    return path


def show_page(page: str, title: str) -> Any:
    """Something that a notebook displays, or the path of the file that the browser was asked to open."""
    return _Shown(framed(page)) if in_notebook() else open_page(page, title)


def show(value: Any, params: Any = None, *, theme: str = "light") -> Any:
    """Shows a recording as its page, and a tensor's graph as ``make_dot`` draws it, in the page's style.

    Args:
        value: a `Recording`, a tensor, or a picture that ``make_dot`` has made.
        params: names of tensors, as for ``make_dot``.
        theme: "light" or "dark", for a graph.

    In a notebook the result is displayed; elsewhere the browser is asked to open a file, whose path is returned.
    """
    if hasattr(value, "show"):
        return value.show()
    from .graph_svg import svg_of_model
    from .make_dot import make_dot

    picture: Any = value if hasattr(value, "model") else make_dot(value, params=params)
    drawing = svg_of_model(picture.model, theme=theme)
    if in_notebook():
        return _Shown(drawing)
    return open_page(f"<!doctype html><meta charset=utf-8><title>graph</title>\n{drawing}\n", "graph")
