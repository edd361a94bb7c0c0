"""Recordings written by hand, as plain data: what the layout and the page are tested on, whatever the recorder does."""

from __future__ import annotations

import random
from typing import Any

from dynagrad.viz.page import page_of

EMPTY = {"title": "empty.py", "scopes": [{"id": 0, "parent": None, "kind": "program", "name": "empty.py", "line": 1}]}
EMPTY |= {name: [] for name in ("sources", "tensors", "nodes", "values", "rounds", "steps", "notes")}


class Film:
    """Builds a recording step by step."""

    def __init__(self, title: str, source: str) -> None:
        self.data: dict[str, Any] = {
            "format": "dynagrad.recording", "version": 1, "title": title, "notes": [], "nodes": [], "values": [],
            "sources": [{"file": title, "text": source}], "tensors": [], "steps": [],
            "scopes": [{"id": 0, "parent": None, "kind": "program", "name": title, "line": 1}],
            "rounds": [{"id": 0, "forward": [0, 0], "backward": None}],
        }  # fmt: skip
        self.scopes, self.line, self.sinks, self.random = [0], 1, {}, random.Random(0)

    def scope(self, kind: str, name: str) -> None:
        scopes = self.data["scopes"]
        scopes.append({"id": len(scopes), "parent": self.scopes[-1], "kind": kind, "name": name, "line": self.line})
        self.scopes.append(len(scopes) - 1)

    def leave(self) -> None:
        self.scopes.pop()

    def step(self, **step: Any) -> int:
        steps, rounds = self.data["steps"], self.data["rounds"]
        step |= {"scope": self.scopes[-1], "round": len(rounds) - 1, "function": "<module>"}
        steps.append({"at": [0, self.line]} | step)
        return len(steps) - 1

    def value(self, shape: list[int]) -> int:
        def numbers(sizes: list[int]) -> Any:
            return [numbers(sizes[1:]) for _ in range(sizes[0])] if sizes else round(self.random.gauss(0, 1), 5)

        statistics = {"min": -1.5, "max": 2.0, "mean": 0.1, "std": 1.0, "norm": 2.5, "nan": 0, "inf": 0}
        value = {"id": len(self.data["values"]), "shape": shape, "dtype": "float32", "data": numbers(shape)}
        self.data["values"].append(value | {"stats": statistics, "thumbnail": None})
        return value["id"]

    def tensor(self, shape: list[int], kind: str, requires_grad: bool, node: int | None = None, **about: Any) -> int:
        tensors = self.data["tensors"]
        tensor = {"id": len(tensors), "shape": shape, "dtype": "float32", "requires_grad": requires_grad, "node": node}
        tensors.append(tensor | {"is_leaf": node is None, "kind": kind, "view_of": None} | about)
        return tensor["id"]

    def leaf(self, name: str, shape: list[int], kind: str = "data") -> int:
        tensor = self.tensor(shape, kind, kind == "parameter")
        self.step(
            kind="op", name="randn", sign="randn", inputs=[], outputs=[tensor], values={tensor: self.value(shape)},
            node=None, grad_mode=True, inplace=False, detached=False, ns=900,
            names=[{"frame": 0, "bind": {name: tensor}}],
        )  # fmt: skip
        return tensor

    def op(
        self, name: str, sign: str, inputs: list[Any], shape: list[int], bind: str | None = None, **about: Any
    ) -> int:
        """An operation; floats among ``inputs`` are numbers. ``inplace`` and ``detached`` say what they say."""
        tensors = [one for one in inputs if isinstance(one, int)]
        node = None
        if any(self.data["tensors"][one]["requires_grad"] for one in tensors) and about.get("grad_mode", True):
            node = None if about.get("detached") else self.node(name, sign, tensors)
        tensor = tensors[0] if about.get("inplace") else self.tensor(shape, "intermediate", node is not None, node)
        self.step(
            kind="op", name=name, sign=sign, inputs=[x if isinstance(x, int) else {"number": x} for x in inputs],
            outputs=[tensor], values={tensor: self.value(shape)}, node=node, ns=self.random.randint(500, 9000),
            names=[{"frame": 0, "bind": {bind: tensor} if bind else {}}],
            **({"grad_mode": True, "inplace": False, "detached": False} | about),
        )  # fmt: skip
        return tensor

    def node(self, name: str, sign: str, inputs: list[int]) -> int:
        nodes, edges = self.data["nodes"], []
        for one in inputs:
            tensor = self.data["tensors"][one]
            if not tensor["requires_grad"]:
                edges.append([None, 0])
            elif tensor["is_leaf"]:
                edges.append([self.sink(one), 0])
            else:
                edges.append([tensor["node"], 0])
        saved = [{"name": "other", "tensor": inputs[-1], "bytes": 24}]
        nodes.append(
            {"id": len(nodes), "name": f"{name.title()}Backward0", "op": len(self.data["steps"]), "sign": sign}
        )
        nodes[-1] |= {"formula": "g × other", "edges": edges, "saved": saved, "bytes": 24}
        return nodes[-1]["id"]

    def sink(self, leaf: int) -> int:
        if leaf not in self.sinks:
            nodes = self.data["nodes"]
            self.sinks[leaf] = len(nodes)
            nodes.append(
                {"id": len(nodes), "name": "AccumulateGrad", "op": None, "edges": [], "saved": [], "leaf": leaf}
            )
        return self.sinks[leaf]

    def backward(self, root: int) -> None:
        nodes, rounds = self.data["nodes"], self.data["rounds"]
        begin = self.step(kind="backward_begin", roots=[root], gradient=self.value([]))
        rounds[-1]["forward"][1] = begin - 1
        waiting, reached = [self.data["tensors"][root]["node"]], set()
        while waiting:
            node = waiting.pop()
            if node not in reached:
                reached.add(node)
                waiting += [edge[0] for edge in nodes[node]["edges"] if edge[0] is not None]
        for node in sorted(reached, key=lambda node: -(nodes[node]["op"] or -1)):
            self.run(nodes[node])
        rounds[-1]["backward"] = [begin, self.step(kind="backward_end")]
        rounds.append({"id": len(rounds), "forward": [len(self.data["steps"])] * 2, "backward": None})

    def run(self, node: dict[str, Any]) -> None:
        if node.get("leaf") is not None:
            shape = self.data["tensors"][node["leaf"]]["shape"]
            added, after = self.value(shape), self.value(shape)
            self.step(kind="accumulate", tensor=node["leaf"], node=node["id"], before=None, added=added, after=after)
            return
        shape = self.data["tensors"][self.data["steps"][node["op"]]["outputs"][0]]["shape"]
        onward = [[to, output, self.value([2])] for to, output in node["edges"] if to is not None]
        self.step(kind="node", node=node["id"], incoming=[self.value(shape)], outgoing=onward, summed=[], ns=700)
        self.step(kind="free", node=node["id"], bytes=24)

    def finished(self) -> dict[str, Any]:
        rounds = self.data["rounds"]
        if rounds[-1]["forward"][0] >= len(self.data["steps"]):
            rounds.pop()
        elif rounds[-1]["backward"] is None:
            rounds[-1]["forward"][1] = len(self.data["steps"]) - 1
        return self.data


