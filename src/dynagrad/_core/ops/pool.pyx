"""Pools over windows of images: averages and largest elements, and the way back from them; value, derivative and card.

The last axes are pooled, as many as the name says; the ones in front of them count planes. The forms for one axis are made
of these in composite/pools.py.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.ops.resample import of_axes
from dynagrad._core.shown import item
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport Node, attach_many, begin1, save, settle, unpack, wants_grad
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.ops.part cimport zeros
from dynagrad._core.ops.copy cimport laid_like
from dynagrad._core.ops.resample cimport (
    ADAPTIVE, WINDOW, WINDOW_INSIDE, SeparableNode, axis, mapped, pair, partner, sizes_of)
from dynagrad._core.tensor cimport TensorBase, new_tensor
from dynagrad._core.types cimport BOOL, I64, DType, compute_dtype, compute_of, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/pool.hpp" namespace "dg" nogil:
    struct MaxPool:
        const void* source "in"
        void* values
        int64_t* indices
        int64_t* size
        int64_t* out
        int64_t* kernel
        int64_t* stride
        int64_t* padding
        int64_t* dilation
    struct MaxWindows:
        const void* source "in"
        void* values
        int64_t* indices
        int64_t* size
        int64_t* out
        const int64_t** begin
        const int64_t** end
        int64_t* step
    struct Places:
        int64_t planes, n, size
        const int64_t* indices
        const void* source "in"
        void* out
    void max_pool(DType type, int64_t planes, const MaxPool& pool)
    void max_windows(DType type, int64_t planes, const MaxWindows& pool)
    void take_places(DType type, const Places& p)
    void put_places(DType type, const Places& p)
    void add_places(DType type, const Places& p)


# ---- arguments -------------------------------------------------------------------------------------------------------

cdef tuple _numbers(object given, int rank, str op, str name):
    if isinstance(given, (tuple, list)):
        if len(given) not in (1, rank):
            raise RuntimeError(f"{op}: {name} must either be a single int, or a tuple of {rank} ints")
        given = tuple(given) if len(given) == rank else tuple(given) * rank
    else:
        given = (given,) * rank
    for n in given:
        if not hasattr(n, "__index__"):
            raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {type(n).__name__}")
    return tuple([int(n) for n in given])


cdef int _check_image(TensorBase input, int rank, str op) except -1:
    if input.ndim not in (rank + 1, rank + 2) or 0 in sizes_of(input)[1 if input.ndim == rank + 2 else 0:]:
        if op == "avg_pool2d" and input.ndim < 3:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-max(input.ndim, 1)}, "
                             f"{max(input.ndim, 1) - 1}], but got -3): avg_pool2d takes images [N, C, H, W] or [C, H, W]")
        if op in ("max_pool2d", "max_pool3d", "avg_pool3d"):
            raise shape_error(f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input of {op}, but got: "
                              f"{list(sizes_of(input))}", [input])
        raise shape_error(f"{op}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for "
                          f"input, but got: {list(sizes_of(input))}", [input])
    if input.dtype == BOOL:
        raise NotImplementedError(f"\"{op}\" not implemented for 'Bool'")
    return 0


cdef tuple _pooled_sizes(TensorBase input, tuple kernel, tuple stride, tuple padding, tuple dilation, bint ceil_mode, str op):
    cdef int rank = len(kernel), i
    cdef int64_t size, room
    cdef list out = []
    sizes = sizes_of(input)[input.ndim - rank:]
    for i in range(rank):
        k, s, p, d = kernel[i], stride[i], padding[i], dilation[i]
        if k <= 0:
            raise RuntimeError(f"kernel size should be greater than zero, but got {list(kernel)}")
        if s == 0:
            raise RuntimeError(f"stride should not be zero, but got {list(stride)}")
        if s < 0:
            raise RuntimeError(f"stride should be greater than zero, but got {list(stride)}")
        if d <= 0:
            raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                               f"dilation={d}")
        room = sizes[i] + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil_mode else 0)
        size = (room // s if room >= 0 else -((-room + s - 1) // s)) + 1
        if ceil_mode and (size - 1) * s >= sizes[i] + p:
            size -= 1
        out.append(size)
    if min(out) < 1:
        text = ["x".join([str(n) for n in (input.shape[input.ndim - rank - 1], *found)]) for found in (sizes, out)]
        raise shape_error(f"Given input size: ({text[0]}). Calculated output size: ({text[1]}). Output size is too small",
                          [input])
    return tuple(out)


# ---- averages --------------------------------------------------------------------------------------------------------

def _counts_padding(Node node):
    return node.params[0][0][0] == WINDOW


_AVERAGED = {"kernel_size": of_axes(3), "stride": item(2), "padding": of_axes(5), "ceil_mode": item(3),
             "count_include_pad": _counts_padding, "divisor_override": item(4)}


@cython.final
cdef class AvgPool2DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = _AVERAGED


@cython.final
cdef class AvgPool2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class AvgPool3DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = _AVERAGED


@cython.final
cdef class AvgPool3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class AdaptiveAvgPool2DBackward0(SeparableNode):
    _saves = ("self",)


@cython.final
cdef class AdaptiveAvgPool2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class AdaptiveAvgPool3DBackward0(SeparableNode):
    _saves = ("self",)


@cython.final
cdef class AdaptiveAvgPool3DBackwardBackward0(SeparableNode):
    pass


pair(AvgPool2DBackward0, AvgPool2DBackwardBackward0)
pair(AvgPool3DBackward0, AvgPool3DBackwardBackward0)
pair(AdaptiveAvgPool2DBackward0, AdaptiveAvgPool2DBackwardBackward0)
pair(AdaptiveAvgPool3DBackward0, AdaptiveAvgPool3DBackwardBackward0)


cdef object _avg_pool(TensorBase input, int rank, object kernel, object stride, object padding, bint ceil_mode,
                      bint count_include_pad, object divisor_override, type node_class):
    cdef str op = f"avg_pool{rank}d"
    cdef int i
    _check_image(input, rank, op)
    kernel = _numbers(kernel, rank, op, "kernel_size")
    given = () if stride is None or stride == [] or stride == () else _numbers(stride, rank, op, "stride")
    stride = given or kernel
    padding = _numbers(padding, rank, op, "padding")
    out = _pooled_sizes(input, kernel, stride, padding, (1,) * rank, ceil_mode, op)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    kind = WINDOW if count_include_pad else WINDOW_INSIDE
    axes = tuple([axis(kind, input.shape[input.ndim - rank + i], out[i], kernel[i], stride[i], padding[i])
                  for i in range(rank)])
    return mapped(input, axes, divisor_override or 0, False, node_class, True, (given, bool(ceil_mode), divisor_override))


def _avg_pool2d(TensorBase input not None, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                divisor_override=None):
    """The means of windows of images, (N, C, H, W) or (C, H, W). stride is kernel_size by default.

    With count_include_pad the zeros around the image count; divisor_override divides the sums instead.

    >>> import dynagrad
    >>> dynagrad.nn.functional.avg_pool2d(dynagrad.arange(4.).view(1, 1, 2, 2), 2)
    tensor([[[[1.5000]]]])
    """
    return _avg_pool(input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, AvgPool2DBackward0)


def _avg_pool3d(TensorBase input not None, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                divisor_override=None):
    """The means of windows of volumes, (N, C, D, H, W) or (C, D, H, W); as `avg_pool2d`.

    >>> import dynagrad
    >>> dynagrad.nn.functional.avg_pool3d(dynagrad.arange(8.).view(1, 1, 2, 2, 2), 2)
    tensor([[[[[3.5000]]]]])
    """
    return _avg_pool(input, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, AvgPool3DBackward0)


cdef int _check_adaptive(TensorBase input, int rank, str op) except -1:
    """The first dimension may be empty, whatever it is; the second too for means of images."""
    cdef int i
    if input.ndim not in (rank + 1, rank + 2):
        raise shape_error(f"{op}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(sizes_of(input))}", [input])
    for i in range(input.ndim - 2 if op == "adaptive_avg_pool2d" else 1, input.ndim):
        if input.shape[i] == 0:
            raise shape_error(f"{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                              f"{list(sizes_of(input))} with dimension {i} being empty", [input])
    if not is_float(input.dtype):
        raise NotImplementedError(f"\"{op}\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    return 0


cdef tuple _adaptive_sizes(TensorBase input, int rank, object given, str op):
    cdef int i
    _check_adaptive(input, rank, op)
    if isinstance(given, (tuple, list)):
        if len(given) == 1:
            given = tuple(given) * rank
        if len(given) != rank:
            raise RuntimeError(f"{op}: output_size must be {rank}, but got {len(given)}")
    else:
        given = (given,) * rank
    sizes = tuple([input.shape[input.ndim - rank + i] if n is None else n for i, n in enumerate(given)])
    _numbers(sizes, rank, op, "output_size")
    if min(sizes) < 0:
        raise RuntimeError(f"{op}: elements of output_size must be greater than or equal to 0 but received {list(sizes)}")
    return sizes


def _adaptive_avg_pool2d(TensorBase input not None, output_size):
    """The means of as many windows as output_size says, which cover the image evenly; None keeps a size.

    >>> import dynagrad
    >>> dynagrad.nn.functional.adaptive_avg_pool2d(dynagrad.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    return _adaptive_avg(input, 2, output_size, AdaptiveAvgPool2DBackward0)


def _adaptive_avg_pool3d(TensorBase input not None, output_size):
    """As `adaptive_avg_pool2d`, for volumes.

    >>> import dynagrad
    >>> dynagrad.nn.functional.adaptive_avg_pool3d(dynagrad.arange(6.).view(1, 1, 2, 3), (1, 1, 2))
    tensor([[[[2., 3.]]]])
    """
    return _adaptive_avg(input, 3, output_size, AdaptiveAvgPool3DBackward0)


cdef object _adaptive_avg(TensorBase input, int rank, object output_size, type node_class):
    cdef int i
    sizes = _adaptive_sizes(input, rank, output_size, f"adaptive_avg_pool{rank}d")
    if sizes == (1,) * rank:
        return input.mean(tuple(range(-rank, 0)), True)
    axes = tuple([axis(ADAPTIVE, input.shape[input.ndim - rank + i], sizes[i]) for i in range(rank)])
    return mapped(input, axes, 0, False, node_class, True)


# ---- places ----------------------------------------------------------------------------------------------------------

cdef TensorBase _at_places(TensorBase input, TensorBase indices, tuple shape, int way, int rank):
    """take (0), put (1) or add (2): runtime/pool.hpp. `shape` is the result's; the last `rank` axes are a plane."""
    cdef Unlocked unlocked
    cdef int64_t sizes[64]
    cdef int i, dtype = input.dtype
    cdef TensorBase made, places = contiguous(indices)
    cdef Places p
    cdef DType type = <DType>compute_dtype[compute_of[dtype]]
    for i in range(len(shape)):
        sizes[i] = shape[i]
    if input.numel == 0:
        return zeros(dtype, len(shape), sizes)
    input = contiguous(cast(input, type))
    made = new_tensor(type, len(shape), sizes)
    p.planes = p.n = p.size = 1
    for i in range(input.ndim - rank):
        p.planes *= input.shape[i]
    for i in range(input.ndim - rank, input.ndim):
        p.n *= places.shape[i]
        p.size *= input.shape[i] if way == 0 else sizes[i]
    p.indices, p.source, p.out = <int64_t*>places.data, input.data, made.data
    unlocked.begin()
    with nogil:
        if way == 0:
            take_places(type, p)
        elif way == 1:
            put_places(type, p)
        else:
            add_places(type, p)
    return cast(made, dtype)


cdef class PlaceNode(Node):                             # params: (way, shape of the input, rank, what else is shown)
    _saves = ("_indices",)

    cdef object vjp(self, TensorBase g):
        way, shape, rank = self.params[:3]
        back = 0 if way else 2
        return places_op(g, unpack(self, 0), shape, back, rank, partner(type(self)))


cdef TensorBase places_op(TensorBase input, TensorBase indices, tuple shape, int way, int rank, type node_class):
    cdef Node node = None
    cdef TensorBase made
    if wants_grad(input):
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, input)
        save(node, 0, indices)
        node.params = (way, sizes_of(input), rank)
    made = _at_places(input, indices, shape, way, rank)
    if rank == 2:
        made = laid_like(made, input)
    settle(node, made, input, None, None, False)
    return made


