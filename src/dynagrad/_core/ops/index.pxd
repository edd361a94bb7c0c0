from dynagrad._core.tensor cimport TensorBase

cdef object getitem(TensorBase t, object key)
cdef int setitem(TensorBase t, object key, object value) except -1
cdef TensorBase indexed(TensorBase t, list indices)
cdef TensorBase nonzero_columns(TensorBase mask)
cdef object slices_of(TensorBase t)
cdef bint contains(TensorBase t, object element) except -1
