"""A model as statements of the DOT language, in torchviz's colours. Text of the user's program is escaped here.

Turning DOT into an image is not done here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .model import Box, Model

GRAPH_STYLE = {"size": "12,12"}
NODE_STYLE = {
    "style": "filled",
    "shape": "box",
    "align": "left",
    "fontsize": "10",
    "ranksep": "0.1",
    "height": "0.2",
    "fontname": "monospace",
}
FILL = {"leaf": "lightblue", "output": "darkolivegreen1", "base": "darkolivegreen3", "saved": "orange"}
ARROW_STYLE = {"flow": "", "saved": " [dir=none]", "view": " [style=dotted]"}

# A backslash starts an escape and an ampersand an entity in a label. Control characters would break SVG, and a zero
# byte would end the string: both are shown by their Python escape.
_UNPRINTABLE = (*range(32), *range(127, 160), 0xFFFE, 0xFFFF)
_ESCAPES = {code: repr(chr(code))[1:-1].replace("\\", "\\\\") for code in _UNPRINTABLE}
_ESCAPES |= {ord("\n"): "\\n", ord("\\"): "\\\\", ord('"'): '\\"', ord("&"): "&amp;"}

_QUOTE_OR_ESCAPE = re.compile(r'\\.|\\|"', re.DOTALL)
_BARE = re.compile(r"[a-zA-Z_][a-zA-Z_0-9]*|-?[0-9]+")
_KEYWORDS = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})
_QUOTED = {'"': '\\"', "\\": "\\\\"}


def statements(model: Model, max_attr_chars: int = 50) -> Iterator[str]:
    """One DOT statement per box, then one per arrow."""
    for key, box in model.boxes.items():
        fill = f" fillcolor={FILL[box.kind]}" if box.kind in FILL else ""
        yield f"{key} [label={literal(label(box, max_attr_chars))}{fill}]"
    for arrow in model.arrows:
        yield f"{arrow.tail} -> {arrow.head}{ARROW_STYLE[arrow.kind]}"


def label(box: Box, max_attr_chars: int = 50) -> str:
    """What is written in ``box``: a tensor's name over its shape, or an op's name over a table of its attributes."""
    if box.shape is not None:
        return f"{box.name}\n ({', '.join(map(str, box.shape))})"
    if not box.attributes:
        return box.name
    names = max(len(name) for name, _ in box.attributes)
    values = min(max(len(value) for _, value in box.attributes), max(max_attr_chars, 3))
    rule = "-" * max(names + values + 2, len(box.name))
    rows = (f"{name:<{names}}: {_shortened(value, values):>{values}}" for name, value in box.attributes)
    return "\n".join((box.name, rule, *rows))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def literal(text: str) -> str:
    """``text`` as a quoted DOT string that shows exactly these characters."""
    printable = text.encode("utf-8", "replace").decode("utf-8")
    return f'"{printable.translate(_ESCAPES)}"'


def quoted(text: str) -> str:
    r"""``text`` as a DOT string in which Graphviz's escapes (``\n``, ``\l``) and ``<...>`` keep their meaning."""
    if (text.startswith("<") and text.endswith(">")) or (_BARE.fullmatch(text) and text.lower() not in _KEYWORDS):
        return text
    return '"' + _QUOTE_OR_ESCAPE.sub(lambda found: _QUOTED.get(found[0], found[0]), text) + '"'


def attribute_list(attributes: Mapping[str, str]) -> str:
    """``attributes`` as `` [name="value" ...]``, or nothing when there are none."""
    pairs = " ".join(f"{quoted(name)}={quoted(str(value))}" for name, value in attributes.items())
    return f" [{pairs}]" if pairs else ""
