"""`Recorder` listens to a running program and writes down what it does, as steps of plain data.

What is drawn from the steps is not decided here; the schema is in docs/internals/recording.md.
"""

from __future__ import annotations

import re
import sys
import threading
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any

import dynagrad
from dynagrad._core.engine import watch_backward
from dynagrad._core.graph import is_grad_enabled
from dynagrad._core.intercept import install, uninstall, untold
from dynagrad.optim.optimizer import register_optimizer_step_post_hook
from dynagrad.tensor import Tensor

from .backward import Backward
from .ledger import Ledger, history_of
from .rounds import Rounds
from .signs import sign_of
from .stack import Scopes, Stack, program_name

FORMAT = "dynagrad.recording"
VERSION = 1
LIMIT = 100_000
MOST_NOTES = 20

READS = frozenset({"item", "tolist", "register_hook", "register_post_accumulate_grad_hook"})
FLAGS = frozenset({"requires_grad_", "requires_grad=", "retain_grad", "grad="})
BACKWARD = frozenset({"backward", "grad"})
WRITES = frozenset({"__setitem__", "data="})
UNSHOWN = frozenset({"device", "dtype", "generator", "requires_grad"})
CUTS = frozenset({"detach", "data", "detach_"})
# Data that is only copied, converted or looked at in another shape is still data.
MOVES = frozenset({
    "to", "float", "double", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool", "type", "clone",
    "contiguous", "cpu", "cuda", "view", "reshape", "flatten", "squeeze", "unsqueeze", "T", "t", "transpose", "permute",
    "__getitem__", "__iter__", "detach", "data",
})  # fmt: skip
POSITION = re.compile(r'(?P<role>[^\n]*?)\s*File "(?P<file>.+?)", line (?P<line>\d+)')
ROLES = (
    ("was recorded at", "recorded"),
    ("were freed by", "freed"),
    ("saved it at", "saved"),
    ("was written to", "written"),
    ("tracking was cut", "cut"),
    ("was made at", "made"),
)


