from libc.stdint cimport uint8_t

from dynagrad._core.graph cimport Node

cdef class FunctionNode(Node):
    cdef dict __dict__
    cdef readonly object needs_input_grad   # one bool for each argument of forward
    cdef bytes tensor_arguments             # one byte for each: whether it is a tensor, and so has an edge
    cdef object to_save
    cdef object dirty
    cdef object constants                   # outputs without derivative
    cdef object to_save_forward
    cdef bint materialises
    cdef bint open(self, tuple args) except -1
    cdef tuple edge_gradients(self, object found)
