"""A recording's graph after a step, in Graphviz's language and in Mermaid's. A program's text is escaped here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .account import Account
from .dot import literal
from .plain import printable
from .recording import step_number

DOT_SHAPES = {
    "data": 'shape=box style=filled fillcolor="#e8e8e4"',
    "parameter": 'shape=box style=filled fillcolor="#cfe3f7" penwidth=2',
    "intermediate": 'shape=box style="rounded,filled" fillcolor="#f7f3e3"',
    "gradient": 'shape=box style="filled,dashed" fillcolor="#f9dcc4"',
    "operation": "shape=oval style=filled fillcolor=white",
}
MERMAID_SHAPES = {
    "data": ("[", "]"),
    "parameter": ("[[", "]]"),
    "intermediate": ("(", ")"),
    "gradient": ("[/", "/]"),
    "operation": ("([", "])"),
}
# Mermaid reads HTML entities with `#` in place of `&`; every character that means something to it is written so.
MERMAID_ESCAPES = {ord(c): f"#{ord(c)};" for c in "\"'`<>&#;[](){}|\\/%*_~=-"}


@dataclass(slots=True)
class Flow:
    """Boxes by key, as (kind, first line, second line), and arrows between keys, with what they are marked by."""

    boxes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)


def flow_of(data: Mapping[str, Any], step: int | None = None) -> Flow:
    """The tensors, at each version, and the operations up to ``step``. IndexError if there is no such step."""
    steps = data["steps"]
    last = step_number(steps, step)
    account, flow, drawn = Account(data), Flow(), dict[int, tuple[str, int]]()
    order: list[tuple[str, int, int]] = []
    for index, one in enumerate(steps[: last + 1]):
        if one["kind"] == "op":
            _add_operation(flow, account, index, one, drawn, order)
        account.take(one)
    for key, tensor, version in order:
        about = account.tensors[tensor]
        label = account.names.label(tensor) or ("unnamed" if tensor in account.once_named else "")
        if drawn[tensor][0] != key:
            label = f"{label}, before" if label else "before"
        shape = "×".join(map(str, about["shape"])) or "number"
        flow.boxes[key] = (about["kind"], label or shape, f"{shape}, version {version}" if version else shape)
    return flow


def _add_operation(
    flow: Flow,
    account: Account,
    index: int,
    step: Mapping[str, Any],
    drawn: dict[int, tuple[str, int]],
    order: list[tuple[str, int, int]],
) -> None:
    def box(tensor: int, version: int) -> str:
        key = f"t{tensor}v{version}"
        if key not in flow.boxes:
            flow.boxes[key] = ("", "", "")
            order.append((key, tensor, version))
        drawn[tensor] = key, version
        return key

    tensors = [one for one in step["inputs"] if isinstance(one, int)]
    heads = [drawn[one][0] if one in drawn else box(one, account.versions.get(one, 0)) for one in tensors]
    cut = "cut" if step.get("detached") else ""
    if not tensors:
        for output in step["outputs"]:
            box(output, 0)
        return
    node = account.nodes[step["node"]]["name"] if step["node"] is not None else step["name"]
    operation = f"op{index}"
    flow.boxes[operation] = ("operation", str(step["sign"]), node)
    flow.arrows += [(head, operation, cut) for head in heads]
    versions = {int(key): value for key, value in step["versions"].items()}
    for output in step["outputs"]:
        before = drawn.get(output)
        version = versions.get(output, 0)
        if before is not None and output in tensors and version <= before[1]:
            version = before[1] + 1
        flow.arrows.append((operation, box(output, version), ""))


def dot_of(data: Mapping[str, Any], step: int | None = None) -> str:
    """The graph after ``step`` in DOT."""
    return "\n".join(
        ["digraph {", '\tnode [fontname="sans-serif" fontsize=11]', *_dot_lines(flow_of(data, step)), "}\n"]
    )


def _dot_lines(flow: Flow) -> Iterator[str]:
    for key, (kind, first, second) in flow.boxes.items():
        label = printable(first) if first == second else f"{printable(first)}\n{printable(second)}"
        yield f"\t{key} [label={literal(label)} {DOT_SHAPES.get(kind, DOT_SHAPES['data'])}]"
    for tail, head, mark in flow.arrows:
        yield f"\t{tail} -> {head}" + (' [style=dashed label="cut"]' if mark else "")


def mermaid_of(data: Mapping[str, Any], step: int | None = None) -> str:
    """The graph after ``step`` in Mermaid's language."""
    return "\n".join(["flowchart TD", *_mermaid_lines(flow_of(data, step))]) + "\n"


def _mermaid_lines(flow: Flow) -> Iterator[str]:
    for key, (kind, first, second) in flow.boxes.items():
        left, right = MERMAID_SHAPES.get(kind, MERMAID_SHAPES["data"])
        parts = [printable(first)] if first == second else [printable(first), printable(second)]
        yield f'    {key}{left}"{"<br/>".join(part.translate(MERMAID_ESCAPES) for part in parts)}"{right}'
    for tail, head, mark in flow.arrows:
        yield f"    {tail} -.->|cut| {head}" if mark else f"    {tail} --> {head}"
