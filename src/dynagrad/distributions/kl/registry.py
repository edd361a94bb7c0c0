"""The table of formulas, and the choice of the one for two distributions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from dynagrad import Tensor
from dynagrad.distributions.distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Tensor]
Pair = tuple[type[Distribution], type[Distribution]]

_KL_REGISTRY: dict[Pair, Formula] = {}
_KL_MEMOIZE: dict[Pair, Formula | None] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[Formula], Formula]:
    """Decorates a function that computes the divergence of a ``type_p`` from a ``type_q``, or of their subclasses.

    Of several that fit the most specific one is used, ``type_p`` deciding first; where the choice would be another if
    ``type_q`` decided first, a RuntimeWarning asks to register the pair itself. TypeError for what is no Distribution.

    >>> import dynagrad as torch
    >>> from dynagrad.distributions import Normal, kl_divergence, register_kl
    >>> class Mine(Normal): pass
    >>> @register_kl(Mine, Mine)
    ... def kl_mine_mine(p, q):
    ...     return "mine"
    >>> kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))
    'mine'
    """
    for name, given in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def decorator(formula: Formula) -> Formula:
        _KL_REGISTRY[type_p, type_q] = formula
        _KL_MEMOIZE.clear()
        return formula

    return decorator


def _found(type_p: type[Distribution], type_q: type[Distribution]) -> Formula | None:
    fitting = [pair for pair in _KL_REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not fitting:
        return None
    depth = {pair: (type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])) for pair in fitting}
    by_p = min(fitting, key=lambda pair: depth[pair])
    by_q = min(fitting, key=lambda pair: depth[pair][::-1])
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({by_p[0].__name__}, {by_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[by_p]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expectation of ``log p(x) - log q(x)`` under p, of the shape of the batch.

    NotImplementedError where there is no formula for the types of p and q.

    >>> import dynagrad as torch
    >>> from dynagrad.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _KL_MEMOIZE:
        _KL_MEMOIZE[pair] = _found(*pair)
    formula = _KL_MEMOIZE[pair]
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return formula(p, q)
