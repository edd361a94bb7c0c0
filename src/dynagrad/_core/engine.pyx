"""backward: walks a graph from its outputs to its leaves and adds up the gradients.

The derivatives themselves are beside the ops; hooks and modes as users see them are in `autograd`.
"""
import sys
import warnings
from time import sleep

from dynagrad._core.graph import use_accumulation
from dynagrad._core.types import TYPE_NAMES

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libcpp.utility cimport pair
from libcpp.vector cimport vector

from dynagrad._core.deferred cimport drop_deferred, run_deferred
from dynagrad._core.graph cimport (
    FREED, HAS_EXTRA, RUNS_WITHOUT, SAVED_RESULT, SAVED_TENSOR, AccumulateGrad, Edge, Node, Output, ThreadState,
    accumulator_of, gradient_function, output_of, thread_state, wrote)
from dynagrad._core.iterate cimport copy_into, copy_of
from dynagrad._core.kernel_table cimport parallel_threshold
from dynagrad._core.ops.copy cimport copy_, to_dtype
from dynagrad._core.ops.linalg cimport use_gradient_place
from dynagrad._core.ops.pointwise cimport add, add_into
from dynagrad._core.ops.reduce cimport sum_to
from dynagrad._core.provenance cimport Cut, here, name_of, position_here
from dynagrad._core.tensor cimport (
    HAS_HOOKS, LEAF_GRAD, PENDING, RETAINS_GRAD, TensorBase, dims_tuple, is_dense, new_like, new_tensor, release_later,
    requires_grad, shape_tuple)
from dynagrad._core.types cimport dtype_object, itemsizes

cdef extern from *:
    """
    // The node that runs in this thread, borrowed; null outside of backward. In static TLS, where writing it is one store.
    static thread_local PyObject* dg_running __attribute__((tls_model("initial-exec"))) = nullptr;
    """
    PyObject* dg_running

cdef extern from "<algorithm>" namespace "std" nogil:
    void push_heap[Iter](Iter first, Iter last)
    void pop_heap[Iter](Iter first, Iter last)

cdef extern from "<unordered_map>" namespace "std" nogil:
    cppclass unordered_map[K, V]:
        V& operator[](const K&)
        size_t erase(const K&)
        size_t count(const K&)
        void clear()


# Note [Claiming nodes]
# A backward needs two numbers and one gradient per node. They are fields of the node, so that a walk over a million
# nodes touches no hash table; `claimed_by` says which run they belong to. The number of a run that has ended counts for
# nothing, so that nothing needs to be given back. A backward that meets a node of another one that is still running (a
# backward inside a hook, or in another thread, over a shared part of the graph) keeps its numbers for that node in its
# own map. Nodes are borrowed here: the caller owns the roots, and what a node's edges point to never changes.
cdef struct State:
    int32_t dependencies
    PyObject* buffer            # owned: the gradient of output 0, or a list of them for several outputs

ctypedef pair[uint64_t, PyObject*] Ready        # (sequence number, node)

cdef cppclass Run:
    uint32_t id
    size_t thread               # who runs it: the address of the thread's own `thread_state`
    PyObject* useful            # borrowed: ids of the nodes that need to run, where `inputs` were given; else null
    PyObject* callbacks         # owned: a list of what is called at the end; or null
    unordered_map[size_t, State] elsewhere
    vector[PyObject*] stack
    vector[Ready] ready         # a heap: the latest node first

cdef uint32_t _last_run = 0
cdef vector[Run*] _idle         # finished runs, kept for their vectors
cdef vector[Run*] _active       # the runs that are under way, in the order in which they began


cdef Run* _start() except NULL:
    global _last_run
    cdef Run* run
    if _idle.empty():
        run = new Run()
    else:
        run = _idle.back()
        _idle.pop_back()
    _last_run += 1
    if _last_run == 0:
        _last_run = 1
    run.id = _last_run
    run.thread = <size_t>&thread_state
    run.useful = NULL
    run.callbacks = NULL
    _active.push_back(run)
    return run


cdef void _end(Run* run) noexcept:
    cdef size_t i
    if thread_state.pending:
        drop_deferred()
    for i in range(_active.size()):
        if _active[i] == run:
            _active.erase(_active.begin() + <ptrdiff_t>i)
            break
    Py_XDECREF(run.callbacks)
    run.ready.clear()
    run.stack.clear()
    run.elsewhere.clear()
    _idle.push_back(run)


cdef bint _is_active(uint32_t number) noexcept:
    cdef size_t i
    for i in range(_active.size()):
        if _active[i].id == number:
            return True
    return False


cdef inline int32_t* _dependencies(Run* run, Node node) noexcept:
    if node.claimed_by == run.id:
        return &node.dependencies
    return &run.elsewhere[<size_t><void*>node].dependencies


