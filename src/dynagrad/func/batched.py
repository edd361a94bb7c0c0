"""Tensors with a hidden batch dimension, the levels of ``vmap`` that are open, and the way from an op to its rule.

A `BatchedTensor` is to the program a tensor of the shape of one example: natively it is an alias of the first example,
so that shape, dtype, strides and everything else that is asked of it is right without further ado. What is computed is
computed on ``value``, which holds all examples along dimension 0. Ops reach it because, while a level is open, every op
is told to a listener (`_core/intercept`), which looks up the op's rule (`rules`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn

from dynagrad._core.card import ASKED, CARDS
from dynagrad._core.intercept import disabled_torch_function, install, listening, uninstall, untold
from dynagrad._core.ops.data import alias_of
from dynagrad.tensor import Tensor

__all__ = ["BatchedTensor", "Level", "batched", "call_below", "levels_of", "open_levels", "rule", "wrap"]

_select = CARDS["select"].op
_empty = CARDS["empty"].op
_detach = CARDS["detach"].op

ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, "
    "please try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch "
    "internals, please file a bug report."
)
CONTROL_FLOW = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that "
    "yet, please file an issue at https://github.com/pytorch/pytorch/issues . Here: torch.where chooses for each example."
)
NO_STORAGE = (
    "Cannot access data pointer of Tensor that doesn't have storage: inside of vmap it stands for many examples"
)
RANDOM_OP = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness "
    "flags on vmap or perform the randomness operation out of vmap"
)
ESCAPED = (
    "this tensor was made inside of a vmap that has ended: it stands for one example out of a batch that is no longer "
    "mapped over. Return it from the function instead of keeping it aside"
)


class Level:
    """One open ``vmap``.

    Args:
        size: how many examples there are.
        randomness: "error", "different" or "same".
    """

    __slots__ = ("listens", "number", "randomness", "size")

    def __init__(self, size: int, randomness: str) -> None:
        self.size, self.randomness, self.number, self.listens = size, randomness, 0, False

    def __del__(self) -> None:
        # Not when the level is closed: a tensor of it may have been kept aside, and is to be an error when it is used.
        if self.listens:
            _listen(-1)


class _State(threading.local):
    """Of each thread: its open levels, the outermost first."""

    def __init__(self) -> None:
        self.levels: list[Level] = []


_state = _State()


class BatchedTensor(Tensor):
    """One example, to the program; all of them in ``value``, whose first dimension is that of ``level``."""

    __slots__ = ("level", "value")
    __torch_function__ = staticmethod(disabled_torch_function)

    stands_for_many = True

    level: Level
    value: Tensor

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]  # mypy drops names of special methods' arguments
        inner = "\n".join("    " + line for line in repr(self.value).split("\n"))
        return f"BatchedTensor(lvl={self.level.number}, bdim=0, value=\n{inner}\n)"

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for it, outside of the level."""
        return self.value.requires_grad

    @requires_grad.setter
    def requires_grad(self, _value: bool) -> None:
        refuse_requires_grad()

    @property
    def grad_fn(self) -> Any:
        """The node that made all examples."""
        return self.value.grad_fn

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        return self.value.is_leaf

    @property  # type: ignore[misc]  # there is nothing to set
    def data(self) -> NoReturn:  # type: ignore[override]  # and nothing to get
        """Raises RuntimeError."""
        raise RuntimeError("accessing `data` under vmap transform is not allowed")

    @property
    def T(self) -> Tensor:
        """All dimensions in reverse order."""
        return self.permute(*range(self.ndim - 1, -1, -1))

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return self._transposed("mT")

    @property
    def mH(self) -> Tensor:
        """The same: nothing is complex."""
        return self._transposed("mH")

    def _transposed(self, name: str) -> Tensor:
        if self.ndim == 1:
            raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
        return self.transpose(-2, -1) if self.ndim else self

    def __copy__(self) -> BatchedTensor:
        return wrap(self.value, self.level)

    def __deepcopy__(self, _memo: dict[int, Any]) -> BatchedTensor:
        return self.clone()

    H = T


