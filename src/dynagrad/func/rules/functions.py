"""Custom Functions under ``vmap``: by a rule of their own, or by one made of their forward and backward; and ``autograd.grad``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from dynagrad._core.base import grad as engine_grad
from dynagrad._core.intercept import told
from dynagrad.autograd.function import Function
from dynagrad.func.batched import BatchedTensor, Level, batched, call_below, levels_of, open_levels, opened, rule, wrap
from dynagrad.func.rules.common import at_front, bind, op
from dynagrad.func.tape import plain, rebatched
from dynagrad.tensor import Tensor
from dynagrad.utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_map, tree_unflatten

__all__ = ["VmapInfo"]

_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a Function's ``vmap`` is told of the level."""

    batch_size: int
    randomness: str


@rule("apply")
def applied(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A custom Function on batched tensors."""
    cls, *inputs = args
    if kwargs:
        inputs = list(cls._positional(tuple(inputs), kwargs))
    name = cls.__name__
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. "
            f"Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {_MORE}"
        )
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override "
            f"the setup_context staticmethod. {_MORE}"
        )
    if own:
        return _by_its_rule(cls, level, inputs)
    if not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the vmap "
            f"staticmethod or set generate_vmap_rule=True. {_MORE}"
        )
    leaves, spec = tree_flatten(tuple(inputs))
    levels = [each for each in open_levels() if any(each in levels_of(x) for x in leaves)]
    places = [tuple(levels.index(each) for each in levels_of(x)) for x in leaves]
    values = [plain(x, levels_of(x)) if isinstance(x, Tensor) else x for x in leaves]
    call = _Call(cls, spec, places, levels)
    found = call_below(levels[0], _Generated.apply, call, *values)
    parts = found if isinstance(found, tuple) else (found,)
    assert call.output is not None
    return tree_unflatten([rebatched(y, levels) if isinstance(y, Tensor) else y for y in parts], call.output)


def _by_its_rule(cls: Any, level: Level, inputs: Sequence[Any]) -> Any:
    """``cls.vmap(info, in_dims, *inputs)``, which returns the outputs and where their batch dimensions are."""
    dims = tuple(tree_map(lambda x: 0 if batched(x, level) else None, x) for x in inputs)
    values = [tree_map(lambda x: x.value if batched(x, level) else x, x) for x in inputs]
    result = call_below(level, told, cls.vmap, VmapInfo(level.size, level.randomness), dims, *values)
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible "
            f"with the output. Got {'a ' + type(result).__name__ if not isinstance(result, tuple) else f'{len(result)} returns'}."
        )
    output, out_dims = result
    leaves, spec = tree_flatten(output)
    places = _broadcast_to_and_flatten(out_dims, spec)
    if places is None:
        raise RuntimeError(
            f"{cls.__name__}.vmap returned an incompatible (output, out_dims) tuple. Expected out_dims={out_dims} to be "
            f"compatible with the structure of output={output}. out_dims has structure {tree_flatten(out_dims)[1]} but output "
            f"has structure {spec}."
        )
    made = [
        y if dim is None or not isinstance(y, Tensor) else wrap(y if dim == 0 else y.movedim(dim, 0), level)
        for y, dim in zip(leaves, places, strict=True)
    ]
    return tree_unflatten(made, spec)


# ---- a rule made of forward and backward -------------------------------------------------------------------------------


class _Call:
    """One application: the Function, the tree of its inputs, of which levels each is, and the tree of its output."""

    def __init__(self, cls: Any, spec: Any, places: list[tuple[int, ...]], levels: list[Level]) -> None:
        self.cls, self.spec, self.places = cls, spec, places
        self.sizes = [(level.size, level.randomness) for level in levels]
        self.output: Any = None

    def run(self, function: Any, *args: Any) -> Any:
        """``function(levels, *args)`` with levels open like those of the application, which may be closed by now."""
        with ExitStack() as stack:
            levels = [stack.enter_context(opened(Level(*each))) for each in self.sizes]
            return told(function, levels, *args)


class _Kept(NamedTuple):
    """A tensor as it was kept: all examples, and of which levels it is."""

    value: Tensor
    places: tuple[int, ...]


def _keep(x: Any, levels: list[Level]) -> Any:
    def kept(t: Any) -> Any:
        if not isinstance(t, BatchedTensor):
            return t
        return _Kept(plain(t, levels_of(t)), tuple(levels.index(each) for each in levels_of(t)))

    return tree_map(kept, x)


def _is_kept(x: Any) -> bool:
    return isinstance(x, _Kept)


def _again(x: Any, levels: list[Level]) -> Any:
    def made(t: Any) -> Any:
        return rebatched(t.value, [levels[i] for i in t.places]) if _is_kept(t) else t

    return tree_map(made, x, is_leaf=_is_kept)


class _Context:
    """The ``ctx`` that the Function's own methods see: it keeps what they hang on it."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()
        self.constants: tuple[Any, ...] = ()
        self.materialises = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for backward."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Without effect: forward mode is two backward passes."""

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Says which outputs have no derivative."""
        self.constants = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros for an output without a gradient."""
        self.materialises = value

    def mark_dirty(self, *_inputs: Any) -> None:
        """Raises RuntimeError."""
        raise RuntimeError(
            "mark_dirty is not supported together with generate_vmap_rule=True: write a vmap staticmethod that says what "
            "becomes of the inputs"
        )


class _Generated(Function):
    """Runs the forward and the backward of a Function on all examples, each under levels of its own."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *values: Any) -> Any:
        """All examples of the outputs."""
        return call.run(_Generated._forward, ctx, call, values)

    @staticmethod
    def _forward(levels: list[Level], ctx: Any, call: _Call, values: tuple[Any, ...]) -> Any:
        leaves = [
            rebatched(x, [levels[i] for i in places]) if isinstance(x, Tensor) else x
            for x, places in zip(values, call.places, strict=True)
        ]
        inputs = tree_unflatten(leaves, call.spec)
        output = call.cls.forward(*inputs)
        inner = _Context()
        call.cls.setup_context(inner, inputs, output)
        flat, call.output = tree_flatten(output)
        made = [plain(y, levels) if isinstance(y, Tensor) else y for y in flat]
        constants = [y for y, t in zip(made, flat, strict=True) if any(t is each for each in inner.constants)]
        if constants:
            ctx.mark_non_differentiable(*constants)
        ctx.set_materialize_grads(inner.materialises)
        saved = [_keep(t, levels) for t in inner.saved_tensors]
        ctx.save_for_backward(*(t.value if _is_kept(t) else t for t in saved))
        ctx.saved_places = [t.places if _is_kept(t) else None for t in saved]
        state = {"saved_tensors", "needs_input_grad", "constants", "materialises"}
        ctx.kept = {name: _keep(each, levels) for name, each in vars(inner).items() if name not in state}
        ctx.call = call
        ctx.shapes = [x.shape if isinstance(x, Tensor) else None for x in leaves]
        return tuple(made) if len(made) != 1 else made[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """All examples of the gradients; of an input that they share, their sum."""
        return ctx.call.run(_Generated._backward, ctx, gradients)

    @staticmethod
    def _backward(levels: list[Level], ctx: Any, gradients: tuple[Any, ...]) -> Any:
        inner = _Context()
        for name, each in ctx.kept.items():
            setattr(inner, name, _again(each, levels))
        inner.saved_tensors = tuple(
            t if places is None else _again(_Kept(t, places), levels)
            for t, places in zip(ctx.saved_tensors, ctx.saved_places, strict=True)
        )
        inner.needs_input_grad = ctx.needs_input_grad[1:]
        cls = ctx.call.cls
        backward = cls.backward if cls.vjp is Function.vjp else cls.vjp
        found = backward(inner, *(g if g is None else rebatched(g, levels) for g in gradients))
        results = found if isinstance(found, tuple) else (found,)
        # A gradient for each input; one that is a tree of tensors is a leaf to PyTorch, too, and has none.
        made: list[Any] = []
        for g, spec in zip(results, ctx.call.spec.children(), strict=False):
            made += [g] if spec.is_leaf() else [None] * spec.num_leaves
        return None, *(
            _fitted(g, shape, places, levels)
            for g, shape, places in zip(made, ctx.shapes, ctx.call.places, strict=True)
        )


def _fitted(g: Any, shape: Any, places: tuple[int, ...], levels: list[Level]) -> Any:
    """The gradient of an input: summed over the levels of which it is not."""
    if g is None or shape is None:
        return None
    every = plain(g, levels)
    lead = every.shape[: len(levels)]
    every = every if every.shape[len(levels) :] == shape else every.expand(*lead, *shape)
    shared = [i for i in range(len(levels)) if i not in places]
    return every.sum(shared) if shared else every


# ---- autograd.grad inside of vmap --------------------------------------------------------------------------------------


@rule("grad")
def gradients(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The gradients of all examples, with respect to tensors that every example has for itself.

    Where only the gradients of the outputs differ from example to example, there is one walk for each.
    """
    bound = bind(function, args, kwargs)
    if bound["is_grads_batched"]:
        return _row_after_row(function, level, bound)
    outputs, inputs = _listed(bound["outputs"]), _listed(bound["inputs"])
    weights = _listed(bound["grad_outputs"]) or [None] * len(outputs)
    if any(batched(y, level) for y in outputs) and not all(batched(x, level) for x in inputs):
        raise RuntimeError(
            "torch.autograd.grad inside of vmap cannot tell the examples' gradients of a tensor that they share apart: use "
            "torch.func.grad, which gives each of them its own"
        )
    rest = {name: bound[name] for name in ("retain_graph", "create_graph", "allow_unused", "materialize_grads")}
    if any(batched(v, level) for v in weights) and not any(batched(y, level) for y in outputs):
        return _walk_for_each(outputs, inputs, weights, level, rest)
    vs = [op("ones_like")(y) if v is None else v for y, v in zip(outputs, weights, strict=True)]
    found = engine_grad(
        [y.value if batched(y, level) else y for y in outputs],
        [x.value if batched(x, level) else x for x in inputs],
        [at_front(v, level) if batched(y, level) else v for y, v in zip(outputs, vs, strict=True)],
        **rest,
    )
    return tuple(
        g if g is None or not batched(x, level) else wrap(g, level) for g, x in zip(found, inputs, strict=True)
    )


def _listed(x: Any) -> list[Any]:
    return [] if x is None else list(x) if isinstance(x, (tuple, list)) else [x]


def _walk_for_each(outputs: Any, inputs: Any, weights: list[Any], level: Level, options: dict[str, Any]) -> Any:
    """The gradients of what all examples share, in the direction of each: the rows of a Jacobian, if those are unit vectors."""
    rows = [at_front(v, level) if batched(v, level) else None for v in weights]
    keep = options["create_graph"] if options["retain_graph"] is None else options["retain_graph"]
    found = []
    for i in range(level.size):
        vs = [v if row is None else op("select")(row, 0, i) for v, row in zip(weights, rows, strict=True)]
        found.append(engine_grad(outputs, inputs, vs, **{**options, "retain_graph": keep or i < level.size - 1}))
    return tuple(None if column[0] is None else wrap(op("stack")(column), level) for column in zip(*found, strict=True))


def _row_after_row(function: Any, level: Level, bound: dict[str, Any]) -> Any:
    """`gradients` for each row of the gradients of the outputs."""

    def row(v: Any, k: int) -> Any:
        if batched(v, level):
            return wrap(op("select")(at_front(v, level), 1, k), level)
        return None if v is None else op("select")(v, 0, k)

    weights = _listed(bound["grad_outputs"])
    count = next((v.shape[0] for v in weights if v is not None), 0)
    keep = bound["create_graph"] if bound["retain_graph"] is None else bound["retain_graph"]
    found = []
    for k in range(count):
        options = {"is_grads_batched": False, "retain_graph": keep or k < count - 1}
        vs = [row(v, k) for v in weights]
        found.append(gradients(function, level, (), {**bound, **options, "grad_outputs": vs}))
    return tuple(_stacked(column, level) for column in zip(*found, strict=True))


def _stacked(rows: Sequence[Any], level: Level) -> Any:
    if rows[0] is None:
        return None
    if not batched(rows[0], level):
        return op("stack")(rows)
    return wrap(op("stack")([at_front(each, level) for each in rows], 1), level)