cdef inline PyObject** _buffer(Run* run, Node node) noexcept:
    if node.claimed_by == run.id:
        return &node.buffer
    return &run.elsewhere[<size_t><void*>node].buffer


cdef PyObject** _place(Node giver, Node target) noexcept:
    """Where target's gradient is summed, for the giver; null where others may look on or take part."""
    if _watcher != NULL or _active.size() != 1 or giver.claimed_by != _active[0].id \
            or target.claimed_by != _active[0].id:
        return NULL
    return &target.buffer if target.n_outputs == 1 else NULL


use_gradient_place(_place)      # Note [Sums of weight gradients]


cdef inline bint _visit(Run* run, Node node) noexcept:
    """True the first time this run sees the node, which is then claimed if no running backward holds it."""
    if node.claimed_by == run.id:
        return False
    if node.claimed_by == 0 or _active.size() == 1 or not _is_active(node.claimed_by):
        node.claimed_by = run.id
        node.dependencies = 0
        return True
    if run.elsewhere.count(<size_t><void*>node):
        return False
    run.elsewhere[<size_t><void*>node] = State(0, NULL)
    return True


cdef int _reach(Run* run, Node root) except -1:
    """Counts, for every node that the root reaches and no earlier root did, how many edges lead to it."""
    cdef Node node, source
    cdef int i
    if _visit(run, root):
        run.stack.push_back(<PyObject*>root)
    while not run.stack.empty():
        node = <Node>run.stack.back()
        run.stack.pop_back()
        for i in range(node.n_edges):
            if node.edges[i].node != NULL:
                source = <Node>node.edges[i].node
                if _visit(run, source):
                    run.stack.push_back(<PyObject*>source)
                _dependencies(run, source)[0] += 1
    return 0


cdef void _abandon(Run* run, Node root) noexcept:
    """After an error: gives up the gradients that were still on their way."""
    cdef Node node
    cdef PyObject** buffer
    cdef int i
    run.stack.clear()
    run.stack.push_back(<PyObject*>root)
    while not run.stack.empty():
        node = <Node>run.stack.back()
        run.stack.pop_back()
        if node.claimed_by != run.id:
            if not run.elsewhere.count(<size_t><void*>node):
                continue
            buffer = &run.elsewhere[<size_t><void*>node].buffer
            release_later(buffer[0])
            run.elsewhere.erase(<size_t><void*>node)
        else:
            node.claimed_by = 0
            release_later(node.buffer)
            node.buffer = NULL
        for i in range(node.n_edges):
            if node.edges[i].node != NULL:
                run.stack.push_back(node.edges[i].node)


# ---- what runs in this thread ------------------------------------------------------------------------------------------

cdef Run* _current() noexcept:
    """The innermost backward of this thread; null outside of any."""
    cdef size_t i = _active.size()
    while i > 0:
        i -= 1
        if _active[i].thread == <size_t>&thread_state:
            return _active[i]
    return NULL


def current_run(bint whole=False):
    """The number of the backward that runs in this thread, -1 outside of any; and of one that has `inputs` if `whole`."""
    cdef Run* run = _current()
    return -1 if run == NULL or whole and run.useful != NULL else run.id


def will_run(Node node not None):
    """Whether the backward that runs in this thread has to run a node. RuntimeError outside of any."""
    cdef Run* run = _current()
    if run == NULL:
        raise RuntimeError("whether a node will run is known during a backward only")
    return (run.useful == NULL or id(node) in <set><object>run.useful) \
        and (node.claimed_by == run.id or run.elsewhere.count(<size_t><void*>node) > 0)


def queue_callback(callback):
    """Calls ``callback()`` once the backward that runs in this thread is through. RuntimeError outside of any."""
    cdef Run* run = _current()
    cdef list callbacks
    if run == NULL:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    if run.callbacks == NULL:
        callbacks = []
        Py_INCREF(callbacks)
        run.callbacks = <PyObject*>callbacks
    (<list><object>run.callbacks).append(callback)


cdef int _call_back(Run* run) except -1:
    if thread_state.pending:
        run_deferred()
    for callback in <list><object>run.callbacks:        # which may grow meanwhile
        callback()
    return 0


# ---- who watches -------------------------------------------------------------------------------------------------------

# Told of everything that a backward does, in any thread; null for nobody, which costs a comparison a node and an edge.
cdef PyObject* _watcher = NULL


