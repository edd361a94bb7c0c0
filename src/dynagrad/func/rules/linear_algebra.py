"""Linear algebra: matrices in the last two dimensions, with any number before them."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.ops.distance import renormed
from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule
from dynagrad.func.rules.common import at_front, bind, forms, lift, like, op, refuse_out, wrapped
from dynagrad.func.rules.fallback import looped
from dynagrad.tensor import Tensor

__all__: list[str] = []

_OF_ONE = (
    "cholesky cholesky_inverse qr svd inverse det slogdet logdet pinverse matrix_exp matrix_power linalg_cholesky "
    "linalg_cholesky_ex linalg_lu_factor linalg_lu_factor_ex linalg_lu linalg_ldl_factor linalg_ldl_factor_ex linalg_qr "
    "linalg_eigh linalg_eigvalsh linalg_svd linalg_svdvals linalg_inv linalg_inv_ex linalg_slogdet linalg_pinv linalg_cond "
    "linalg_matrix_rank lu geqrf"
)
_OF_MORE = (
    "cholesky_solve triangular_solve linalg_solve_triangular linalg_ldl_solve linalg_lu_solve lu_solve lu_unpack "
    "linalg_householder_product ormqr linalg_lstsq"
)


@rule(*forms(" ".join(name for name in _OF_ONE.split() if name in CARDS)))
def matrices(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """An op of matrices; the examples are one more dimension before."""
    refuse_out(function, kwargs)
    if any(isinstance(each, Tensor) for each in (*args[1:], *kwargs.values())):
        return looped(function, level, args, kwargs)
    if args[0].ndim < 2:
        return looped(function, level, args, kwargs, warn=False)  # and its error
    return wrapped(function(args[0].value, *args[1:], **kwargs), level)


@rule(*forms(" ".join(name for name in _OF_MORE.split() if name in CARDS)))
def several(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """An op of several matrices, all of them with the examples before."""
    refuse_out(function, kwargs)
    tensors = [each for each in args if isinstance(each, Tensor)]
    if any(isinstance(each, Tensor) for each in kwargs.values()) or any(each.ndim < 2 for each in tensors[:1]):
        return looped(function, level, args, kwargs)
    ranks = {each.ndim for each in tensors}
    if len(ranks) > 1 and function is not op("linalg_householder_product"):
        return looped(function, level, args, kwargs, warn=False)
    found = function(*(at_front(each, level) if isinstance(each, Tensor) else each for each in args), **kwargs)
    if function is op("linalg_lstsq"):  # what was not asked for is empty, however many examples there are
        found = like(
            found,
            [each if each.ndim and len(each) == level.size else each.expand(level.size, *each.shape) for each in found],
        )
    return wrapped(found, level)


@rule(*forms("linalg_solve linalg_solve_ex"))
def solved(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Systems of equations. A right side that is one vector for each example is one column, not a matrix."""
    refuse_out(function, kwargs)
    a, b, *rest = args
    named = {name: each for name, each in kwargs.items() if name != "out"}
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape)
    if vector and named.get("left", True) and not rest:
        rank = max(a.ndim, b.ndim + 1)
        found = function(_lifted(a, level, rank), _lifted(b, level, rank - 1).unsqueeze(-1), **named)
        parts = found if isinstance(found, tuple) else (found,)
        made = [parts[0].squeeze(-1), *parts[1:]]
        return wrapped(like(found, made) if isinstance(found, tuple) else made[0], level)
    rank = max(a.ndim, b.ndim)
    return wrapped(function(_lifted(a, level, rank), _lifted(b, level, rank), *rest, **named), level)


def _lifted(x: Tensor, level: Level, rank: int) -> Tensor:
    if batched(x, level):
        return lift(x, level, rank)
    return x.expand(level.size, *(1,) * (rank - x.ndim), *x.shape)


