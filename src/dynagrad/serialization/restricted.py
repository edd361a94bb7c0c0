"""The unpickler that runs no code: an interpreter of the instructions that data needs, over the names that are safe.

Calls happen only to functions of the table, or to what the user adds to it; everything else is an error. The
instructions are parsed by ``pickletools``, which builds nothing.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dynagrad.nn.parameter import Parameter
from dynagrad.serialization import names
from dynagrad.tensor import Tensor

_added: dict[str, Any] = {}
_BLOCKED = ("sys", "os", "posix", "nt", "subprocess", "builtins.eval", "builtins.exec")
_PY2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def _full_name(entry: Any) -> tuple[str, Any]:
    if isinstance(entry, tuple):
        if len(entry) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(entry)}"
            )
        if type(entry[1]) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(entry[1])}")
        return entry[1], entry[0]
    spoken = names.spoken(entry)
    return ".".join(spoken or (entry.__module__, entry.__qualname__)), entry


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Lets files of ``load(weights_only=True)`` use these classes and functions: only those whose calls you trust.

    Args:
        safe_globals: classes and functions, or pairs of one and the full name by which files know it.

    >>> import fractions
    >>> from dynagrad import serialization
    >>> with serialization.safe_globals([fractions.Fraction]):
    ...     serialization.get_safe_globals()
    [<class 'fractions.Fraction'>]
    """
    _added.update(_full_name(entry) for entry in safe_globals)


def get_safe_globals() -> list[Any]:
    """What was added to the names that files may use."""
    return list(_added.values())


def clear_safe_globals() -> None:
    """Takes back everything that was added."""
    _added.clear()


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """`add_safe_globals` for the time of a ``with``."""
    before = dict(_added)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _added.clear()
        _added.update(before)


def is_safe(full_name: str) -> bool:
    """Whether files may use a name."""
    return full_name in names.SAFE or full_name in _added


def globals_in(file: Any) -> list[str]:
    """Every name that a pickle mentions, without reading it further."""
    found, texts = [], []
    for instruction, argument, _ in _instructions(file):
        if instruction.name == "GLOBAL":
            found.append(".".join(_python3(*argument.split(" ", 1))))
        elif isinstance(argument, str):
            texts.append(argument)
        elif instruction.name == "STACK_GLOBAL" and len(texts) > 1:
            found.append(".".join(texts[-2:]))
    return found


def _python3(module: str, name: str) -> tuple[str, str]:
    return _PY2.get(module, module), name


def _instructions(file: Any) -> Iterator[Any]:
    try:
        yield from pickletools.genops(file)
    except (ValueError, UnicodeDecodeError, OverflowError) as error:
        raise pickle.UnpicklingError(f"the pickle is damaged: {error}") from error


_PUSHED = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list, "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_LITERALS = (
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "SHORT_BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "INT", "LONG", "FLOAT", "UNICODE",
)  # fmt: skip
_IGNORED = ("PROTO", "FRAME")