def watch_backward(watcher):
    """Tells `watcher` of every backward from now on, or nobody for None. Returns who was told before.

    Its methods, none of which may keep a gradient or change it:

    - ``backward_begins(roots)``: (node, output number, gradient) triples;
    - ``node_runs(node, gradients)``: a gradient, or None, for each output; ``node_ran(node)`` when it has returned;
    - ``delivers(node, index, target, nr, gradient, summed)``: the gradient of input `index` reaches output `nr` of the node
      `target`; `summed`: a sum with what had arrived there is what is handed over;
    - ``accumulates(tensor, node, gradient)`` before ``.grad`` is added to, and ``accumulated(tensor)``;
    - ``releases(node, nbytes)``: saved tensors are given up;
    - ``hooked(kind, owner, hook, replaced)``: a hook of kind "tensor", "pre", "post" or "post_accumulate" has run;
    - ``backward_ends(completed)``.
    """
    global _watcher
    before = <object>_watcher if _watcher != NULL else None
    if watcher is not None:
        Py_INCREF(watcher)
    if _watcher != NULL:
        Py_XDECREF(_watcher)
    _watcher = <PyObject*>watcher if watcher is not None else NULL
    return before


cdef int _tell_begin(list roots, list gradients) except -1:
    (<object>_watcher).backward_begins([(root[0], root[1], g) for root, g in zip(roots, gradients)])
    return 0


cdef int _tell_release(Node node) except -1:
    """Says how many bytes the node is about to give up, if any."""
    cdef int i
    cdef size_t nbytes = 0
    if node.n_saved == 0 or node.flags & FREED:
        return 0
    for i in range(node.n_saved):
        if node.saved[i].kind == SAVED_TENSOR or node.saved[i].kind == SAVED_RESULT:
            nbytes += (<TensorBase>node.saved[i].value).numel * itemsizes[(<TensorBase>node.saved[i].value).dtype]
    (<object>_watcher).releases(node, nbytes)
    return 0


cdef int _tell_hook(str kind, object owner, object hook, object returned) except -1:
    if _watcher != NULL:
        (<object>_watcher).hooked(kind, owner, hook, returned is not None)
    return 0


cdef TensorBase _fit(TensorBase g, Output* output, Node node, int index):
    """Brings a gradient to the shape and dtype of the tensor that it belongs to: sums what was broadcast, casts."""
    cdef int i
    cdef bint same = g.ndim == output.ndim
    if same:
        for i in range(g.ndim):
            if g.shape[i] != output.shape[i]:
                same = False
                break
    if g.flags & PENDING and (not same or g.dtype != output.dtype):
        run_deferred()
    if not same:
        if not _expandable(output, g):
            raise RuntimeError(
                f"Function {type(node).__name__} returned an invalid gradient at index {index} - got "
                f"{list(shape_tuple(g))} but expected shape compatible with {list(dims_tuple(output.ndim, output.shape))}"
                f"{_line_of(node)}")
        g = sum_to(g, output.ndim, output.shape)
    if g.dtype != output.dtype and output.dtype != ANY_DTYPE:
        g = to_dtype(g, output.dtype)
    return g


cdef bint _expandable(Output* output, TensorBase g) noexcept:
    cdef int i, pad = g.ndim - output.ndim
    if pad < 0:
        return False
    for i in range(output.ndim):
        if output.shape[i] != 1 and output.shape[i] != g.shape[pad + i]:
            return False
    return True


cdef str _line_of(Node node):
    where = node.provenance
    return "" if where is None else f"\n  {type(node).__name__} was recorded at  {where}"


cdef int _deliver(Run* run, Edge* edge, TensorBase g, Node giver, int index) except -1:
    """Adds g to what the node at the end of the edge has received."""
    cdef Node target = <Node>edge.node
    cdef PyObject** buffer = _buffer(run, target)
    cdef TensorBase have
    cdef list parts
    g = _fit(g, output_of(target, edge.nr), giver, index)
    if target.n_outputs == 1:
        if buffer[0] == NULL:
            Py_INCREF(g)
            buffer[0] = <PyObject*>g
            if _watcher != NULL:
                (<object>_watcher).delivers(giver, index, target, edge.nr, g, False)
            return 0
        if _watcher != NULL:
            (<object>_watcher).delivers(giver, index, target, edge.nr, g, True)
        have = _sum(buffer[0], g)
        buffer[0] = NULL
        Py_INCREF(have)
        buffer[0] = <PyObject*>have
        return 0
    if g.flags & PENDING:
        run_deferred()
    if buffer[0] == NULL:
        parts = [None] * target.n_outputs
        Py_INCREF(parts)
        buffer[0] = <PyObject*>parts
    parts = <list>buffer[0]
    if _watcher != NULL:
        (<object>_watcher).delivers(giver, index, target, edge.nr, g, parts[edge.nr] is not None)
    parts[edge.nr] = g if parts[edge.nr] is None else add(<TensorBase>parts[edge.nr], g, 1.0)
    return 0