@rule(*forms("linalg_matrix_norm linalg_vecdot linalg_diagonal cross linalg_cross"))
def with_dims(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Ops whose dimensions are counted from the last one unless named."""
    refuse_out(function, kwargs)
    bound = {name: each for name, each in bind(function, args, kwargs).items() if name != "out"}
    tensors = {name: each for name, each in bound.items() if isinstance(each, Tensor)}
    rank = max(each.ndim for each in tensors.values())
    for name in ("dim", "dim1", "dim2"):
        dim = bound.get(name)
        if isinstance(dim, int):
            bound[name] = dim if dim < 0 else dim - rank
        elif dim is not None:
            bound[name] = tuple(each if each < 0 else each - rank for each in dim)
    if function is op("cross") and bound["dim"] is None:
        shape = next(iter(tensors.values())).shape
        bound["dim"] = next((i - len(shape) for i, size in enumerate(shape) if size == 3), -1)
    for name, each in tensors.items():
        bound[name] = _lifted(each, level, rank)
    return wrapped(function(**bound), level)


@rule(op("linalg_norm"))
@in_terms_of_ops
def norm(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A norm of vectors, or of matrices where two dimensions or an order of matrices say so."""
    refuse_out(function, kwargs)
    x, order, dim, keepdim, dtype, *_ = bind(function, args, kwargs).values()
    named = {"dtype": dtype} if dtype is not None else {}
    pair = x.ndim == 2 if dim is None else not isinstance(dim, int) and len(dim) == 2
    if order is not None and pair:
        return op("linalg_matrix_norm")(x, order, (-2, -1) if dim is None else dim, keepdim, **named)
    return op("linalg_vector_norm")(x, 2 if order is None else order, dim, keepdim, **named)


@rule(*forms("cdist"))
def distances(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Distances between rows."""
    a, b, *rest = args
    rank = max(a.ndim, b.ndim)
    return wrapped(function(_lifted(a, level, rank), _lifted(b, level, rank), *rest, **kwargs), level)


@rule(*forms("dist"))
@in_terms_of_ops
def distance(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The norm of the difference of two tensors."""
    a, b, p = bind(function, args, kwargs).values()
    return (a - b).norm(p)


@rule(*forms("renorm"))
@in_terms_of_ops
def shortened(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Slices scaled down to a norm."""
    refuse_out(function, kwargs)
    return renormed(*list(bind(function, args, kwargs).values())[:4])


@rule(*forms("kron"))
@in_terms_of_ops
def kron(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every element of one times the whole other."""
    refuse_out(function, kwargs)
    a, b = args[:2]
    rank = max(a.ndim, b.ndim)
    shape_a = [*(1,) * (rank - a.ndim), *a.shape]
    shape_b = [*(1,) * (rank - b.ndim), *b.shape]
    left = a.reshape([size for each in shape_a for size in (each, 1)])
    right = b.reshape([size for each in shape_b for size in (1, each)])
    return (left * right).reshape([x * y for x, y in zip(shape_a, shape_b, strict=True)])


@rule(op("linalg_tensorinv"))
@in_terms_of_ops
def tensorinv(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The inverse of the matrix that the first ``ind`` dimensions and the others make."""
    refuse_out(function, kwargs)
    a, ind, *_ = bind(function, args, kwargs).values()
    rows, columns = a.shape[:ind], a.shape[ind:]
    if ind <= 0 or rows.numel() != columns.numel():
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns.numel()} != {rows.numel()}."
        )
    return op("linalg_inv")(a.reshape(rows.numel(), columns.numel())).reshape(*columns, *rows)


@rule(op("linalg_tensorsolve"))
@in_terms_of_ops
def tensorsolve(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The solution of the system whose equations are the first dimensions, and whose unknowns the others."""
    refuse_out(function, kwargs)
    a, b, dims, *_ = bind(function, args, kwargs).values()
    if dims is not None:
        a = a.movedim(tuple(dims), tuple(range(a.ndim - len(dims), a.ndim)))
    unknowns = a.shape[b.ndim :]
    if unknowns.numel() != b.numel():
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{unknowns.numel()} != {b.numel()}."
        )
    return op("linalg_solve")(a.reshape(b.numel(), -1), b.reshape(-1)).reshape(unknowns)
