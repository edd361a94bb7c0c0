from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from dynagrad._core.tensor cimport TensorBase, is_tensor, requires_grad

cdef extern from "runtime/state.hpp" namespace "dg" nogil:
    struct ThreadState:
        bint grad_enabled
        bint inference
        bint anomaly
        bint anomaly_checks_nan
        bint packing
        bint in_forward
        int backward_depth
        bint grad_asked
        bint pending
        void* deferring
    ThreadState thread_state

cdef enum:
    INLINE_EDGES = 2
    INLINE_SAVED = 2

# Node.flags
cdef enum:
    FREED = 1            # the saved tensors were released by a backward
    HAS_EXTRA = 2        # hooks or attributes hang on the node
    RUNS_WITHOUT = 4     # runs in backward even when no gradient arrived

# Saved.kind
cdef enum:
    SAVED_NONE = 0
    SAVED_TENSOR = 1     # an input, or a tensor made for the purpose
    SAVED_RESULT = 2     # a detached alias of the node's own output `nr`
    SAVED_PACKED = 3     # (what a pack hook returned, the unpack hook)
    SAVED_NUMBER = 4     # a Python number, in Node.scalar

cdef struct Edge:
    PyObject* node       # owned; null where the input needs no gradient
    uint32_t nr          # which of the node's outputs the input was

cdef struct Saved:
    PyObject* value      # owned
    uint32_t version
    uint8_t kind
    uint8_t nr

cdef struct Output:      # shape and dtype of a node's output: what a gradient that arrives must look like
    int64_t* shape       # in `inline`, or on the heap beyond 4 dimensions
    int64_t inlined[4]
    int16_t ndim
    uint8_t dtype

cdef class Node:
    cdef uint64_t seq
    cdef PyObject* code          # owned code object of the user's frame, or null
    cdef int32_t position        # its instruction offset
    cdef uint32_t n_edges, n_outputs
    cdef uint8_t n_saved, flags
    cdef Edge* edges
    cdef Edge edges_inline[2]
    cdef Saved* saved
    cdef Saved saved_inline[2]
    cdef Output output
    cdef Output* more_outputs    # outputs 1, 2, ...
    cdef double scalar           # one number that the formula needs
    cdef int64_t whole           # and one integer
    cdef object params           # further non-tensor arguments, or None
    cdef object extra            # dict: hooks, attributes; or None
    # Scratch of the one backward that has claimed the node, see Note [Claiming nodes] in engine.pyx.
    cdef uint32_t claimed_by
    cdef int32_t dependencies
    cdef PyObject* buffer        # gradient so far of output 0, owned
    cdef object vjp(self, TensorBase g)
    cdef object vjp_many(self, list gradients)
    cdef void release(self, PyObject* freed_by) noexcept

cdef class AccumulateGrad(Node):    # its leaf is saved_inline[0].value
    pass

# ---- recording -------------------------------------------------------------------------------------------------------
cdef extern from "Python.h":
    ctypedef object (*newfunc)(PyTypeObject*, object, PyObject*)
    ctypedef struct NodeType "PyTypeObject":
        newfunc tp_new

cdef inline Node new_node(object node_class):
    """A node of the class; quicker than calling it."""
    return <Node>(<NodeType*><void*>node_class).tp_new(<PyTypeObject*>node_class, (), NULL)

cdef inline bint grad_enabled() noexcept nogil:
    return thread_state.grad_enabled

cdef inline bint records(TensorBase a) noexcept:
    """Whether an op on `a` is recorded: grad mode is on and `a` requires grad."""
    return thread_state.grad_enabled and requires_grad(a)

cdef inline bint records2(TensorBase a, TensorBase b) noexcept:
    return thread_state.grad_enabled and (requires_grad(a) or requires_grad(b))

cdef inline bint needs(Node node, int i) noexcept:
    """Whether a gradient for input i is wanted."""
    return node.edges[i].node != NULL

cdef int begin(Node node, int n_edges) except -1
cdef int begin1(Node node, TensorBase a) except -1
cdef int begin2(Node node, TensorBase a, TensorBase b) except -1
cdef int begin_list(Node node, list tensors) except -1
cdef int link(Node node, int i, TensorBase t) except -1
cdef int attach(Node node, TensorBase result) except -1
cdef int attach_many(Node node, list results) except -1
cdef int reserve_saved(Node node, int n) except -1
cdef int save(Node node, int i, TensorBase t) except -1
cdef int save_result(Node node, int i, TensorBase result, int nr=*) except -1
cdef TensorBase unpack(Node node, int i)
cdef object unpack_operand(Node node, int i)     # a saved number as a Python number, a saved tensor as `unpack`
cdef bint has_saved(Node node, int i) noexcept
cdef void release_saved(Node node, PyObject* freed_by) noexcept
cdef Node gradient_function(TensorBase t)
cdef Node accumulator_of(TensorBase t)
cdef Output* output_of(Node node, int nr) noexcept
cdef dict node_extras(Node node)

# ---- in-place writes -------------------------------------------------------------------------------------------------
cdef int check_inplace(TensorBase t, bint any_requires_grad, bint overlap_allowed=*) except -1
cdef int wrote(TensorBase t) except -1
cdef int rebase(TensorBase t, Node node) except -1
cdef int set_view_of(TensorBase view, TensorBase source, int creation=*) except -1

# ---- the common head and tail of an op -------------------------------------------------------------------------------
cdef inline bint wants_grad(object a) noexcept:
    """Whether an operand (a tensor, a number, None) requires grad while recording is on."""
    return thread_state.grad_enabled and is_tensor(a) and requires_grad(<TensorBase>a)

cdef int prepare(object out, bint inplace, bint any_requires_grad, bint overlap_allowed=*) except -1
cdef int settle(Node node, TensorBase result, object a, object b, object out, bint inplace) except -1
cdef int begin_pair(Node node, object a, object b) except -1
cdef int save_operand(Node node, int i, object operand, bint inplace) except -1
cdef int save_number(Node node, int i, object number) except -1

cdef inline int keep_number(Node node, object number) except -1:
    """Keeps a number in `scalar`, and in `whole` of what kind it is: 0 for int, 1 for float, 2 for bool."""
    node.scalar = number
    node.whole = 0 if type(number) is int else 1 if type(number) is float else 2 if type(number) is bool else 1
    return 0

# ---- where tracking was cut ------------------------------------------------------------------------------------------
cdef int note_cut(TensorBase result, str why) except -1
cdef int pass_cut(TensorBase result, TensorBase source) except -1

cdef inline int hand_on_cut(TensorBase result, object source) except -1:
    """`pass_cut` where there is anything to hand on."""
    if is_tensor(source) and ((<TensorBase>source).cut is not None or requires_grad(<TensorBase>source)):
        return pass_cut(result, <TensorBase>source)
    return 0