def _refusal(error: type[Exception], message: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise error(message)

    return refuse


# Set afterwards: what is in the class's own body is overwritten by the native operators that it inherits.
for _name in ("__float__", "__int__", "__index__", "__complex__", "__contains__"):
    setattr(BatchedTensor, _name, _refusal(RuntimeError, ITEM))
BatchedTensor.__bool__ = _refusal(RuntimeError, CONTROL_FLOW)  # type: ignore[method-assign]  # as above
for _name in (
    "numpy",
    "__array__",
    "__dlpack__",
    "__reduce_ex__",
    "data_ptr",
    "untyped_storage",
    "storage",
    "as_subclass",
):
    setattr(BatchedTensor, _name, _refusal(RuntimeError, NO_STORAGE))


def refuse_requires_grad(*_: Any, **__: Any) -> NoReturn:
    """Raises the error for marking tensors inside of a transform."""
    raise RuntimeError(
        "You are attempting to call Tensor.requires_grad_() (or perhaps using torch.autograd.functional.* APIs) inside of "
        "a function being transformed by a functorch transform. This is unsupported, please attempt to use the functorch "
        "transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being "
        "transformed instead."
    )


def _first(value: Tensor, size: int) -> Tensor:
    value = _detach(value)
    return _select(value, 0, 0) if size else _empty(value.shape[1:], dtype=value.dtype)


def wrap(value: Tensor, level: Level) -> BatchedTensor:
    """One example of the level: ``value`` holds all of them along dimension 0."""
    made = untold(alias_of, untold(_first, value, level.size), BatchedTensor)
    made.value, made.level = value, level
    return made


def refresh(tensor: BatchedTensor) -> None:
    """Lets the example have the geometry of ``value`` again, after an op that changed it in place."""
    geometry = untold(_first, tensor.value, tensor.level.size)
    untold(Tensor.data.__set__, tensor, geometry)  # type: ignore[attr-defined]  # to mypy a property of a class is its getter


def batched(x: Any, level: Level) -> bool:
    """Whether something is a tensor with a batch dimension of this level."""
    return type(x) is BatchedTensor and x.level is level


def levels_of(x: Any) -> list[Level]:
    """The levels of which a tensor has a batch dimension, the outermost first."""
    found = []
    while type(x) is BatchedTensor:
        found.append(x.level)
        x = x.value
    return found[::-1]


def open_levels() -> list[Level]:
    """The levels open in this thread, the outermost first."""
    return _state.levels


# ---- from an op to its rule --------------------------------------------------------------------------------------------

Rule = Callable[..., Any]
# What runs the program's own code inside: hooks, custom Functions, what is computed anew for a backward.
_RUN_PROGRAMS = ("apply", "backward", "grad")

_rules: dict[Any, Rule] = {}
_named_rules: dict[str, Rule] = {}
_random: dict[Any, Rule] = {}
_default: list[Rule] = []
_in_terms_of_ops: set[Rule] = set()


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Files ``made(function, level, args, kwargs)`` as the rule of ops, given by function or by name."""

    def file(made: Rule) -> Rule:
        for each in functions:
            if isinstance(each, str):
                _named_rules[each] = made
            else:
                _rules[each] = made
        return made

    return file


def in_terms_of_ops(made: Rule) -> Rule:
    """Marks a rule that calls ops on batched tensors of its own level."""
    _in_terms_of_ops.add(made)
    return made


def has_rule(function: Any) -> bool:
    """Whether an op has a rule of its own."""
    return function in _rules


def rule_of(function: Any) -> Rule:
    """The rule of an op."""
    return _rules[function]


def random_rule(function: Any, made: Rule) -> None:
    """Files the rule of an op that draws, which is also asked where no argument is batched."""
    _random[function] = made


def default_rule(made: Rule) -> Rule:
    """Files the rule of all ops without one of their own."""
    _default.append(made)
    return made


def _innermost(items: Any, found: Level | None = None) -> Level | None:
    """The level of the batched tensor, among these, whose level was opened last."""
    for each in items:
        kind = type(each)
        if kind is BatchedTensor:
            if found is None or each.level.number > found.number:
                found = each.level
        elif kind is tuple or kind is list:
            found = _innermost(each, found)
        elif kind is slice:
            found = _innermost((each.start, each.stop, each.step), found)
    return found


def _nested(items: Any) -> bool:
    """Whether some tensor is batched at two levels."""
    for each in items:
        kind = type(each)
        if kind is BatchedTensor:
            if type(each.value) is BatchedTensor:
                return True
        elif (kind is tuple or kind is list) and _nested(each):
            return True
    return False


def _listener(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    level = _innermost(args, _innermost(kwargs.values()) if kwargs else None)
    if level is None:
        if _state.levels:
            if function in _random:
                return _random[function](function, _state.levels[-1], args, kwargs)
            if call.name in ("requires_grad_", "requires_grad="):
                refuse_requires_grad()
            if call.name in _RUN_PROGRAMS:
                return call.open(*args, **kwargs)
        return call(*args, **kwargs)
    if level not in _state.levels:
        raise RuntimeError(ESCAPED)
    made = _random.get(function) or _rules.get(function) or _named_rules.get(call.name) or _default[0]
    # On plain tensors nothing needs to be asked again, unless somebody else is listening to what is computed.
    quiet = len(_state.levels) == 1 and listening(to_all=True) == 1 and made not in _in_terms_of_ops
    try:
        return untold(made, function, level, args, kwargs) if quiet else made(function, level, args, kwargs)
    except (IndexError, RuntimeError, TypeError, ValueError):
        _fail_as_on_one_example(function, args, kwargs)
        raise


def _fail_as_on_one_example(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raises what the op itself has to say of these arguments, in the shapes that the program knows, if anything."""
    name = getattr(function, "__name__", "_")
    if name.endswith("_") or has_rule(function) is False or kwargs.get("out") is not None:
        return
    untold(lambda: function(*args, **kwargs))


def _composite(_name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Asked by ops that are made of ops; those without a rule are left to the ops that they are made of."""
    made = _random.get(function) or _rules.get(function)
    if made is not None and _state.levels:
        level = _innermost(args, _innermost(kwargs.values()) if kwargs else None)
        if level is not None:
            return made(function, level, args, kwargs)
    return NotImplemented


def call_below(level: Level, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function as if this level and those inside of it were not open."""
    kept = _state.levels
    _state.levels = kept[: kept.index(level)]
    try:
        return function(*args, **kwargs)
    finally:
        _state.levels = kept


# ---- opening and closing -----------------------------------------------------------------------------------------------

_lock = threading.RLock()
_listened_for = 0


def _listen(change: int) -> None:
    """Counts the levels that ops are told for, and listens while there are any."""
    global _listened_for
    with _lock:
        before, _listened_for = _listened_for, _listened_for + change
        if before == 0:
            install(_listener, reentrant=True, first=True)
            ASKED.insert(0, _composite)
        elif _listened_for == 0:
            uninstall(_listener)
            ASKED.remove(_composite)


class opened:  # noqa: N801  # reads as a word of the with statement
    """Within, a level is open."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def __enter__(self) -> Level:
        import dynagrad.func.rules  # noqa: F401  # files them

        _listen(1)
        self.level.listens = True
        _state.levels = [*_state.levels, self.level]
        self.level.number = len(_state.levels)
        return self.level

    def __exit__(self, *_: object) -> None:
        _state.levels = [each for each in _state.levels if each is not self.level]
