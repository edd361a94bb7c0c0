"""New tensors from numbers, sizes and other objects' memory."""
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.tensor cimport LEAF_GRAD, TensorBase, new_tensor
from dynagrad._core.types cimport default_dtype, dtype_code


def _empty(*size, dtype=None, requires_grad=False):
    """Uninitialised."""
    cdef int64_t shape[64]
    sizes = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    for i, n in enumerate(sizes):
        shape[i] = n
    cdef TensorBase made = new_tensor(default_dtype if dtype is None else dtype_code(dtype), len(sizes), shape)
    if requires_grad:
        made.flags |= LEAF_GRAD
    return made


register(Card("empty", _empty, None, "create", method=False))