# ---- largest elements ------------------------------------------------------------------------------------------------

_POOLED = {"kernel_size": item(3), "stride": item(4), "padding": item(5), "dilation": item(6), "ceil_mode": item(7)}
_FRACTIONAL = {"kernel_size": item(3), "output_size": item(4)}


@cython.final
cdef class MaxPool2DWithIndicesBackward0(PlaceNode):
    _saves = ("result1", "self")
    _shows = _POOLED


@cython.final
cdef class MaxPool2DWithIndicesBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class MaxPool3DWithIndicesBackward0(PlaceNode):
    _saves = ("result1", "self")
    _shows = _POOLED


@cython.final
cdef class MaxPool3DWithIndicesBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class AdaptiveMaxPool2DBackward0(PlaceNode):
    _saves = ("result1", "self")


@cython.final
cdef class AdaptiveMaxPool2DBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class AdaptiveMaxPool3DBackward0(PlaceNode):
    _saves = ("result1", "self")


@cython.final
cdef class AdaptiveMaxPool3DBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class FractionalMaxPool2DBackward0(PlaceNode):
    _saves = ("result1", "self")
    _shows = _FRACTIONAL


@cython.final
cdef class FractionalMaxPool2DBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class FractionalMaxPool3DBackward0(PlaceNode):
    _saves = ("result1", "self")
    _shows = _FRACTIONAL


