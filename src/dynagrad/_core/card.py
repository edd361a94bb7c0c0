"""The card: what an op says about itself, beside its code. Methods, tests, docs and benchmark rows derive from it.

Which names are public is listed in ``dynagrad/__init__.py``; how sample inputs are drawn, in ``tests/samples.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

from dynagrad._core.spelling import learn, spellings

CARDS: dict[str, Card] = {}
FunctionType = type(lambda: None)
F = TypeVar("F", bound=Callable[..., Any])

# Asked in turn before an op that is a Python function runs, as `intercept` asks before a native one does:
# (name, function, args, kwargs) -> its result, or NotImplemented to leave it to the next. The op itself, which asks nobody,
# is ``function.__wrapped__``.
ASKED: list[Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]] = []


def ask(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What those in ``ASKED`` make of a call; NotImplemented where all of them leave it alone."""
    for listener in tuple(ASKED):
        result = listener(name, function, args, kwargs)
        if result is not NotImplemented:
            return result
    return NotImplemented


class Card:
    """One op.

    Args:
        name: PyTorch's name of the op.
        op: the function.
        node: the class of the node that it records, or None for an op without a derivative of its own.
        kind: "unary", "binary", "compare", "reduce", "view", "index", "product", "create", "random", "copy" or
            "composite", "layer": says how tests draw samples unless ``samples`` names another way.
        inplace: the in-place form, which becomes the method ``name_``; None if there is none.
        method: whether the op is a method of Tensor; or the method, where its arguments come in another order.
        function: whether the op is public as ``dynagrad.name``.
        aliases: further names of the same function (and method).
        samples: the name of the sample generator in the tests; ``kind`` if not given; "database" where only
            those of PyTorch's operator database are compared.
        domain: the open interval of inputs on which the op is smooth, for gradient checks.
    """

    __slots__ = ("aliases", "domain", "function", "inplace", "kind", "method", "name", "node", "op", "samples")

    def __init__(
        self,
        name: str,
        op: Callable[..., Any],
        node: type | None = None,
        kind: str = "composite",
        *,
        inplace: Callable[..., Any] | None = None,
        method: bool | Callable[..., Any] = True,
        function: bool = True,
        aliases: tuple[str, ...] = (),
        samples: str | None = None,
        domain: tuple[float, float] | None = None,
    ) -> None:
        self.name, self.node, self.kind = name, node, kind
        self.op = says_what_is_no_tensor(op, name) if isinstance(op, FunctionType) else op
        self.inplace, self.method, self.function, self.aliases = inplace, method, function, aliases
        self.samples, self.domain = samples or kind, domain


def interposed(op: F) -> F:
    """Decorates a function that has no card, so that those in ``ASKED`` are asked before it runs."""
    import functools

    name = op.__name__

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        if ASKED and (result := ask(name, call, args, kwargs)) is not NotImplemented:
            return result
        return op(*args, **kwargs)

    return call  # type: ignore[return-value]  # it is called alike


def says_what_is_no_tensor(op: Any, asked_as: str = "") -> Callable[..., Any]:
    """A composite that raises TypeError for an argument that is no tensor, where an accident inside would be raised.

    Native ops check their arguments as they are called; a Python function finds out when it asks one for its shape.

    Args:
        op: the function.
        asked_as: its name for those in ``ASKED``, if they are asked.
    """
    names = op.__code__.co_varnames[: op.__code__.co_argcount]
    wanted = [(i, name) for i, name in enumerate(names) if op.__annotations__.get(name) == "Tensor"]
    rest: tuple[str, ...] = (
        op.__code__.co_varnames[len(names) + op.__code__.co_kwonlyargcount :][:1] if op.__code__.co_flags & 4 else ()
    )
    many = bool(rest) and op.__annotations__.get(rest[0]) == "Tensor"
    spelled = spellings(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        if ASKED and (result := ask(asked_as, call, args, kwargs)) is not NotImplemented:
            return result
        try:
            return op(*args, **kwargs)
        except (AttributeError, IndexError, TypeError, ValueError):
            if not spelled.keys().isdisjoint(kwargs):
                return call(*args, **{spelled.get(name, name): value for name, value in kwargs.items()})
            for i, name in [*wanted, *((i, rest[0]) for i in range(len(names), len(args)) if many)]:
                given = args[i] if i < len(args) else kwargs.get(name, call)
                if given is not call and not hasattr(given, "requires_grad_"):
                    what = f"{op.__name__}(): argument '{name}' (position {i + 1})"
                    raise TypeError(f"{what} must be Tensor, not {type(given).__name__}") from None
            raise

    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__defaults__", "__kwdefaults__"):
        setattr(call, name, getattr(op, name))
    call.__wrapped__ = op  # type: ignore[attr-defined]
    return call


def only_tensors(op: str, given: Any) -> list[Any]:
    """The tensors of a sequence; TypeError names the first thing in it that is none."""
    for i, each in enumerate(given):
        if not hasattr(each, "requires_grad_"):
            raise TypeError(
                f"{op}(): expected Tensor as element {i} of argument 'tensors', but got {type(each).__name__}"
            )
    return list(given)


def register(card: Card) -> None:
    """Files a card. Raises ValueError if the name is taken."""
    if card.name in CARDS:
        raise ValueError(f"two cards are named {card.name}")
    CARDS[card.name] = card
    each: Any
    for each in (card.op, card.inplace, card.method):
        if type(each) is type(learn):
            learn(each)
            if each.__name__.startswith("_") and not card.name.startswith("_"):  # as its module has to call it
                each.__name__ = card.name + "_" * (each is card.inplace)


def methods() -> dict[str, Callable[..., Any]]:
    """The methods that the cards put on Tensor: the ops, their aliases, and their in-place forms."""
    found: dict[str, Callable[..., Any]] = {}
    for card in CARDS.values():
        for name in (card.name, *card.aliases):
            if card.method:
                found[name] = card.op if card.method is True else card.method
            if card.inplace is not None:
                found[name + "_"] = card.inplace
    return found


# The functions whose result is not, or not always, one tensor. What a type checker knows of the others is that it is.
NotOneTensor = Literal[
    "adaptive_max_pool1d", "allclose", "aminmax", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes",
    "broadcast_tensors", "chunk", "cummax", "cummin", "dsplit", "equal", "frexp", "geqrf", "gradient", "histogram",
    "histogramdd", "hsplit", "kthvalue", "lobpcg", "lu", "lu_unpack", "max", "max_pool1d_with_indices", "median",
    "meshgrid", "min", "mode", "nanmedian", "nonzero", "pca_lowrank", "qr", "slogdet", "sort", "split",
    "split_copy", "split_with_sizes", "split_with_sizes_copy", "std_mean", "svd", "svd_lowrank", "tensor_split",
    "to_dlpack", "topk", "triangular_solve", "unbind", "unbind_copy", "unique", "unique_consecutive",
    "unravel_index", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "var_mean", "vsplit", "where",
]  # fmt: skip


@overload
def public(name: NotOneTensor) -> Callable[..., Any]: ...
@overload
def public(name: str) -> Callable[..., Tensor]: ...
def public(name: str) -> Callable[..., Any]:
    """The function of the op with this name or alias, under its public name. Raises KeyError if there is none."""
    if name in CARDS:
        op = CARDS[name].op
        op.__name__ = op.__qualname__ = name
        op.__module__ = "dynagrad"
        return op
    for card in CARDS.values():
        if name in card.aliases:
            return card.op
    raise KeyError(name)
