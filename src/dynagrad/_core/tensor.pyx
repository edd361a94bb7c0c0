"""TensorBase: memory, geometry, views. What every other part of the core works on.

Operators and the protocols of Python objects are in `base`; how a tensor joins the graph is in `graph`.
"""
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp
from libcpp.vector cimport vector

from dynagrad._core.types cimport BOOL, F32, F64, I64, itemsizes

cdef extern from "Python.h":
    void PyObject_GC_Track(void*)
    void PyObject_GC_UnTrack(void*)
    int PyObject_GC_IsTracked(object)
    object PyLong_FromLongLong(long long)
    ctypedef object (*allocfunc)(PyTypeObject*, Py_ssize_t)
    ctypedef struct _type "PyTypeObject":
        allocfunc tp_alloc

cdef extern from *:
    """
    static inline bool dg_multiply(int64_t a, int64_t b, int64_t* to) { return __builtin_mul_overflow(a, b, to); }
    """
    bint dg_multiply(int64_t a, int64_t b, int64_t* to) noexcept

cdef extern from "objects.hpp" namespace "dg":
    void serve_tensors(object type)
    void dealloc_natively(object type, object native)
    void keep_attributes(object type, Py_ssize_t offset)
    void name_type(object type, const char* name)

cdef type _tensor_class = None
cdef PyTypeObject* plain_tensor = NULL
cdef object _size_class = tuple
cdef object _new_tuple = tuple.__new__


# Note [Freeing is iterative]
# A graph is a chain of nodes and saved tensors that own one another; freeing it link by link would recurse once a link.
# Whatever a tensor or node owns is therefore handed to `release_later` by its destructor: the outermost call drains a
# list, the calls that arise meanwhile only append to it.
cdef vector[void*] _pending
cdef bint _draining = False


cdef void release_later(void* owned) noexcept:
    """Gives up one reference without recursing into what that frees."""
    global _draining
    cdef void* next_one
    if owned == NULL:
        return
    if (<PyObject*>owned).ob_refcnt > 1:
        Py_DECREF(<object>owned)
        return
    if _draining:
        _pending.push_back(owned)
        return
    _draining = True
    Py_DECREF(<object>owned)
    while not _pending.empty():
        next_one = _pending.back()
        _pending.pop_back()
        Py_DECREF(<object>next_one)
    _draining = False


cdef class TensorBase:
    """The native base of Tensor. Fields are described in tensor.pxd."""

    def __dealloc__(self):
        cdef void* owned
        Py_XDECREF(self.attributes)
        self.attributes = NULL
        storage_drop(self.counter)
        storage_drop(self.storage)
        if self.shape != NULL and self.shape != self.dims:
            free(self.shape)
        if self.grad_fn is not None:
            owned = <void*>self.grad_fn
            Py_INCREF(self.grad_fn)
            self.grad_fn = None
            release_later(owned)
        if self.base is not None:
            owned = <void*>self.base
            Py_INCREF(self.base)
            self.base = None
            release_later(owned)
        if self.gradient is not None:
            owned = <void*>self.gradient
            Py_INCREF(self.gradient)
            self.gradient = None
            release_later(owned)


cdef void set_tensor_class(object cls) except *:
    global _tensor_class, plain_tensor
    _tensor_class = cls
    plain_tensor = <PyTypeObject*>cls
    serve_tensors(cls)
    dealloc_natively(cls, TensorBase)


def share_layout(cls):
    """Has instances of a subclass allocated as plain tensors are, so that ``__class__`` of either can be set to the other."""
    serve_tensors(cls)


cdef type tensor_class():
    return _tensor_class


def use_classes(cls, size_class):
    """Tells the core which Python class its results are, and which tuple class shapes are."""
    global _size_class
    set_tensor_class(cls)
    _size_class = size_class


cdef TensorBase blank(object cls):
    """A tensor object without memory or geometry, outside the cyclic collector until something is hung on it."""
    cdef TensorBase made = <TensorBase>(<_type*><void*>cls).tp_alloc(<PyTypeObject*>cls, 0)
    cdef void** objects = &made.accumulator + 1
    cdef int i
    for i in range(5):
        Py_INCREF(None)
        objects[i] = <void*>None
    if <PyTypeObject*>cls != plain_tensor and PyObject_GC_IsTracked(made):
        PyObject_GC_UnTrack(<void*>made)
    made.shape = made.dims
    made.strides = made.dims + INLINE_DIMS
    return made


cdef int _place_attributes() except -1:
    """Tells the type where its instances keep the dict of user attributes."""
    cdef TensorBase probe = TensorBase.__new__(TensorBase)
    keep_attributes(TensorBase, <char*>&probe.attributes - <char*><void*>probe)
    name_type(TensorBase, "dynagrad.Tensor")
    return 0


_place_attributes()


