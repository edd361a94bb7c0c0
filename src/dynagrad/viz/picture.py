"""What ``make_dot`` returns: a graph in DOT that saves, renders and shows itself, as ``graphviz.Digraph`` does.

Layout and image formats are ``render``'s business; which boxes there are is the model's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .dot import attribute_list, quoted
from .model import Model
from .render import GraphvizMissingError, render

PathLike = str | os.PathLike[str]


class Picture:
    """A directed graph as DOT text: ``source`` is the text, ``render`` writes an image, a notebook shows it as SVG."""

    def __init__(
        self,
        *,
        graph_attr: Mapping[str, str] | None = None,
        node_attr: Mapping[str, str] | None = None,
        edge_attr: Mapping[str, str] | None = None,
        body: Iterable[str] = (),
        model: Model | None = None,
    ) -> None:
        self.graph_attr = dict(graph_attr or {})
        self.node_attr = dict(node_attr or {})
        self.edge_attr = dict(edge_attr or {})
        self.body = list(body)
        self.model = model
        self.name: str | None = None
        self.comment: str | None = None
        self.filename: PathLike = "Digraph.gv"
        self.directory: PathLike = ""
        self.format = "pdf"
        self.engine = "dot"
        self.encoding = "utf-8"
        self.strict = False

    def node(
        self, name: str, label: str | None = None, _attributes: Mapping[str, str] | None = None, **attrs: str
    ) -> None:
        """Adds a box, or changes the one called ``name``; ``label`` follows Graphviz's escapes."""
        self.body.append(f"\t{quoted(name)}{attribute_list(_merged(label, _attributes, attrs))}\n")

    def edge(
        self,
        tail_name: str,
        head_name: str,
        label: str | None = None,
        _attributes: Mapping[str, str] | None = None,
        **attrs: str,
    ) -> None:
        """Adds an arrow; ``name:port`` is understood."""
        attributes = attribute_list(_merged(label, _attributes, attrs))
        self.body.append(f"\t{_end_point(tail_name)} -> {_end_point(head_name)}{attributes}\n")

    def edges(self, tail_head_iter: Iterable[Iterable[str]]) -> None:
        """Adds an arrow for every pair of names."""
        for tail, head in tail_head_iter:
            self.edge(tail, head)

    def attr(self, kw: str | None = None, _attributes: Mapping[str, str] | None = None, **attrs: str) -> None:
        """Sets attributes of the whole graph, or of every later ``"node"``, ``"edge"`` or ``"graph"``."""
        attributes = _merged(None, _attributes, attrs)
        if kw is None:
            self.body.extend(f"\t{quoted(name)}={quoted(str(value))}\n" for name, value in attributes.items())
        elif kw.lower() in ("graph", "node", "edge"):
            self.body.append(f"\t{kw}{attribute_list(attributes)}\n")
        else:
            raise ValueError(f'attr: expected "graph", "node" or "edge", got {kw!r}')

    def __iter__(self) -> Iterator[str]:
        """The lines of ``source``."""
        if self.comment:
            yield f"// {' '.join(self.comment.splitlines())}\n"
        name = f"{quoted(self.name)} " if self.name else ""
        yield f"{'strict ' if self.strict else ''}digraph {name}{{\n"
        for kind, attributes in (("graph", self.graph_attr), ("node", self.node_attr), ("edge", self.edge_attr)):
            if attributes:
                yield f"\t{kind}{attribute_list(attributes)}\n"
        yield from self.body
        yield "}\n"

    @property
    def source(self) -> str:
        """The graph as DOT text."""
        return "".join(self)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        if self.model is None:
            return f"<{type(self).__name__}: {len(self.body)} statements>"
        return f"<{type(self).__name__}: {len(self.model.boxes)} boxes, {len(self.model.arrows)} arrows>"

    @property
    def filepath(self) -> str:
        """Where ``save`` writes when it is given no other place."""
        return os.path.join(self.directory, self.filename)

    def save(self, filename: PathLike | None = None, directory: PathLike | None = None) -> str:
        """Writes the DOT text to a file and returns its path."""
        self.filename = self.filename if filename is None else filename
        self.directory = self.directory if directory is None else directory
        path = Path(self.filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.source, encoding=self.encoding)
        return self.filepath

    def pipe(self, format: str | None = None, *, engine: str | None = None, encoding: str | None = None) -> bytes | str:
        """The image as bytes, or as text where ``encoding`` is given."""
        image = render(self.source, format or self.format, engine or self.engine)
        return image if encoding is None else image.decode(encoding)

    def render(
        self,
        filename: PathLike | None = None,
        directory: PathLike | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        engine: str | None = None,
        outfile: PathLike | None = None,
    ) -> str:
        """Writes the image to ``filename.format`` or ``outfile``, the DOT text to ``filename``; returns the image's.

        ``cleanup`` leaves the image alone, ``view`` opens it in the system's viewer. Without Graphviz a
        ``GraphvizMissingError`` says what to install, and nothing is written.

        Example:
            >>> import dynagrad as torch
            >>> from dynagrad.viz import make_dot
            >>> w = torch.ones(3, requires_grad=True)
            >>> make_dot(w.sum()).render("sum", "/tmp/pictures", format="svg")
            '/tmp/pictures/sum.svg'
        """
        if outfile is not None:
            filename = Path(outfile).with_suffix(".gv") if filename is None else filename
            format = format or Path(outfile).suffix[1:] or None
        format = format or self.format
        image = render(self.source, format, engine or self.engine)
        source_path = self.save(filename, directory)
        image_path = os.fspath(outfile) if outfile is not None else f"{source_path}.{format.replace(':', '.')}"
        Path(image_path).write_bytes(image)
        if cleanup:
            os.remove(source_path)
        if view:
            _open_in_viewer(image_path)
        return image_path

    def view(self, filename: PathLike | None = None, directory: PathLike | None = None, cleanup: bool = False) -> str:
        """Renders and opens the image in the system's viewer."""
        return self.render(filename, directory, view=True, cleanup=cleanup)

    def _repr_svg_(self) -> str:
        return render(self.source, "svg", self.engine).decode("utf-8")

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        # A notebook hides an exception raised here, so what to install is said in the cell itself.
        try:
            return {"image/svg+xml": self._repr_svg_()}
        except GraphvizMissingError as error:
            return {"text/plain": f"{self!r}\n{error}"}


def resize_graph(dot: Any, size_per_element: float = 0.15, min_size: float = 12) -> None:
    """Lets the picture grow with its content: ``size_per_element`` inches for each statement, at least ``min_size``.

    Takes a ``Picture`` or a ``graphviz.Digraph`` and changes it in place.
    """
    size = max(min_size, len(dot.body) * size_per_element)
    dot.graph_attr.update(size=f"{size},{size}")


def _merged(label: str | None, attributes: Mapping[str, str] | None, attrs: Mapping[str, str]) -> dict[str, str]:
    named = {} if label is None else {"label": label}
    return {**named, **attrs, **(attributes or {})}


def _end_point(name: str) -> str:
    node, *port = name.split(":")
    return ":".join(map(quoted, (node, *port)))


def _open_in_viewer(path: str) -> None:
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 - the picture that we have just written
    else:
        opener = "open" if sys.platform == "darwin" else "xdg-open"
        subprocess.Popen([opener, path])  # noqa: S603 - as above