LAB = """import torch
Wh = torch.randn(3, 3, requires_grad=True)
Wx = torch.randn(3, 2, requires_grad=True)
x = torch.randn(2, 1)
h = torch.randn(3, 1)
i2h = Wx.mm(x)
h2h = Wh.mm(h)
next_h = i2h + h2h
next_h = next_h.tanh()
out = next_h.sum()
out.backward()
"""


LEAVES = [("Wh", [3, 3], "parameter"), ("Wx", [3, 2], "parameter"), ("x", [2, 1], "data"), ("h", [3, 1], "data")]
OPERATIONS = [
    ("mm", "@", ("Wx", "x"), "i2h"),
    ("mm", "@", ("Wh", "h"), "h2h"),
    ("add", "+", ("i2h", "h2h"), "next_h"),
    ("tanh", "tanh", ("next_h",), "next_h"),
    ("sum", "Σ", ("next_h",), "out"),
]


def lab() -> dict[str, Any]:
    """Lab 2B's cell: one line of the source an operation, and ``next_h`` bound anew."""
    film = Film("lab.py", LAB)
    made: dict[str, int] = {}
    for name, shape, kind in LEAVES:
        film.line += 1
        made[name] = film.leaf(name, shape, kind)
    for name, sign, inputs, bind in OPERATIONS:
        film.line += 1
        made[bind] = film.op(name, sign, [made[one] for one in inputs], [] if name == "sum" else [3, 1], bind)
    film.line += 1
    film.backward(made["out"])
    return film.finished()


