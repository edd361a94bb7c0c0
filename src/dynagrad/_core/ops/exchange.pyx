"""Memory shared with others, both ways: NumPy arrays, buffers, DLPack; and the parts of a tensor that pickling stores.

Python sequences are in `data`; the slots of the buffer protocol in `base`, pickling itself in `dynagrad/tensor.py`.
"""
import sys
import warnings

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer)
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New, PyCapsule_SetName
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from dynagrad._core.card import Card, register
from dynagrad._core.ops.create import empty_strided

from dynagrad._core.graph cimport thread_state
from dynagrad._core.iterate cimport copy_of
from dynagrad._core.ops.create cimport finish
from dynagrad._core.ops.view cimport detach
from dynagrad._core.tensor cimport (
    INFERENCE, Storage, TensorBase, blank, dims_tuple, new_over, plain_tensor, requires_grad, set_geometry, shape_tuple,
    storage_drop, storage_share, storage_wrap)
from dynagrad._core.types cimport (
    BF16, BOOL, F16, F32, F64, I8, I16, I32, I64, U8, check_device, dtype_code, dtype_object, is_float, itemsizes)

cdef extern from "runtime/dlpack.hpp" namespace "dg":
    struct DlpackTensor:
        void* data
        int device_type, device_id, ndim
        uint8_t code, bits
        unsigned short lanes
        int64_t* shape
        int64_t* strides
        unsigned long long byte_offset
    struct DlpackManaged:
        DlpackTensor tensor
        void* owner
        void (*deleter)(DlpackManaged*) noexcept
    struct DlpackVersioned:
        unsigned int major, minor
        void* owner
        void (*deleter)(DlpackVersioned*) noexcept
        unsigned long long flags
        DlpackTensor tensor
    enum:
        DLPACK_INT, DLPACK_UINT, DLPACK_FLOAT, DLPACK_BFLOAT, DLPACK_BOOL, DLPACK_CPU

cdef object _numpy = None


cdef object numpy_module():
    global _numpy
    if _numpy is None:
        import numpy
        _numpy = numpy
    return _numpy


cdef object _numpy_if_loaded():
    """NumPy if the program has imported it: before that nothing can be an array."""
    return _numpy if _numpy is not None else sys.modules.get("numpy")


cdef bint is_array(object value) noexcept:
    if type(value) is list or type(value) is tuple or type(value) is float or type(value) is int:
        return False
    numpy = _numpy_if_loaded()
    return numpy is not None and isinstance(value, numpy.ndarray)


cdef bint is_numpy_scalar(object value) noexcept:
    numpy = _numpy_if_loaded()
    return numpy is not None and isinstance(value, numpy.generic)


# ---- buffers ---------------------------------------------------------------------------------------------------------

cdef void _release_buffer(void* owner) noexcept with gil:
    PyBuffer_Release(<Py_buffer*>owner)
    free(owner)


cdef int _format_dtype(const char* format, Py_ssize_t itemsize) except -2:
    """The dtype of a buffer's format; -1 for one that tensors do not have. Raises ValueError for a foreign byte order."""
    cdef char order = format[0]
    if order in (c'@', c'=', c'<', c'>', c'!', c'|'):
        format += 1
    if format[0] == 0 or format[1] != 0:
        return -1
    if order in (c'>', c'!') and itemsize > 1:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte "
                         "orders is currently not supported.")
    if format[0] in (c'b', c'h', c'i', c'l', c'q', c'n'):
        return I8 if itemsize == 1 else I16 if itemsize == 2 else I32 if itemsize == 4 else I64
    return {b"?": BOOL, b"B": U8, b"e": F16, b"f": F32, b"d": F64}.get(format[:1], -1)


cdef object unsupported(object source):
    kind = getattr(getattr(source, "dtype", None), "type", None)
    name = kind.__name__ if kind is not None else type(source).__name__
    hint = ""
    if name == "object_":
        hint = " Make the elements numbers first, for example with array.astype(float)."
    elif name.startswith("complex"):
        hint = " There are no complex tensors yet."
    return TypeError(f"can't convert np.ndarray of type numpy.{name}. The only supported types are: float64, float32, "
                     f"float16, int64, int32, int16, int8, uint8, and bool.{hint}")