cdef TensorBase _sum(PyObject* owned, TensorBase g):
    """owned + g. Takes over the reference; adds in place when it is the only one to that memory."""
    cdef TensorBase result
    cdef TensorBase have
    if g.flags & PENDING or (<TensorBase>owned).flags & PENDING:
        thread_state.deferring = <void*>g
        try:
            result = add(<TensorBase>owned, g, 1.0)
        finally:
            thread_state.deferring = NULL
            Py_XDECREF(owned)
        return result
    if not thread_state.grad_enabled and owned.ob_refcnt == 1:
        have = <TensorBase>owned
        if have.storage.references == 2 and have.storage == have.counter and have.contiguous and have.base is None:
            if add_into(have, g):
                Py_XDECREF(owned)
                return have
        result = add(have, g, 1.0)
    else:
        result = add(<TensorBase>owned, g, 1.0)
    Py_XDECREF(owned)
    return result


cdef TensorBase _take_gradient(PyObject** buffer):
    """Moves the gradient out of a node's buffer."""
    cdef TensorBase g = <TensorBase>buffer[0]
    Py_XDECREF(buffer[0])
    buffer[0] = NULL
    return g


# ---- hooks -----------------------------------------------------------------------------------------------------------

cdef object _hook_name(object hook):
    return f"hook '{getattr(hook, '__name__', '<unknown>')}'"


cdef TensorBase _checked_gradient(TensorBase old, object new, object hook):
    """What a hook put in the place of a gradient. Raises TypeError or RuntimeError if it does not fit there."""
    if new is None:
        return None
    if not isinstance(new, TensorBase):
        raise TypeError(f"{_hook_name(hook)} must return a Tensor or None: expected Variable, but hook returned "
                        f"'{type(new).__name__}'")
    if old is None:
        raise RuntimeError(f"can't replace a None gradient with a non-None value, as {_hook_name(hook)} tried to")
    cdef TensorBase g = <TensorBase>new
    if shape_tuple(g) != shape_tuple(old):
        raise RuntimeError(f"{_hook_name(hook)} has changed the size of value, from {list(shape_tuple(old))} to "
                           f"{list(shape_tuple(g))}")
    if g.dtype != old.dtype:
        raise RuntimeError(f"{_hook_name(hook)} has changed the type of value (was torch."
                           f"{TYPE_NAMES[old.dtype]}Tensor got torch.{TYPE_NAMES[g.dtype]}Tensor)")
    return g


cdef tuple _checked_gradients(tuple old, object new, object hook):
    if not isinstance(new, tuple):
        raise TypeError(f"{_hook_name(hook)} must return a tuple or None: expected tuple, but hook returned "
                        f"'{type(new).__name__}'")
    if len(<tuple>new) != len(old):
        raise RuntimeError(f"{_hook_name(hook)} has returned an incorrect number of values (got {len(<tuple>new)}, but "
                           f"expected {len(old)})")
    return tuple([_checked_gradient(<TensorBase>before, after, hook) for before, after in zip(old, <tuple>new)])


cdef TensorBase _run_tensor_hooks(object owner, object hooks, TensorBase g):
    """Runs the hooks of one tensor in the order of registration; each may replace the gradient."""
    for hook in list(hooks.values()):
        returned = hook(g)
        _tell_hook("tensor", owner, hook, returned)
        if returned is not None:
            g = _checked_gradient(g, returned, hook)
    return g


cdef int _before(Node node, list gradients) except -1:
    """Tensor hooks of a node's outputs, then their retained gradients."""
    cdef dict extra = <dict>node.extra
    cdef TensorBase retained
    for nr, hooks in extra.get("tensor_hooks", {}).items():
        gradients[nr] = _run_tensor_hooks(node, hooks, <TensorBase>gradients[nr])
    for nr, reference in extra.get("retain", {}).items():
        retained = reference()
        if retained is not None and gradients[nr] is not None:
            if _watcher != NULL:
                (<object>_watcher).accumulates(retained, node, gradients[nr])
            _retain(retained, <TensorBase>gradients[nr])
            if _watcher != NULL:
                (<object>_watcher).accumulated(retained)
    return 0


cdef list _prehooks(Node node, list gradients):
    """Prehooks of a node: each may replace the gradients of its outputs."""
    for hook in list((<dict>node.extra).get("pre_hooks", {}).values()):
        returned = hook(tuple(gradients))
        _tell_hook("pre", node, hook, returned)
        if returned is not None:
            gradients = list(_checked_gradients(tuple(gradients), returned, hook))
    return gradients


cdef int _retain(TensorBase t, TensorBase g) except -1:
    if t.gradient is None:
        t.gradient = g if thread_state.grad_enabled else copy_of(g)
    else:
        t.gradient = add(<TensorBase>t.gradient, g, 1.0)
    return 0


cdef object _after(Node node, object results, list gradients):
    """Post hooks of a node: each sees (grad_inputs, grad_outputs) and may replace the former."""
    cdef tuple inputs = results if isinstance(results, tuple) \
        else (None,) * node.n_edges if results is None else (results,) * (node.n_edges > 0)
    for hook in list((<dict>node.extra).get("post_hooks", {}).values()):
        returned = hook(inputs, tuple(gradients))
        _tell_hook("post", node, hook, returned)
        if returned is not None:
            inputs = _checked_gradients(inputs, returned, hook)
    return inputs


