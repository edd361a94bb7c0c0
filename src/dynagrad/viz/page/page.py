"""``page_of``: puts recording, scene, styles and scripts into ``page.html``. Nothing is computed or drawn here.

Note [What comes from a program stays text]: the recording is embedded as JSON in which no character can end a script
element or open a comment; the scripts put it into the page as text nodes and attributes, never as markup; and the
page's own policy lets no script run but the one that it was written with, whose hash it names.

The numbers stand in an element of their own: in a long recording they are most of it, and the first picture does
without them.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib import resources
from math import isfinite
from typing import Any

from dynagrad.viz.layout import lay_out
from dynagrad.viz.loops import Outline
from dynagrad.viz.palette import THEMES

SCRIPTS = (
    "dom.js",
    "geometry.js",
    "story.js",
    "words.js",
    "view.js",
    "graph.js",
    "inspector.js",
    "source.js",
    "timeline.js",
    "search.js",
    "compare.js",
    "legend.js",
    "picture.js",
    "main.js",
)
PACKED_FROM = 1 << 20  # characters of JSON; beyond, the page carries it compressed
IN_JSON = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def page_of(recording: Any) -> str:
    """One self-contained HTML page that plays ``recording``, a recording or its plain data.

    Example:
        >>> from dynagrad.viz.page import page_of
        >>> scope = {"id": 0, "parent": None, "kind": "program", "name": "", "line": 1}
        >>> lists = ("sources", "rounds", "values", "tensors", "nodes", "steps", "notes")
        >>> page_of({"title": "a.py", "scopes": [scope], **{name: [] for name in lists}})[:15]
        '<!doctype html>'
    """
    data = recording if isinstance(recording, Mapping) else recording.data
    story = {**data, "values": []}
    kind, text = _embedded(_json({"recording": story, "scene": lay_out(data).as_data(), "arms": _arms(data)}))
    values_kind, values = _embedded(_json(data["values"]))
    style = _colours() + _part("page.css")
    script = "\n".join(map(_part, SCRIPTS))
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": escape(str(data.get("title", "")) or "dynagrad"),
        "style": style,
        "kind": kind,
        "data": text,
        "values_kind": values_kind,
        "values": values,
        "script": script,
    }
    return _filled(_part("page.html"), parts)


def _arms(data: Mapping[str, Any]) -> list[Any]:
    """For each source the arms of its conditions, outer ones first: [line or None, first line, last line]; else None."""
    outlines = [Outline(source["text"]) for source in data["sources"]]
    return [[[arm.head, arm.first, arm.last] for arm in one.arms] if one.parsed else None for one in outlines]


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """``template`` with its ``{{names}}`` replaced in one pass: what is put in is not searched for names again."""
    first, *rest = template.split("{{")
    pieces = [first]
    for piece in rest:
        name, _, after = piece.partition("}}")
        pieces += [parts[name], after]
    return "".join(pieces)


def _json(data: Any) -> str:
    try:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_without_odd_numbers(data), separators=(",", ":"), allow_nan=False)


def _without_odd_numbers(data: Any) -> Any:
    """``data`` with words for NaN and the infinities, which JSON does not have. As deep as a tensor has dimensions."""
    if isinstance(data, float) and not isfinite(data):
        return str(data)
    if isinstance(data, Mapping):
        return {key: _without_odd_numbers(value) for key, value in data.items()}
    return [_without_odd_numbers(value) for value in data] if isinstance(data, list | tuple) else data


def _embedded(text: str) -> tuple[str, str]:
    if len(text) < PACKED_FROM:
        return "application/json", text.translate(IN_JSON)
    return "application/octet-stream", b64encode(gzip.compress(text.encode(), 5, mtime=0)).decode()


def _colours() -> str:
    """The palette as variables of the style sheet, one set for each theme."""
    rules = []
    for name, colours in THEMES.items():
        body = "".join(f"--{key}:{value};" for key, value in colours.items())
        rules.append(f':root[data-theme="{name}"]{{color-scheme:{name};{body}}}\n')
    return "".join(rules)


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