cdef TensorBase tensor_of_buffer(object source):
    """A tensor over the memory of an object with the buffer protocol, such as a NumPy array."""
    cdef Py_buffer* view = <Py_buffer*>malloc(sizeof(Py_buffer))
    cdef int code
    if view == NULL:
        raise MemoryError()
    try:
        PyObject_GetBuffer(source, view, PyBUF_STRIDES | PyBUF_FORMAT)
    except (ValueError, BufferError):
        free(view)
        raise unsupported(source) from None
    except BaseException:
        free(view)
        raise
    try:
        code = _format_dtype(view.format, view.itemsize)
        if code < 0:
            raise unsupported(source)
        if view.readonly:
            warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                          "Writing to the tensor would write to memory that was meant not to change; copy the array first "
                          "to avoid this warning.", stacklevel=1)
        return _over_buffer(view, code)
    except BaseException:
        _release_buffer(view)
        raise


cdef TensorBase _over_buffer(Py_buffer* view, int code):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int64_t extent = 1
    cdef int i
    for i in range(view.ndim):
        shape[i] = view.shape[i]
        strides[i] = view.strides[i] // view.itemsize
        if view.strides[i] < 0 and shape[i] > 1:
            raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides "
                             "are not currently supported. Make a copy of the array first, with array.copy().")
        if view.strides[i] % view.itemsize and shape[i] > 1:
            raise ValueError("given numpy array strides not a multiple of the element byte size. Copy the array first, "
                             "with array.copy().")
        if strides[i] < 0 or view.strides[i] % view.itemsize:
            strides[i] = 1
        extent = 0 if shape[i] == 0 or extent == 0 else extent + (shape[i] - 1) * strides[i]
    cdef Storage* storage = storage_wrap(view.buf, extent * view.itemsize, _release_buffer, view)
    if storage == NULL:
        raise MemoryError()
    return new_over(storage, code, view.ndim, shape, strides, 0)


