"""``film_of``: a recording as lines of text, one a step, for a terminal, a log or a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .account import Account
from .plain import printable


def film_of(data: Mapping[str, Any]) -> str:
    """One line for each step: its number, the source line, and what happened; rounds are headed."""
    account = Account(data)
    lines = [printable(f"{data['title']}: {len(data['steps'])} steps")]
    scopes = {scope["id"]: scope for scope in data["scopes"]}
    number = -1
    for index, step in enumerate(data["steps"]):
        if step.get("round", 0) != number:
            number = step.get("round", 0)
            if len(data["rounds"]) > 1:
                lines.append(f"-- round {number}")
        before = _sentence(account, step)
        account.take(step)
        said = before(account) if callable(before) else before
        at = step.get("at")
        line = f"{at[1]:>4}" if at else "   ·"
        lines.append(f"{index:>5} {line}  {'  ' * _depth(scopes, step.get('scope', 0))}{printable(said, 300)}")
    return "\n".join([*lines, *(printable(note, 300) for note in data.get("notes", ()))]) + "\n"


def _depth(scopes: Mapping[int, Any], scope: int | None) -> int:
    depth = -1
    while scope is not None and depth < 12:
        depth += scopes[scope]["kind"] != "loop"
        scope = scopes[scope]["parent"]
    return max(depth, 0)


def _sentence(account: Account, step: Mapping[str, Any]) -> str | Callable[[Account], str]:
    """What a step did; what it made is named as it is called afterwards, so that part waits."""
    kind = step["kind"]
    if kind == "op":
        inputs = ", ".join(_input(account, one) for one in step["inputs"])
        return lambda after: _operation(after, step, inputs)
    if kind == "node":
        targets = [account.node_name(to) for to, _, _ in step["outgoing"]]
        summed = f"; summed at {', '.join(map(account.node_name, step['summed']))}" if step.get("summed") else ""
        return f"{account.node_name(step['node'])} runs" + (f" → {', '.join(targets)}{summed}" if targets else "")
    if kind == "accumulate":
        name = account.called(step["tensor"])
        return f"{name}.grad " + ("becomes the gradient" if step["before"] is None else "+= the gradient")
    if kind == "backward_begin":
        return "backward begins at " + ", ".join(map(account.called, step["roots"]))
    if kind == "free":
        return f"{account.node_name(step['node'])} frees {step['bytes']} bytes"
    if kind == "hook":
        return f"{step['hook']} hook {step['name']}" + (" replaces the gradient" if step.get("replaced") else "")
    if kind == "error":
        return f"{step['type']}: {step['message'].partition(chr(10))[0]}"
    if kind == "note":
        return f"{account.called(step['tensor'])}: {step['message']}"
    if kind == "names":
        return "names: " + ", ".join(name for change in step["names"] for name in change.get("bind", ()))
    return str(step.get("message", kind.replace("_", " ")))


def _operation(account: Account, step: Mapping[str, Any], inputs: str) -> str:
    outputs = ", ".join(map(account.called, step["outputs"]))
    marks = [account.nodes[step["node"]]["name"]] if step["node"] is not None else []
    if step.get("grad_mode") is False:
        marks.append("not recorded")
    if step.get("detached"):
        marks.append("cut")
    if step.get("inplace"):
        marks.append("version " + ", ".join(str(account.versions.get(each, 0)) for each in step["outputs"]))
    return f"{step['name']}({inputs}) → {outputs}" + (f"  [{'; '.join(marks)}]" if marks else "")


def _input(account: Account, one: Any) -> str:
    if isinstance(one, int):
        return account.called(one)
    return str(one.get("number", one.get("text", "")))
