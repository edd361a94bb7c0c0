"""Where the program is while it is recorded: its line, the scopes around it, and the names that hold tensors.

One `Stack` follows one thread. It holds the frames that it has seen last, so that a frame that has returned can still
be asked what its names ended as. Which operation runs is not known here.
"""

from __future__ import annotations

import os
import sysconfig
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from dynagrad._core.identity import difference
from dynagrad.nn import Module
from dynagrad.tensor import Tensor

from .loops import MODULE, Loop, Outline, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .ledger import Ledger

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
LIBRARY = sysconfig.get_path("stdlib") + os.sep
SITE = os.sep + "site-packages" + os.sep
DRAWING = PACKAGE + "viz" + os.sep
UNSEEN = (DRAWING, PACKAGE + "overrides.py", PACKAGE + os.path.join("_core", "card.py"))  # who passes calls on
# What they compute is no step of the program: they print tensors, draw them, compare them.
UNTOLD = tuple(PACKAGE + name for name in ("printing.py", "tensor.py", "testing.py", "cli"))
MOST_ITEMS = 32  # of a list or dict that are looked at for tensors


class Scopes:
    """The scopes and sources of a recording, as plain data."""

    def __init__(self, title: str) -> None:
        self.scopes: list[dict[str, Any]] = [{"id": 0, "parent": None, "kind": "program", "name": title, "line": 1}]
        self.sources: list[dict[str, str]] = []
        self.outlines: list[Outline] = []
        self.frames = 0
        self.outer_modules: list[Any] = []
        self._files: dict[str, int] = {}
        self._loops: dict[tuple[CodeType, int], tuple[Loop, ...]] = {}
        self._users: dict[CodeType, bool] = {}

    def add(self, parent: int, kind: str, name: str, line: int, own: bool = False) -> int:
        """A new scope; returns its id. ``own``: of a function of dynagrad's."""
        number = len(self.scopes)
        self.scopes.append({"id": number, "parent": parent, "kind": kind, "name": name, "line": line})
        if own:
            self.scopes[-1]["own"] = True
        return number

    def source(self, filename: str) -> int:
        """The number of a source file; its text is read when it is first met."""
        found = self._files.get(filename)
        if found is None:
            text = source_of(filename)
            found = self._files[filename] = len(self.sources)
            self.sources.append({"file": shown_path(filename), "text": text})
            self.outlines.append(Outline(text))
        return found

    def loops(self, code: CodeType, line: int) -> tuple[Loop, ...]:
        """The loops around a line of a function."""
        key = code, line
        found = self._loops.get(key)
        if found is None:
            found = self._loops[key] = self.outlines[self.source(code.co_filename)].around(code, line)
        return found

    def is_user(self, code: CodeType) -> bool:
        """Whether code is the user's: neither dynagrad's nor Python's own."""
        found = self._users.get(code)
        if found is None:
            name = code.co_filename
            library = name.startswith(("<frozen", PACKAGE)) or (name.startswith(LIBRARY) and SITE not in name)
            found = self._users[code] = not library
        return found


def shown_path(filename: str) -> str:
    """A file's path as a page shows it: below the current folder, else its last part."""
    if filename.startswith("<"):
        return filename
    here = os.getcwd() + os.sep
    return filename.removeprefix(here) if filename.startswith(here) else os.path.basename(filename)


class Turn:
    """A loop that is running: which turn it is in."""

    __slots__ = ("at", "count", "loop", "scope", "targets")

    def __init__(self, loop: Loop, scope: int) -> None:
        self.loop, self.scope, self.count = loop, scope, -1
        self.at = 0
        self.targets: list[Any] = []


class Call:
    """One frame that is on the stack, as far as it is known."""

    __slots__ = (
        "frame",
        "function",
        "inner",
        "line",
        "loops",
        "module",
        "names",
        "number",
        "position",
        "scope",
        "silent",
        "source",
        "turns",
        "user",
    )

    def __init__(self, frame: FrameType, number: int, user: bool, scope: int, module: Any) -> None:
        self.frame, self.number, self.user, self.scope, self.module = frame, number, user, scope, module
        self.function = frame.f_code.co_name
        self.names: dict[str, int] = {}
        self.turns: list[Turn] = []
        self.loops: tuple[Loop, ...] = ()
        self.position = -1
        self.line = frame.f_lineno
        self.inner = scope
        self.silent = False
        self.source = 0


