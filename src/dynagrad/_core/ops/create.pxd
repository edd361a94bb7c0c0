from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

cdef int parse_size(str op, object size, int64_t* shape, str argument=*) except -1
cdef int whole_number(str op, str argument, object value, int64_t* out) except -1
cdef TensorBase allocate(str op, object size, object out, object dtype, object layout, object device, int inferred,
                         bint any_shape=*)
cdef TensorBase allocate_like(str op, object input, object dtype, object layout, object device, object memory_format)
cdef TensorBase finish(TensorBase made, object out, object requires_grad)