cdef TensorBase readable(object array):
    """A tensor over an array that will only be read."""
    if array.flags.writeable:
        return tensor_of_buffer(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tensor_of_buffer(array)


def from_numpy(ndarray):
    """A tensor over the memory of a NumPy array: a write to either is seen by both.

    Raises TypeError for what is no array or holds elements that tensors do not have, ValueError for negative strides and
    foreign byte orders.

    >>> import dynagrad, numpy
    >>> dynagrad.from_numpy(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if not is_array(ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return finish(tensor_of_buffer(ndarray), None, False)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor over the bytes of an object with the buffer protocol.

    Args:
        buffer: a bytearray, mmap, array and so on.
        dtype: of the elements.
        count: how many elements; all if negative.
        offset: how many bytes to skip first. ValueError if count or offset do not fit.

    >>> import dynagrad
    >>> dynagrad.frombuffer(bytearray(b"\\x01\\x02"), dtype=dynagrad.uint8)
    tensor([1, 2], dtype=torch.uint8)
    """
    cdef int code = dtype_code(dtype)
    cdef int64_t n = count
    cdef int64_t skip = offset
    cdef int64_t one = 1
    cdef Py_buffer* view
    if not PyObject_CheckBuffer(buffer):
        raise ValueError("object does not implement Python buffer protocol.")
    view = <Py_buffer*>malloc(sizeof(Py_buffer))
    if view == NULL:
        raise MemoryError()
    try:
        PyObject_GetBuffer(buffer, view, PyBUF_SIMPLE)
    except BaseException:
        free(view)
        raise
    try:
        n = _buffer_count(view.len, itemsizes[code], n, skip)
        if view.readonly:
            warnings.warn("The given buffer is not writable, and PyTorch does not support non-writable tensors. Writing to "
                          "the tensor would write to memory that was meant not to change.", stacklevel=1)
        made = new_over(storage_wrap(<char*>view.buf + skip, n * itemsizes[code], _release_buffer, view), code, 1, &n, &one, 0)
    except BaseException:
        _release_buffer(view)
        raise
    return finish(made, None, requires_grad)


cdef int64_t _buffer_count(int64_t length, int itemsize, int64_t n, int64_t skip) except -1:
    if length == 0 or n == 0:
        raise ValueError(f"both buffer length ({length}) and count ({n}) must not be 0")
    if not 0 <= skip < length:
        raise ValueError(f"offset ({skip} bytes) must be non-negative and no greater than buffer length ({length} bytes) "
                         "minus 1")
    if n < 0:
        if (length - skip) % itemsize:
            raise ValueError(f"buffer length ({length - skip} bytes) after offset ({skip} bytes) must be a multiple of "
                             f"element size ({itemsize})")
        return (length - skip) // itemsize
    if n > (length - skip) // itemsize:
        raise ValueError(f"requested buffer length ({n} * {itemsize} bytes) after offset ({skip} bytes) must not be greater "
                         f"than actual buffer length ({length} bytes)")
    return n


# ---- pickling and copying --------------------------------------------------------------------------------------------

cdef TensorBase of_class(TensorBase t, object cls):
    """Another tensor object, of the given class, over the same memory and version counter; without a history."""
    cdef TensorBase made = blank(cls)
    made.dtype = t.dtype
    set_geometry(made, t.ndim, t.shape, t.strides)
    made.storage = storage_share(t.storage)
    made.counter = storage_share(t.counter)
    made.data = t.data
    made.flags = t.flags & INFERENCE
    return made


def attributes(TensorBase t not None):
    """A dict of the Python attributes that the user set on a tensor."""
    return {} if t.attributes == NULL else dict(<dict>t.attributes)


def packed(TensorBase t not None):
    """(bytes as a uint8 tensor, dtype, sizes, strides) from which ``unpacked`` makes the tensor again.

    The bytes are the tensor's own where it fills its memory in order.
    """
    cdef TensorBase dense = t if t.contiguous else copy_of(t)
    cdef int64_t n = dense.numel * itemsizes[dense.dtype]
    cdef int64_t one = 1
    cdef TensorBase data = new_over(storage_share(dense.storage), U8, 1, &n, &one, 0)
    data.data = dense.data
    return data, dtype_object(dense.dtype), tuple(shape_tuple(dense)), dims_tuple(dense.ndim, dense.strides)


def unpacked(cls, data, dtype, size, stride, requires_grad):
    """The tensor that ``packed`` took apart, over the memory of ``data`` if that may be written to.

    Raises ValueError where the parts do not fit together.
    """
    cdef TensorBase made = empty_strided(size, stride, dtype=dtype)
    cdef const uint8_t[::1] view = data
    cdef TensorBase lent
    cdef size_t nbytes = view.shape[0]
    if nbytes != made.storage.nbytes:
        raise ValueError(f"a tensor of shape {tuple(size)} needs {made.storage.nbytes} bytes, but {nbytes} were stored")
    if nbytes > 64 and not memoryview(data).readonly and <size_t>&view[0] % itemsizes[made.dtype] == 0:
        lent = frombuffer(data, dtype=dtype)
        made = new_over(storage_share(lent.storage), made.dtype, made.ndim, made.shape, made.strides, 0)
    elif nbytes:
        memcpy(made.data, &view[0], nbytes)
    return finish(of_class(made, cls), None, requires_grad)


# ---- to NumPy --------------------------------------------------------------------------------------------------------

def numpy(TensorBase self not None, *, force=False):
    """A NumPy array over the tensor's memory: a write to either is seen by both.

    Args:
        force: detaches first, instead of raising RuntimeError if the tensor requires grad.

    TypeError for bfloat16, which NumPy does not have.

    >>> import dynagrad
    >>> dynagrad.ones(2).numpy()
    array([1., 1.], dtype=float32)
    """
    if requires_grad(self):
        if not force and thread_state.grad_enabled:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        self = detach(self)
    if self.dtype == BF16:
        raise TypeError("Got unsupported ScalarType BFloat16: NumPy has no such type. Convert first, with tensor.float().")
    return numpy_module().asarray(memoryview(self))


cdef struct Lent:           # what a buffer handed out keeps alive
    Storage* storage
    int64_t shape[64]
    int64_t strides[64]


cdef const char* _FORMATS = b"?\0B\0b\0h\0i\0q\0e\0\0\0f\0d\0"


cdef int export_buffer(TensorBase t, Py_buffer* view, int flags) except -1:
    """Fills in a buffer request. BufferError if the tensor requires grad, is bfloat16, or lies otherwise than asked for."""
    cdef Lent* lent
    cdef int size = itemsizes[t.dtype]
    cdef int i
    if (<PyObject*>t).ob_type != plain_tensor and getattr(t, "stands_for_many", False):
        raise BufferError("inside of vmap a tensor stands for many examples, and has no memory of its own")
    if requires_grad(t):
        raise BufferError("the memory of a tensor that requires grad is not exported; use tensor.detach()")
    if t.dtype == BF16:
        raise BufferError("the buffer protocol has no bfloat16; use tensor.float()")
    if not t.contiguous and (flags & PyBUF_STRIDES) != PyBUF_STRIDES:
        raise BufferError("the tensor is not contiguous, but a contiguous buffer was asked for; use tensor.contiguous()")
    lent = <Lent*>malloc(sizeof(Lent))
    if lent == NULL:
        raise MemoryError()
    lent.storage = storage_share(t.storage)
    for i in range(t.ndim):
        lent.shape[i], lent.strides[i] = t.shape[i], t.strides[i] * size
    view.internal = lent
    view.buf, view.len, view.itemsize, view.readonly, view.ndim = t.data, t.numel * size, size, 0, t.ndim
    view.format = <char*>_FORMATS + 2 * t.dtype if flags & PyBUF_FORMAT else NULL
    view.shape = <Py_ssize_t*>lent.shape if flags & PyBUF_ND else NULL
    view.strides = <Py_ssize_t*>lent.strides if (flags & PyBUF_STRIDES) == PyBUF_STRIDES else NULL
    view.suboffsets = NULL
    view.obj = t
    return 0


cdef void release_export(Py_buffer* view) noexcept:
    storage_drop((<Lent*>view.internal).storage)
    free(view.internal)


def __array__(TensorBase self not None, dtype=None, copy=None):
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"a copy is needed to convert a tensor of {dtype_object(self.dtype)} to {dtype}")
        return array.astype(dtype)
    return array.copy() if copy else array


