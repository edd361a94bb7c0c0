"""Convolution and the transposed one over one to three dimensions: value, derivative and card.

The loops are in runtime/conv.cpp. Pooling is in `pool`, padding other than with zeros in `resample`.

Note [Convolution is trilinear]
A convolution couples three spaces: x, w and y. Each of the three maps (x, w) -> y, (y, w) -> x and (x, y) -> w is linear
in both arguments, and the derivative of each in one argument is another of the three. So they are one op with three
ways, and derivatives of every order follow. The transposed convolution is the second way.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register

from dynagrad._core.graph cimport Node, begin, link, needs, save, settle, unpack, wants_grad
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.copy cimport laid_like
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.scalars cimport c_name
from dynagrad._core.ops.part cimport zeros
from dynagrad._core.tensor cimport TensorBase, dims_tuple, new_tensor
from dynagrad._core.types cimport BOOL, U8, DType, compute_dtype, compute_of
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/conv.hpp" namespace "dg" nogil:
    struct Convolution:
        DType type
        int64_t n, groups, c, m
        int64_t* inner "in"
        int64_t* out
        int64_t* kernel
        int64_t* stride
        int64_t* padding
        int64_t* dilation
    enum ConvWay "dg::ConvWay":
        pass
    struct ConvPlan:
        pass
    ConvPlan* conv_plan(const Convolution& conv, ConvWay way)
    void conv_free(ConvPlan* plan)
    size_t conv_bytes(const ConvPlan* plan)
    double conv_work(const Convolution& conv)
    void conv_run(const ConvPlan* plan, const void* a, const void* b, const void* bias, void* out, void* workspace)

cdef enum:
    TO_OUTPUT = 0        # the order of dg::ConvWay
    TO_INPUT = 1
    TO_WEIGHT = 2

cdef double WORTH_RELEASING = 50000


cdef inline tuple _sizes(TensorBase t):
    return dims_tuple(t.ndim, t.shape)


# ---- values ----------------------------------------------------------------------------------------------------------

cdef int _axes(int64_t* to, object given, int rank, int64_t missing) except -1:
    """Numbers of the last `rank` of three axes; `missing` for those in front."""
    cdef int i
    for i in range(3 - rank):
        to[i] = missing
    for i in range(rank):
        to[3 - rank + i] = given[i]
    return 0


cdef TensorBase _plain(TensorBase t):
    return contiguous(cast(t, compute_dtype[compute_of[t.dtype]]))


cdef TensorBase _value(int way, TensorBase a, TensorBase b, TensorBase bias, tuple shape, tuple geometry):
    """One of the three maps, unrecorded. `shape` is the result's."""
    cdef Unlocked unlocked
    cdef int dtype = a.dtype, rank = len(shape) - 2, i
    cdef Convolution conv
    cdef ConvPlan* plan
    cdef TensorBase made, workspace
    cdef int64_t sizes[5]
    cdef int64_t bytes
    cdef void* offset = NULL
    cdef int groups = geometry[3]
    x, w, y = ((_sizes(a), _sizes(b), shape), (shape, _sizes(b), _sizes(a)),
               (_sizes(a), shape, _sizes(b)))[way]
    for i in range(len(shape)):
        sizes[i] = shape[i]
    a, b = _plain(a), _plain(b)
    made = new_tensor(a.dtype, len(shape), sizes)
    if made.numel == 0 or a.numel == 0 or b.numel == 0:
        return _without_sum(made, bias, dtype)
    conv.type = <DType>a.dtype
    conv.n, conv.groups = x[0], groups
    conv.c, conv.m = w[1], w[0] // groups
    _axes(conv.inner, x[2:], rank, 1)
    _axes(conv.out, y[2:], rank, 1)
    _axes(conv.kernel, w[2:], rank, 1)
    _axes(conv.stride, geometry[0], rank, 1)
    _axes(conv.padding, geometry[1], rank, 0)
    _axes(conv.dilation, geometry[2], rank, 1)
    plan = conv_plan(conv, <ConvWay>way)
    if plan == NULL:
        raise MemoryError("out of memory while planning a convolution")
    try:
        bytes = conv_bytes(plan)
        workspace = new_tensor(U8, 1, &bytes)
        if bias is not None:
            bias = _plain(bias)
            offset = bias.data
        if conv_work(conv) < WORTH_RELEASING:
            conv_run(plan, a.data, b.data, offset, made.data, workspace.data)
        else:
            unlocked.begin()
            with nogil:
                conv_run(plan, a.data, b.data, offset, made.data, workspace.data)
    finally:
        conv_free(plan)
    return cast(made, dtype)


