"""Separable linear maps of images: interpolation and padding by what is there; unfolding; value, derivative and card.

Each axis has a list of entries for every output; those lists and the loops are in runtime/axis_maps.cpp and
runtime/pool.cpp. The derivative of such a map is its transpose, whose derivative is the map. Averages are in `pool`.
"""
import cython
from libc.stdint cimport int64_t, uint8_t

from dynagrad._core.card import Card, register
from dynagrad._core.shown import input_sizes, output_sizes, size

from dynagrad._core.formats cimport new_in, suggested
from dynagrad._core.graph cimport Node, begin1, save, settle, wants_grad
from dynagrad._core.iterate cimport cast, contiguous, copy_into, fill
from dynagrad._core.ops.copy cimport laid_like
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.ops.part cimport sliced, zeros
from dynagrad._core.tensor cimport TensorBase, dims_tuple, new_tensor
from dynagrad._core.types cimport F32, U8, DType, compute_dtype, compute_of, dtype_object, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/pool.hpp" namespace "dg" nogil:
    struct AxisSpec:
        AxisKind kind
        int64_t inner "in"
        int64_t out
        int64_t size, stride, before, dilation
        double scale
        bint align_corners
    bint separable(DType type, int64_t planes, const AxisSpec* axes, bint transpose, double factor, const void* source,
                   void* out)

cdef extern from "runtime/byte_images.hpp" namespace "dg" nogil:
    bint resample_bytes(int64_t planes, const AxisSpec* axes, const uint8_t* source, uint8_t* out)


# ---- values ----------------------------------------------------------------------------------------------------------

cdef tuple sizes_of(TensorBase t):
    return dims_tuple(t.ndim, t.shape)


cdef tuple axis(int kind, int64_t size_in, int64_t size_out, int64_t size=0, int64_t stride=1, int64_t before=0,
                int64_t dilation=1, double scale=0, bint align_corners=False):
    """How one axis is mapped, as a node keeps it."""
    return kind, size_in, size_out, size, stride, before, dilation, scale, align_corners


cdef int _read(tuple axes, AxisSpec* to) except -1:
    """The last axes of a plane of three."""
    cdef int i, missing = 3 - len(axes)
    for i in range(missing):
        to[i] = AxisSpec(SAME_AXIS, 1, 1, 0, 1, 0, 1, 0, False)
    for i, (kind, size_in, size_out, size, stride, before, dilation, scale, align) in enumerate(axes):
        to[missing + i] = AxisSpec(<AxisKind><int>kind, size_in, size_out, size, stride, before, dilation, scale, align)
    return 0


cdef TensorBase _value(TensorBase input, tuple axes, double factor, bint transpose):
    cdef Unlocked unlocked
    cdef AxisSpec spec[3]
    cdef int64_t shape[64]
    cdef int64_t planes = 1
    cdef int i, rank = len(axes), lead = input.ndim - len(axes), dtype = input.dtype
    cdef DType type = <DType>compute_dtype[compute_of[dtype]]
    cdef TensorBase made
    cdef bint done
    for i in range(lead):
        shape[i] = input.shape[i]
        planes *= shape[i]
    for i in range(rank):
        shape[lead + i] = axes[i][1 if transpose else 2]
    if input.numel == 0:
        return zeros(dtype, input.ndim, shape)
    _read(axes, spec)
    input = contiguous(cast(input, type))
    made = new_tensor(type, input.ndim, shape)
    if made.numel:
        unlocked.begin()
        with nogil:
            done = separable(type, planes, spec, transpose, factor, input.data, made.data)
        if not done:
            raise MemoryError("out of memory while mapping an image")
    return cast(made, dtype)


# ---- derivatives -----------------------------------------------------------------------------------------------------

cdef dict _partners = {}


cdef int pair(type forward, type backward) except -1:
    """Says that each of two classes of nodes makes the other in its derivative."""
    _partners[forward], _partners[backward] = backward, forward
    return 0


cdef type partner(type node_class):
    return _partners[node_class]


def of_axes(int at):
    """Shows one item of every axis, see `axis`."""
    def found(Node node):
        return tuple([each[at] for each in node.params[0]])
    return found