class RestrictedUnpickler:
    """Reads one pickle from a file.

    Args:
        file: an object with ``read`` and ``readline``.
        persistent_load: makes a storage of what the pickle says of it.

    ``load`` raises UnpicklingError for damaged pickles and for everything that is not allowed.
    """

    def __init__(self, file: Any, persistent_load: Callable[[Any], Any]) -> None:
        self.file, self.persistent_load = file, persistent_load
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The object."""
        for instruction, argument, _ in _instructions(self.file):
            name = instruction.name
            if name == "STOP":
                return self._pop()
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _PUSHED:
                self.stack.append(_PUSHED[name]())  # type: ignore[operator]  # makers of fresh values
            elif name not in _IGNORED:
                step = _STEPS.get(name)
                if step is None:
                    raise pickle.UnpicklingError(f"Unsupported operand {name}: data needs no such instruction")
                step(self, argument)
        raise pickle.UnpicklingError("the pickle has no end")

    def _pop(self) -> Any:
        if not self.stack:
            raise pickle.UnpicklingError("the pickle is damaged: it takes more than it put")
        return self.stack.pop()

    def _top(self) -> Any:
        if not self.stack:
            raise pickle.UnpicklingError("the pickle is damaged: it changes what it has not put")
        return self.stack[-1]

    def _since_mark(self) -> list[Any]:
        if not self.marks:
            raise pickle.UnpicklingError("the pickle is damaged: a mark is missing")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    # ---- containers --------------------------------------------------------------------------------------------------
    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _tuple_of(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def _append(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) is not list:
            raise pickle.UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) not in (dict, OrderedDict, Counter) or len(items) % 2:
            raise pickle.UnpicklingError(
                f"Can only set pairs of items of dict, OrderedDict and Counter, but got {len(items)} for {type(target)}"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[key] = value

    def _set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _add_items(self, _: Any) -> None:
        items, target = self._since_mark(), self._top()
        if type(target) is not set:
            raise pickle.UnpicklingError(f"Can only add to sets, but got {type(target)}")
        target.update(items)

    # ---- memo --------------------------------------------------------------------------------------------------------
    def _put(self, index: Any) -> None:
        self.memo[int(index)] = self._top()

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self._top()

    def _get(self, index: Any) -> None:
        if int(index) not in self.memo:
            raise pickle.UnpicklingError(f"the pickle is damaged: nothing was noted under {index}")
        self.stack.append(self.memo[int(index)])

    # ---- names and calls ---------------------------------------------------------------------------------------------
    def _global(self, argument: str) -> None:
        self._name(*_python3(*argument.split(" ", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise pickle.UnpicklingError("the pickle is damaged: a name is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full in names.SAFE:
            self.stack.append(names.SAFE[full])
        elif module in _BLOCKED or full in _BLOCKED:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked: the file asks to run code"
            )
        elif full in _added:
            self.stack.append(_added[full])
        else:
            short = full.removeprefix("builtins.")
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {short} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{short}])` or the "
                f"`torch.serialization.safe_globals([{short}])` context manager to allowlist this global if you trust "
                "this class/function."
            )

    def _allowed(self, function: Any, what: str) -> None:
        if not any(function is each for table in (names.SAFE, _added) for each in table.values()):
            raise pickle.UnpicklingError(f"{what} {function!r}")

    def _reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._allowed(function, "Trying to call reduce for unrecognized function")
        self.stack.append(self._called(function, arguments))

    def _new_object(self, _: Any) -> None:
        arguments, cls = self._pop(), self._pop()
        self._allowed(cls, "Can only create new object for classes allowlisted via `add_safe_globals` but got")
        if not isinstance(cls, type):
            raise pickle.UnpicklingError(f"Can only create new objects of classes, but got {cls!r}")
        make = cls if cls in (Parameter, OrderedDict, Counter) else cls.__new__
        self.stack.append(self._called(make, arguments if make is cls else (cls, *arguments)))

    def _called(self, function: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple or not callable(function):
            raise pickle.UnpicklingError("the pickle is damaged: a call has no arguments")
        try:
            return function(*arguments)
        except (TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
            raise pickle.UnpicklingError(f"the file holds what cannot be made: {error}") from error

    def _build(self, _: Any) -> None:
        state, target = self._pop(), self._top()
        kind = type(target)
        if kind is OrderedDict and type(state) is dict:
            target.__dict__.update(state)
        elif isinstance(target, Tensor) and kind in (Tensor, Parameter) and type(state) is dict:
            target.__setstate__(state)
        elif any(kind is each for each in _added.values()):
            _set_state(target, state)
        else:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{kind}"
            )

    def _persistent(self, _: Any) -> None:
        self.stack.append(self.persistent_load(self._pop()))


def _set_state(target: Any, state: Any) -> None:
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    state, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


_Step = Callable[[RestrictedUnpickler, Any], None]
_STEPS: dict[str, _Step] = {
    "MARK": RestrictedUnpickler._mark,
    "TUPLE": RestrictedUnpickler._tuple,
    "TUPLE1": lambda self, _: self._tuple_of(1),
    "TUPLE2": lambda self, _: self._tuple_of(2),
    "TUPLE3": lambda self, _: self._tuple_of(3),
    "APPEND": lambda self, _: self._append([self._pop()]),
    "APPENDS": lambda self, _: self._append(self._since_mark()),
    "SETITEM": RestrictedUnpickler._set_item,
    "SETITEMS": lambda self, _: self._set_items(self._since_mark()),
    "ADDITEMS": RestrictedUnpickler._add_items,
    "BINPUT": RestrictedUnpickler._put,
    "LONG_BINPUT": RestrictedUnpickler._put,
    "MEMOIZE": RestrictedUnpickler._memoize,
    "BINGET": RestrictedUnpickler._get,
    "LONG_BINGET": RestrictedUnpickler._get,
    "GLOBAL": RestrictedUnpickler._global,
    "STACK_GLOBAL": RestrictedUnpickler._stack_global,
    "REDUCE": RestrictedUnpickler._reduce,
    "NEWOBJ": RestrictedUnpickler._new_object,
    "BUILD": RestrictedUnpickler._build,
    "BINPERSID": RestrictedUnpickler._persistent,
}