# ---- leaves ----------------------------------------------------------------------------------------------------------

# Note [One thread at a time adds to a gradient]
# Adding a large gradient gives up the GIL, and a second thread that then adds to the same leaf would read what the first is
# about to replace. So a leaf is entered here, with the thread that adds to it, while the GIL may be given up.
ctypedef pair[size_t, size_t] Adding        # (leaf, the thread's own `thread_state`)
cdef vector[Adding] _adding
cdef enum:
    ADDED_AT_ONCE = 4096        # elements: the GIL is kept for fewer


cdef int _enter(TensorBase leaf) except -1:
    """Waits until no other thread is adding to the leaf's gradient, and keeps others from it until `_leave`."""
    cdef size_t i = 0
    while i < _adding.size():
        i += 1
        if _adding[i - 1].first == <size_t><void*>leaf and _adding[i - 1].second != <size_t>&thread_state:
            sleep(1e-5)
            i = 0
    _adding.push_back(Adding(<size_t><void*>leaf, <size_t>&thread_state))
    return 0


cdef void _leave(TensorBase leaf) noexcept:
    cdef size_t i
    for i in range(_adding.size()):
        if _adding[i].first == <size_t><void*>leaf and _adding[i].second == <size_t>&thread_state:
            _adding[i] = _adding.back()
            _adding.pop_back()
            return


cdef int _accumulate(AccumulateGrad node, TensorBase g) except -1:
    """leaf.grad += g, then the leaf's hooks."""
    cdef TensorBase leaf = <TensorBase>node.saved_inline[0].value
    if g is not None:
        _accumulate_into(leaf, node, g)
    if leaf.flags & HAS_HOOKS:
        for hook in list((<dict>leaf.extra).get("post_accumulate_hooks", {}).values()):
            returned = hook(leaf)
            if returned is not None and returned is not leaf:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
            _tell_hook("post_accumulate", leaf, hook, None)
    return 0


cdef int _accumulate_into(TensorBase leaf, Node node, TensorBase g) except -1:
    """leaf.grad += g, and whoever watches is told."""
    if _watcher != NULL:
        (<object>_watcher).accumulates(leaf, node, g)
    if g.numel < ADDED_AT_ONCE and not thread_state.grad_enabled:
        _add_to(leaf, g)
    else:
        _enter(leaf)
        try:
            _add_to(leaf, g)
        finally:
            _leave(leaf)
    if _watcher != NULL:
        (<object>_watcher).accumulated(leaf)
    return 0


def _accumulate_when_called(AccumulateGrad node, g):
    _accumulate(node, <TensorBase>g)


use_accumulation(_accumulate_when_called)


cdef int _add_to(TensorBase leaf, TensorBase g) except -1:
    """A gradient that nobody else sees becomes .grad itself."""
    cdef TensorBase have
    if leaf.gradient is None:
        leaf.gradient = _own(g, leaf)
    elif thread_state.grad_enabled:
        leaf.gradient = add(<TensorBase>leaf.gradient, g, 1.0)
    else:
        have = <TensorBase>leaf.gradient
        if have.contiguous and add_into(have, g):
            wrote(have)
        else:
            add(have, g, 1.0, have, True)
    return 0


cdef TensorBase _own(TensorBase g, TensorBase leaf):
    """g as a .grad: as it is if only the engine holds its memory and none of it is recorded, else a copy."""
    if not thread_state.grad_enabled and g.contiguous and leaf.contiguous and (<PyObject*>g).ob_refcnt <= 2 \
            and g.storage.references == 2 and g.base is None and g.storage == g.counter:
        return g
    return _own_copy(g, leaf)


cdef TensorBase _own_copy(TensorBase g, TensorBase leaf):
    cdef TensorBase made = new_like(leaf, g.dtype) if is_dense(leaf) else new_tensor(g.dtype, leaf.ndim, leaf.shape)
    if thread_state.grad_enabled:
        return copy_(made, g)
    copy_into(made, g)
    return made


# ---- the walk --------------------------------------------------------------------------------------------------------

cdef class _Capture:
    """Where the gradients asked for by `inputs` are caught on their way."""
    cdef dict wanted        # id(node) -> {output number -> index into found}
    cdef list found
    cdef list nodes         # keeps the ids valid


cdef _Capture _capture_points(list inputs):
    cdef _Capture points = _Capture.__new__(_Capture)
    cdef TensorBase t
    cdef Node node
    points.wanted, points.nodes = {}, []
    points.found = [None] * len(inputs)
    for i, each in enumerate(inputs):
        if isinstance(each, tuple):
            node, nr = each[0], each[1]
        else:
            t = <TensorBase>each
            node = gradient_function(t)
            nr = t.output_nr if node is not None else 0
            if node is None and t.flags & LEAF_GRAD:
                node = accumulator_of(t)
        if node is not None:
            points.nodes.append(node)
            points.wanted.setdefault(id(node), {}).setdefault(nr, []).append(i)
    return points