@cython.final
cdef class FractionalMaxPool3DBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class MaxUnpool2DBackward0(PlaceNode):
    _saves = ("indices",)


@cython.final
cdef class MaxUnpool2DBackwardBackward0(PlaceNode):
    pass


@cython.final
cdef class MaxUnpool3DBackward0(PlaceNode):
    _saves = ("indices",)


@cython.final
cdef class MaxUnpool3DBackwardBackward0(PlaceNode):
    pass


pair(MaxPool2DWithIndicesBackward0, MaxPool2DWithIndicesBackwardBackward0)
pair(MaxPool3DWithIndicesBackward0, MaxPool3DWithIndicesBackwardBackward0)
pair(AdaptiveMaxPool2DBackward0, AdaptiveMaxPool2DBackwardBackward0)
pair(AdaptiveMaxPool3DBackward0, AdaptiveMaxPool3DBackwardBackward0)
pair(FractionalMaxPool2DBackward0, FractionalMaxPool2DBackwardBackward0)
pair(FractionalMaxPool3DBackward0, FractionalMaxPool3DBackwardBackward0)
pair(MaxUnpool2DBackward0, MaxUnpool2DBackwardBackward0)
pair(MaxUnpool3DBackward0, MaxUnpool3DBackwardBackward0)


# Those whose results lie row by row whatever the input does; all others leave channels last where they are.
cdef tuple _ROW_MAJOR = (AdaptiveMaxPool3DBackward0, FractionalMaxPool2DBackward0, FractionalMaxPool3DBackward0)