cdef class SeparableNode(Node):
    cdef object vjp(self, TensorBase g):
        axes, factor = self.params[:2]
        return mapped(g, axes, factor, not self.whole, partner(type(self)))


cdef TensorBase mapped(TensorBase input, tuple axes, double factor, bint transpose, type node_class,
                       bint saves=False, tuple more=()):
    """The map of the last axes, or its transpose, recorded as a node of the class; `saves`: one that keeps the input."""
    cdef Node node = None
    cdef TensorBase made
    if wants_grad(input):
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, input)
        node.params = (axes, factor, *more)
        if saves:
            save(node, 0, input)
        node.whole = transpose
    made = _value(input, axes, factor, transpose)
    if input.ndim == 4 or axes[0][0] not in (ADAPTIVE, WINDOW, WINDOW_INSIDE):       # averages of volumes lie row by row
        made = laid_like(made, input)
    settle(node, made, input, None, None, False)
    return made


# ---- interpolation ---------------------------------------------------------------------------------------------------

def _scale(int at):
    """Shows the scale that was given for an axis, or None."""
    def found(Node node):
        return node.params[0][at][7] or None
    return found


def _corners(Node node):
    return node.params[0][0][8]


_RESIZED = {"output_size": output_sizes(2), "self_sym_sizes": input_sizes}
_NEAREST = {1: {**_RESIZED, "scales": _scale(0)},
            2: {**_RESIZED, "scales_h": _scale(0), "scales_w": _scale(1)},
            3: {**_RESIZED, "scales_d": _scale(0), "scales_h": _scale(1), "scales_w": _scale(2)}}
_LINEAR = {rank: {**shows, "align_corners": _corners} for rank, shows in _NEAREST.items()}


@cython.final
cdef class UpsampleNearest1DBackward0(SeparableNode):
    _shows = _NEAREST[1]


@cython.final
cdef class UpsampleNearest1DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleNearest2DBackward0(SeparableNode):
    _shows = _NEAREST[2]


@cython.final
cdef class UpsampleNearest2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleNearest3DBackward0(SeparableNode):
    _shows = _NEAREST[3]


@cython.final
cdef class UpsampleNearest3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleNearestExact1DBackward0(SeparableNode):
    _shows = _NEAREST[1]


@cython.final
cdef class UpsampleNearestExact1DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleNearestExact2DBackward0(SeparableNode):
    _shows = _NEAREST[2]


@cython.final
cdef class UpsampleNearestExact2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleNearestExact3DBackward0(SeparableNode):
    _shows = _NEAREST[3]


@cython.final
cdef class UpsampleNearestExact3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleLinear1DBackward0(SeparableNode):
    _shows = _LINEAR[1]


@cython.final
cdef class UpsampleLinear1DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleBilinear2DBackward0(SeparableNode):
    _shows = _LINEAR[2]


@cython.final
cdef class UpsampleBilinear2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleTrilinear3DBackward0(SeparableNode):
    _shows = _LINEAR[3]


@cython.final
cdef class UpsampleTrilinear3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleBicubic2DBackward0(SeparableNode):
    _shows = _LINEAR[2]


@cython.final
cdef class UpsampleBicubic2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleBilinear2DAaBackward0(SeparableNode):
    _shows = _LINEAR[2]


@cython.final
cdef class UpsampleBilinear2DAaBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class UpsampleBicubic2DAaBackward0(SeparableNode):
    _shows = _LINEAR[2]


@cython.final
cdef class UpsampleBicubic2DAaBackwardBackward0(SeparableNode):
    pass


pair(UpsampleNearest1DBackward0, UpsampleNearest1DBackwardBackward0)
pair(UpsampleNearest2DBackward0, UpsampleNearest2DBackwardBackward0)
pair(UpsampleNearest3DBackward0, UpsampleNearest3DBackwardBackward0)
pair(UpsampleNearestExact1DBackward0, UpsampleNearestExact1DBackwardBackward0)
pair(UpsampleNearestExact2DBackward0, UpsampleNearestExact2DBackwardBackward0)
pair(UpsampleNearestExact3DBackward0, UpsampleNearestExact3DBackwardBackward0)
pair(UpsampleLinear1DBackward0, UpsampleLinear1DBackwardBackward0)
pair(UpsampleBilinear2DBackward0, UpsampleBilinear2DBackwardBackward0)
pair(UpsampleTrilinear3DBackward0, UpsampleTrilinear3DBackwardBackward0)
pair(UpsampleBicubic2DBackward0, UpsampleBicubic2DBackwardBackward0)
pair(UpsampleBilinear2DAaBackward0, UpsampleBilinear2DAaBackwardBackward0)
pair(UpsampleBicubic2DAaBackward0, UpsampleBicubic2DAaBackwardBackward0)