cdef int track(TensorBase t) except -1:
    """Puts a tensor into the cyclic collector: a user's object now hangs on it and may refer back to it."""
    if not t.flags & TRACKED:
        t.flags |= TRACKED
        if not PyObject_GC_IsTracked(t):
            PyObject_GC_Track(<void*>t)
    return 0


cdef dict extras(TensorBase t):
    """The dict of this tensor's hooks, made when first needed."""
    if t.extra is None:
        t.extra = {}
        track(t)
    return <dict>t.extra


cdef int64_t count(int ndim, const int64_t* shape) noexcept nogil:
    cdef int64_t total = 1
    cdef int i
    for i in range(ndim):
        total *= shape[i]
    return total


cdef bint is_contiguous(int ndim, const int64_t* shape, const int64_t* strides) noexcept nogil:
    cdef int64_t expected = 1
    cdef int i
    for i in range(ndim - 1, -1, -1):
        if shape[i] != 1:
            if shape[i] == 0:
                return True
            if strides[i] != expected:
                for i in range(ndim):
                    if shape[i] == 0:
                        return True
                return False
            expected *= shape[i]
    return True


cdef int _row_major(int ndim, const int64_t* shape, const int64_t* strides) noexcept:
    """The value of TensorBase.contiguous."""
    cdef int64_t expected = 1
    cdef int i
    for i in range(ndim - 1, -1, -1):
        if strides[i] != expected:
            return 2 if is_contiguous(ndim, shape, strides) else 0
        expected *= shape[i]
    return 1


cdef int set_geometry(TensorBase t, int ndim, const int64_t* shape, const int64_t* strides) except -1:
    """Sets sizes and strides; row-major strides where none are given."""
    cdef int64_t expected = 1
    cdef int i
    cdef int64_t* dims
    cdef int64_t* before = t.shape if t.shape != t.dims else NULL       # freed last: what is given may be there
    if ndim > INLINE_DIMS:
        if ndim > 64:
            raise RuntimeError(f"tensors have at most 64 dimensions, but {ndim} were asked for")
        dims = <int64_t*>malloc(2 * ndim * sizeof(int64_t))
        if dims == NULL:
            raise MemoryError()
        t.shape = dims
        t.strides = dims + ndim
    elif before != NULL:
        t.shape = t.dims
        t.strides = t.dims + INLINE_DIMS
    t.ndim = ndim
    if strides != NULL:
        for i in range(ndim):
            t.shape[i] = shape[i]
            t.strides[i] = strides[i]
            if dg_multiply(expected, shape[i], &expected):
                raise RuntimeError(f"numel: integer multiplication overflow: the sizes {list(dims_tuple(ndim, shape))}")
        t.contiguous = _row_major(ndim, t.shape, t.strides)
    else:
        for i in range(ndim - 1, -1, -1):
            t.shape[i] = shape[i]
            t.strides[i] = expected
            expected *= shape[i] if shape[i] else 1
        expected = 1
        for i in range(ndim):
            expected *= shape[i]
        t.contiguous = True
    t.numel = expected
    free(before)
    return 0


cdef int check_sizes(int ndim, const int64_t* shape, int itemsize) except -1:
    """Refuses negative sizes and totals that do not fit in memory's address range."""
    cdef int64_t limit = <int64_t>0x7fffffffffffffff // itemsize
    cdef int64_t total = 1
    cdef int i
    for i in range(ndim):
        if shape[i] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {shape[i]}: {list(dims_tuple(ndim, shape))}")
    for i in range(ndim):
        if shape[i] == 0:               # of nothing on, so that sizes before it must fit, as in PyTorch
            return 0
        if total > limit // shape[i]:
            raise RuntimeError(f"Storage size calculation overflowed with sizes={list(dims_tuple(ndim, shape))}")
        total *= shape[i]
    return 0


cdef TensorBase new_tensor(int dtype, int ndim, const int64_t* shape):
    """A fresh contiguous tensor with uninitialised elements."""
    cdef int i
    cdef int64_t total = 1
    for i in range(ndim):
        if not 0 <= shape[i] < 0x10000 or i > 1:
            check_sizes(ndim, shape, itemsizes[dtype])
            break
    cdef TensorBase made = blank(_tensor_class)
    made.dtype = dtype
    set_geometry(made, ndim, shape, NULL)
    cdef size_t nbytes = made.numel * itemsizes[dtype]
    made.storage = storage_new(nbytes)
    if made.storage == NULL:
        raise RuntimeError(f"out of memory: tried to allocate {nbytes} bytes for a tensor of shape "
                           f"{list(dims_tuple(ndim, shape))}")
    made.counter = storage_share(made.storage)
    made.data = made.storage.data
    return made


cdef TensorBase new_like(TensorBase t, int dtype):
    """A fresh tensor of t's shape, with t's order of dimensions in memory, and t's very strides if it has no gaps."""
    cdef int64_t strides[64]
    cdef const int64_t* given[1]
    cdef TensorBase made = new_tensor(dtype, t.ndim, t.shape)
    if t.contiguous == 1:
        return made
    if is_dense(t):
        set_geometry(made, t.ndim, t.shape, t.strides)
    else:
        given[0] = t.strides
        dense_strides(t.ndim, t.shape, 1, given, strides)
        set_geometry(made, t.ndim, t.shape, strides)
    return made