cdef set _on_the_way(list roots, _Capture points):
    """ids of the nodes from which a captured node can be reached: only these need to run."""
    cdef dict seen = {}
    cdef list stack = list(roots)
    cdef list order = []
    cdef Node node
    cdef int i
    while stack:
        node = stack[len(stack) - 1]
        if id(node) not in seen:
            seen[id(node)] = 0
            for i in range(node.n_edges):
                if node.edges[i].node != NULL and <size_t>node.edges[i].node not in seen:
                    stack.append(<object>node.edges[i].node)
            continue
        stack.pop()
        if seen[id(node)] == 0:
            seen[id(node)] = 1
            order.append(node)
    cdef set useful = set(points.wanted)
    for node in order:
        for i in range(node.n_edges):
            if node.edges[i].node != NULL and <size_t>node.edges[i].node in useful:
                useful.add(id(node))
                break
    return useful


cdef int _push(Run* run, Node node) except -1:
    run.ready.push_back(Ready(node.seq, <PyObject*>node))
    push_heap(run.ready.begin(), run.ready.end())
    return 0


cdef int _drive(Run* run, _Capture points, set useful, bint keep_graph, Cut line) except -1:
    """Runs ready nodes, the latest recorded first, until none is left."""
    cdef Node node
    while not run.ready.empty():
        pop_heap(run.ready.begin(), run.ready.end())
        node = <Node>run.ready.back().second
        run.ready.pop_back()
        _run_node(run, node, points, useful, keep_graph, line)
    return 0


# Note [A backward inside a backward]
# A hook or a custom Function may call backward, and so on, thousands of times deep: each takes a part of the stack and of
# Python's limit on recursion. Every so many levels the next one gets a thread of its own, for which the caller waits.
cdef enum:
    DEEPEST = 60

cdef class _Errand:
    """A backward to be run by another thread in the modes of this one, and what came of it."""
    cdef tuple arguments
    cdef ThreadState state
    cdef object found, error

    def __call__(self):
        cdef list roots, gradients, inputs
        roots, gradients, keep_graph, create_graph, inputs, accumulate = self.arguments
        thread_state.grad_enabled, thread_state.grad_asked = self.state.grad_enabled, self.state.grad_asked
        thread_state.inference = self.state.inference
        thread_state.anomaly, thread_state.anomaly_checks_nan = self.state.anomaly, self.state.anomaly_checks_nan
        try:
            self.found = run_backward(roots, gradients, keep_graph, create_graph, inputs, accumulate)
        except BaseException as error:
            self.error = error


cdef object _run_in_another_thread(tuple arguments):
    from threading import Thread
    cdef _Errand errand = _Errand.__new__(_Errand)
    errand.arguments, errand.state = arguments, thread_state
    thread = Thread(target=errand, name="dynagrad-backward")
    thread.start()
    thread.join()
    if errand.error is not None:
        raise errand.error
    return errand.found


cdef int _explain_failure() except -1:
    """In anomaly mode, a warning that says which node failed and which line recorded it; on stderr if warnings are errors."""
    cdef Node node
    if dg_running == NULL:
        return 0
    node = <Node>dg_running
    made = node.provenance
    text = f"Error detected in {node.name()}. " + (
        "No forward pass information available. Enable detect anomaly during forward pass for more information."
        if made is None else f"Traceback of forward call that caused the error:\n  {made}")
    try:
        warnings.warn(text, stacklevel=1)
    except Warning as warning:
        sys.stderr.write(f"{type(warning).__name__}: {warning}\n")
    return 0


def current_node():
    """The node that runs in this thread; None outside of backward."""
    return <object>dg_running if dg_running != NULL else None


cdef int run_from(Node root, int nr, TensorBase g, bint keep_graph, bint create_graph) except -1:
    """Backward from one output to all leaves."""
    global dg_running
    cdef bint grad_before = thread_state.grad_enabled
    if thread_state.backward_depth >= DEEPEST:
        _run_in_another_thread(([(root, nr)], [g], keep_graph, create_graph, None, True))
        return 0
    cdef Run* run = _start()
    cdef Edge edge = Edge(<PyObject*>root, nr)
    cdef bint done = False
    cdef PyObject* running = dg_running
    thread_state.grad_enabled = create_graph
    thread_state.backward_depth += 1
    try:
        if _watcher != NULL:
            _tell_begin([(root, nr)], [g])
        _reach(run, root)
        _deliver(run, &edge, g, root, 0)
        g = None
        _push(run, root)
        _drive(run, None, None, keep_graph, None if keep_graph else position_here(None))
        if run.callbacks != NULL:
            _call_back(run)
        done = True
    finally:
        thread_state.backward_depth -= 1
        thread_state.grad_enabled = grad_before
        if not done:
            if thread_state.anomaly:
                _explain_failure()
            _abandon(run, root)
        dg_running = running
        _end(run)
        if _watcher != NULL:
            (<object>_watcher).backward_ends(done)
    return 0


