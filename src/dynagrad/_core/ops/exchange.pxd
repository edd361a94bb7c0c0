from dynagrad._core.tensor cimport TensorBase

cdef TensorBase tensor_of_buffer(object source)
cdef TensorBase tensor_of_data(object data, object dtype)
cdef bint is_array(object value) noexcept
