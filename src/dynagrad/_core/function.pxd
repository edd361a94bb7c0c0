from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from dynagrad._core.graph cimport Node

cdef struct Arguments:      # of one call of a Function, borrowed
    PyObject** items
    Py_ssize_t n

cdef class FunctionNode(Node):
    cdef PyObject* attributes               # owned: the dict of what users set on the ctx, or null
    cdef readonly object needs_input_grad   # one bool for each argument of forward
    cdef uint64_t is_tensor[4]              # one bit for each: whether it is a tensor, and so has an edge
    cdef int n_arguments
    cdef object to_save
    cdef object dirty
    cdef object constants                   # outputs without derivative
    cdef object to_save_forward
    cdef bint keeps_none                    # backward gets None, not zeros, for an output that received no gradient
    cdef bint open(self, Arguments args) except -1
    cdef tuple edge_gradients(self, object found)
