"""Reductions, and ops along one dimension: dimensions are counted from the one behind the examples'."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, rule
from dynagrad.func.rules.common import bind, dim_in, dims_in, forms, like, op, refuse_out, wrapped
from dynagrad.func.rules.pointwise import pointwise
from dynagrad.tensor import Tensor

__all__ = ["along_one", "reduction"]

_OF_NAMES = {"aminmax", "max", "min", "median", "nanmedian", "mode", "kthvalue", "var_mean", "std_mean"}


def _call(function: Any, bound: dict[str, Any], value: Tensor, dim: Any) -> Any:
    """The op along physical dimensions, with its other arguments."""
    first = next(iter(bound))
    others = {name: each for name, each in bound.items() if name not in (first, "dim", "axis", "out", "other")}
    if others.get("keepdim") is False:
        del others["keepdim"]
    for name in ("unbiased", "correction", "dtype"):
        if others.get(name, 0) is None:
            del others[name]
    return function(value, dim=dim, **others)


def reduction(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``op(input, dim=None, keepdim=False, ...)``: over all dimensions of an example, or over some."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x = next(iter(bound.values()))
    dim = bound.get("axis") if bound.get("dim") is None else bound["dim"]
    if isinstance(dim, bool):  # var(input, unbiased)
        bound["unbiased"], dim = dim, None
    value, keep = x.value, bool(bound.get("keepdim"))
    whole = dim is None or (not isinstance(dim, int) and not len(dim))
    if x.ndim == 0:
        dims_in(() if whole else dim, 0)
        found = _call(function, bound | {"keepdim": False} if "keepdim" in bound else bound, value.unsqueeze(1), 1)
        return wrapped(found, level)
    if not whole:
        inside = dim_in(dim, x.ndim) if isinstance(dim, int) else dims_in(dim, x.ndim)
        return wrapped(_call(function, bound, value, inside), level)
    found = _call(function, bound | {"keepdim": False} if "keepdim" in bound else bound, value.flatten(1), 1)
    if keep:
        shape = (level.size, *(1,) * x.ndim)
        found = (
            like(found, [each.reshape(shape) for each in found]) if isinstance(found, tuple) else found.reshape(shape)
        )
    return wrapped(found, level)


rule(
    *forms(
        "sum nansum mean amax amin aminmax argmax argmin any all count_nonzero var std var_mean std_mean linalg_vector_norm"
    )
)(reduction)
rule(*forms("logsumexp prod nanmean"))(reduction)


@rule(op("norm"))
def norm(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The nuclear norm is of matrices; the others are reductions."""
    bound = bind(function, args, kwargs)
    if bound["p"] != "nuc":
        return reduction(function, level, args, kwargs)
    dims = dims_in(bound["dim"], bound["input"].ndim)
    return wrapped(function(bound["input"].value, "nuc", dims, bool(bound["keepdim"])), level)


@rule(*forms("max min"))
def extreme(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The extreme element; with its index, along a dimension; or of two tensors, element by element."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    other = bound["dim"] if isinstance(bound["dim"], Tensor) else bound["other"]
    biggest = function is op("max")
    if other is not None:
        return pointwise(op("maximum" if biggest else "minimum"), level, (bound["input"], other), {})
    if bound["dim"] is None and bound["axis"] is None:
        return reduction(op("amax" if biggest else "amin"), level, (bound["input"],), {})
    return reduction(function, level, (bound["input"],), {name: bound[name] for name in ("dim", "axis", "keepdim")})


@rule(*forms("median nanmedian"))
def middle(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The median of all elements; with its index, along a dimension."""
    found = reduction(function, level, args, kwargs)
    return found if bind(function, args, kwargs)["dim"] is not None else found[0]


def along_one(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``op(input, ..., dim, ...)`` along one dimension, whose results keep the others."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x = next(iter(bound.values()))
    if not batched(x, level):
        return function(*args, **kwargs)
    names = [name for name, each in bound.items() if name not in ("out", "axis") and each is not None]
    rest = {name: bound[name] for name in names[1:]}
    rest["dim"] = dim_in(bound["dim"], x.ndim)
    found = function(x.value if x.ndim else x.value.unsqueeze(1), **rest)
    if x.ndim:
        return wrapped(found, level)
    keeps = "keepdim" not in bound or bound["keepdim"]
    if not keeps:
        return wrapped(found, level)
    parts = found if isinstance(found, tuple) else (found,)
    made = [each.squeeze(1) for each in parts]
    return wrapped(like(found, made) if isinstance(found, tuple) else made[0], level)


rule(*forms("softmax log_softmax cumsum cumprod logcumsumexp cummax cummin sort argsort topk kthvalue mode glu"))(
    along_one
)


@rule(op("msort"))
def sorted_first(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Sorted along the first dimension."""
    refuse_out(function, kwargs)
    return along_one(op("sort"), level, (args[0], 0), {})[0]


@rule(*forms("quantile nanquantile"))
def quantiles(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The dimension of the quantiles comes first, before that of the examples."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x, q, dim = bound["input"], bound["q"], bound["dim"]
    if not batched(x, level) or (isinstance(q, Tensor) and batched(q, level)):
        from dynagrad.func.rules.fallback import looped

        return looped(function, level, args, kwargs)
    rest = {name: each for name, each in bound.items() if name == "interpolation"}
    value = x.value if dim is not None and x.ndim else x.value.flatten(1) if x.ndim else x.value.unsqueeze(1)
    inside = dim_in(dim, x.ndim) if dim is not None else 1
    found = function(value, q, inside, bool(bound["keepdim"]) and dim is not None and x.ndim > 0, **rest)
    many = isinstance(q, Tensor) and q.ndim
    if many:
        found = found.movedim(1, 0)
    if bound["keepdim"] and dim is None:
        found = found.reshape(level.size, *(q.shape if many else ()), *(1,) * x.ndim)
    return wrapped(found, level)
