"""Ops that are several ops inside and one node in the graph: how such a node is recorded, and derivatives of some.

The values are worked out where the ops are, in `composite` and `nn.functional`. Distances are in `distance`.
"""
import cython

from libc.math cimport log

from dynagrad._core.card import CARDS

from dynagrad._core.graph cimport (
    Node, attach_many, begin, link, needs, prepare, reserve_saved, save, save_result, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport copy_into, copy_of
from dynagrad._core.ops.pointwise cimport zeros_of
from dynagrad._core.tensor cimport TensorBase, is_tensor

cdef double LN2 = log(2.0)


def whole(type node_class, tuple inputs, values, tuple saved=(), tuple params=None, TensorBase target=None):
    """What ``values()`` returns, recorded as one node of the class instead of the ops that made it.

    A tensor that stands for many, as under vmap, is left to the rules of those ops.

    Args:
        inputs: the tensors, or None and numbers, that the edges of the node stand for.
        saved: tensors in the order of the class's ``_saves``; the result goes where that says "result".
        params: further arguments, in the order of ``_keeps``.
        target: the tensor that an op in place writes to, the first input.
    """
    cdef Node node = None
    cdef TensorBase result
    cdef bint recording = False, before = thread_state.grad_enabled
    cdef int i
    for each in inputs:
        if is_tensor(each) and getattr(each, "stands_for_many", False):
            return values() if target is None else target.copy_(values())
        recording = recording or wants_grad(each)
    if target is not None:
        prepare(target, True, recording)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        begin(node, len(inputs))
        reserve_saved(node, len(node_class._saves))
        for i, each in enumerate(inputs):
            if is_tensor(each):
                link(node, i, <TensorBase>each)
        for i, each in enumerate(saved):
            if each is not None:
                save(node, i, copy_of(<TensorBase>each) if each is target else <TensorBase>each)
        node.params = params
    thread_state.grad_enabled = False
    try:
        result = values()
    finally:
        thread_state.grad_enabled = before
    if target is not None:
        copy_into(target, result)
        result = target
    settle(node, result, inputs[0], inputs[1] if len(inputs) > 1 else None, target, target is not None)
    if node is not None and "result" in node_class._saves:
        save_result(node, node_class._saves.index("result"), result)
    return result


cdef object saved_of(Node node, int i):
    return unpack(node, i)


# ---- element by element ----------------------------------------------------------------------------------------------

@cython.final
cdef class LdexpBackward0(Node):                        # d(a 2^b) = 2^b da + ln 2 a 2^b db
    _saves = ("other", "result")

    cdef object vjp(self, TensorBase g):
        return (g * CARDS["pow"].op(2.0, saved_of(self, 0)) if needs(self, 0) else None,
                g * saved_of(self, 1) * LN2 if needs(self, 1) else None)


@cython.final
cdef class MvlgammaBackward0(Node):                     # the sum of digamma(a - j / 2) over j < p
    _saves = ("self",)
    _keeps = ("p",)

    cdef object vjp(self, TensorBase g):
        x = saved_of(self, 0)
        steps = CARDS["arange"].op(0, self.params[0], dtype=x.dtype) / -2
        return g * (x.unsqueeze(-1) + steps).digamma().sum(-1)


cdef object _log1p_where_it_counts(object g, object a, object b):
    """g log(1 + b), and 0 where a is 0 and the logarithm is not finite."""
    return CARDS["where"].op((a == 0) & (b <= -1), 0.0, g * b.log1p())


@cython.final
cdef class SpecialXlog1PyBackward0(Node):               # d(a log(1 + b)) = log(1 + b) da + a / (1 + b) db
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        a, b = saved_of(self, 0), saved_of(self, 1)
        return _log1p_where_it_counts(g, a, b) if needs(self, 0) else None, g * a / (b + 1) if needs(self, 1) else None


@cython.final
cdef class SpecialXlog1PyBackward1(Node):               # a is a number
    _saves = ("other",)
    _keeps = ("self",)

    cdef object vjp(self, TensorBase g):
        return g * self.params[0] / (saved_of(self, 0) + 1)


@cython.final
cdef class SpecialXlog1PyBackward2(Node):               # b is a number
    _saves = ("self",)
    _keeps = ("other",)

    cdef object vjp(self, TensorBase g):
        a = saved_of(self, 0)
        return _log1p_where_it_counts(g, a, a.new_full((), self.params[0]))


@cython.final
cdef class AngleBackward0(Node):                        # of real numbers, whose angles are constant
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


# ---- vectors and matrices --------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgCrossBackward0(Node):                  # d(a x b) = da x b + a x db
    _saves = ("self", "other")
    _keeps = ("dim",)

    cdef object vjp(self, TensorBase g):
        cross, dim = CARDS["linalg_cross"].op, self.params[0]
        return (cross(saved_of(self, 1), g, dim=dim) if needs(self, 0) else None,
                cross(g, saved_of(self, 0), dim=dim) if needs(self, 1) else None)


@cython.final
cdef class LinalgMatrixExpBackward0(Node):              # exp((A^T, g), (0, A^T)) has the gradient above its diagonal
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        turned = saved_of(self, 0).mT
        cat, n = CARDS["cat"].op, turned.shape[-1]
        above, below = cat((turned, g), -1), cat((turned.new_zeros(turned.shape), turned), -1)
        return CARDS["matrix_exp"].op(cat((above, below), -2)).narrow(-2, 0, n).narrow(-1, n, n)


# ---- losses of margins -----------------------------------------------------------------------------------------------

cdef enum:
    MEAN = 1                                            # as in `losses`, where the numbers of the reductions are


cdef object _of_rows(object g, object rows, int reduction):
    """The gradient of each row's loss as a column."""
    if reduction == MEAN:
        g = g / rows.shape[0]
    return g.reshape(-1, 1) if g.ndim else g


@cython.final
cdef class MultiMarginLossBackward0(Node):              # params: and the number of the reduction
    _saves = ("self", "target", "weight")
    _keeps = ("p", "margin", "reduction")

    cdef object vjp(self, TensorBase g):
        p, margin, reduction = self.params
        x = saved_of(self, 0)
        rows, target = x.reshape(-1, x.shape[-1] if x.ndim else 1), saved_of(self, 1).reshape(-1, 1)
        gaps = (margin - rows.gather(1, target) + rows).scatter(1, target, 0.0)
        slope = (gaps > 0).to(rows.dtype) if p == 1 else 2 * gaps.clamp_min(0)
        weight = unpack(self, 2)
        if weight is not None:
            slope = slope * (<object>weight).take(target)
        slope = slope * _of_rows(g, rows, reduction) / rows.shape[1]
        return slope.scatter_add(1, target, -slope.sum(1, True)).reshape(x.shape)


@cython.final
cdef class MultilabelMarginLossBackward0(Node):
    _saves = ("self", "target", "is_target")
    _keeps = ("reduction",)

    cdef object vjp(self, TensorBase g):
        x = saved_of(self, 0)
        n = x.shape[-1] if x.ndim else 1
        rows, wanted = x.reshape(-1, n), saved_of(self, 1).reshape(-1, n)
        is_target = saved_of(self, 2).reshape(-1, n)
        listed = (wanted < 0).long().cumsum(1) == 0
        index = wanted.masked_fill(~listed, 0)
        violated = (1 - rows.gather(1, index).unsqueeze(2) + rows.unsqueeze(1) > 0) & listed.unsqueeze(2)
        slopes = (violated & (is_target == 0).unsqueeze(1)).to(rows.dtype) * _of_rows(g, rows, self.params[0]).unsqueeze(-1)
        slopes = slopes / n
        return (slopes.sum(1) - rows.new_zeros(rows.shape).scatter_add(1, index, slopes.sum(2))).reshape(x.shape)


# ---- bags of rows ----------------------------------------------------------------------------------------------------

@cython.final
cdef class EmbeddingBagBackward0(Node):
    """Of sums, means or maxima of rows: result1 is the bag of each index, result2 the sizes, result3 the rows of the maxima."""

    _saves = ("indices", "offsets", "per_sample_weights", "weight", "result1", "result2", "result3")
    _keeps = ("mode", "padding_idx", "scale_grad_by_freq", "sparse", "weight_sym_argsize_0")

    cdef object vjp(self, TensorBase g):
        mode, padding, by_frequency = self.params[:3]
        indices, bag_of, sizes = saved_of(self, 0), saved_of(self, 4), saved_of(self, 5)
        factors, weight = unpack(self, 2), unpack(self, 3)
        rows = self.params[4]
        of_weight = (<object>g).new_zeros((rows, (<object>g).shape[1]))
        if mode == 2:
            some = (sizes > 0).unsqueeze(1).to((<object>g).dtype)
            return of_weight.scatter_add(0, saved_of(self, 6), g * some), None
        if padding >= 0:
            kept = indices != padding
            indices, bag_of = indices[kept], bag_of[kept]
        each = (g / sizes.clamp(min=1).to((<object>g).dtype).unsqueeze(1) if mode == 1 else g).index_select(0, bag_of)
        of_factors = None
        if factors is not None:
            used = (<object>factors)[kept] if padding >= 0 else factors
            if needs(self, 1):
                of_factors = (each * (<object>weight).index_select(0, indices)).sum(1)
                if padding >= 0:
                    of_factors = of_factors.new_zeros(kept.shape).masked_scatter(kept, of_factors)
            each = each * used.unsqueeze(1)
        if by_frequency:
            counts = CARDS["bincount"].op(indices, minlength=rows)
            each = each / counts.index_select(0, indices).to(each.dtype).unsqueeze(1)
        return of_weight.index_add(0, indices, each) if needs(self, 0) else None, of_factors


# ---- copies of views -------------------------------------------------------------------------------------------------

def _as_view(*names):
    """Shows what the node of the view does."""
    def asker(name):
        return lambda node: getattr(node.of_view, name)
    return {name: asker(f"_saved_{name}") for name in names}


cdef class _CopyNode(Node):                             # params: the view's own node, which knows the way back
    cdef object vjp(self, TensorBase g):
        return (<Node>self.params[0]).vjp(g)

    cdef object vjp_many(self, list gradients):
        return (<Node>self.params[0]).vjp_many(gradients)

    @property
    def of_view(self):
        """The node of the view that was copied."""
        return self.params[0]


@cython.final
cdef class AliasBackward0_copy(_CopyNode):
    pass


@cython.final
cdef class AsStridedBackward0_copy(_CopyNode):
    _shows = _as_view("size", "stride", "storage_offset")


@cython.final
cdef class ExpandBackward0_copy(_CopyNode):
    _shows = _as_view("self_sym_sizes")


@cython.final
cdef class PermuteBackward0_copy(_CopyNode):
    _shows = _as_view("dims")


@cython.final
cdef class SelectBackward0_copy(_CopyNode):
    _shows = _as_view("dim", "index", "self_sym_sizes")


@cython.final
cdef class SplitBackward0_copy(_CopyNode):
    _shows = _as_view("dim", "self_sym_sizes", "split_size")


@cython.final
cdef class SplitWithSizesBackward0_copy(_CopyNode):
    _shows = _as_view("dim", "self_sym_sizes", "split_sizes")


@cython.final
cdef class SqueezeBackward0_copy(_CopyNode):
    _shows = _as_view("self_sym_sizes")


@cython.final
cdef class SqueezeBackward1_copy(_CopyNode):
    _shows = _as_view("dim", "self_sym_sizes")


@cython.final
cdef class SqueezeBackward2_copy(_CopyNode):
    _shows = _as_view("dim", "self_sym_sizes")


@cython.final
cdef class TBackward0_copy(_CopyNode):
    pass


@cython.final
cdef class TransposeBackward0_copy(_CopyNode):
    _shows = _as_view("dim0", "dim1")


@cython.final
cdef class UnbindBackward0_copy(_CopyNode):
    _shows = _as_view("dim")


@cython.final
cdef class UnfoldBackward0_copy(_CopyNode):
    _shows = _as_view("dimension", "self_sym_sizes", "size", "step")


@cython.final
cdef class UnsqueezeBackward0_copy(_CopyNode):
    _shows = _as_view("dim")


@cython.final
cdef class ViewBackward0_copy(_CopyNode):
    _shows = _as_view("self_sym_sizes")


@cython.final
cdef class DiagonalBackward0_copy(_CopyNode):
    _shows = _as_view("dim1", "dim2", "offset", "self_sym_sizes")


def _length(Node node):
    return node.output.shape[node.params[0]._saved_dim]


@cython.final
cdef class NarrowCopyBackward0(_CopyNode):
    _shows = {**_as_view("dim", "self_sym_sizes", "start"), "length": _length}


cdef dict _copies = {node.__name__.removesuffix("_copy"): node for node in (
    AliasBackward0_copy, AsStridedBackward0_copy, ExpandBackward0_copy, PermuteBackward0_copy, SelectBackward0_copy,
    SplitBackward0_copy, SplitWithSizesBackward0_copy, SqueezeBackward0_copy, SqueezeBackward1_copy, SqueezeBackward2_copy,
    TBackward0_copy, TransposeBackward0_copy, UnbindBackward0_copy, UnfoldBackward0_copy, UnsqueezeBackward0_copy,
    ViewBackward0_copy, DiagonalBackward0_copy)}
_copies["SliceBackward0"] = NarrowCopyBackward0


def copied(TensorBase input not None, view):
    """A copy of a view of the input, or of each of its parts, recorded as one node.

    >>> import dynagrad
    >>> from dynagrad._core.ops.whole import copied
    >>> x = dynagrad.ones(2, requires_grad=True)
    >>> copied(x, x.unsqueeze(0)).grad_fn.name()
    'UnsqueezeBackward0_copy'
    """
    cdef Node node, seen
    cdef list made
    parts = list(view) if isinstance(view, tuple) else [view]
    seen = None if not parts or getattr(input, "stands_for_many", False) else parts[0].grad_fn
    if seen is None or not wants_grad(input) or type(seen).__name__ not in _copies:
        made = [each.clone() for each in parts]
    else:
        node = <Node>_copies[type(seen).__name__].__new__(_copies[type(seen).__name__])
        begin(node, 1)
        link(node, 0, input)
        node.params = (seen,)
        made = [copy_of(<TensorBase>each) for each in parts]
        attach_many(node, made)
    return tuple(made) if isinstance(view, tuple) else made[0]