cdef object run_backward(list roots, list gradients, bint keep_graph, bint create_graph, list inputs, bint accumulate):
    """Backward from several (node, output number) roots.

    inputs: None to fill the .grad of all leaves; else the tensors (or edges) whose gradients are wanted: they are
    returned, or added to their .grad where `accumulate` is set.
    """
    global dg_running
    cdef Node node
    cdef _Capture points = None
    cdef set useful = None
    cdef dict nodes = {id(root[0]): root[0] for root in roots}
    cdef bint grad_before = thread_state.grad_enabled
    cdef Cut line = None if keep_graph else position_here(None)
    cdef Run* run
    cdef Edge edge
    cdef bint done = False
    cdef PyObject* running = dg_running
    cdef int i
    if thread_state.backward_depth >= DEEPEST:
        return _run_in_another_thread((roots, gradients, keep_graph, create_graph, inputs, accumulate))
    if inputs is not None:
        points = _capture_points(inputs)
        useful = _on_the_way(list(nodes.values()), points)
        if accumulate:                              # these nodes run, and leaves and retained gradients are filled as ever
            points = None
    run = _start()
    if useful is not None:
        run.useful = <PyObject*>useful
    thread_state.grad_enabled = create_graph
    thread_state.backward_depth += 1
    try:
        if _watcher != NULL:
            _tell_begin(roots, gradients)
        for node in nodes.values():
            _reach(run, node)
        for i in range(len(roots)):
            node, nr = roots[i]
            edge = Edge(<PyObject*>node, nr)
            _deliver(run, &edge, <TensorBase>gradients[i], node, 0)
        for node in nodes.values():
            if _dependencies(run, node)[0] == 0:
                _push(run, node)
        _drive(run, points, useful, keep_graph, line)
        if run.callbacks != NULL:
            _call_back(run)
        done = True
    finally:
        thread_state.backward_depth -= 1
        thread_state.grad_enabled = grad_before
        if not done:
            if thread_state.anomaly:
                _explain_failure()
            for node in nodes.values():
                _abandon(run, node)
        dg_running = running
        _end(run)
        if _watcher != NULL:
            (<object>_watcher).backward_ends(done)
    return None if points is None else points.found


cdef int _run_node(Run* run, Node node, _Capture points, set useful, bint keep_graph, Cut line) except -1:
    """Runs one node whose gradients have all arrived, and hands on what it returns."""
    global dg_running
    cdef PyObject** buffer = _buffer(run, node)
    cdef TensorBase g = None
    cdef list many = None
    cdef object results = None
    cdef bint runs = useful is None or id(node) in useful
    cdef bint buffered = buffer[0] != NULL
    if not runs or not buffered and not node.flags & (RUNS_WITHOUT | HAS_EXTRA) and not isinstance(node, AccumulateGrad):
        release_later(buffer[0])
        buffer[0] = NULL
        return _hand_on(run, node, None)
    dg_running = <PyObject*>node
    if node.n_outputs > 1:
        many = [None] * node.n_outputs
        if buffered:
            many = <list>buffer[0]
            Py_XDECREF(buffer[0])
            buffer[0] = NULL
    elif buffered:
        g = _take_gradient(buffer)
        if g.numel >= parallel_threshold and _may_defer(node, points, useful):
            return _run_deferring(run, node, g, keep_graph, line)
    if thread_state.pending:
        run_deferred()
    if isinstance(node, AccumulateGrad):
        return _run_leaf(node, g, points)
    if node.flags & HAS_EXTRA or points is not None:
        many = _prepare(node, [g] if many is None else many, points, useful)
        if many is None:
            return _hand_on(run, node, None)
        g = <TensorBase>many[0]
    if _watcher != NULL:
        (<object>_watcher).node_runs(node, [g] if many is None else many)
    if node.n_outputs > 1:
        if node.flags & RUNS_WITHOUT or buffered and _leads_on(node, useful):
            results = node.vjp_many(many)
    elif node.flags & RUNS_WITHOUT or g is not None and _leads_on(node, useful):
        results = node.vjp(g)
        g = None
    if node.flags & HAS_EXTRA and "post_hooks" in <dict>node.extra:
        results = _after(node, results, many)
    if _watcher != NULL:
        (<object>_watcher).node_ran(node)
    if thread_state.anomaly and thread_state.anomaly_checks_nan:
        _check_nan(node, results)
    if not keep_graph:
        if _watcher != NULL:
            _tell_release(node)
        node.release(<PyObject*>line if line is not None else NULL)
    return _hand_on(run, node, results)


