"""Element loops of a backward that wait until somebody needs their result, and then run as one pass over memory.

Note [Deferred loops]
Between two nodes whose formulas are element loops, a large gradient would be written to memory only to be read back. So
while the engine runs such a formula (`Node._pointwise`), `iterate` hands the loops on the gradient to `defer`, which
notes them and returns a PENDING tensor: shape and dtype, no memory. The engine gives those only to formulas of the same
kind; before anything else runs (a leaf, a hook, another formula, Python code) it calls `run_deferred`, which runs
the notes block by block over all cores and gives memory to the pending tensors that somebody still holds. The loops are
the same, element for element, so are the results. Nothing outside of one backward, and no user, ever sees a
pending tensor. Each thread has its own notes.
"""
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

from dynagrad._core.graph cimport thread_state
from dynagrad._core.kernel_table cimport Loop, Params
from dynagrad._core.tensor cimport (
    PENDING, TensorBase, blank, new_tensor, plain_tensor, set_geometry, storage_drop, storage_new, storage_share)
from dynagrad._core.types cimport itemsizes
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/deferred.hpp" namespace "dg" nogil:
    cppclass Deferred:
        int read(const char* data, int64_t step)
        int number(int64_t bits)
        int apply(Loop loop, const Params& params, int n_inputs, const int* inputs)
        void keep(int reg, char* memory)
        void run(int64_t length, int item_size)
        void clear()
        bint full()
        vector[void*] operands
        vector[void*] results
    Deferred& deferred()


cdef TensorBase defer(Loop loop, TensorBase like, int n, list operands, const Params* params):
    """The PENDING result of a loop over `n` operands.

    Each is pending, or contiguous and shaped as `like`, or one element for all of them, or a number.
    """
    cdef Deferred* program = &deferred()
    cdef int inputs[3]
    cdef int i
    cdef TensorBase result
    if thread_state.pending and (program.full() or not _same_size(<TensorBase>program.results.front(), like)):
        run_deferred()
    for i in range(n):
        inputs[i] = _register(program, operands[i], like)
    result = blank(<object>plain_tensor)
    result.dtype = like.dtype
    set_geometry(result, like.ndim, like.shape, NULL)
    result.storage = storage_new(0)
    if result.storage == NULL:
        raise RuntimeError("out of memory")
    result.counter = storage_share(result.storage)
    result.flags |= PENDING
    result.output_nr = program.apply(loop, params[0], n, inputs)
    Py_INCREF(result)
    program.results.push_back(<void*>result)
    thread_state.pending = True
    return result


cdef inline bint _same_size(TensorBase a, TensorBase b) noexcept:
    return a.numel == b.numel and a.dtype == b.dtype


cdef int _register(Deferred* program, object operand, TensorBase like) except -1:
    cdef TensorBase t
    cdef double wide
    cdef float narrow
    cdef int64_t bits = 0
    if isinstance(operand, TensorBase):
        t = <TensorBase>operand
        if t.flags & PENDING:
            return t.output_nr
        Py_INCREF(t)
        program.operands.push_back(<void*>t)
        return program.read(t.data, itemsizes[t.dtype] if t.contiguous and t.numel == like.numel else 0)
    wide = operand
    narrow = <float>wide
    if itemsizes[like.dtype] == sizeof(float):
        memcpy(&bits, &narrow, sizeof(float))
    else:
        memcpy(&bits, &wide, sizeof(double))
    return program.number(bits)


cdef int run_deferred() except -1:
    """Runs all that waits, and gives memory to the pending tensors that are held elsewhere."""
    cdef Deferred* program = &deferred()
    cdef TensorBase t = <TensorBase>program.results.front()
    cdef int64_t length = t.numel
    cdef int item_size = itemsizes[t.dtype]
    cdef size_t i
    cdef Unlocked unlocked
    t = None        # or it would count among those who hold the result
    try:
        for i in range(program.results.size()):
            if (<PyObject*>program.results[i]).ob_refcnt > 1:
                _give_memory(program, <TensorBase>program.results[i])
        unlocked.begin()
        with nogil:
            program.run(length, item_size)
    finally:
        drop_deferred()
    return 0


cdef int _give_memory(Deferred* program, TensorBase t) except -1:
    cdef TensorBase fresh = new_tensor(t.dtype, t.ndim, t.shape)
    cdef int reg = t.output_nr
    storage_drop(t.storage)
    storage_drop(t.counter)
    t.storage = storage_share(fresh.storage)
    t.counter = storage_share(fresh.storage)
    t.data = fresh.data
    t.flags &= ~<unsigned int>PENDING
    t.output_nr = 0
    program.keep(reg, t.data)
    return 0


cdef void drop_deferred() noexcept:
    """Forgets what waits."""
    cdef Deferred* program = &deferred()
    cdef vector[void*] owned
    cdef size_t i
    thread_state.pending = False
    program.clear()
    owned.swap(program.operands)
    for i in range(owned.size()):
        Py_XDECREF(<PyObject*>owned[i])
    owned.clear()
    owned.swap(program.results)
    for i in range(owned.size()):
        Py_XDECREF(<PyObject*>owned[i])