cdef TensorBase _without_sum(TensorBase made, TensorBase bias, int dtype):
    """The result of an empty sum: the bias, or zeros."""
    cdef TensorBase result = zeros(dtype, made.ndim, made.shape)
    if bias is not None and result.numel:
        result.add_(bias.detach().reshape([-1] + [1] * (made.ndim - 2)))
    return result


# ---- derivatives -----------------------------------------------------------------------------------------------------

cdef class _TrilinearNode(Node):                        # see Note [Convolution is trilinear]
    _saves = ("input", "weight")
    _keeps = ("stride", "padding", "dilation", "groups", "transposed", "output_padding", "bias_sym_sizes_opt")

    cdef object vjp(self, TensorBase g):
        cdef int way = self.whole
        cdef tuple shapes = self.params[7]
        cdef TensorBase a = unpack(self, 0) if needs(self, 1) else None
        cdef TensorBase b = unpack(self, 1) if needs(self, 0) else None
        cdef TensorBase da = None, db = None
        if b is not None:
            da = (self._map(TO_INPUT, g, b, shapes[0]) if way == TO_OUTPUT else
                  self._map(TO_OUTPUT, g, b, shapes[0]) if way == TO_INPUT else self._map(TO_INPUT, b, g, shapes[0]))
        if a is not None:
            db = (self._map(TO_WEIGHT, a, g, shapes[1]) if way == TO_OUTPUT else
                  self._map(TO_WEIGHT, g, a, shapes[1]) if way == TO_INPUT else self._map(TO_OUTPUT, a, g, shapes[1]))
        if self.n_edges < 3:
            return da, db
        return da, db, self._bias(g) if needs(self, 2) else None

    cdef object _bias(self, TensorBase g):
        sizes = self.params[6]
        return g.sum((0, *range(2, g.ndim))) if g.shape[1] == sizes[0] else g.new_zeros(sizes)

    cdef TensorBase _map(self, int way, TensorBase a, TensorBase b, tuple shape):
        return _convolved(way, a, b, None, shape, self.params, ConvolutionBackwardBackward0)


@cython.final
cdef class ConvolutionBackward0(_TrilinearNode):
    pass


@cython.final
cdef class ConvolutionBackwardBackward0(_TrilinearNode):
    pass


cdef TensorBase _convolved(int way, TensorBase a, TensorBase b, TensorBase bias, tuple shape, tuple params,
                           type node_class):
    cdef Node node = None
    cdef TensorBase made
    if wants_grad(a) or wants_grad(b) or wants_grad(bias):
        node = <Node>(<object>node_class).__new__(node_class)
        begin(node, 2 if bias is None else 3)
        link(node, 0, a)
        link(node, 1, b)
        if bias is not None:
            link(node, 2, bias)
        if needs(node, 1):
            save(node, 0, a)
        if needs(node, 0):
            save(node, 1, b)
        node.whole = way
        node.params = (*params[:7], (_sizes(a), _sizes(b)))
    made = _value(way, a, b, bias, shape, params)
    if node_class is ConvolutionBackward0:
        made = laid_like(laid_like(made, a), b)
    settle(node, made, a, b, None, False)
    return made


# ---- arguments -------------------------------------------------------------------------------------------------------

cdef tuple _numbers(object given, int rank, str name):
    """One number or one for each dimension, as a tuple."""
    if isinstance(given, (tuple, list)):
        if len(given) == rank:
            return tuple(given)
        if len(given) == 1:
            return (given[0],) * rank
        raise RuntimeError(f"expected {name} to be a single integer value or a list of {rank} values to match the "
                           f"convolution dimensions, but got {name}={list(given)}")
    return (given,) * rank