# ---- DLPack ----------------------------------------------------------------------------------------------------------

cdef struct Exported:
    DlpackManaged plain
    DlpackVersioned versioned
    Storage* storage
    int64_t dims[128]


cdef void _drop_exported(Exported* exported) noexcept with gil:
    storage_drop(exported.storage)
    free(exported)


cdef void _delete_plain(DlpackManaged* managed) noexcept:
    _drop_exported(<Exported*>managed.owner)


cdef void _delete_versioned(DlpackVersioned* managed) noexcept:
    _drop_exported(<Exported*>managed.owner)


cdef void _capsule_gone(object capsule) noexcept:
    """Frees what nobody consumed: a consumer renames the capsule and deletes it itself."""
    cdef DlpackManaged* plain
    cdef DlpackVersioned* versioned
    if PyCapsule_IsValid(capsule, "dltensor"):
        plain = <DlpackManaged*>PyCapsule_GetPointer(capsule, "dltensor")
        plain.deleter(plain)
    elif PyCapsule_IsValid(capsule, "dltensor_versioned"):
        versioned = <DlpackVersioned*>PyCapsule_GetPointer(capsule, "dltensor_versioned")
        versioned.deleter(versioned)


cdef Exported* _export(TensorBase t) except NULL:
    cdef Exported* made = <Exported*>malloc(sizeof(Exported))
    cdef DlpackTensor* described
    cdef int i
    if made == NULL:
        raise MemoryError()
    for i in range(t.ndim):
        made.dims[i], made.dims[64 + i] = t.shape[i], t.strides[i]
    made.storage = storage_share(t.storage)
    described = &made.plain.tensor
    described.data = t.data if t.numel else NULL
    described.device_type, described.device_id, described.ndim = DLPACK_CPU, 0, t.ndim
    described.code = (DLPACK_BOOL if t.dtype == BOOL else DLPACK_UINT if t.dtype == U8 else DLPACK_BFLOAT if t.dtype == BF16
                      else DLPACK_FLOAT if is_float(t.dtype) else DLPACK_INT)
    described.bits, described.lanes = <uint8_t>(itemsizes[t.dtype] * 8), 1
    described.shape, described.strides, described.byte_offset = made.dims, made.dims + 64, 0
    made.plain.owner, made.plain.deleter = made, _delete_plain
    made.versioned.tensor = described[0]
    made.versioned.major, made.versioned.minor, made.versioned.flags = 1, 0, 0
    made.versioned.owner, made.versioned.deleter = made, _delete_versioned
    return made


