"""What gives a tensor itself another extent or other memory: resize_, resize_as_, set_, and what ``.data = `` does.

None of it has a derivative. Views in place, which have one, are in `view` and `shape`; the bytes of a storage in `storage`.
"""
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.types import BY_NAME, TYPE_NAMES, channels_last, channels_last_3d, preserve_format

from dynagrad._core.formats cimport lies_in, new_in
from dynagrad._core.graph cimport check_inplace, thread_state, wrote
from dynagrad._core.iterate cimport resize
from dynagrad._core.ops.create cimport parse_size
from dynagrad._core.ops.view cimport as_strided, detach
from dynagrad._core.scalars cimport c_name
from dynagrad._core.tensor cimport (
    Storage, TensorBase, dims_tuple, new_tensor, requires_grad, set_geometry, storage_drop, storage_new, storage_share)
from dynagrad._core.types cimport dtype_code, itemsizes
from dynagrad._core.unlocked cimport retire


cdef int take_memory(TensorBase t, TensorBase source) except -1:
    """Lays t over the memory of source, with its geometry and dtype. t goes on counting its own versions.

    Views of t count with it, and so keep its old storage as their common counter; where there are none, the old memory is
    not to be kept for the sake of a number.
    """
    cdef Storage* fresh
    if t.counter == t.storage and t.storage.references == 2:
        fresh = storage_new(0)
        fresh.version = t.storage.version
        storage_drop(t.counter)
        t.counter = fresh
    storage_share(source.storage)
    retire(t.storage)
    t.storage = source.storage
    t.data = source.data
    t.dtype = source.dtype
    set_geometry(t, source.ndim, source.shape, source.strides)
    return 0


# ---- resize_ ---------------------------------------------------------------------------------------------------------

cdef int _resize(TensorBase t, int ndim, const int64_t* shape) except -1:
    """Gives t another shape; nothing happens, and no write is counted, where it has that shape already."""
    cdef Storage* before = t.storage
    cdef int64_t needed = itemsizes[t.dtype]
    cdef int i
    if requires_grad(t) and not thread_state.inference:
        raise RuntimeError("cannot resize variables that require grad")
    if dims_tuple(t.ndim, t.shape) == dims_tuple(ndim, shape):
        return 0
    for i in range(ndim):
        if shape[i] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {shape[i]}: {list(dims_tuple(ndim, shape))}")
        needed *= shape[i]
    if t.storage.owner != NULL and needed + (t.data - t.storage.data) > <int64_t>t.storage.nbytes:
        raise RuntimeError("Trying to resize storage that is not resizable: its memory belongs to another library")
    check_inplace(t, False, True)
    resize(t, ndim, shape)
    if t.storage != before and t.counter == before and before.references == 1:
        t.storage.version = before.version              # the old memory was kept for the count only
        storage_drop(before)
        t.counter = storage_share(t.storage)
    wrote(t)
    return 0


cdef int _lay_in(TensorBase t, object memory_format) except -1:
    """Gives t the strides of a format; its elements stay where they are."""
    cdef TensorBase laid
    if memory_format is not None and memory_format is not preserve_format and not lies_in(t, memory_format):
        laid = new_in(memory_format, t.dtype, t.ndim, t.shape)
        set_geometry(t, laid.ndim, laid.shape, laid.strides)
    return 0


def _resize_(TensorBase self not None, *args, size=None, memory_format=None):
    """Gives the tensor itself another shape over the same storage, which grows if need be. Returns the tensor.

    The elements keep their order in memory; new ones are uninitialised. RuntimeError for a tensor that requires grad, and
    where memory of another library would have to grow.

    >>> import dynagrad
    >>> dynagrad.tensor([[1, 2], [3, 4]]).resize_(3)
    tensor([1, 2, 3])
    """
    cdef int64_t shape[64]
    if size is None:
        size = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
    cdef int ndim = parse_size("resize_", size, shape)
    _resize(self, ndim, shape)
    _lay_in(self, memory_format)
    return self


def _resize_as_(TensorBase self not None, TensorBase the_template not None, *, memory_format=None):
    """`resize_` to the shape of another tensor.

    >>> import dynagrad
    >>> dynagrad.arange(4).resize_as_(dynagrad.ones(2, 1))
    tensor([[0],
            [1]])
    """
    _resize(self, the_template.ndim, the_template.shape)
    if memory_format is preserve_format and not the_template.contiguous:
        memory_format = next((each for each in (channels_last, channels_last_3d) if lies_in(the_template, each)), memory_format)
    _lay_in(self, memory_format)
    return self


register(Card("resize_", _resize_, None, "database", function=False, samples="database"))
register(Card("resize_as_", _resize_as_, None, "database", samples="database"))


# ---- set_ ------------------------------------------------------------------------------------------------------------

cdef TensorBase _over_storage(TensorBase t, object storage):
    """A vector of t's dtype over a whole storage, a typed one or one of bytes."""
    from dynagrad._core.ops.storage import over_bytes
    untyped = getattr(storage, "_untyped_storage", storage)
    whole = getattr(untyped, "_bytes", None)
    if whole is None:
        raise TypeError(f"set_(): argument 'source' must be Tensor or Storage, not {type(storage).__name__}")
    typed = getattr(storage, "dtype", None)
    if typed is not None and dtype_code(typed) != t.dtype:
        raise RuntimeError(f"Expected a Storage of type {c_name(t.dtype)} or an UntypedStorage, but got type "
                           f"{TYPE_NAMES[dtype_code(typed)]} for argument 1 'storage'")
    return over_bytes(whole, list(BY_NAME.values())[t.dtype], 0, (whole.numel() // itemsizes[t.dtype],), (1,), False)


def _set_(TensorBase self not None, source=None, storage_offset=0, size=None, stride=None):
    """Lays the tensor itself over the memory of a tensor or a storage. Returns the tensor.

    Args:
        source: a tensor, whose sizes and strides are taken too, or a storage; nothing for an empty tensor.
        storage_offset, size, stride: in elements of the storage, instead of those of the source.

    RuntimeError for a source of another dtype, for a layout that reaches outside of the storage, and for a leaf that
    requires grad, outside of ``no_grad``.

    >>> import dynagrad
    >>> a, b = dynagrad.zeros(2), dynagrad.arange(4.)
    >>> a.set_(b)[0] = 9
    >>> b
    tensor([9., 1., 2., 3.])
    """
    cdef int64_t nothing = 0
    cdef TensorBase given
    if source is None:
        given = new_tensor(self.dtype, 1, &nothing)
    elif isinstance(source, TensorBase):
        given = detach(<TensorBase>source)
    else:
        given = _over_storage(self, source)
    if given.dtype != self.dtype:
        raise RuntimeError(f"Could not set tensor of type {c_name(given.dtype)} to a tensor of type {c_name(self.dtype)}")
    if size is not None:
        if isinstance(size, int):
            size = (size,)
        if stride is None:
            stride, step = [], 1
            for each in reversed(size):
                stride.insert(0, step)
                step *= each
        given = as_strided(given, tuple(size), tuple(stride), storage_offset)
    check_inplace(self, requires_grad(self), True)
    take_memory(self, given)
    self.accumulator = NULL         # what was recorded of the old memory leads to the old node, which new ops do not share
    wrote(self)
    return self


register(Card("set_", _set_, None, "database", function=False, samples="database"))
