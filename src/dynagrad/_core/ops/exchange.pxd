from cpython.buffer cimport Py_buffer

from dynagrad._core.tensor cimport TensorBase

cdef bint is_array(object value) noexcept
cdef bint is_numpy_scalar(object value) noexcept
cdef object unsupported(object source)
cdef TensorBase tensor_of_buffer(object source)
cdef TensorBase readable(object array)
cdef TensorBase of_class(TensorBase t, object cls)
cdef int export_buffer(TensorBase t, Py_buffer* view, int flags) except -1
cdef void release_export(Py_buffer* view) noexcept