cdef dict _upsampled = {
    ("nearest", 1): UpsampleNearest1DBackward0, ("nearest", 2): UpsampleNearest2DBackward0,
    ("nearest", 3): UpsampleNearest3DBackward0, ("nearest-exact", 1): UpsampleNearestExact1DBackward0,
    ("nearest-exact", 2): UpsampleNearestExact2DBackward0, ("nearest-exact", 3): UpsampleNearestExact3DBackward0,
    ("linear", 1): UpsampleLinear1DBackward0, ("bilinear", 2): UpsampleBilinear2DBackward0,
    ("trilinear", 3): UpsampleTrilinear3DBackward0, ("bicubic", 2): UpsampleBicubic2DBackward0,
    ("bilinear smooth", 2): UpsampleBilinear2DAaBackward0, ("bicubic smooth", 2): UpsampleBicubic2DAaBackward0,
}
cdef dict _kinds = {
    "nearest": NEAREST, "nearest-exact": NEAREST_EXACT, "linear": LINEAR, "bilinear": LINEAR, "trilinear": LINEAR,
    "bicubic": CUBIC, "bilinear smooth": LINEAR_SMOOTH, "bicubic smooth": CUBIC_SMOOTH,
}


cdef TensorBase _of_bytes(TensorBase input, tuple axes, str mode):
    """Pixels of 8 bits, the only whole numbers that are interpolated."""
    cdef Unlocked unlocked
    cdef AxisSpec spec[3]
    cdef int64_t shape[64]
    cdef int64_t planes
    cdef bint done
    cdef TensorBase made
    if input.dtype != U8:
        raise NotImplementedError(f"\"upsample_{mode}\" is not implemented for {dtype_object(input.dtype)}")
    if len(axes) != 2 or axes[0][0] in (NEAREST, NEAREST_EXACT):
        return cast(_value(cast(input, F32), axes, 1, False).round(), U8)
    _read(axes, spec)
    shape[0], shape[1], shape[2], shape[3] = input.shape[0], input.shape[1], spec[1].out, spec[2].out
    planes = shape[0] * shape[1]
    input = contiguous(input)
    made = new_tensor(U8, 4, shape)
    if made.numel:
        unlocked.begin()
        with nogil:
            done = resample_bytes(planes, &spec[1], <const uint8_t*>input.data, <uint8_t*>made.data)
        if not done:
            raise MemoryError("out of memory while mapping an image")
    return made