cdef tuple _recorded(TensorBase input, TensorBase values, TensorBase indices, int rank, type node_class, tuple more):
    """Values in the input's dtype and their places, with the history of taking the elements there."""
    cdef Node node
    values = cast(values, input.dtype)
    if node_class not in _ROW_MAJOR:
        values, indices = laid_like(values, input), laid_like(indices, input)
    if wants_grad(input):
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, input)
        save(node, 0, indices)
        save(node, 1, input)
        node.params = (0, sizes_of(input), rank, *more)
        attach_many(node, [values, indices])
    else:
        settle(None, values, input, None, None, False)
    return values, indices


cdef tuple _room(TensorBase input, tuple out, int rank):
    """The input in a type that loops exist for, and empty values and indices."""
    cdef int64_t shape[64]
    cdef int i
    cdef DType type = <DType>compute_dtype[compute_of[input.dtype]]
    for i in range(input.ndim):
        shape[i] = input.shape[i] if i < input.ndim - rank else out[i - input.ndim + rank]
    return contiguous(cast(input, type)), new_tensor(type, input.ndim, shape), new_tensor(I64, input.ndim, shape)


cdef int64_t _planes(TensorBase t, int rank) noexcept:
    cdef int i
    cdef int64_t planes = 1
    for i in range(t.ndim - rank):
        planes *= t.shape[i]
    return planes


