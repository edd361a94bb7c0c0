"""Memory formats: the order in which a tensor's elements lie, as ``memory_format=`` names it.

A format is a rule for strides and nothing else: ops read tensors in any of them, and what they return lies as the
strides of their inputs suggest (`tensor.pyx: dense_strides`).
"""
from libc.stdint cimport int64_t

from dynagrad._core.types import channels_last, channels_last_3d, contiguous_format, preserve_format

from dynagrad._core.tensor cimport TensorBase, new_tensor, set_geometry

# The dimensions from the one whose elements are neighbours outwards: of a batch of images, and of volumes.
cdef tuple _IMAGES = (1, 3, 2, 0)
cdef tuple _VOLUMES = (1, 4, 3, 2, 0)


cdef tuple _order(object memory_format):
    """The order of dimensions that a format asks for; None for row-major. TypeError for what is no format."""
    if memory_format is channels_last:
        return _IMAGES
    if memory_format is channels_last_3d:
        return _VOLUMES
    if memory_format is contiguous_format or memory_format is preserve_format or memory_format is None:
        return None
    raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {type(memory_format).__name__}")


cdef object suggested(TensorBase t):
    """The format, channels last, that a batch of images or volumes lies in, gaps allowed; None for any other tensor.

    What lies in several formats at once, such as images of one channel and one pixel, counts as row-major.
    """
    cdef tuple order
    cdef int64_t least = 0
    cdef int d
    if t.ndim == 4:
        order = _IMAGES
    elif t.ndim == 5:
        order = _VOLUMES
    else:
        return None
    if t.strides[1] == 0:
        return None
    for d in order:
        if t.shape[d] == 0 or t.strides[d] < least or (d == 0 and least == t.strides[1]):
            return None
        least = t.strides[d]
        if t.shape[d] > 1:
            least *= t.shape[d]
    return channels_last if t.ndim == 4 else channels_last_3d


cdef bint lies_in(TensorBase t, object memory_format) except -1:
    """Whether t's elements lie in a format without gaps; never in one that is for tensors of another rank."""
    cdef tuple order = _order(memory_format)
    cdef int64_t expected = 1
    if order is None:
        return t.contiguous > 0
    if t.ndim != len(order):
        return False
    for d in order:
        if t.shape[d] != 1 and t.strides[d] != expected:
            return False
        expected *= t.shape[d]
    return True


cdef TensorBase new_in(object memory_format, int dtype, int ndim, const int64_t* shape):
    """A fresh tensor with uninitialised elements that lies in a format. RuntimeError for a rank that it is not for."""
    cdef tuple order = _order(memory_format)
    cdef int64_t strides[64]
    cdef int64_t step = 1
    if order is not None and ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format.name} format")
    cdef TensorBase made = new_tensor(dtype, ndim, shape)
    if order is None:
        return made
    for d in order:
        strides[d] = step
        step *= shape[d]
    set_geometry(made, ndim, shape, strides)
    return made
