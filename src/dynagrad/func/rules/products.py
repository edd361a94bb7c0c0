"""Products of vectors and matrices: one product of all examples at once."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule, wrap
from dynagrad.func.rules.common import at_front, bind, forms, lift, op, refuse_out
from dynagrad.tensor import Tensor

__all__ = ["product"]

_matmul = op("matmul")
_linear = op("linear")


def product(a: Tensor, b: Tensor, level: Level) -> Tensor:
    """The values of ``a @ b`` for all examples; at least one of them is batched."""
    if batched(a, level) and not batched(b, level) and a.ndim and b.ndim in (1, 2):
        return _matmul(a.value, b)  # rows of all examples, times one matrix
    if a.ndim == 2 and b.ndim == 1 and not batched(a, level):
        return _matmul(b.value, a.transpose(0, 1))
    left = a.ndim == 1
    right = b.ndim == 1
    rank = max(a.ndim + left, b.ndim + right)
    x = _matrices(a, level, rank, -2 if left else None)
    y = _matrices(b, level, rank, -1 if right else None)
    made = _matmul(x, y)
    if right:
        made = made.squeeze(-1)
    return made.squeeze(-2 + right) if left else made


def _matrices(x: Tensor, level: Level, rank: int, new: int | None) -> Tensor:
    """A value with ``rank`` dimensions behind that of the examples, a vector as a row or a column."""
    if not batched(x, level):
        return x if new is None else x.unsqueeze(new)
    value = x.value if new is None else x.value.unsqueeze(new)
    missing = rank + 1 - value.ndim
    return value.reshape(level.size, *(1,) * missing, *value.shape[1:]) if missing else value


_RANKS = {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1), "vdot": (1, 1)}


@rule(*forms("mm bmm mv dot vdot matmul"))
def multiplied(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A product of two."""
    refuse_out(function, kwargs)
    a, b = [each for name, each in bind(function, args, kwargs).items() if name != "out"]
    _check(function, a, b)
    return wrap(product(a, b, level), level)


def _check(function: Any, *tensors: Tensor) -> None:
    """Raises RuntimeError for shapes that the product of all examples would take, and that of one does not."""
    name = function.__name__.strip("_")
    expected = _RANKS.get(name)
    if expected is not None and tuple(t.ndim for t in tensors) != expected:
        ranks = ", ".join(f"{n}D" for n in expected)
        raise RuntimeError(f"{name}: expected tensors with {ranks} but got {', '.join(f'{t.ndim}D' for t in tensors)}")
    if len(tensors) == 2 and name == "bmm" and tensors[0].shape[0] != tensors[1].shape[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{tensors[0].shape[0]}, {tensors[0].shape[2]}] "
            f"but got: [{tensors[1].shape[0]}, {tensors[1].shape[1]}]."
        )


_ADDED = {"addmm": "mm", "addmv": "mv", "addr": "outer", "baddbmm": "bmm", "addbmm": "bmm"}
_ADDED_OF = {function: name for name in _ADDED for function in forms(name)}


@rule(*_ADDED_OF)
@in_terms_of_ops
def added(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``beta * input + alpha * product``."""
    refuse_out(function, kwargs)
    x, a, b, *_ = bound = list(bind(function, args, kwargs).values())
    beta, alpha = bound[3], bound[4]
    name = _ADDED_OF[function]
    made = op(_ADDED[name])(a, b)
    if name == "addbmm":
        made = made.sum(0)
    made = made if alpha == 1 else made * alpha
    if beta == 0:
        return made.expand(made.shape)
    return (x if beta == 1 else x * beta) + made


def _added_in_place(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    name = function.__name__.strip("_")
    made = added(op(name), level, args, kwargs)
    return args[0].copy_(made)


for _name in _ADDED:
    rule(f"{_name}_")(in_terms_of_ops(_added_in_place))


@rule(op("trace"))
def traced(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """The sum of the diagonal."""
    if args[0].ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    return wrap(args[0].value.diagonal(0, 1, 2).sum(-1), level)


@rule(op("linear"))
def linear(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``input @ weight.T + bias``; with weights of its own for every example, a batch of products."""
    bound = bind(function, args, kwargs)
    x, weight, bias = bound["input"], bound["weight"], bound["bias"]
    if not batched(weight, level) and not batched(bias, level):
        return wrap(_linear(x.value, weight, bias), level)
    if weight.ndim != 2 or not batched(weight, level):
        turned = weight.transpose(-2, -1) if weight.ndim == 2 else weight
        made = product(x, turned, level) if batched(x, level) or batched(weight, level) else _linear(x, weight)
        return wrap(made if bias is None else made + lift(bias, level, x.ndim), level)
    rows = at_front(x, level) if x.ndim > 1 else at_front(x, level).unsqueeze(1)
    flat = rows.reshape(level.size, -1, rows.shape[-1])
    turned = weight.value.transpose(1, 2)
    if bias is None:
        made = op("bmm")(flat, turned)
    else:
        start = bias.value.unsqueeze(1) if batched(bias, level) else bias
        made = op("baddbmm")(start, flat, turned)
    return wrap(made.reshape(level.size, *x.shape[:-1], weight.shape[0]), level)


@rule(op("bilinear"))
@in_terms_of_ops
def bilinear(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``input1 @ weight[k] @ input2 + bias[k]``."""
    bound = bind(function, args, kwargs)
    made = op("einsum")("...i,oij,...j->...o", bound["input1"], bound["weight"], bound["input2"])
    return made if bound["bias"] is None else made + bound["bias"]


@rule(op("tensordot"))
@in_terms_of_ops
def tensordot(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Sums of products over some dimensions, as a product named by subscripts."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    a, b, dims = bound["a"], bound["b"], bound["dims"]
    if isinstance(dims, (tuple, list)):
        dims_a, dims_b = ([each] if isinstance(each, int) else list(each) for each in dims)
    else:
        dims_a, dims_b = list(range(a.ndim - int(dims), a.ndim)), list(range(int(dims)))
    dims_a, dims_b = [d % max(a.ndim, 1) for d in dims_a], [d % max(b.ndim, 1) for d in dims_b]
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    of_a = [next(letters) for _ in range(a.ndim)]
    of_b = [of_a[dims_a[dims_b.index(d)]] if d in dims_b else next(letters) for d in range(b.ndim)]
    kept = [s for d, s in enumerate(of_a) if d not in dims_a] + [s for d, s in enumerate(of_b) if d not in dims_b]
    return op("einsum")(f"{''.join(of_a)},{''.join(of_b)}->{''.join(kept)}", a, b)