class Recorder:
    """Listens between ``start`` and ``stop``.

    Args:
        title: the recording's name; that of the program's file if not given.
        limit: the number of steps after which nothing more is written down.
        root: the frame that records, or its code: callers of it are left out.
    """

    def __init__(self, title: str | None, limit: int, root: FrameType | CodeType | None) -> None:
        self.title = title or program_name(root)
        self.limit = limit
        self.scopes = Scopes(self.title)
        self.ledger = Ledger()
        self.steps: list[dict[str, Any]] = []
        self.rounds = Rounds(self.steps)
        self.notes: list[str] = []
        self.stacks: dict[int, Stack] = {}
        self.last_of: dict[int, dict[str, Any]] = {}
        self.main = threading.get_ident()
        self.stacks[self.main] = Stack(self.scopes, self.ledger, root, 0)
        self.listening = False
        self.lock = threading.RLock()  # around all bookkeeping, never around the program's own work
        self.told_error: BaseException | None = None

    # ---- on and off --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to listen, in all threads."""
        self.listening = True
        self.watcher = Backward(self)
        install(self.hear)
        self.watched_before = watch_backward(self.watcher)
        self.steps_of_optimizers = register_optimizer_step_post_hook(self.optimizer_stepped)

    def stop(self, error: BaseException | None = None) -> None:
        """Ends it; ``error`` is what the program raised, if that is how it ended."""
        if self.listening:
            stack = self.stacks[self.main]
            self.names(stack, untold(stack.finish, error is not None), self.main)
            self.unhook()
            for each in self.stacks.values():
                each.calls.clear()
        if error is not None and not isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit):
            self.end_with(error)

    def unhook(self) -> None:
        """Stops listening; what was recorded stays."""
        self.listening = False
        uninstall(self.hear)
        watch_backward(self.watched_before)
        self.steps_of_optimizers.remove()

    def reach_limit(self) -> None:
        """The film is full: says so, and stops listening."""
        message = (
            f"The recording stops here: its limit of {self.limit} steps was reached. The program ran on unrecorded."
        )
        last = self.steps[-1]
        self.steps.append({**_place(last), "kind": "limit", "message": message})
        self.notes.append(message)
        if self.listening:
            self.unhook()

    # ---- steps -------------------------------------------------------------------------------------------------------

    def stack(self) -> tuple[Stack, int]:
        """The stack of the running thread, and the thread's number."""
        thread = threading.get_ident()
        found = self.stacks.get(thread)
        if found is None:
            name = threading.current_thread().name
            scope = self.scopes.add(0, "thread", name, 1)
            found = self.stacks[thread] = Stack(self.scopes, self.ledger, None, scope)
        return found, thread

    def look(self, frame: FrameType | None) -> tuple[Stack, int]:
        """Takes note of where the running thread is."""
        stack, thread = self.stack()
        changes = stack.look(frame)
        if changes:
            self.names(stack, changes, thread)
        if self.scopes.outer_modules:
            self.name_parameters()
        return stack, thread

    def name_parameters(self) -> None:
        """Parameters and buffers are called by their path in the outermost module that has run."""
        for module in self.scopes.outer_modules:
            for name, tensor in (*module.named_parameters(), *module.named_buffers()):
                self.ledger.tensors[self.ledger.identify(tensor)].setdefault("name", name)
        self.scopes.outer_modules.clear()

    def names(self, stack: Stack, changes: list[dict[str, Any]], thread: int) -> None:
        """Names have changed since the thread's last step: they are how that step left them."""
        if not changes:
            return
        last = self.last_of.get(thread)
        if last is None:
            self.add({"kind": "names", "names": changes}, stack, thread)
        else:
            last.setdefault("names", []).extend(changes)

    def add(self, step: dict[str, Any], stack: Stack, thread: int) -> None:
        """Appends a step, with its place."""
        if not self.listening:
            return
        step["at"] = stack.at
        step["scope"] = stack.inner
        self.rounds.place(step)
        self.steps.append(step)
        self.last_of[thread] = step
        if len(self.steps) >= self.limit:
            self.reach_limit()

    # ---- operations --------------------------------------------------------------------------------------------------

    def hear(self, _function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:  # noqa: C901
        """Runs one op and writes it down."""
        name = call.name
        if not self.listening or name in READS:
            return call(*args, **kwargs)
        frame = sys._getframe(1)
        with self.lock:
            try:
                stack, thread = self.look(frame)
                if not stack.silent and name not in BACKWARD:
                    if name == "apply":
                        name = args[0].__name__
                    inputs, tensors, values = self.take(args, kwargs)
            except Exception as error:  # noqa: BLE001 - whatever it is, the program goes on
                self.trouble(error, name)
                return call(*args, **kwargs)
        if stack.silent:
            return call(*args, **kwargs)
        if name in BACKWARD:
            return self.run_backward(args, kwargs, call, stack, thread)
        recorded = is_grad_enabled()
        began = perf_counter_ns()
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            with self.lock:
                self.fail(error, name, inputs, stack, thread)
            raise
        took = perf_counter_ns() - began
        results = [args[0]] if name in WRITES else _tensors_of(result)
        with self.lock:
            try:
                if name in FLAGS:
                    self.flag(name, args, stack, thread)
                elif results:
                    self.made(name, inputs, tensors, values, results, recorded, took, stack, thread)
            except Exception as error:  # noqa: BLE001 - likewise
                self.trouble(error, name)
        return iter(results) if name == "__iter__" else result

    def trouble(self, error: Exception, name: str) -> None:
        """A step could not be written down: the program goes on as it would, and the recording says so."""
        note = f"A step of {name} could not be recorded: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)

    def take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], list[Any], dict[int, int]]:
        """The arguments of an op: as a step's inputs, the tensors among them, and the numbers not seen before."""
        ledger = self.ledger
        inputs: list[Any] = []
        tensors: list[Any] = []
        for value in args:
            _describe(value, inputs, tensors, ledger)
        for key, value in kwargs.items():
            if key not in UNSHOWN:
                _describe(value, inputs, tensors, ledger)
        values: dict[int, int] = {}
        for tensor in tensors:
            number = ledger.identify(tensor)
            new = ledger.changed(tensor, number)
            if new is not None:
                values[number] = new
        return inputs, tensors, values

    def made(
        self, name: str, inputs: list[Any], tensors: list[Any], values: dict[int, int], results: list[Any],
        recorded: bool, took: int, stack: Stack, thread: int,
    ) -> None:  # fmt: skip
        """Adds the step of an op that has returned ``results``, unless it returned what it got."""
        ledger, number = self.ledger, len(self.steps)
        known = [ledger.identify(tensor) for tensor in tensors]
        computed = bool(tensors) and name not in MOVES
        outputs: list[int] = []
        versions: dict[int, int] = {}
        unchanged = name not in CUTS and name != "data="
        for tensor in results:
            output = ledger.identify(tensor)
            outputs.append(output)
            versions[output] = tensor._version
            unchanged = unchanged and (output in known or ledger.tensors[output]["made_by"] is not None)
            ledger.made(tensor, output, number, computed)
            new = ledger.changed(tensor, output)
            if new is not None:
                values[output] = new
                unchanged = False
        if unchanged:
            return
        ledger.inherited([tensor for tensor, at in zip(tensors, known, strict=True) if at not in outputs], stack.inner)
        step: dict[str, Any] = {
            "kind": "op",
            "op": number,
            "name": name,
            "sign": sign_of(name),
            "inputs": tuple(inputs),
            "outputs": tuple(outputs),
            "versions": versions,
            "values": values,
            "node": self.node_of(name, results, outputs, known, stack.inner),
            "ns": took,
            "function": stack.function,
        }
        if not recorded:
            step["grad_mode"] = False
        if any(output in known for output in outputs):
            step["inplace"] = True
        if name in CUTS:
            step["detached"] = True
            for output in outputs:
                if known and output not in known:
                    ledger.tensors[output]["storage"] = ledger.tensors[known[0]]["storage"]
        self.add(step, stack, thread)

    def node_of(self, name: str, results: list[Any], outputs: list[int], known: list[int], scope: int) -> int | None:
        """The node that an op has recorded, filed as that of the step to come; None if it recorded nothing."""
        ledger, node, number = self.ledger, None, len(self.steps)
        for tensor, output in zip(results, outputs, strict=True):
            made_by = history_of(tensor)
            if made_by is None:
                continue
            of = ledger.node(made_by, number, scope)
            ledger.tensors[output]["node"] = of
            if node is None and (ledger.nodes[of]["op"] == number or output in known):
                node = of
        if node is not None:
            about = ledger.nodes[node]
            about["op"], about["sign"] = number, sign_of(name)
            ledger.settle_saved(node, outputs)
        return node

    def flag(self, name: str, args: tuple[Any, ...], stack: Stack, thread: int) -> None:
        """Notes that a property of a tensor was set."""
        tensor = args[0]
        number = self.ledger.identify(tensor)
        about = self.ledger.tensors[number]
        self.ledger.refresh(tensor, about, False)
        if name == "grad=":
            value = args[1]
            message = "its .grad is set to None" if value is None else "its .grad is set"
            if value is not None:
                self.ledger.gradient_of(tensor)
            last = self.last_of.get(thread)
            if stack.internal and last is not None and last.get("what") == "grad=" and last["at"] == stack.at:
                last.setdefault("others", []).append(number)
                return
        elif name == "retain_grad":
            message = "retain_grad(): backward will fill its .grad too"
            about["retains_grad"] = True
        else:
            message = f"requires_grad is {about['requires_grad']} from here on"
        self.add({"kind": "note", "what": name, "tensor": number, "message": message}, stack, thread)

    def optimizer_stepped(self, optimizer: Any, _args: Any, _kwargs: Any) -> None:
        """One step for all parameters that an optimiser has changed by its native loops."""
        if not self.listening:
            return
        frame = sys._getframe(1)
        with self.lock:
            try:
                untold(self._optimizer_stepped, optimizer, frame)
            except Exception as error:  # noqa: BLE001 - likewise
                self.trouble(error, type(optimizer).__name__)

    def _optimizer_stepped(self, optimizer: Any, frame: FrameType) -> None:
        stack, thread = self.look(frame)
        ledger = self.ledger
        values: dict[int, int] = {}
        versions: dict[int, int] = {}
        inputs: list[int] = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                number = ledger.identify(parameter)
                new = ledger.changed(parameter, number)
                if new is not None:
                    values[number], versions[number] = new, parameter._version
                    inputs.append(number)
                    if parameter.grad is not None:
                        ledger.gradient_of(parameter)
        if not inputs:
            return
        step = {
            "kind": "op", "op": len(self.steps), "name": f"{type(optimizer).__name__}.step", "sign": "step",
            "inputs": inputs, "outputs": list(inputs), "versions": versions, "values": values, "node": None, "ns": None,
            "function": stack.function, "grad_mode": False, "inplace": True,
        }  # fmt: skip
        self.add(step, stack, thread)

    # ---- backward and errors -----------------------------------------------------------------------------------------

    def run_backward(self, args: Any, kwargs: Any, call: Any, stack: Stack, thread: int) -> Any:
        """Runs a backward; its watcher writes the steps."""
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            with self.lock:
                self.fail(error, call.name, [], stack, thread)
            raise
        with self.lock:
            for gradient in _tensors_of(result):
                self.ledger.tensors[self.ledger.identify(gradient)]["kind"] = "gradient"
        return result

    def fail(self, error: BaseException, name: str, inputs: list[Any], stack: Stack, thread: int) -> None:
        """Adds the step of an op or a backward that raised."""
        if error is self.told_error:
            return
        self.told_error = error
        step: dict[str, Any] = {"kind": "error", **self.describe(error, stack.at), "name": name, "inputs": inputs}
        self.add(step, stack, thread)

    def describe(self, error: BaseException, at: tuple[int, int] | None) -> dict[str, Any]:
        """An error as plain data: its type, its message without paths, and the lines that it names."""
        text = str(error)
        lines: list[list[Any]] = [] if at is None else [[*at, "raised"]]
        for found in POSITION.finditer(text):
            role = next((word for phrase, word in ROLES if phrase in found["role"]), "named")
            lines.append([self.scopes.source(found["file"]), int(found["line"]), role])
            text = text.replace(f'File "{found["file"]}"', f'File "{self.scopes.sources[lines[-1][0]]["file"]}"')
        return {"type": type(error).__name__, "message": text, "lines": lines}

    def end_with(self, error: BaseException) -> None:
        """The program ended with an error: the last step shows it."""
        for step in reversed(self.steps[-3:]):
            if step["kind"] == "error" and error is self.told_error:
                step["ends"] = True
                return
        at, function = self._where_raised(error)
        step = {"kind": "error", **self.describe(error, at), "ends": True, "at": at, "function": function}
        step["scope"] = self.steps[-1]["scope"] if self.steps else 0
        self.rounds.place(step)
        self.steps.append(step)

    def _where_raised(self, error: BaseException) -> tuple[tuple[int, int] | None, str]:
        at: tuple[int, int] | None = None
        function = ""
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if self.scopes.is_user(code):
                at, function = (self.scopes.source(code.co_filename), trace.tb_lineno), code.co_name
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            at = self.scopes.source(error.filename), error.lineno
        return at, function

    # ---- the result --------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """The recording as plain data."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "dynagrad": dynagrad.__version__.rpartition("dynagrad.")[2],
            "title": self.title,
            "sources": self.scopes.sources,
            "scopes": self.scopes.scopes,
            "tensors": self.ledger.tensors,
            "nodes": self.ledger.nodes,
            "values": self.ledger.values.plain(),
            "rounds": self.rounds.plain(),
            "steps": self.steps,
            "notes": self.notes,
        }


def _place(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step[name] for name in ("at", "scope", "round") if name in step}


def _describe(value: Any, inputs: list[Any], tensors: list[Any], ledger: Ledger) -> None:
    """Appends an argument to the inputs of a step: a tensor's id, a number, or a short text of anything else."""
    if isinstance(value, Tensor):
        inputs.append(ledger.identify(value))
        tensors.append(value)
    elif isinstance(value, bool) or value is None:
        inputs.append({"text": str(value)})
    elif isinstance(value, int | float):
        inputs.append({"number": value if value - value == 0 else str(value)})
    elif isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in value):
        for item in value:
            _describe(item, inputs, tensors, ledger)
    elif not isinstance(value, type):
        inputs.append({"text": _short(value)})


def _short(value: Any) -> str:
    """A short text of an argument that is neither a tensor nor a number."""
    if isinstance(value, str):
        return value[:60]
    if isinstance(value, list | tuple | slice | dynagrad.dtype):
        text = repr(value[:8] if isinstance(value, list | tuple) else value)
        return text[:60]
    return type(value).__name__


def _tensors_of(result: Any) -> list[Any]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, list | tuple) or hasattr(result, "__next__"):
        return [item for item in result if isinstance(item, Tensor)]
    return []