cdef int _check_whole(tuple values, str op, str name) except -1:
    for value in values:
        if type(value) is not int and not hasattr(value, "__index__"):
            raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {type(value).__name__}")
    return 0


cdef int _check_geometry(tuple stride, tuple padding, tuple dilation, object groups) except -1:
    if any([p < 0 for p in padding]):
        raise RuntimeError("negative padding is not supported")
    if any([s <= 0 for s in stride]):
        raise RuntimeError("non-positive stride is not supported")
    if any([d <= 0 for d in dilation]):
        raise RuntimeError("non-positive dilation is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    return 0


cdef int _check_types(TensorBase input, TensorBase weight, TensorBase bias) except -1:
    if input.dtype == BOOL:
        raise NotImplementedError("\"convolution\" not implemented for 'Bool'")
    if input.dtype != weight.dtype:
        raise RuntimeError(f"Input type ({c_name(input.dtype)}) and weight type ({c_name(weight.dtype)}) should be the same")
    if bias is not None and bias.dtype != input.dtype:
        raise RuntimeError(f"Input type ({c_name(input.dtype)}) and bias type ({c_name(bias.dtype)}) should be the same")
    return 0


cdef int _check_channels(TensorBase input, TensorBase weight, TensorBase bias, int64_t groups, bint transposed) except -1:
    cdef list w = list(_sizes(weight))
    cdef int64_t wanted = w[0] if transposed else w[1] * groups
    cdef int64_t made = w[1] * groups if transposed else w[0]
    cdef str given = f"Given transposed={int(transposed)}, " if transposed else f"Given groups={groups}, "
    if w[0] < groups:
        raise shape_error(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight "
                          f"of size {w} instead", [input, weight])
    if w[0] % groups:
        raise shape_error(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got "
                          f"weight of size {w} instead", [input, weight])
    if input.shape[1] != wanted:
        raise shape_error(f"{given}weight of size {w}, expected input{list(_sizes(input))} to have {wanted} channels, "
                          f"but got {input.shape[1]} channels instead", [input, weight])
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != made):
        raise shape_error(f"Given {'transposed=1, ' if transposed else ''}weight of size {w}, expected bias to be "
                          f"1-dimensional with {made} elements, but got bias of size {list(_sizes(bias))} instead",
                          [weight, bias])
    return 0


cdef str _times(object sizes):
    return " x ".join([str(n) for n in sizes])


cdef tuple _output_shape(TensorBase input, TensorBase weight, tuple stride, tuple padding, tuple dilation):
    cdef list sizes = [input.shape[0], weight.shape[0]]
    cdef int rank = input.ndim - 2, i
    padded = [input.shape[2 + i] + 2 * padding[i] for i in range(rank)]
    kernel = [dilation[i] * (weight.shape[2 + i] - 1) + 1 for i in range(rank)]
    for i in range(rank):
        if padded[i] < kernel[i]:
            raise shape_error(f"Calculated padded input size per channel: ({_times(padded)}). Kernel size: "
                              f"({_times(kernel)}). Kernel size can't be greater than actual input size", [input, weight])
        sizes.append((padded[i] - kernel[i]) // stride[i] + 1)
    return tuple(sizes)


cdef tuple _transposed_shape(TensorBase input, TensorBase weight, tuple stride, tuple padding, tuple dilation, tuple more,
                             int64_t groups):
    cdef list sizes = [input.shape[0], weight.shape[1] * groups]
    cdef int rank = input.ndim - 2, i
    for i in range(rank):
        if more[i] >= stride[i] and more[i] >= dilation[i]:
            raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got output_padding: "
                               f"{list(more)}, stride: {list(stride)}, dilation: {list(dilation)}")
        if more[i] < 0:
            raise RuntimeError("negative output_padding is not supported")
        size = (input.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[2 + i] - 1) + more[i] + 1
        if size < 0:
            raise shape_error(f"Given input size per channel: ({_times(_sizes(input)[2:])}). Calculated output size per "
                              f"channel: ({size}) at dimension {i}. Output size is too small", [input, weight])
        sizes.append(size)
    return tuple(sizes)