def _upsample(TensorBase input not None, sizes, mode, align_corners=False, scales=None):
    """Resamples the axes behind the second to ``sizes``; ``scales`` are what the user gave for positions, or None.

    Raises RuntimeError for an empty image.

    >>> import dynagrad
    >>> from dynagrad._core.ops.resample import _upsample
    >>> _upsample(dynagrad.tensor([[[1., 3.]]]), (4,), "linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    cdef int rank = input.ndim - 2, i
    cdef list axes = []
    if 0 in sizes_of(input)[1:] or min(sizes) <= 0:
        raise shape_error(f"Input and output sizes should be greater than 0, but got input "
                          f"{list(sizes_of(input))} and output {list(sizes)}", [input])
    for i in range(rank):
        axes.append(axis(_kinds[mode], input.shape[2 + i], sizes[i], 0, 1, 0, 1, (scales[i] or 0) if scales else 0,
                         align_corners))
    if not is_float(input.dtype):
        return laid_like(_of_bytes(input, tuple(axes), mode), input)
    return mapped(input, tuple(axes), 1, False, _upsampled[mode, rank])


register(Card("upsample", _upsample, UpsampleNearest2DBackward0, "layer", method=False, function=False))


# ---- padding by what is there ----------------------------------------------------------------------------------------

def _widths(Node node):
    """(before, after) of the last axis, then of the one in front."""
    return tuple([n for axis in reversed(node.params[0]) for n in (axis[5], axis[2] - axis[1] - axis[5])])


@cython.final
cdef class ReflectionPad1DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReflectionPad1DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class ReflectionPad2DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReflectionPad2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class ReflectionPad3DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReflectionPad3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class ReplicationPad1DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReplicationPad1DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class ReplicationPad2DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReplicationPad2DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class ReplicationPad3DBackward0(SeparableNode):
    _saves = ("self",)
    _shows = {"padding": _widths}


@cython.final
cdef class ReplicationPad3DBackwardBackward0(SeparableNode):
    pass


@cython.final
cdef class CircularPadBackward0(SeparableNode):
    pass


@cython.final
cdef class CircularPadBackwardBackward0(SeparableNode):
    pass


pair(ReflectionPad1DBackward0, ReflectionPad1DBackwardBackward0)
pair(ReflectionPad2DBackward0, ReflectionPad2DBackwardBackward0)
pair(ReflectionPad3DBackward0, ReflectionPad3DBackwardBackward0)
pair(ReplicationPad1DBackward0, ReplicationPad1DBackwardBackward0)
pair(ReplicationPad2DBackward0, ReplicationPad2DBackwardBackward0)
pair(ReplicationPad3DBackward0, ReplicationPad3DBackwardBackward0)
pair(CircularPadBackward0, CircularPadBackwardBackward0)

cdef dict _pads = {
    ("reflect", 1): ReflectionPad1DBackward0, ("reflect", 2): ReflectionPad2DBackward0,
    ("reflect", 3): ReflectionPad3DBackward0, ("replicate", 1): ReplicationPad1DBackward0,
    ("replicate", 2): ReplicationPad2DBackward0, ("replicate", 3): ReplicationPad3DBackward0,
    ("circular", 1): CircularPadBackward0, ("circular", 2): CircularPadBackward0, ("circular", 3): CircularPadBackward0,
}


cdef int _check_pad(TensorBase input, str mode, int64_t size, int64_t before, int64_t after, int d) except -1:
    if mode == "reflect" and (before >= size or after >= size):
        raise shape_error("Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                          f"({before}, {after}) at dimension {d} of input {list(sizes_of(input))}", [input])
    if mode == "circular" and (before > size or after > size):
        raise shape_error("Padding value causes wrapping around more than once.", [input])
    if mode == "circular" and size + before + after < 0:
        raise shape_error("Negative padding value is resulting in an empty dimension", [input])
    if size + before + after < 1 or size == 0:
        raise shape_error(f"input (size {size} at dimension {d}) is too small. Calculated output size: "
                          f"{size + before + after}", [input])
    return 0


def _pad_by(TensorBase input not None, pad, str mode):
    """Makes the last axes wider by mirroring ("reflect"), by repeating the edge ("replicate") or the whole ("circular").

    ``pad`` is (before, after) of the last axis, then of the one in front of it, and so on. Raises RuntimeError where there
    is not enough to mirror or repeat.

    >>> import dynagrad
    >>> from dynagrad._core.ops.resample import _pad_by
    >>> _pad_by(dynagrad.tensor([[1., 2., 3.]]), (1, 2), "reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    cdef int rank = len(pad) // 2, i, d
    cdef list axes = []
    if mode == "circular" and min(pad) < 0:     # what is cut off is not repeated
        input, pad = _constant_pad_nd(input, tuple([min(n, 0) for n in pad])), tuple([max(n, 0) for n in pad])
    kind = {"reflect": REFLECT, "replicate": REPLICATE, "circular": CIRCULAR}[mode]
    if mode != "circular" and 0 in sizes_of(input)[1 if input.ndim == rank + 2 else 0:]:
        raise shape_error(f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size and other "
                          f"non-zero dimensions for input, but got: {list(sizes_of(input))}", [input])
    for i in range(rank):
        d = input.ndim - rank + i
        before, after = pad[2 * (rank - 1 - i)], pad[2 * (rank - 1 - i) + 1]
        _check_pad(input, mode, input.shape[d], before, after, d)
        axes.append(axis(kind, input.shape[d], input.shape[d] + before + after, 0, 1, before))
    return mapped(input, tuple(axes), 1, False, _pads[mode, rank], mode != "circular")


register(Card("pad_by", _pad_by, ReflectionPad1DBackward0, "layer", method=False, function=False))


# ---- padding by a number ---------------------------------------------------------------------------------------------

@cython.final
cdef class ConstantPadNdBackward0(Node):                # back: the same with the widths negated
    _keeps = ("pad",)

    cdef object vjp(self, TensorBase g):
        return _constant_pad_nd(g, tuple([-n for n in self.params[0]]), 0)


def _constant_pad_nd(TensorBase input not None, pad, value=0):
    """Puts ``value`` around input: ``pad`` is (before, after) of the last axis, then of the one in front, and so on.

    Negative numbers cut off. Raises RuntimeError where a size would become negative.

    >>> import dynagrad
    >>> dynagrad.constant_pad_nd(dynagrad.tensor([1., 2.]), (1, -1), 5)
    tensor([5., 1.])
    """
    cdef int64_t shape[64]
    cdef int i, d, rank = len(pad) // 2
    cdef int64_t before, after
    cdef Node node = None
    cdef TensorBase made, target, source
    if len(pad) % 2 or rank > input.ndim:
        raise RuntimeError(f"Length of pad should be even and at most twice the number of dimensions of the input, got "
                           f"{len(pad)} for {input.ndim}")
    if wants_grad(input):
        node = ConstantPadNdBackward0.__new__(ConstantPadNdBackward0)
        begin1(node, input)
        node.params = (tuple(pad),)
    for i in range(input.ndim):
        shape[i] = input.shape[i]
    for i in range(rank):
        d = input.ndim - 1 - i
        shape[d] += <int64_t>pad[2 * i] + <int64_t>pad[2 * i + 1]
        if shape[d] < 0:
            raise shape_error(f"The input size {input.shape[d]}, plus negative padding {pad[2 * i]} and {pad[2 * i + 1]} "
                              f"resulted in a negative output size, which is invalid. Check dimension {d} of your input.",
                              [input])
    made = new_in(suggested(input), input.dtype, input.ndim, shape)
    target, source = made, input.detach()
    for i in range(rank):
        d = input.ndim - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        source = sliced(source, d, max(-before, 0), max(source.shape[d] - max(-after, 0), max(-before, 0)), 1)
        target = sliced(target, d, max(before, 0), max(target.shape[d] - max(after, 0), max(before, 0)), 1)
    if source.numel != made.numel:
        fill(made, value)
    copy_into(target, source)
    settle(node, made, input, None, None, False)
    return made


register(Card("constant_pad_nd", _constant_pad_nd, ConstantPadNdBackward0, "layer", method=False))


# ---- unfolding -------------------------------------------------------------------------------------------------------

_WINDOWS = {"kernel_size": of_axes(3), "stride": of_axes(4), "padding": of_axes(5), "dilation": of_axes(6)}


cdef class _UnfoldNode(Node):
    cdef object vjp(self, TensorBase g):
        return _unfolded(g, self.params[0], not self.whole, partner(type(self)))


@cython.final
cdef class Im2ColBackward0(_UnfoldNode):
    _shows = {**_WINDOWS, "self_sym_argsize_minus_2": size(0, -2), "self_sym_argsize_minus_1": size(0, -1)}


@cython.final
cdef class Col2ImBackward0(_UnfoldNode):
    _shows = _WINDOWS


pair(Im2ColBackward0, Col2ImBackward0)


cdef TensorBase _unfolded(TensorBase input, tuple axes, bint transpose, type node_class):
    """(N, C, H, W) to (N, C kh kw, places), or the transpose of that."""
    cdef Node node = None
    cdef TensorBase made, x = input.detach()
    (_, h, rows, kh, *_), (_, w, columns, kw, *_) = axes
    n = input.shape[0]
    if wants_grad(input):
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, input)
        node.params = (axes,)
        node.whole = transpose
    if transpose:
        c = input.shape[1] // (kh * kw)
        x = x.reshape(n, c, kh, kw, rows // kh, columns // kw).permute(0, 1, 2, 4, 3, 5).reshape(n, c, rows, columns)
        made = _value(x, axes, 1, True)
    else:
        c = input.shape[1]
        made = _value(x, axes, 1, False).view(n, c, kh, rows // kh, kw, columns // kw).permute(0, 1, 2, 4, 3, 5)
        made = made.reshape(n, c * kh * kw, (rows // kh) * (columns // kw))
    made = made.detach()
    settle(node, made, input, None, None, False)
    return made


cdef tuple _unfold_axes(object size, object kernel, object dilation, object padding, object stride):
    cdef list axes = []
    for h, k, d, p, s in zip(size, kernel, dilation, padding, stride):
        if k <= 0 or d <= 0 or s <= 0:
            raise RuntimeError(f"kernel size, dilation and stride should be greater than zero, but got kernel_size "
                               f"{tuple(kernel)}, dilation {tuple(dilation)}, stride {tuple(stride)}")
        if p < 0:
            raise RuntimeError(f"padding should be non-negative, but got {tuple(padding)}")
        places = (h + 2 * p - d * (k - 1) - 1) // s + 1
        axes.append(axis(UNFOLD, h, k * places, k, s, p, d))
    return tuple(axes)


def _im2col(TensorBase input not None, kernel_size, dilation, padding, stride):
    """The windows of images (N, C, H, W) as columns: (N, C kh kw, number of windows). Pairs of numbers throughout.

    >>> import dynagrad
    >>> from dynagrad._core.ops.resample import _im2col
    >>> _im2col(dynagrad.arange(4.).view(1, 1, 2, 2), (1, 2), (1, 1), (0, 0), (1, 1))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    axes = _unfold_axes(sizes_of(input)[2:], kernel_size, dilation, padding, stride)
    places = [a[2] // a[3] for a in axes]
    if min(places) < 1:
        raise shape_error(f"Given input with spatial size {sizes_of(input)[2:]}, kernel_size={tuple(kernel_size)}, "
                          f"dilation={tuple(dilation)}, padding={tuple(padding)}, stride={tuple(stride)}, calculated shape of "
                          f"the array of sliding blocks as {tuple(places)}, but its components must be at least one.", [input])
    return _unfolded(input, axes, False, Im2ColBackward0)


def _col2im(TensorBase input not None, output_size, kernel_size, dilation, padding, stride):
    """Adds columns (N, C kh kw, number of windows) to the images (N, C, H, W) that they are windows of.

    >>> import dynagrad
    >>> from dynagrad._core.ops.resample import _col2im
    >>> _col2im(dynagrad.ones(1, 2, 2), (1, 3), (1, 2), (1, 1), (0, 0), (1, 1))
    tensor([[[[1., 2., 1.]]]])
    """
    axes = _unfold_axes(output_size, kernel_size, dilation, padding, stride)
    places = [a[2] // a[3] for a in axes]
    (kh, kw), count = kernel_size, places[0] * places[1]
    if input.shape[1] % (kh * kw):
        raise shape_error("Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
                          f"input.size(1)={input.shape[1]} and kernel_size={tuple(kernel_size)}.", [input])
    if min(places) < 1:
        raise shape_error(f"Given output_size={tuple(output_size)}, kernel_size={tuple(kernel_size)}, "
                          f"dilation={tuple(dilation)}, padding={tuple(padding)}, stride={tuple(stride)}, calculated shape of "
                          f"the array of sliding blocks as {tuple(places)}, which is too small (non-positive)", [input])
    if input.shape[2] != count:
        raise shape_error(f"Given output_size={tuple(output_size)}, kernel_size={tuple(kernel_size)}, "
                          f"dilation={tuple(dilation)}, padding={tuple(padding)}, stride={tuple(stride)}, expected size of "
                          f"input's dimension 2 to match the calculated number of sliding blocks {places[0]} * {places[1]} = "
                          f"{count}, but got input.size(2)={input.shape[2]}.", [input])
    return _unfolded(input, axes, True, Col2ImBackward0)


register(Card("im2col", _im2col, Im2ColBackward0, "layer", method=False, function=False))
register(Card("col2im", _col2im, Col2ImBackward0, "layer", method=False, function=False))
