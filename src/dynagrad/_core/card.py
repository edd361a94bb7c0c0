"""The card: what an op says about itself, beside its code. Methods, tests, docs pages and benchmark rows derive from it.

Which names are public is listed in ``dynagrad/__init__.py``; how sample inputs are drawn, in ``tests/samples.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CARDS: dict[str, Card] = {}


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
        self.name, self.op, self.node, self.kind = name, op, node, kind
        self.inplace, self.method, self.function, self.aliases = inplace, method, function, aliases
        self.samples, self.domain = samples or kind, domain


def register(card: Card) -> None:
    """Files a card. Raises ValueError if the name is taken."""
    if card.name in CARDS:
        raise ValueError(f"two cards are named {card.name}")
    CARDS[card.name] = card


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
