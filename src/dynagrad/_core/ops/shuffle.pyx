"""Rearrangements of the channels and pixels of images: value, derivative and card."""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, begin1, settle, wants_grad
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.ops.copy cimport laid_like
from dynagrad._core.ops.resample cimport pair, partner, sizes_of
from dynagrad._core.tensor cimport TensorBase


cdef class _ShuffleNode(Node):                          # whole: the factor; back: the opposite shuffle
    cdef object vjp(self, TensorBase g):
        return _shuffled(g, self.whole, partner(type(self)))


@cython.final
cdef class PixelShuffleBackward0(_ShuffleNode):
    _whole = "upscale_factor"


@cython.final
cdef class PixelUnshuffleBackward0(_ShuffleNode):
    _whole = "downscale_factor"


@cython.final
cdef class ChannelShuffleBackward0(_ShuffleNode):       # whole: as how many groups the channels stand
    _whole = "groups"

    cdef object vjp(self, TensorBase g):
        return _channels(g, g.shape[1] // self.whole if self.whole else 1)


pair(PixelShuffleBackward0, PixelUnshuffleBackward0)


cdef TensorBase _shuffled(TensorBase input, int64_t r, type node_class):
    """(..., C r r, H, W) to (..., C, H r, W r) for the class of the shuffle, and back for the other one."""
    cdef Node node = None
    cdef TensorBase made, x = input.detach()
    *lead, c, h, w = sizes_of(input)
    if wants_grad(input):
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, input)
        node.whole = r
    n = len(lead)
    order = tuple(range(n))
    if node_class is PixelShuffleBackward0:
        x = x.reshape(*lead, c // (r * r), r, r, h, w).permute(*order, n, n + 3, n + 1, n + 4, n + 2)
        made = x.reshape(*lead, c // (r * r), h * r, w * r)
    else:
        x = x.reshape(*lead, c, h // r, r, w // r, r).permute(*order, n, n + 2, n + 4, n + 1, n + 3)
        made = x.reshape(*lead, c * r * r, h // r, w // r)
    made = laid_like((made.clone() if made.storage == input.storage else made).detach(), input)
    settle(node, made, input, None, None, False)
    return made


cdef int _check(TensorBase input, object factor, str name, str argument) except -1:
    if input.ndim < 3:
        raise shape_error(f"{name} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)",
                          [input])
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")
    return 0


def _pixel_shuffle(TensorBase input not None, upscale_factor):
    """Spreads channels over pixels: (..., C * r * r, H, W) to (..., C, H * r, W * r).

    >>> import dynagrad
    >>> dynagrad.pixel_shuffle(dynagrad.arange(4.).view(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    _check(input, upscale_factor, "pixel_shuffle", "upscale_factor")
    if input.shape[input.ndim - 3] % (upscale_factor * upscale_factor):
        raise shape_error("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
                          f"but input.size(-3)={input.shape[input.ndim - 3]} is not divisible by {upscale_factor * upscale_factor}",
                          [input])
    return _shuffled(input, upscale_factor, PixelShuffleBackward0)


def _pixel_unshuffle(TensorBase input not None, downscale_factor):
    """Gathers pixels into channels: (..., C, H * r, W * r) to (..., C * r * r, H, W).

    >>> import dynagrad
    >>> dynagrad.pixel_unshuffle(dynagrad.arange(4.).view(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    _check(input, downscale_factor, "pixel_unshuffle", "downscale_factor")
    for name, size in (("height", input.shape[input.ndim - 2]), ("width", input.shape[input.ndim - 1])):
        if size % downscale_factor:
            raise shape_error(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input size {size} is not "
                              f"divisible by {downscale_factor}", [input])
    return _shuffled(input, downscale_factor, PixelUnshuffleBackward0)


cdef TensorBase _channels(TensorBase input, int64_t groups):
    cdef Node node = None
    cdef TensorBase made
    n, c, *rest = sizes_of(input)
    if wants_grad(input):
        node = ChannelShuffleBackward0.__new__(ChannelShuffleBackward0)
        begin1(node, input)
        node.whole = groups
    made = input.detach().reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(n, c, *rest)
    made = laid_like((made.clone() if made.storage == input.storage else made).detach(), input)
    settle(node, made, input, None, None, False)
    return made


def _channel_shuffle(TensorBase input not None, groups):
    """Deals the channels of (N, C, ...), which stand in so many groups, one group after the other.

    >>> import dynagrad
    >>> dynagrad.channel_shuffle(dynagrad.arange(4.).view(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim < 3:
        raise shape_error(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(sizes_of(input))}",
                          [input])
    if groups <= 0:
        raise RuntimeError("Number of groups to divide channels in must be positive. Value of groups:" f"{groups}")
    if input.shape[1] % groups:
        raise shape_error(f"Number of channels must be divisible by groups. Got {input.shape[1]} channels and {groups} groups.",
                          [input])
    return _channels(input, groups)


register(Card("pixel_shuffle", _pixel_shuffle, PixelShuffleBackward0, "layer", method=False))
register(Card("pixel_unshuffle", _pixel_unshuffle, PixelUnshuffleBackward0, "layer", method=False))
register(Card("channel_shuffle", _channel_shuffle, ChannelShuffleBackward0, "layer", method=False,
              aliases=("native_channel_shuffle",)))
