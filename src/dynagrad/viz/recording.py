"""`Recording`: what a program did, as plain data that can be saved, loaded and drawn. Nothing is recorded here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .recorder import Recorder

FORMAT, VERSION = "dynagrad.recording", 1
PathLike = str | os.PathLike[str]


def step_number(steps: Sequence[object], step: int | None) -> int:
    """Which step is meant, counted from 0; None is the last one. IndexError if there is no such step."""
    if step is None:
        return len(steps) - 1
    if not -len(steps) <= step < len(steps):
        raise IndexError(f"there is no step {step}: the recording has {len(steps)}")
    return step % len(steps)


class Recording:
    """A recording: ``data`` is all of it, in the schema of docs/internals/recording.md; renderers read nothing else.

    Args:
        source: the plain data of a recording. ValueError if it is of another format or of a later version.

    Example:
        >>> import dynagrad
        >>> with dynagrad.viz.record() as rec:
        ...     y = dynagrad.ones(2) * 3
        >>> rec.step(1)["name"]
        'mul'
        >>> rec.text().splitlines()[-1].split(maxsplit=2)[2]
        'mul((2), 3) → y'
    """

    def __init__(self, source: Mapping[str, Any] | Recorder) -> None:
        self._recorder: Recorder | None = None
        self._data: dict[str, Any] | None = None
        if isinstance(source, Mapping):
            if source.get("format") != FORMAT:
                raise ValueError(f"this is no recording: its format is {source.get('format')!r}, not {FORMAT!r}")
            if source.get("version", 0) > VERSION:
                raise ValueError(
                    f"the recording has version {source['version']} of the format; this dynagrad reads up to {VERSION}"
                )
            self._data = dict(source)
        else:
            self._recorder = source

    @property
    def data(self) -> dict[str, Any]:
        """The recording as plain data: of a recording under way, what there is so far."""
        if self._data is not None:
            return self._data
        assert self._recorder is not None
        recorder = self._recorder
        data = json.loads(json.dumps(recorder.data(), default=str))
        if not recorder.listening:
            self._data, self._recorder = data, None
        made: dict[str, Any] = data
        return made

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps, in the order of time."""
        steps: list[dict[str, Any]] = self.data["steps"]
        return steps

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        data = self.data
        kinds = [step["kind"] for step in data["steps"]]
        return (
            f"<Recording of {data['title']}: {len(kinds)} steps, {kinds.count('op')} operations, "
            f"{len(data['rounds'])} rounds>"
        )

    def step(self, k: int) -> dict[str, Any]:
        """Step number ``k``, from 0; from the end if negative. IndexError if there is none."""
        steps = self.steps
        return steps[step_number(steps, k)]

    # ---- files -------------------------------------------------------------------------------------------------------

    def json(self, *, indent: int | None = None) -> str:
        """The recording as JSON text."""
        return json.dumps(self.data, indent=indent, separators=None if indent else (",", ":"), allow_nan=False)

    def save(self, path: PathLike) -> str:
        """Writes the recording: a page for a name in .html, else by its ending .json, .svg, .dot, .mmd, .md or .txt.

        Returns the path. ValueError for another ending.
        """
        path = os.fspath(path)
        ending = os.path.splitext(path)[1].lower()
        writers: dict[str, Callable[[], str]] = {
            ".html": self.html, ".htm": self.html, ".json": self.json, ".svg": self.svg, ".dot": self.dot,
            ".gv": self.dot, ".mmd": self.mermaid, ".txt": self.text,
            ".md": lambda: f"```mermaid\n{self.mermaid()}```\n",
        }  # fmt: skip
        if ending not in writers:
            raise ValueError(f"cannot write {path!r}: its ending is none of {', '.join(writers)}")
        text = writers[ending]()
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Reads what ``save("x.json")`` wrote. ValueError if the file holds no recording."""
        with open(path, encoding="utf-8") as file:
            try:
                data = json.load(file)
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)!r} holds no recording: {error}") from None
        if not isinstance(data, dict):
            raise ValueError(f"{os.fspath(path)!r} holds no recording, but a {type(data).__name__}")  # noqa: TRY004
        return cls(data)

    # ---- renderings --------------------------------------------------------------------------------------------------

    def html(self) -> str:
        """The page, one self-contained HTML document."""
        from .page import page_of

        return page_of(self.data)

    def svg(self, step: int | None = None, *, theme: str = "light") -> str:
        """The graph as it stands after ``step``, as an SVG document; after the last one if not given."""
        from .svg import svg_of

        return svg_of(self.data, step, theme=theme)

    def dot(self, step: int | None = None) -> str:
        """The graph as it stands after ``step``, in Graphviz's language."""
        from .flow import dot_of

        return dot_of(self.data, step)

    def mermaid(self, step: int | None = None) -> str:
        """The graph as it stands after ``step``, for Mermaid."""
        from .flow import mermaid_of

        return mermaid_of(self.data, step)

    def text(self) -> str:
        """The film in lines of text, one a step."""
        from .film import film_of

        return film_of(self.data)

    def compare(self, first: int, second: int) -> dict[str, Any]:
        """What differs between two rounds: see `dynagrad.viz.compare`."""
        from .compare import compare_rounds

        return compare_rounds(self.data, first, second)

    def show(self) -> Any:
        """Shows the page: in the notebook if there is one, else in the browser."""
        from .showing import show_page

        return show_page(self.html(), self.data["title"])

    def _repr_html_(self) -> str:
        from .showing import framed

        return framed(self.html())