cdef bint _may_defer(Node node, _Capture points, set useful) except -1:
    """Whether the formula's loops may wait, see Note [Deferred loops]: nobody but it looks at what it returns."""
    return type(node)._pointwise and not thread_state.grad_enabled and _watcher == NULL and not thread_state.anomaly \
        and not node.flags & HAS_EXTRA and (points is None or id(node) not in points.wanted) and _leads_on(node, useful)


cdef int _run_deferring(Run* run, Node node, TensorBase g, bint keep_graph, Cut line) except -1:
    cdef object results
    thread_state.deferring = <void*>g
    try:
        results = node.vjp(g)
    finally:
        thread_state.deferring = NULL
    if not keep_graph:
        node.release(<PyObject*>line if line is not None else NULL)
    return _hand_on(run, node, results)


cdef inline bint _leads_on(Node node, set useful) except -1:
    """Whether anything asks for the gradients of its inputs.

    Nothing does where it was recorded on views that were made unrecorded, or where backward is asked for its gradient only.
    """
    cdef int i
    for i in range(node.n_edges):
        if node.edges[i].node != NULL and (useful is None or <size_t>node.edges[i].node in useful):
            return True
    return False


cdef list _prepare(Node node, list many, _Capture points, set useful):
    """Hooks and captures before a node; None if nothing beyond it is wanted."""
    cdef bint wanted = points is not None and id(node) in points.wanted
    cdef bint leads_on = not wanted or _leads_on(node, useful)
    # PyTorch captures a gradient that goes on before its tensor's hooks, and one that ends here after them.
    if wanted and leads_on:
        _catch(points, node, many)
    if node.flags & HAS_EXTRA:
        _before(node, many)
    if not leads_on:
        _catch(points, node, many)
        return None
    return _prehooks(node, many) if node.flags & HAS_EXTRA else many


cdef int _hand_on(Run* run, Node node, object results) except -1:
    """Delivers the results along the edges and readies the nodes that now have all their gradients."""
    cdef int i
    cdef Node source
    cdef int32_t* left
    cdef object result
    if results is not None and node.n_edges > 1 and not isinstance(results, tuple):
        raise RuntimeError(f"{type(node).__name__} returned one gradient for {node.n_edges} inputs{_line_of(node)}")
    for i in range(node.n_edges):
        if node.edges[i].node == NULL:
            continue
        source = <Node>node.edges[i].node
        if results is not None:
            result = (<tuple>results)[i] if isinstance(results, tuple) else results
            if result is not None:
                if not isinstance(result, TensorBase):
                    raise TypeError(f"{type(node).__name__} returned a {type(result).__name__} as the gradient of input {i}, "
                                    f"expected a Tensor or None{_line_of(node)}")
                _deliver(run, &node.edges[i], <TensorBase>result, node, i)
            result = None
        left = _dependencies(run, source)
        left[0] -= 1
        if left[0] == 0:
            _push(run, source)
    return 0


cdef int _catch(_Capture points, Node node, list gradients) except -1:
    """Keeps the gradients that were asked for at this node."""
    for nr, indices in (<dict>points.wanted[id(node)]).items():
        for i in indices:
            points.found[i] = gradients[nr]
    return 0


cdef int _run_leaf(Node node, TensorBase g, _Capture points) except -1:
    """A leaf's hooks, then its .grad and the node's hooks, or the capture of its gradient."""
    cdef TensorBase leaf = <TensorBase>node.saved_inline[0].value
    if leaf.flags & HAS_HOOKS and "tensor_hooks" in <dict>leaf.extra:
        g = _run_tensor_hooks(leaf, (<dict>leaf.extra)["tensor_hooks"], g)
    if points is not None:
        if id(node) in points.wanted:
            _catch(points, node, [g])
        return 0
    if node.flags & HAS_EXTRA:
        g = <TensorBase>_prehooks(node, [g])[0]
    if leaf.base is not None and gradient_function(leaf) is not None:
        raise RuntimeError(f"leaf variable {name_of(leaf)} has been moved into the graph interior: it is a view whose memory "
                           "was written to by a recorded operation after it had been used as a leaf")
    if leaf.flags & LEAF_GRAD:                          # the user may have switched it off since the forward pass
        _accumulate(<AccumulateGrad>node, g)
    if node.flags & HAS_EXTRA:
        _after(node, (), [g])
    return 0


cdef int _check_nan(Node node, object results) except -1:
    """Anomaly mode: raises at the first node that returns a NaN, with the line that recorded it."""
    from dynagrad._core.ops.reduce import any_nan
    for i, each in enumerate(results if isinstance(results, tuple) else (results,)):
        if each is not None and any_nan(each):
            raise RuntimeError(f"Function '{type(node).__name__}' returned nan values in its {i}th output.{_line_of(node)}")
    return 0
