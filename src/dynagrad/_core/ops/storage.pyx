"""The bytes under a tensor: a whole storage as a tensor of bytes, and tensors laid over such bytes.

What pickles, files and storages of the public kind are made of. Views within the graph are in `view`.
"""
from libc.stdint cimport int64_t, uintptr_t

from dynagrad._core.ops.copy cimport clone
from dynagrad._core.ops.create cimport finish
from dynagrad._core.ops.exchange cimport of_class
from dynagrad._core.tensor cimport TensorBase, new_over, storage_share
from dynagrad._core.types cimport U8, dtype_code, itemsizes


def whole_storage(TensorBase t not None):
    """The whole storage of a tensor as a one-dimensional uint8 tensor over the same memory."""
    cdef int64_t n = t.storage.nbytes
    cdef int64_t one = 1
    return new_over(storage_share(t.storage), U8, 1, &n, &one, 0)


def storage_id(TensorBase t not None):
    """A number that two tensors share exactly while they share their storage."""
    return <uintptr_t>t.storage


def is_alone(TensorBase t not None):
    """Whether nobody else shows the storage of a tensor: no other tensor, saved ones included, and no other library."""
    return t.storage.references == (2 if t.counter == t.storage else 1)


cdef int _check_extent(TensorBase whole, object offset, tuple size, tuple stride, int itemsize) except -1:
    """ValueError where a layout would reach outside of the bytes; in Python's integers, which do not overflow."""
    if len(size) != len(stride) or len(size) > 64:
        raise ValueError(f"a layout has as many strides as sizes, 64 at most, but got {len(size)} sizes and {len(stride)} "
                         "strides")
    last = offset
    empty = False
    for n, step in zip(size, stride):
        if type(n) is not int or type(step) is not int or n < 0 or step < 0:
            raise ValueError(f"sizes and strides are non-negative integers, but got sizes {size} and strides {stride}")
        empty = empty or n == 0
        last += (n - 1) * step
    if type(offset) is not int or offset < 0:
        raise ValueError(f"an offset is a non-negative integer, but got {offset}")
    if not empty and (last + 1) * itemsize > whole.numel:
        raise ValueError(f"a tensor of sizes {size} and strides {stride} at offset {offset} needs "
                         f"{(last + 1) * itemsize} bytes, but its storage has {whole.numel}")
    return 0


def over_bytes(TensorBase whole not None, dtype, offset, tuple size, tuple stride, requires_grad=False, cls=None):
    """A tensor laid over a uint8 tensor that is a whole storage.

    Args:
        whole: from ``whole_storage`` or ``frombuffer``.
        dtype: of the elements. Memory that does not lie as they need is copied.
        offset, size, stride: in elements. ValueError where they reach outside of the storage.
        requires_grad: whether the tensor collects its gradient.
        cls: the class of the tensor, if it is no plain one.
    """
    cdef int code = dtype_code(dtype)
    cdef int64_t sizes[64]
    cdef int64_t strides[64]
    cdef int i
    if whole.dtype != U8 or not whole.contiguous or whole.data != whole.storage.data:
        raise ValueError("expected a uint8 tensor over a whole storage")
    _check_extent(whole, offset, size, stride, itemsizes[code])
    if <uintptr_t>whole.data % itemsizes[code]:
        whole = clone(whole)
    for i in range(len(size)):
        sizes[i], strides[i] = size[i], stride[i]
    made = new_over(storage_share(whole.storage), code, len(size), sizes, strides, 0 if 0 in size else offset)
    return finish(made if cls is None else of_class(made, cls), None, requires_grad)
