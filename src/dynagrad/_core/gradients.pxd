from dynagrad._core.graph cimport thread_state
from dynagrad._core.tensor cimport TensorBase, requires_grad

cdef int take_note(str how) except -1
cdef int warn_once(str text) except -1
cdef int warn_of_cycle() except -1
cdef TensorBase root_gradient(TensorBase t, object given, bint create_graph, int index)

cdef inline int note_taken(TensorBase t, str how) except -1:
    """Remembers, for the error of a later backward, that a number was taken out of a tensor that requires grad."""
    return take_note(how) if thread_state.grad_enabled and requires_grad(t) else 0