def __dlpack__(TensorBase self not None, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over the tensor's memory. BufferError if it requires grad or another device is asked for."""
    cdef Exported* exported
    if requires_grad(self):
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and not isinstance(stream, int):
        raise TypeError("stream must be ``int`` or ``none``")
    if stream is not None and stream != -1:
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and tuple(dl_device) != (DLPACK_CPU, 0):
        raise BufferError(f"the tensor is on the CPU and cannot be exported to device {tuple(dl_device)}")
    exported = _export(copy_of(self) if copy else self)
    if max_version is None or max_version[0] < 1:
        return PyCapsule_New(&exported.plain, "dltensor", _capsule_gone)
    exported.versioned.flags = 2 if copy else 0
    return PyCapsule_New(&exported.versioned, "dltensor_versioned", _capsule_gone)


def __dlpack_device__(TensorBase self not None):
    """The DLPack number of the CPU, and 0."""
    return DLPACK_CPU, 0


cdef void _consumed_plain(void* owner) noexcept with gil:
    cdef DlpackManaged* managed = <DlpackManaged*>owner
    if managed.deleter != NULL:
        managed.deleter(managed)


cdef void _consumed_versioned(void* owner) noexcept with gil:
    cdef DlpackVersioned* managed = <DlpackVersioned*>owner
    if managed.deleter != NULL:
        managed.deleter(managed)


cdef int _dlpack_dtype(DlpackTensor* t) except -1:
    if t.lanes == 1:
        if t.code == DLPACK_BOOL and t.bits == 8:
            return BOOL
        if t.code == DLPACK_UINT and t.bits == 8:
            return U8
        if t.code == DLPACK_BFLOAT and t.bits == 16:
            return BF16
        if t.code == DLPACK_INT and t.bits in (8, 16, 32, 64):
            return {8: I8, 16: I16, 32: I32, 64: I64}[t.bits]
        if t.code == DLPACK_FLOAT and t.bits in (16, 32, 64):
            return {16: F16, 32: F32, 64: F64}[t.bits]
    raise BufferError(f"tensors have no elements of DLPack type code {t.code}, {t.bits} bits, {t.lanes} lanes")


cdef TensorBase _import(DlpackTensor* t, void* owner, void (*free_owner)(void*) noexcept nogil):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int64_t expected = 1
    cdef int64_t extent = 1
    cdef int i
    cdef int code = _dlpack_dtype(t)
    if t.device_type != DLPACK_CPU:
        raise BufferError(f"the DLPack tensor is on a device of type {t.device_type}; only the CPU (1) is supported")
    if not 0 <= t.ndim <= 64:
        raise BufferError(f"the DLPack tensor has {t.ndim} dimensions, but tensors have at most 64")
    for i in range(t.ndim - 1, -1, -1):
        shape[i] = t.shape[i]
        strides[i] = expected if t.strides == NULL else t.strides[i]
        if shape[i] < 0 or strides[i] < 0 and shape[i] > 1:
            raise BufferError("DLPack tensors with negative sizes or strides are not supported; copy first")
        expected *= shape[i] if shape[i] else 1
        extent = 0 if shape[i] == 0 or extent == 0 else extent + (shape[i] - 1) * strides[i]
    return new_over(storage_wrap(<char*>t.data + t.byte_offset, extent * itemsizes[code], free_owner, owner), code, t.ndim,
                    shape, strides, 0)


cdef object _capsule_of(object source):
    if not hasattr(source, "__dlpack__"):
        return source
    if hasattr(source, "__dlpack_device__") and source.__dlpack_device__()[0] != DLPACK_CPU:
        raise BufferError(f"the tensor is on device {source.__dlpack_device__()}; only the CPU (1, 0) is supported")
    try:
        return source.__dlpack__(max_version=(1, 0))
    except TypeError:
        return source.__dlpack__()


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's tensor.

    Args:
        ext_tensor: an object with ``__dlpack__``, or a capsule that nobody has consumed.
        copy: True copies the elements.

    >>> import dynagrad, numpy
    >>> dynagrad.from_dlpack(numpy.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    cdef DlpackManaged* plain
    cdef DlpackVersioned* versioned
    cdef TensorBase made
    check_device(device)
    capsule = _capsule_of(ext_tensor)
    if PyCapsule_IsValid(capsule, "dltensor_versioned"):
        versioned = <DlpackVersioned*>PyCapsule_GetPointer(capsule, "dltensor_versioned")
        if versioned.major != 1:
            raise BufferError(f"DLPack version {versioned.major}.{versioned.minor} is not supported")
        made = _import(&versioned.tensor, versioned, _consumed_versioned)
        PyCapsule_SetName(capsule, "used_dltensor_versioned")
    elif PyCapsule_IsValid(capsule, "dltensor"):
        plain = <DlpackManaged*>PyCapsule_GetPointer(capsule, "dltensor")
        made = _import(&plain.tensor, plain, _consumed_plain)
        PyCapsule_SetName(capsule, "used_dltensor")
    else:
        raise RuntimeError("from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, "
                           "so you might have already constructed a tensor from it once.")
    return finish(copy_of(made) if copy else made, None, False)


def to_dlpack(TensorBase tensor not None):
    """A DLPack capsule of the older kind over the tensor's memory.

    >>> import dynagrad
    >>> dynagrad.from_dlpack(dynagrad.to_dlpack(dynagrad.ones(2)))
    tensor([1., 1.])
    """
    return __dlpack__(tensor)


for _op in (from_numpy, frombuffer, from_dlpack, to_dlpack):
    register(Card(_op.__name__, _op, None, "create", method=False))
for _op in (numpy, __array__, __dlpack__, __dlpack_device__):
    register(Card(_op.__name__, _op, None, "copy", samples="exchange", function=False))
