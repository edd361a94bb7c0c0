from dynagrad._core.graph cimport Node
from dynagrad._core.tensor cimport TensorBase

cdef object run_backward(list roots, list gradients, bint keep_graph, bint create_graph, list inputs, bint accumulate)
cdef int run_from(Node root, int nr, TensorBase g, bint keep_graph, bint create_graph) except -1
