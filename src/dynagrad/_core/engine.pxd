from dynagrad._core.graph cimport Node
from dynagrad._core.tensor cimport TensorBase

cdef enum:
    ANY_DTYPE = 255     # Output.dtype of a leaf whose gradient may be of any, see `grad_dtype` in base.pyx

cdef object run_backward(list roots, list gradients, bint keep_graph, bint create_graph, list inputs, bint accumulate)
cdef int run_from(Node root, int nr, TensorBase g, bint keep_graph, bint create_graph) except -1