cdef TensorBase _convolution(TensorBase input, TensorBase weight, TensorBase bias, object stride, object padding,
                             object dilation, bint transposed, object output_padding, object groups, str op):
    """A batched convolution with checks."""
    cdef int rank = weight.ndim - 2
    cdef tuple more
    if rank < 1 or rank > 3:
        raise shape_error("weight should have at least three dimensions" if rank < 1 else
                          "only convolutions over at most three dimensions are supported", [weight])
    stride, padding = _numbers(stride, rank, "stride"), _numbers(padding, rank, "padding")
    dilation, more = _numbers(dilation, rank, "dilation"), _numbers(output_padding, rank, "output_padding")
    for name, values in (("stride", stride), ("padding", padding), ("dilation", dilation), ("output_padding", more)):
        _check_whole(values, op, name)
    _check_geometry(stride, padding, dilation, groups)
    if input.ndim != weight.ndim:
        raise shape_error(f"Expected {rank + 2}-dimensional input for {rank + 2}-dimensional weight "
                          f"{list(_sizes(weight))}, but got {input.ndim}-dimensional input of size "
                          f"{list(_sizes(input))} instead", [input, weight])
    _check_types(input, weight, bias)
    _check_channels(input, weight, bias, groups, transposed)
    shape = (_transposed_shape(input, weight, stride, padding, dilation, more, groups) if transposed else
             _output_shape(input, weight, stride, padding, dilation))
    if input.numel == 0 and input.shape[0] and input.shape[1]:
        raise shape_error("Only zero batch or zero channel inputs are supported, but got input shape: "
                          f"{list(_sizes(input))}", [input])
    if input.shape[1] == 0:
        shape = (shape[0], 0, *shape[2:])               # as PyTorch: nothing from nothing, whatever weight would make of it
    params = (stride, padding, dilation, groups, transposed, more, (0,) if bias is None else _sizes(bias))
    return _convolved(TO_INPUT if transposed else TO_OUTPUT, input, weight, bias, shape, params, ConvolutionBackward0)


cdef object _of_rank(int rank, TensorBase input, TensorBase weight, TensorBase bias, object stride, object padding,
                     object dilation, bint transposed, object output_padding, object groups):
    """The convolution of this rank on a batch, or on one item without a batch dimension."""
    cdef str op = f"conv{'_transpose' if transposed else ''}{rank}d"
    cdef TensorBase made
    if input.ndim != rank + 1 and input.ndim != rank + 2:
        raise shape_error(f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, but got input of size: "
                          f"{list(_sizes(input))}", [input])
    if weight.ndim != rank + 2:
        _numbers(_numbers(stride, rank, "stride"), weight.ndim - 2, "stride")
        raise shape_error(f"expected a weight of {rank + 2} dimensions for {op}, got {list(_sizes(weight))}", [weight])
    batched = input if input.ndim == rank + 2 else input.unsqueeze(0)
    if isinstance(padding, str):
        if transposed:
            raise TypeError(f"{op}(): argument 'padding' must be tuple of ints, not str")
        batched, padding = _padded(batched, weight, _numbers(stride, rank, "stride"), padding,
                                   _numbers(dilation, rank, "dilation"))
    made = _convolution(batched, weight, bias, stride, padding, dilation, transposed, output_padding, groups, op)
    return made if input.ndim == rank + 2 else made.squeeze(0)