cdef tuple _max_pool(TensorBase input, int rank, object kernel, object stride, object padding, object dilation,
                     bint ceil_mode, type node_class):
    cdef Unlocked unlocked
    cdef str op = f"max_pool{rank}d"
    cdef int i
    cdef MaxPool p
    cdef TensorBase x, values, indices
    cdef int64_t planes
    _check_image(input, rank, op)
    kernel = _numbers(kernel, rank, op, "kernel_size")
    given = () if stride is None or stride == [] or stride == () else _numbers(stride, rank, op, "stride")
    stride = given or kernel
    padding, dilation = _numbers(padding, rank, op, "padding"), _numbers(dilation, rank, op, "dilation")
    out = _pooled_sizes(input, kernel, stride, padding, dilation, ceil_mode, op)
    x, values, indices = _room(input, out, rank)
    planes = _planes(input, rank)
    p.source, p.values, p.indices = x.data, values.data, <int64_t*>indices.data
    for i in range(3 - rank):
        p.size[i] = p.out[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = 1
        p.padding[i] = 0
    for i in range(rank):
        p.size[3 - rank + i], p.out[3 - rank + i] = input.shape[input.ndim - rank + i], out[i]
        p.kernel[3 - rank + i], p.stride[3 - rank + i] = kernel[i], stride[i]
        p.padding[3 - rank + i], p.dilation[3 - rank + i] = padding[i], dilation[i]
    unlocked.begin()
    with nogil:
        max_pool(<DType>x.dtype, planes, p)
    return _recorded(input, values, indices, rank, node_class, (kernel, given, padding, dilation, bool(ceil_mode)))


def _max_pool2d_with_indices(TensorBase input not None, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest elements of windows of images, (N, C, H, W) or (C, H, W), and their places in the image.

    >>> import dynagrad
    >>> dynagrad.nn.functional.max_pool2d_with_indices(dynagrad.arange(4.).view(1, 2, 2), 2)
    (tensor([[[3.]]]), tensor([[[3]]]))
    """
    return _max_pool(input, 2, kernel_size, stride, padding, dilation, ceil_mode, MaxPool2DWithIndicesBackward0)


def _max_pool3d_with_indices(TensorBase input not None, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest elements of windows of volumes and their places.

    >>> import dynagrad
    >>> dynagrad.nn.functional.max_pool3d_with_indices(dynagrad.arange(8.).view(1, 2, 2, 2), 2)
    (tensor([[[[7.]]]]), tensor([[[[7]]]]))
    """
    return _max_pool(input, 3, kernel_size, stride, padding, dilation, ceil_mode, MaxPool3DWithIndicesBackward0)


cdef tuple _in_windows(TensorBase input, int rank, tuple out, list begins, list ends, int64_t planes_apart, type node_class,
                       tuple more=()):
    """Largest elements of windows that are given by lists of their first and last elements, int64 tensors, along each axis.

    `planes_apart` is 1 where each plane has windows of its own.
    """
    cdef Unlocked unlocked
    cdef int i
    cdef MaxWindows p
    cdef TensorBase x, values, indices, edge
    cdef int64_t planes = _planes(input, rank), zero = 0, one = 1
    cdef list kept = []
    x, values, indices = _room(input, out, rank)
    p.source, p.values, p.indices = x.data, values.data, <int64_t*>indices.data
    for i in range(3 - rank):
        p.size[i] = p.out[i] = 1
        p.begin[i], p.end[i], p.step[i] = &zero, &one, 0
    for i in range(rank):
        p.size[3 - rank + i], p.out[3 - rank + i] = input.shape[input.ndim - rank + i], out[i]
        edge = contiguous(begins[i])
        kept.append(edge)
        p.begin[3 - rank + i] = <int64_t*>edge.data
        edge = contiguous(ends[i])
        kept.append(edge)
        p.end[3 - rank + i] = <int64_t*>edge.data
        p.step[3 - rank + i] = out[i] * planes_apart
    if values.numel:
        unlocked.begin()
        with nogil:
            max_windows(<DType>x.dtype, planes, p)
    return _recorded(input, values, indices, rank, node_class, more)


cdef TensorBase _whole_numbers(list values):
    cdef int64_t n = len(values)
    cdef TensorBase made = new_tensor(I64, 1, &n)
    for i in range(n):
        (<int64_t*>made.data)[i] = values[i]
    return made


cdef tuple _adaptive_max(TensorBase input, int rank, object output_size, type node_class):
    cdef int i
    cdef list begins = [], ends = []
    sizes = _adaptive_sizes(input, rank, output_size, f"adaptive_max_pool{rank}d")
    cdef int64_t shape[64]
    for i in range(input.ndim):
        shape[i] = input.shape[i] if i < input.ndim - rank else sizes[i - input.ndim + rank]
    new_tensor(input.dtype, input.ndim, shape)      # refuses what has no room before its windows are listed
    for i, n in enumerate(sizes):
        size = input.shape[input.ndim - rank + i]
        begins.append(_whole_numbers([o * size // n for o in range(n)]))
        ends.append(_whole_numbers([((o + 1) * size + n - 1) // n for o in range(n)]))
    return _in_windows(input, rank, sizes, begins, ends, 0, node_class)


def _adaptive_max_pool2d(TensorBase input not None, output_size):
    """The largest elements of as many windows as output_size says, which cover the image evenly, and their places.

    >>> import dynagrad
    >>> dynagrad.nn.functional.adaptive_max_pool2d(dynagrad.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[4., 5.]]])
    """
    return _adaptive_max(input, 2, output_size, AdaptiveMaxPool2DBackward0)


def _adaptive_max_pool3d(TensorBase input not None, output_size):
    """As `adaptive_max_pool2d`, for volumes.

    >>> import dynagrad
    >>> dynagrad.nn.functional.adaptive_max_pool3d(dynagrad.arange(6.).view(1, 1, 2, 3), (1, 1, 2))
    tensor([[[[4., 5.]]]])
    """
    return _adaptive_max(input, 3, output_size, AdaptiveMaxPool3DBackward0)


cdef tuple _fractional(TensorBase input, int rank, object kernel, object output_size, TensorBase samples, type node_class):
    cdef str op = f"fractional_max_pool{rank}d"
    cdef int i
    cdef list begins = [], ends = []
    if 0 in sizes_of(input)[input.ndim - rank - 1:]:
        raise shape_error(f"{op}(): Expected input to have non-zero size for non-batch dimensions, but got "
                          f"{list(sizes_of(input))}", [input])
    _check_image(input, rank, op)
    kernel, sizes = _numbers(kernel, rank, op, "kernel_size"), _numbers(output_size, rank, op, "output_size")
    # As in PyTorch there may be samples of more items than the input has: the first are used.
    channels, planes = input.shape[input.ndim - rank - 1], _planes(input, rank)
    if samples.ndim != 3 or samples.shape[1] != channels or samples.shape[2] != rank or samples.shape[0] * channels < planes:
        raise shape_error(f"{op}: expected _random_samples of shape [N, {channels}, {rank}] for {planes} planes",
                          [input, samples])
    samples = samples.detach().reshape(-1, rank)[:planes]
    for i in range(rank):
        size, n, k = input.shape[input.ndim - rank + i], sizes[i], kernel[i]
        if n + k - 1 > size or n < 0:
            raise shape_error(f"{op}(): pool size {k} along axis {i} is too large relative to input size {size}", [input])
        # Of images, the sample of the last axis comes first.
        starts = _fractional_starts(samples[:, 1 - i if rank == 2 else i], n, size, k)
        begins.append(starts)
        ends.append(starts + k)
    return _in_windows(input, rank, sizes, begins, ends, 1, node_class, (kernel, sizes))


cdef TensorBase _fractional_starts(TensorBase sample, object n, object size, object k):
    """Graham's pseudo-random intervals: floor((o + u) a) - floor(u a), the last one at the end."""
    cdef TensorBase made
    alpha = (size - k) / (n - 1) if n > 1 else 0
    u = sample.unsqueeze(1)
    positions = cast(_whole_numbers(list(range(n))), sample.dtype)
    made = ((positions + u) * alpha).trunc().long() - (u * alpha).trunc().long()
    if n:
        made[:, n - 1] = size - k
    return made


def _fractional_max_pool2d(TensorBase input not None, kernel_size, output_size, TensorBase random_samples not None):
    """The largest elements of windows at pseudo-random places, which the samples, (N, C, 2) in [0, 1), decide.

    >>> import dynagrad
    >>> from dynagrad._core.ops.pool import _fractional_max_pool2d
    >>> _fractional_max_pool2d(dynagrad.arange(9.).view(1, 1, 3, 3), 2, 2, dynagrad.zeros(1, 1, 2))[0]
    tensor([[[[4., 5.],
              [7., 8.]]]])
    """
    return _fractional(input, 2, kernel_size, output_size, random_samples, FractionalMaxPool2DBackward0)


def _fractional_max_pool3d(TensorBase input not None, kernel_size, output_size, TensorBase random_samples not None):
    """As `fractional_max_pool2d`, for volumes; the samples are (N, C, 3).

    >>> import dynagrad
    >>> from dynagrad._core.ops.pool import _fractional_max_pool3d
    >>> _fractional_max_pool3d(dynagrad.arange(8.).view(1, 1, 2, 2, 2), 2, 1, dynagrad.zeros(1, 1, 3))[0]
    tensor([[[[[7.]]]]])
    """
    return _fractional(input, 3, kernel_size, output_size, random_samples, FractionalMaxPool3DBackward0)


# ---- the way back from largest elements ------------------------------------------------------------------------------

cdef TensorBase _max_unpool(TensorBase input, TensorBase indices, object output_size, int rank, type node_class):
    cdef str op = f"max_unpool{rank}d"
    cdef int64_t plane = 1
    _check_image(input, rank, op)
    if indices.dtype != I64:
        raise RuntimeError("elements in indices should be type int64")
    if sizes_of(input) != sizes_of(indices):
        raise shape_error(f"Expected shape of indices to be same as that of the input tensor ({list(sizes_of(input))}) but got "
                          f"indices tensor with shape: {list(sizes_of(indices))}", [input, indices])
    for n in output_size:
        plane *= n
    if indices.numel and (indices.min().item() < 0 or indices.max().item() >= plane):
        bad = indices.max().item() if indices.max().item() >= plane else indices.min().item()
        raise RuntimeError(f"found an invalid max index: {bad} (output volumes are of size "
                           f"{'x'.join([str(n) for n in output_size])})")
    shape = (*sizes_of(input)[:input.ndim - rank], *output_size)
    return places_op(input, indices, shape, 1, rank, node_class)


def _max_unpool2d(TensorBase input not None, TensorBase indices not None, output_size):
    """Puts the elements of input at the places in images of output_size; zeros elsewhere.

    >>> import dynagrad
    >>> from dynagrad._core.ops.pool import _max_unpool2d
    >>> _max_unpool2d(dynagrad.ones(1, 1, 1), dynagrad.tensor([[[2]]]), (2, 2))
    tensor([[[0., 0.],
             [1., 0.]]])
    """
    return _max_unpool(input, indices, output_size, 2, MaxUnpool2DBackward0)


def _max_unpool3d(TensorBase input not None, TensorBase indices not None, output_size):
    """As `max_unpool2d`, for volumes.

    >>> import dynagrad
    >>> from dynagrad._core.ops.pool import _max_unpool3d
    >>> _max_unpool3d(dynagrad.ones(1, 1, 1, 1), dynagrad.tensor([[[[1]]]]), (1, 1, 2))
    tensor([[[[0., 1.]]]])
    """
    return _max_unpool(input, indices, output_size, 3, MaxUnpool3DBackward0)


for _name, _op, _node in (
        ("avg_pool2d", _avg_pool2d, AvgPool2DBackward0), ("avg_pool3d", _avg_pool3d, AvgPool3DBackward0),
        ("adaptive_avg_pool2d", _adaptive_avg_pool2d, AdaptiveAvgPool2DBackward0),
        ("adaptive_avg_pool3d", _adaptive_avg_pool3d, AdaptiveAvgPool3DBackward0),
        ("max_pool2d_with_indices", _max_pool2d_with_indices, MaxPool2DWithIndicesBackward0),
        ("max_pool3d_with_indices", _max_pool3d_with_indices, MaxPool3DWithIndicesBackward0),
        ("adaptive_max_pool2d_with_indices", _adaptive_max_pool2d, AdaptiveMaxPool2DBackward0),
        ("adaptive_max_pool3d_with_indices", _adaptive_max_pool3d, AdaptiveMaxPool3DBackward0),
        ("fractional_max_pool2d_with_indices", _fractional_max_pool2d, FractionalMaxPool2DBackward0),
        ("fractional_max_pool3d_with_indices", _fractional_max_pool3d, FractionalMaxPool3DBackward0),
        ("max_unpool2d", _max_unpool2d, MaxUnpool2DBackward0), ("max_unpool3d", _max_unpool3d, MaxUnpool3DBackward0)):
    register(Card(_name, _op, _node, "layer", method=False, function=False))
