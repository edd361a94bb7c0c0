from cpython.buffer cimport Py_buffer

from dynagrad._core.tensor cimport TensorBase

cdef TensorBase tensor_of_buffer(object source)
cdef TensorBase tensor_of_data(object data, object dtype)
cdef bint is_array(object value) noexcept
cdef int export_buffer(TensorBase t, Py_buffer* view, int flags) except -1
cdef void release_export(Py_buffer* view) noexcept