class Stack:
    """The calls of one thread, from the frame where recording began to the one that runs.

    Args:
        scopes: where scopes and sources are filed.
        ledger: knows the ids of tensors.
        root: the frame where recording began, or its code; None for all of the thread's frames.
        scope: the scope of the outermost frame.
    """

    def __init__(self, scopes: Scopes, ledger: Ledger, root: FrameType | CodeType | None, scope: int) -> None:
        self.scopes, self.root, self.scope = scopes, root, scope
        self.identify, self.numbers = ledger.identify, ledger.numbers
        self.calls: list[Call] = []
        self.places: dict[int, int] = {}
        self.at: tuple[int, int] | None = None
        self.function = ""
        self.inner = scope
        self.internal = self.silent = False

    def look(self, frame: FrameType | None) -> list[dict[str, Any]]:
        """Takes note of where the thread is; returns how names have changed since the last look."""
        fresh: list[FrameType] = []
        known = -1
        while frame is not None:
            known = self.places.get(id(frame), -1)
            if known >= 0:
                break
            if not frame.f_code.co_filename.startswith(UNSEEN):
                fresh.append(frame)
            frame = None if frame is self.root or frame.f_code is self.root else frame.f_back
        changes: list[dict[str, Any]] = []
        while len(self.calls) > known + 1:
            self._leave(changes)
        if self.calls:
            self._advance(self.calls[-1], changes)
        for each in reversed(fresh):
            self._enter(each, changes)
        self._settle()
        return changes

    def finish(self, raised: bool) -> list[dict[str, Any]]:
        """The last look: the frame where recording began keeps its names; after an error all frames do."""
        changes: list[dict[str, Any]] = []
        while len(self.calls) > 1 and not raised:
            self._leave(changes)
        for call in self.calls:
            if call.user:
                self._read_names(call, changes)
        return changes

    def _settle(self) -> None:
        self.inner = self.calls[-1].inner if self.calls else self.scope
        self.internal = bool(self.calls) and not self.calls[-1].user
        self.silent = bool(self.calls) and self.calls[-1].silent
        for call in reversed(self.calls):
            if call.user:
                self.at = call.source, call.line
                self.function = call.function
                return
        self.at = None

    def _leave(self, changes: list[dict[str, Any]]) -> None:
        gone = self.calls.pop()
        del self.places[id(gone.frame)]
        if gone.user:
            self._read_names(gone, changes)
            if gone.names:
                changes.append({"frame": gone.number, "function": gone.function, "unbind": list(gone.names)})

    def _advance(self, call: Call, changes: list[dict[str, Any]]) -> None:
        """Reads a known frame again, which has run on."""
        if not call.user:
            return
        values = self._read_names(call, changes)
        frame = call.frame
        line = frame.f_lineno or call.line
        loops = self.scopes.loops(frame.f_code, line)
        if loops or call.turns:
            self._turn(call, loops, frame.f_lasti, values)
        call.line, call.position = line, frame.f_lasti

    def _enter(self, frame: FrameType, changes: list[dict[str, Any]]) -> None:
        code = frame.f_code
        outer = self.calls[-1] if self.calls else None
        scope = outer.inner if outer else self.scope
        user = self.scopes.is_user(code)
        module = _module_of(frame)
        number = self.scopes.frames
        if module is not None:
            if not any(call.module is not None for call in self.calls):
                self.scopes.outer_modules.append(module)
            scope = self.scopes.add(scope, "module", self._module_name(module), outer.line if outer else 1)
        elif outer is not None and user:
            scope = self.scopes.add(scope, "function", _call_name(code), code.co_firstlineno)
        elif outer is not None and self._is_composite(code, outer):
            wrapped = _wrapped_by(frame)
            if wrapped is None or not self.scopes.is_user(wrapped):  # what a decorator runs has a scope of its own
                name = code.co_name if wrapped is None else wrapped.co_name
                scope = self.scopes.add(scope, "function", name, outer.line, own=True)
        call = Call(frame, number, user, scope, module)
        call.silent = (outer is not None and outer.silent) or (not user and code.co_filename.startswith(UNTOLD))
        self.scopes.frames += 1
        self.places[id(frame)] = len(self.calls)
        self.calls.append(call)
        if user:
            call.source = self.scopes.source(code.co_filename)
            self._advance(call, changes)

    def _is_composite(self, code: CodeType, outer: Call) -> bool:
        """Whether it is the outermost function of dynagrad that the program, or a module's forward, has called."""
        return (
            (outer.user or outer.module is not None)
            and code.co_filename.startswith(PACKAGE)
            and not code.co_name.startswith(("<", "_"))
            and not code.co_filename.startswith(UNTOLD)
        )

    def _module_name(self, module: Any) -> str:
        kind = type(module).__name__
        for call in reversed(self.calls):
            if call.module is not None:
                for name, child in call.module.named_modules():
                    if child is module and name:
                        return f"{name}: {kind}"
                break
        return kind

    # ---- names -------------------------------------------------------------------------------------------------------

    def _read_names(self, call: Call, changes: list[dict[str, Any]]) -> Any:
        values = call.frame.f_locals
        found, containers = self.numbers.bound(values, self.identify)
        if containers:
            plain = set(found.values())
            for name, value in containers:
                self._inside(name, value, found, plain)
        differs = difference(call.names, found)
        if differs is not None:
            change: dict[str, Any] = {"frame": call.number, "function": call.function}
            if differs[0]:
                change["bind"] = differs[0]
            if differs[1]:
                change["unbind"] = differs[1]
            changes.append(change)
            call.names = found
        return values

    def _inside(self, name: str, value: Any, found: dict[str, int], plain: set[int]) -> None:
        """Tensors without a name of their own in a list, tuple, dict or ``self``, under what they are reached by."""
        pairs: Iterable[tuple[str, Any]]
        if isinstance(value, list | tuple):
            pairs = ((f"{name}[{i}]", item) for i, item in enumerate(value[:MOST_ITEMS]))
        elif isinstance(value, dict):
            pairs = ((f"{name}[{key!r}]", item) for key, item in list(value.items())[:MOST_ITEMS])
        else:
            state = getattr(value, "__dict__", None) or {}
            pairs = ((f"{name}.{key}", item) for key, item in _attributes(state))
        for path, item in pairs:
            if isinstance(item, Tensor):
                tensor = self.identify(item)
                if tensor not in plain:
                    found[path] = tensor

    # ---- loops -------------------------------------------------------------------------------------------------------

    def _turn(self, call: Call, loops: tuple[Loop, ...], position: int, values: Any) -> None:
        """Finds out which turns of which loops the frame is in, see Note [When a loop has turned]."""
        turns = call.turns
        same = len(turns)
        if loops is not call.loops:
            same = 0
            while same < min(len(turns), len(loops)) and turns[same].loop is loops[same]:
                same += 1
            del turns[same:]
            call.loops = loops
        for depth in range(same):
            targets = [values.get(name) for name in loops[depth].targets]
            changed = False
            for old, new in zip(turns[depth].targets, targets, strict=True):
                changed = changed or old is not new
            innermost = depth == same - 1
            back = innermost and (position < call.position or (not targets and position == call.position))
            if changed or back:
                del turns[depth + 1 :]
                self._next(turns[depth], targets)
                break
        for loop in loops[len(turns) :]:
            outer = turns[-1].at if turns else call.scope
            made = Turn(loop, self.scopes.add(outer, "loop", loop.text, loop.line))
            turns.append(made)
            self._next(made, [values.get(name) for name in loop.targets])
        call.inner = turns[-1].at if turns else call.scope

    def _next(self, turn: Turn, targets: list[Any]) -> None:
        turn.count += 1
        turn.targets = targets
        turn.at = self.scopes.add(turn.scope, "iteration", str(turn.count), turn.loop.line)