def training(epochs: int = 3, branch: int | None = None) -> dict[str, Any]:
    """A loop with forward, backward and an update in place; epoch number ``branch`` runs one operation more."""
    film = Film("train.py", "".join(f"line {n}\n" for n in range(1, 31)))
    b, w = film.leaf("b", [1], "parameter"), film.leaf("w", [1], "parameter")
    x, y = film.leaf("x", [80, 1]), film.leaf("y", [80, 1])
    film.scope("loop", f"for epoch in range({epochs})")
    for epoch in range(epochs):
        film.scope("iteration", str(epoch))
        film.line = 10
        yhat = film.op("add", "+", [b, film.op("mul", "×", [w, x], [80, 1])], [80, 1], "yhat")
        film.line = 11
        error = film.op("sub", "−", [y, yhat], [80, 1], "error")
        if epoch == branch:
            film.line = 12
            error = film.op("abs", "|x|", [error], [80, 1], "error")
        film.line = 13
        loss = film.op("mean", "mean", [film.op("pow", "^", [error, 2.0], [80, 1])], [], "loss")
        film.backward(loss)
        film.line = 20
        for leaf in (b, w):
            gradient = film.tensor([1], "gradient", False, of=leaf)
            change = film.op("mul", "×", [gradient, 0.1], [1], grad_mode=False)
            film.op("sub_", "−=", [leaf, change], [1], inplace=True, grad_mode=False)
        film.leave()
    film.leave()
    return film.finished()


def lstm(steps: int = 50) -> dict[str, Any]:
    """An LSTM cell unrolled: 26 operations a time step, twelve parameters that every one of them uses."""
    film = Film("lstm.py", "line\n" * 30)
    shapes = {"W": [8, 4], "U": [8, 8], "b": [8, 1]}
    names = [(kind, gate) for kind in "WUb" for gate in "ifgo"]
    weights = {kind + gate: film.leaf(kind + gate, shapes[kind], "parameter") for kind, gate in names}
    h, c, xs = film.leaf("h", [8, 1]), film.leaf("c", [8, 1]), film.leaf("xs", [steps, 4, 1])
    film.scope("loop", f"for t in range({steps})")
    for t in range(steps):
        film.scope("iteration", str(t))
        x = film.op("select", "[ ]", [xs, float(t)], [4, 1], "x")
        gates = {}
        for gate in "ifgo":
            wx = film.op("mm", "@", [weights["W" + gate], x], [8, 1])
            uh = film.op("mm", "@", [weights["U" + gate], h], [8, 1])
            sum_ = film.op("add", "+", [film.op("add", "+", [wx, uh], [8, 1]), weights["b" + gate]], [8, 1])
            name, sign = ("tanh", "tanh") if gate == "g" else ("sigmoid", "σ")
            gates[gate] = film.op(name, sign, [sum_], [8, 1], gate)
        kept, new = film.op("mul", "×", [gates["f"], c], [8, 1]), film.op("mul", "×", [gates["i"], gates["g"]], [8, 1])
        c = film.op("add", "+", [kept, new], [8, 1], "c")
        h = film.op("mul", "×", [gates["o"], film.op("tanh", "tanh", [c], [8, 1])], [8, 1], "h")
        film.leave()
    film.leave()
    film.backward(film.op("sum", "Σ", [h], [], "loss"))
    return film.finished()


def detached() -> dict[str, Any]:
    """Lab 2B, part F: ``y = x.detach() ** 2``, ``z = x ** 3``."""
    film = Film("detach.py", "x\ny\nz\nout\n")
    x = film.leaf("x", [10], "parameter")
    y = film.op("pow", "^", [film.op("detach", "detach", [x], [10], detached=True), 2.0], [10], "y")
    z = film.op("pow", "^", [x, 3.0], [10], "z")
    film.op("sum", "Σ", [film.op("add", "+", [y, z], [10])], [], "out")
    return film.finished()


def failing(message: str = "one of the variables was changed in place") -> dict[str, Any]:
    """The lab's cell, and then an error with two lines in conflict."""
    data = lab()
    step = {
        "kind": "error",
        "type": "RuntimeError",
        "message": message,
        "at": [0, 11],
        "scope": 0,
        "function": "<module>",
    }
    data["steps"].append(step | {"round": 0, "lines": [[0, 9, "saved here"], [0, 11, "needed here"]]})
    return data


FILMS = {"lab": lab, "training": training, "lstm": lambda: lstm(6), "detached": detached, "failing": failing}


def page_file(folder: Any, data: dict[str, Any]) -> str:
    """Writes the page of a recording and returns its address."""
    path = folder / "page.html"
    path.write_text(page_of(data), encoding="utf-8")
    return path.as_uri()
