from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t

cdef extern from "runtime/storage.hpp" namespace "dg" nogil:
    cppclass Storage:
        int64_t references
        uint32_t version
        bint read_only
        char* data
        size_t nbytes
        void* owner
        unsigned long long last_write
        unsigned long long first_saved
    Storage* storage_new(size_t nbytes)
    Storage* storage_wrap(void* data, size_t nbytes, void (*free_owner)(void*), void* owner)
    void storage_drop(Storage* s)
    Storage* storage_share(Storage* s)

cdef enum:
    INLINE_DIMS = 4

# TensorBase.flags
cdef enum:
    LEAF_GRAD = 1           # a leaf on which the user set requires_grad
    RETAINS_GRAD = 2        # retain_grad() was called
    INFERENCE = 4           # made in inference mode
    VIEW_NO_GRAD = 8        # a view made while recording was off
    VIEW_MULTI = 16         # one of several views that one op returned
    VIEW_CUSTOM = 32        # a view that a custom Function returned
    WRAPPED = 64            # holds a Python number: takes no part in promotion within its category
    HAS_HOOKS = 128
    TRACKED = 256           # in the cyclic collector
    VIEW_INFERENCE = 512
    PENDING = 1024          # a gradient inside backward whose loop has not run: there is no memory yet, see deferred.pyx

cdef class TensorBase:
    cdef Storage* storage
    cdef Storage* counter       # whose version counts for this tensor, see Note [Views share a version counter]
    cdef char* data             # the first element
    cdef int64_t numel
    cdef int64_t* shape         # ndim sizes, then ndim strides in elements; in dims, or on the heap beyond INLINE_DIMS
    cdef int64_t* strides
    cdef int64_t dims[8]
    cdef int16_t ndim
    cdef uint8_t dtype
    cdef uint8_t contiguous     # row-major: 1 with the usual strides, 2 with others where the size is 1; else 0
    cdef uint32_t flags
    cdef uint32_t output_nr
    cdef uint32_t view_version  # of the base, when grad_fn of this view was last made
    cdef PyObject* attributes   # owned: the dict of what users set on the tensor, or null
    cdef void* accumulator      # this leaf's AccumulateGrad, not counted: it clears the field when it goes
    # The five objects follow `accumulator`: `blank` relies on it.
    cdef object grad_fn         # Node or None
    cdef object base            # what this is a differentiable view of, or None
    cdef object gradient        # .grad
    cdef object extra           # dict of the hooks of a leaf, or None
    cdef object cut             # where tracking ended, for the error of a later backward(), or None
    cdef object __weakref__

cdef PyTypeObject* plain_tensor      # the public Tensor class

cdef inline bint is_tensor(object value) noexcept:
    """isinstance(value, TensorBase), at once for plain tensors."""
    return (<PyObject*>value).ob_type == plain_tensor or isinstance(value, TensorBase)

cdef inline bint requires_grad(TensorBase t) noexcept:
    """A leaf that the user marked, the result of a recorded op, or a view of either, recorded or not."""
    return (t.flags & LEAF_GRAD) or t.grad_fn is not None or t.base is not None and (
        ((<TensorBase>t.base).flags & LEAF_GRAD) or (<TensorBase>t.base).grad_fn is not None)

cdef inline uint32_t version_of(TensorBase t) noexcept:
    return t.counter.version

cdef void set_tensor_class(object cls) except *
cdef type tensor_class()
cdef TensorBase blank(object cls)
cdef int set_geometry(TensorBase t, int ndim, const int64_t* shape, const int64_t* strides) except -1
cdef int check_sizes(int ndim, const int64_t* shape, int itemsize) except -1
cdef bint is_dense(TensorBase t) noexcept
cdef bint is_contiguous(int ndim, const int64_t* shape, const int64_t* strides) noexcept nogil
cdef int64_t count(int ndim, const int64_t* shape) noexcept nogil
cdef TensorBase new_tensor(int dtype, int ndim, const int64_t* shape)
cdef TensorBase new_like(TensorBase t, int dtype)
cdef void dense_strides(int ndim, const int64_t* shape, int n, const int64_t** strides, int64_t* out) noexcept
cdef TensorBase new_scalar(int dtype, double real, int64_t whole)
cdef TensorBase new_number(object number, int dtype)
cdef TensorBase new_alias(TensorBase t, int ndim, const int64_t* shape, const int64_t* strides, int64_t offset)
cdef TensorBase new_over(Storage* storage, int dtype, int ndim, const int64_t* shape, const int64_t* strides,
                         int64_t offset)
cdef tuple shape_tuple(TensorBase t)
cdef tuple dims_tuple(int ndim, const int64_t* dims)
cdef int track(TensorBase t) except -1
cdef dict extras(TensorBase t)
cdef void release_later(void* owned) noexcept