# Note [When a loop has turned]
# Nothing is traced between two operations, so a turn is seen by what it leaves: another object under a name that the
# `for` sets, or a position in the code before the one of the last operation. A position that stays means another turn
# of a `while`. A step back inside an inner loop says nothing about the loops around it. So turns in which nothing
# was computed are not counted, and two turns of a `while` that computed in different arms of an `if` may count as one.


def _call_name(code: CodeType) -> str:
    if code.co_name == MODULE:
        return f"import {os.path.basename(code.co_filename)}"
    return code.co_qualname.replace("<locals>.", "")


def _wrapped_by(frame: FrameType) -> CodeType | None:
    """The code that a decorator's frame passes a call on to, or None where it is no decorator's."""
    if frame.f_code.co_name != "wrapper":
        return None
    values = frame.f_locals
    return getattr(values.get("func", values.get("function")), "__code__", None)


def _attributes(state: dict[str, Any]) -> list[tuple[str, Any]]:
    pairs = list(state.get("_parameters", {}).items()) + list(state.get("_buffers", {}).items())
    return (pairs or list(state.items()))[:MOST_ITEMS]


def _module_of(frame: FrameType) -> Any:
    """The module whose forward a frame runs, or None."""
    code = frame.f_code
    if code.co_name != "forward" or not code.co_argcount:
        return None
    owner = frame.f_locals.get(code.co_varnames[0])
    return owner if isinstance(owner, Module) else None


def program_name(root: FrameType | CodeType | None) -> str:
    """The name of the file that a frame runs, for the title."""
    code = root.f_code if isinstance(root, FrameType) else root
    return "recording" if code is None else os.path.basename(code.co_filename).strip("<>") or "recording"