cdef bint is_dense(TensorBase t) noexcept:
    """Whether t's elements fill a block of memory without gaps or overlaps, in some order of dimensions."""
    cdef int order[64]
    cdef int i, j, n = 0
    cdef int64_t expected = 1
    if t.contiguous:
        return True
    for i in range(t.ndim):
        if t.shape[i] > 1:
            j = n
            while j > 0 and t.strides[order[j - 1]] > t.strides[i]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
            n += 1
    for i in range(n):
        if t.strides[order[i]] != expected:
            return False
        expected *= t.shape[order[i]]
    return True


cdef void dense_strides(int ndim, const int64_t* shape, int n, const int64_t** strides, int64_t* out) noexcept:
    """Strides without gaps in the order of dimensions that n operands suggest, the first of them first.

    Sorts the dimensions from the last one on by insertion, as PyTorch does: a stride of 0 says nothing, equal strides
    put the smaller size first. A comparison that no operand decides leaves the order as it is.
    """
    cdef int order[64]
    cdef int i, j, moving, says
    cdef int64_t step = 1
    for i in range(ndim):
        order[i] = ndim - 1 - i
    for i in range(1, ndim):
        moving = i
        for j in range(i - 1, -1, -1):
            says = _comes_after(order[j], order[moving], shape, n, strides)
            if says < 0:
                break
            if says > 0:
                order[j], order[moving] = order[moving], order[j]
                moving = j
    for i in range(ndim):
        out[order[i]] = step
        if shape[order[i]] > 1:
            step *= shape[order[i]]


cdef int _comes_after(int a, int b, const int64_t* shape, int n, const int64_t** strides) noexcept:
    """1 if dimension a belongs after b in memory, -1 if before, 0 if the operands do not say."""
    cdef int i
    for i in range(n):
        if strides[i][a] != 0 and strides[i][b] != 0:
            if strides[i][a] != strides[i][b]:
                return 1 if strides[i][a] > strides[i][b] else -1
            if shape[a] > shape[b]:
                return 1
    return 0


cdef void store_number(char* data, int dtype, double real, int64_t whole) noexcept nogil:
    if dtype == F32:
        (<float*>data)[0] = <float>real
    elif dtype == F64:
        (<double*>data)[0] = real
    elif dtype == I64:
        (<int64_t*>data)[0] = whole
    else:
        data[0] = whole != 0


cdef TensorBase new_scalar(int dtype, double real, int64_t whole):
    """A 0-d tensor of dtype bool, int64, float32 or float64."""
    cdef TensorBase made = new_tensor(dtype, 0, NULL)
    store_number(made.data, dtype, real, whole)
    return made


cdef TensorBase new_number(object number, int dtype):
    """A 0-d tensor that stands for a Python number: it takes part in promotion as one."""
    cdef TensorBase made
    if dtype == F32 or dtype == F64:
        made = new_scalar(dtype, number, 0)
    elif dtype == BOOL:
        made = new_scalar(dtype, 0, bool(number))
    elif dtype == I64:
        made = new_scalar(dtype, 0, number)
    else:
        raise RuntimeError("a number is held as bool, int64, float32 or float64")
    made.flags |= WRAPPED
    return made


cdef TensorBase new_alias(TensorBase t, int ndim, const int64_t* shape, const int64_t* strides, int64_t offset):
    """A tensor over the same memory and version counter; `offset` in elements from t's first one."""
    cdef TensorBase made = blank(_tensor_class)
    made.dtype = t.dtype
    set_geometry(made, ndim, shape, strides)
    made.storage = storage_share(t.storage)
    made.counter = storage_share(t.counter)
    made.data = t.data + offset * itemsizes[t.dtype]
    made.flags |= t.flags & INFERENCE
    return made


cdef TensorBase new_over(Storage* storage, int dtype, int ndim, const int64_t* shape, const int64_t* strides,
                         int64_t offset):
    """A tensor over a storage; takes over the caller's reference to it."""
    cdef TensorBase made = blank(_tensor_class)
    made.storage = storage
    made.counter = storage_share(storage)
    made.dtype = dtype
    set_geometry(made, ndim, shape, strides)
    made.data = storage.data + offset * itemsizes[dtype]
    return made


cdef tuple dims_tuple(int ndim, const int64_t* dims):
    cdef int i
    return tuple([PyLong_FromLongLong(dims[i]) for i in range(ndim)])


cdef tuple shape_tuple(TensorBase t):
    # Python's __new__ of the class, which looks at each size, is passed over.
    return <tuple>_new_tuple(_size_class, dims_tuple(t.ndim, t.shape))