cdef tuple _padded(TensorBase input, TensorBase weight, tuple stride, str padding, tuple dilation):
    """The input, made wider at the end where 'same' asks for an odd number of zeros; and the padding of both sides."""
    cdef int rank = weight.ndim - 2, i
    cdef list sides = [], missing = []
    if padding == "valid":
        return input, (0,) * rank
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any([s != 1 for s in stride]):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    for i in range(rank):
        total = dilation[i] * (weight.shape[2 + i] - 1)
        sides.append(total // 2)
        missing.append(total % 2)
    if any(missing):
        more = [n for i in range(rank) for n in (0, missing[rank - 1 - i])]
        input = CARDS["constant_pad_nd"].op(input, more, 0)
    return input, tuple(sides)


# ---- the public functions --------------------------------------------------------------------------------------------

def _conv1d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0, dilation=1,
            groups=1):
    """Cross-correlates input, (N, C, L) or without N, with weight, (M, C / groups, k).

    padding is a number, one for each dimension, "valid" or "same". Raises RuntimeError where the shapes do not fit.

    >>> import dynagrad
    >>> dynagrad.conv1d(dynagrad.ones(1, 1, 4), dynagrad.ones(1, 1, 3)).shape
    torch.Size([1, 1, 2])
    """
    return _of_rank(1, input, weight, bias, stride, padding, dilation, False, 0, groups)


def _conv_transpose1d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0,
                      output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv1d` in its input, which is (N, C, L) or without N; weight is (C, M / groups, k).

    >>> import dynagrad
    >>> dynagrad.conv_transpose1d(dynagrad.ones(1, 1, 4), dynagrad.ones(1, 1, 3)).shape
    torch.Size([1, 1, 6])
    """
    return _of_rank(1, input, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _conv2d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0, dilation=1,
            groups=1):
    """Cross-correlates input, (N, C, H, W) or without N, with weight, (M, C / groups, k, k).

    padding is a number, one for each dimension, "valid" or "same". Raises RuntimeError where the shapes do not fit.

    >>> import dynagrad
    >>> dynagrad.conv2d(dynagrad.ones(1, 1, 4, 4), dynagrad.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 2, 2])
    """
    return _of_rank(2, input, weight, bias, stride, padding, dilation, False, 0, groups)


def _conv_transpose2d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0,
                      output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv2d` in its input, which is (N, C, H, W) or without N; weight is (C, M / groups, k, k).

    >>> import dynagrad
    >>> dynagrad.conv_transpose2d(dynagrad.ones(1, 1, 4, 4), dynagrad.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """
    return _of_rank(2, input, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _conv3d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0, dilation=1,
            groups=1):
    """Cross-correlates input, (N, C, D, H, W) or without N, with weight, (M, C / groups, k, k, k).

    padding is a number, one for each dimension, "valid" or "same". Raises RuntimeError where the shapes do not fit.

    >>> import dynagrad
    >>> dynagrad.conv3d(dynagrad.ones(1, 1, 4, 4, 4), dynagrad.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 2, 2, 2])
    """
    return _of_rank(3, input, weight, bias, stride, padding, dilation, False, 0, groups)


def _conv_transpose3d(TensorBase input not None, TensorBase weight not None, TensorBase bias=None, stride=1, padding=0,
                      output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv3d` in its input, which is (N, C, D, H, W) or without N; weight is (C, M / groups, k, k, k).

    >>> import dynagrad
    >>> dynagrad.conv_transpose3d(dynagrad.ones(1, 1, 4, 4, 4), dynagrad.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 6, 6, 6])
    """
    return _of_rank(3, input, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _convolution_of_any_rank(TensorBase input not None, TensorBase weight not None, TensorBase bias, stride, padding, dilation,
                             transposed, output_padding, groups):
    """A convolution over one to three dimensions, as many as weight has behind its first two; transposed or not.

    >>> import dynagrad
    >>> x, w = dynagrad.ones(1, 1, 4), dynagrad.ones(1, 1, 3)
    >>> dynagrad.convolution(x, w, None, (1,), (0,), (1,), False, (0,), 1)
    tensor([[[3., 3.]]])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, "convolution")


for _rank, _plain_form, _transposed_form in ((1, _conv1d, _conv_transpose1d), (2, _conv2d, _conv_transpose2d),
                                             (3, _conv3d, _conv_transpose3d)):
    register(Card(f"conv{_rank}d", _plain_form, ConvolutionBackward0, "layer", method=False))
    register(Card(f"conv_transpose{_rank}d", _transposed_form, ConvolutionBackward0, "layer", method=False))
register(Card("convolution", _convolution_of_any_rank, ConvolutionBackward0, "layer", method=False))
