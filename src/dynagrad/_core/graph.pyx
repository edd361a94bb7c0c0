"""Node and AccumulateGrad, saved tensors, grad mode; how an op is recorded and a history rewritten.

What runs a graph backward is in `engine`; the nodes of the ops are beside the ops.
"""
import cython
import weakref
from _thread import get_ident

from dynagrad._core.types import TYPE_NAMES

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy
from libcpp.unordered_set cimport unordered_set
from libcpp.vector cimport vector

from dynagrad._core.provenance cimport (
    Cut, called_here, capture, here, last_write_of, name_of, note_write, position_here, provenance_at)
from dynagrad._core.tensor cimport (
    INFERENCE, LEAF_GRAD, RETAINS_GRAD, VIEW_CUSTOM, VIEW_INFERENCE, VIEW_MULTI, VIEW_NO_GRAD, TensorBase, new_alias,
    is_tensor, new_number, release_later, requires_grad, shape_tuple)
from dynagrad._core.types cimport F16, F32, F64, I64, dtype_object, is_float, scalar_dtype

cdef extern from "Python.h":
    void PyObject_GC_Track(void*)
    void PyObject_GC_UnTrack(void*)
    int PyObject_GC_IsTracked(object)
    void _decref "Py_DECREF"(PyObject*)
    void _incref "Py_INCREF"(PyObject*)

cdef uint64_t _next_seq = 0
cdef enum:
    ACCUMULATES = 8     # Node.flags: this node is an AccumulateGrad
    FRAGILE = VIEW_NO_GRAD | VIEW_MULTI | VIEW_CUSTOM | VIEW_INFERENCE      # TensorBase.flags: how a view may not be written to


# ---- nodes -----------------------------------------------------------------------------------------------------------

class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook away again; also a context manager that does so."""

    _next_id = 0

    def __init__(self, hooks, hook):
        self.id = RemovableHandle._next_id
        RemovableHandle._next_id += 1
        self.hooks = hooks
        hooks[self.id] = hook

    def hooks_dict_ref(self):
        """The hooks among which this one is, by number."""
        return self.hooks

    def remove(self):
        self.hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


cdef extern from "objects.hpp" namespace "dg":
    void serve_nodes(object type)


cdef class Node:
    """One recorded op: edges to the nodes that made its inputs, the tensors its derivative needs, the user's line."""

    _pointwise = False      # whether the formula uses its gradient in element loops alone, see Note [Deferred loops]

    # What is shown as `_saved_<name>`, see Note [What a node shows] in saved.pyx.
    _saves = ()      # names of the saved tensors, in the order of `saved`
    _keeps = ()      # names of the items of `params`
    _scalar = None   # name of `scalar`
    _whole = None    # name of `whole`
    _shows = {}      # name -> function of the node, for what is worked out when asked

    _namespace = ""  # what PyTorch puts before the names of the nodes that it writes by hand

    cdef object vjp(self, TensorBase g):
        raise NotImplementedError(f"the derivative of {type(self).__name__} is not implemented")

    cdef object vjp_many(self, list gradients):
        return self.vjp(<TensorBase>gradients[0]) if gradients[0] is not None else None

    cdef void release(self, PyObject* freed_by) noexcept:
        """Gives up what was saved for the derivative."""
        release_saved(self, freed_by)

    def __dealloc__(self):
        cdef int i
        if self.flags & ACCUMULATES and self.saved_inline[0].value != NULL:
            if (<TensorBase>self.saved_inline[0].value).accumulator == <void*>self:     # `set_` may have parted the two
                (<TensorBase>self.saved_inline[0].value).accumulator = NULL
            release_later(self.saved_inline[0].value)
        for i in range(self.n_saved):
            release_later(self.saved[i].value)
        for i in range(self.n_edges):
            release_later(self.edges[i].node)
        release_later(self.buffer)
        Py_XDECREF(self.code)
        if self.edges != self.edges_inline:
            free(self.edges)
        if self.saved != self.saved_inline:
            free(self.saved)
        _free_shape(&self.output)
        if self.more_outputs != NULL:
            for i in range(self.n_outputs - 1):
                _free_shape(&self.more_outputs[i])
            free(self.more_outputs)

    @property
    def next_functions(self):
        """A tuple of (node, output number) pairs, one for each input; (None, 0) where no gradient is needed."""
        cdef int i
        return tuple([(<object>self.edges[i].node, self.edges[i].nr) if self.edges[i].node != NULL else (None, 0)
                      for i in range(self.n_edges)])

    @property
    def provenance(self):
        """The user's line that made this node: ``filename``, ``lineno``, ``function``; None for AccumulateGrad."""
        return provenance_at(self.code, self.position)

    @property
    def metadata(self):
        """A dict for the user's own notes."""
        return node_extras(self).setdefault("metadata", {})

    def name(self):
        """The name of the node's class, such as ``MulBackward0``; ``torch::autograd::AccumulateGrad`` for a leaf's."""
        return self._namespace + type(self).__name__

    def _sequence_nr(self):
        return self.seq

    def register_hook(self, fn):
        """Runs ``fn(grad_inputs, grad_outputs)`` after the node; what it returns, unless None, replaces grad_inputs."""
        return RemovableHandle(node_extras(self).setdefault("post_hooks", {}), fn)

    def register_prehook(self, fn):
        """Runs ``fn(grad_outputs)`` before the node; what it returns, unless None, replaces grad_outputs."""
        return RemovableHandle(node_extras(self).setdefault("pre_hooks", {}), fn)

    def __call__(self, *gradients):
        """Applies the derivative: gradients of the outputs in, gradients of the inputs out.

        Raises TypeError for another number of gradients than of outputs, and for what is neither a tensor nor None.
        """
        cdef Py_ssize_t i
        if len(gradients) != self.n_outputs:
            raise TypeError(f"expected {self.n_outputs} arguments, got {len(gradients)} instead")
        for i in range(len(gradients)):
            if gradients[i] is not None and not isinstance(gradients[i], TensorBase):
                raise TypeError(f"argument {i} is not a Variable, but {type(gradients[i]).__name__}")
        found = self.vjp_many(list(gradients))
        return (None,) * self.n_edges if found is None and self.n_edges > 1 else found

    def __getattr__(self, str name):
        if name.startswith("_") and _inspect is not None:
            found = _inspect(self, name)
            if found is not NotImplemented:
                return found
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self):
        return sorted({*object.__dir__(self), *_shown_names(self)})

    def __repr__(self):
        return f"<{type(self).__name__} object at {hex(<size_t><void*>self)}>"


# What answers for a node's attributes that few programs ask for: (node, name) -> its value, or NotImplemented; and which
# of them there are, of a node.
_inspect = None
_shown_names = None


def use_inspection(inspect, names):
    """Tells the nodes who answers for their rarer attributes."""
    global _inspect, _shown_names
    _inspect, _shown_names = inspect, names


cdef void _free_shape(Output* output) noexcept:
    if output.shape != NULL and output.shape != output.inlined:
        free(output.shape)


cdef class AccumulateGrad(Node):
    """The sink of a leaf: adds the gradient that arrives to the leaf's ``.grad``."""

    _namespace = "torch::autograd::"

    cdef object vjp(self, TensorBase g):
        _accumulate(self, g)
        return ()

    @property
    def variable(self):
        """The leaf."""
        return <object>self.saved_inline[0].value


_accumulate = None


def use_accumulation(accumulate):
    """Tells the leaves' nodes how a gradient is added to ``.grad``, for programs that call them."""
    global _accumulate
    _accumulate = accumulate


serve_nodes(Node)               # the nodes of the ops inherit this
serve_nodes(AccumulateGrad)


cdef dict node_extras(Node node):
    """The dict of hooks and notes of this node, made when first needed; the node joins the cyclic collector."""
    if node.extra is None:
        node.extra = {}
        node.flags |= HAS_EXTRA
        if not PyObject_GC_IsTracked(node):
            PyObject_GC_Track(<void*>node)
    return <dict>node.extra


cdef int _edge_array(Node node, int n) except -1:
    if n <= INLINE_EDGES:
        node.edges = node.edges_inline
    else:
        node.edges = <Edge*>calloc(n, sizeof(Edge))
        if node.edges == NULL:
            raise MemoryError()
    node.n_edges = n
    return 0


cdef int begin(Node node, int n_edges) except -1:
    """Starts recording: the node gets its place in the order and the user's line; edges are still to be linked."""
    global _next_seq
    if PyObject_GC_IsTracked(node):
        PyObject_GC_UnTrack(<void*>node)
    node.seq = _next_seq
    _next_seq += 1
    node.saved = node.saved_inline
    capture(&node.code, &node.position)
    return _edge_array(node, n_edges)


cdef int begin1(Node node, TensorBase a) except -1:
    """`begin` and `link` for one input."""
    begin(node, 1)
    return link(node, 0, a)


cdef int begin2(Node node, TensorBase a, TensorBase b) except -1:
    """`begin` and `link` for two inputs."""
    begin(node, 2)
    link(node, 0, a)
    return link(node, 1, b)


cdef int begin_list(Node node, list tensors) except -1:
    """`begin` and `link` for any number of inputs."""
    cdef int i
    begin(node, len(tensors))
    for i in range(node.n_edges):
        link(node, i, <TensorBase>tensors[i])
    return 0


cdef int link(Node node, int i, TensorBase t) except -1:
    """Points edge i to the node that made t, or to the AccumulateGrad of a leaf; to nothing if t needs no gradient."""
    cdef Node source
    if t.grad_fn is not None or t.base is not None:
        source = gradient_function(t)
        if source is not None:
            node.edges[i].nr = t.output_nr
            Py_INCREF(source)
            node.edges[i].node = <PyObject*>source
            return 0
    if t.flags & LEAF_GRAD:
        source = accumulator_of(t)
        Py_INCREF(source)
        node.edges[i].node = <PyObject*>source
    return 0


cdef Node accumulator_of(TensorBase t):
    """The one AccumulateGrad of a leaf. The leaf knows it weakly, it owns the leaf."""
    cdef Node node
    if t.accumulator != NULL:
        return <Node>t.accumulator
    node = AccumulateGrad.__new__(AccumulateGrad)
    node.seq = <uint64_t>0xffffffffffffffff
    node.saved = node.saved_inline
    node.edges = node.edges_inline
    node.flags |= ACCUMULATES
    Py_INCREF(t)
    node.saved_inline[0].value = <PyObject*>t
    t.accumulator = <void*>node
    _describe(&node.output, t)
    if t.extra is not None and "grad_dtype" in <dict>t.extra:
        node.output.dtype = (<dict>t.extra)["grad_dtype"]
    node.n_outputs = 1
    return node


cdef int _describe(Output* output, TensorBase t) except -1:
    cdef int i
    output.dtype = t.dtype
    output.ndim = t.ndim
    if t.ndim <= 4:
        output.shape = output.inlined
    else:
        output.shape = <int64_t*>malloc(t.ndim * sizeof(int64_t))
        if output.shape == NULL:
            raise MemoryError()
    for i in range(t.ndim):
        output.shape[i] = t.shape[i]
    return 0


cdef int attach(Node node, TensorBase result) except -1:
    """Makes node the history of its only result."""
    result.grad_fn = node
    result.output_nr = 0
    node.n_outputs = 1
    return _describe(&node.output, result)


cdef int attach_many(Node node, list results) except -1:
    """Makes node the history of several results; results that are not floating tensors stay without one."""
    cdef int i
    cdef TensorBase result
    cdef int n = len(results)
    node.n_outputs = n
    if n > 1:
        node.more_outputs = <Output*>calloc(n - 1, sizeof(Output))
        if node.more_outputs == NULL:
            node.n_outputs = 1
            raise MemoryError()
    for i in range(n):
        result = <TensorBase>results[i]
        if result is None:
            continue
        _describe(&node.output if i == 0 else &node.more_outputs[i - 1], result)
        if result.dtype >= 6:
            result.grad_fn = node
            result.output_nr = i
    return 0


cdef Output* output_of(Node node, int nr) noexcept:
    return &node.output if nr == 0 else &node.more_outputs[nr - 1]


# ---- saved tensors ---------------------------------------------------------------------------------------------------

cdef dict _pack_hooks = {}      # thread -> its stack of (pack, unpack) pairs, and of messages that forbid further pairs


cdef list _hooks_here():
    return <list>_pack_hooks.setdefault(get_ident(), [])


def push_pack_hooks(pack, unpack):
    """Makes every tensor saved from now on in this thread go through pack, and through unpack when it is needed."""
    cdef list stack = _hooks_here()
    for each in reversed(stack):
        if isinstance(each, str):
            raise RuntimeError(each)
    stack.append((pack, unpack))
    thread_state.packing = True


def forbid_pack_hooks(str message not None):
    """Makes `push_pack_hooks` an error in this thread."""
    cdef list stack = _hooks_here()
    if thread_state.packing:
        raise RuntimeError(message)
    stack.append(message)


def pack_hooks_allowed():
    """Whether `push_pack_hooks` is possible in this thread: nobody has forbidden it."""
    return not any([isinstance(each, str) for each in _pack_hooks.get(get_ident(), ())])


def pop_pack_hooks():
    """Ends the innermost `push_pack_hooks` or `forbid_pack_hooks` of this thread."""
    cdef list stack = _hooks_here()
    stack.pop()
    thread_state.packing = any([isinstance(each, tuple) for each in stack])
    if not stack:
        del _pack_hooks[get_ident()]


cdef int reserve_saved(Node node, int n) except -1:
    """Makes room for n saved tensors; only needed for more than two."""
    if n > INLINE_SAVED and node.saved == node.saved_inline:
        node.saved = <Saved*>calloc(n, sizeof(Saved))
        if node.saved == NULL:
            node.saved = node.saved_inline
            raise MemoryError()
        memcpy(node.saved, node.saved_inline, sizeof(node.saved_inline))
    return 0


cdef int save(Node node, int i, TensorBase t) except -1:
    """Keeps an input (or a tensor made for the purpose) for the derivative."""
    if t.flags & INFERENCE:
        raise RuntimeError("Inference tensors cannot be saved for backward. Please do not use Tensors created in "
                           "inference mode in computation tracked by autograd. To work around this, you can make a clone "
                           "to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
                           "`torch.inference_mode()`.")
    if node.n_saved <= i:
        node.n_saved = i + 1
    if thread_state.packing:
        return _save_packed(node, i, t)
    Py_INCREF(t)
    node.saved[i].value = <PyObject*>t
    node.saved[i].version = t.counter.version
    node.saved[i].kind = SAVED_TENSOR
    node.saved[i].nr = t.grad_fn is not None
    if t.counter.first_saved == 0:
        t.counter.first_saved = node.seq + 1
    return 0


cdef int _save_packed(Node node, int i, TensorBase t) except -1:
    """Keeps what the innermost pack hook makes of t."""
    cdef list stack = _hooks_here()
    pack, unpack_hook = stack[len(stack) - 1]
    return _keep_packed(node, i, t, pack, unpack_hook)


cdef int _keep_packed(Node node, int i, TensorBase t, object pack, object unpack_hook) except -1:
    cdef uint32_t version = t.counter.version
    cdef bint before = thread_state.grad_enabled
    thread_state.grad_enabled = False
    try:
        packed = pack(t.detach() if t.grad_fn is not None else t)
    finally:
        thread_state.grad_enabled = before
    if t.counter.version != version:
        raise RuntimeError("A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                           "cannot be modified by in-place operations as this can lead to unexpected side-effects. Let the "
                           "hook work on a clone().")
    origin = gradient_function(t) if t.grad_fn is not None else accumulator_of(t) if requires_grad(t) else None
    held = packed, unpack_hook, origin, t.output_nr
    Py_INCREF(held)
    node.saved[i].value = <PyObject*>held
    node.saved[i].version = 0
    node.saved[i].kind = SAVED_PACKED
    return 0


def _save_as(Node node not None, int i, pack, unpack_hook):
    """Trades saved tensor i, an input or a result, for what a pack hook makes of it."""
    cdef Saved before = node.saved[i]
    _keep_packed(node, i, <TensorBase>before.value, pack, unpack_hook)
    node.saved[i].version = before.kind == SAVED_RESULT
    node.saved[i].nr = before.nr
    release_later(before.value)


cdef int save_result(Node node, int i, TensorBase result, int nr=0) except -1:
    """Keeps the node's own output `nr`: as a detached alias, for owning it would close a cycle."""
    cdef TensorBase alias = new_alias(result, result.ndim, result.shape, result.strides, 0)
    save(node, i, alias)
    if node.saved[i].kind == SAVED_TENSOR:
        node.saved[i].kind = SAVED_RESULT
    else:
        node.saved[i].version = 1       # of a packed tensor: that it is the node's own output
    node.saved[i].nr = nr
    return 0


cdef bint has_saved(Node node, int i) noexcept:
    return i < node.n_saved and node.saved[i].kind != SAVED_NONE


cdef TensorBase unpack(Node node, int i):
    """The saved tensor i. Raises if backward released it, or if it was written to since it was saved."""
    cdef Saved* saved = &node.saved[i]
    cdef TensorBase t, attached
    if node.flags & FREED:
        raise _freed_error(node)
    if saved.kind == SAVED_NONE:
        return None
    if saved.kind == SAVED_NUMBER:
        return _saved_number(node, saved)
    if saved.kind == SAVED_PACKED:
        held, unpack_hook, origin, nr = <tuple><object>saved.value
        found = unpack_hook(held)
        if not isinstance(found, TensorBase):
            raise TypeError("Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                            f"{type(found).__name__}")
        if not thread_state.grad_enabled or (origin is None and not saved.version):
            return <TensorBase>found
        attached = _alias_of(<TensorBase>found)
        if saved.version:
            _attach_result(node, attached, saved.nr)
        else:
            attached.grad_fn, attached.output_nr = origin, nr
        return attached
    t = <TensorBase>saved.value
    if t.counter.version != saved.version:
        raise _modified_error(node, saved)
    if saved.kind == SAVED_RESULT:
        if thread_state.grad_enabled:
            attached = _alias_of(t)
            _attach_result(node, attached, saved.nr)
            return attached
    elif saved.nr and t.grad_fn is None:
        raise RuntimeError("Trying to use a saved tensor that has been detached in-place, i.e. with .detach_()."
                           "This is not supported, please use out-of-place `.detach()` instead")
    return t


# Note [The result of a write through a view]
# What an op wrote through a view is a part of the view's base, whose history is the CopySlices that owns the op's node. The
# node cannot own that in turn, so CopySlices lends itself to the node, as "slices" among its extras, while the node's
# derivative runs: what the derivative then records leads through CopySlices, as whatever else comes of that tensor.
cdef int _attach_result(Node node, TensorBase result, uint8_t nr) except -1:
    """Gives an alias of the node's own output its history."""
    if node.flags & HAS_EXTRA:
        slices = (<dict>node.extra).get("slices")
        if slices is not None:
            _make_part_of(slices, result)
            return 0
    result.grad_fn = node
    result.output_nr = nr
    return 0


cdef TensorBase _alias_of(TensorBase t):
    return new_alias(t, t.ndim, t.shape, t.strides, 0)


cdef object unpack_operand(Node node, int i):
    if node.saved[i].kind == SAVED_NUMBER and not node.flags & FREED:
        return node.scalar if is_float(node.saved[i].nr) else int(node.scalar)
    return unpack(node, i)


cdef TensorBase _saved_number(Node node, Saved* saved):
    if is_float(saved.nr):
        return new_number(node.scalar, F64)
    return new_number(int(node.scalar), saved.nr)


cdef void release_saved(Node node, PyObject* freed_by) noexcept:
    """Gives up the saved tensors. freed_by, the position of the backward, stays in their place for a later error."""
    cdef int i
    if node.n_saved == 0 or node.flags & FREED:
        return
    node.flags |= FREED
    for i in range(node.n_saved):
        release_later(node.saved[i].value)
        node.saved[i].value = NULL
        node.saved[i].kind = SAVED_NONE
    if freed_by != NULL:
        _incref(freed_by)
        node.saved[0].value = freed_by


cdef object _freed_error(Node node):
    made = node.provenance
    lines = ["Trying to backward through the graph a second time (or directly access saved tensors after they have "
             "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
             "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
             "you need to access saved tensors after calling backward."]
    if made is not None:
        lines.append(f"  {type(node).__name__} was recorded at  {made}")
    if node.saved[0].value != NULL:
        lines.append(f"  its saved tensors were freed by the backward at  {(<Cut><object>node.saved[0].value).provenance}")
        lines.append("  To run both, write backward(retain_graph=True) there, or compute the forward pass again.")
    return RuntimeError("\n".join(lines))


cdef str _op_of(Node node):
    """The op that a node's name stands for, as PyTorch's errors name it: ``Add`` for ``AddBackward0``."""
    return type(node).__name__.rstrip("0123456789").removesuffix("Backward")


cdef object _modified_error(Node node, Saved* saved):
    cdef TensorBase t = <TensorBase>saved.value
    name = name_of(t)
    origin = ""
    if saved.kind == SAVED_RESULT:
        origin = f", which is output {saved.nr} of {_op_of(node)},"
    elif t.grad_fn is not None:
        origin = f", which is output {t.output_nr} of {_op_of(<Node>t.grad_fn)},"
    lines = [f"one of the variables needed for gradient computation has been modified by an inplace operation: "
             f"[torch.{TYPE_NAMES[t.dtype]}Tensor {list(shape_tuple(t))}]{origin} is at version "
             f"{t.counter.version}; expected version {saved.version} instead."]
    if name:
        lines.append(f"  it is the variable {name}")
    made, write = node.provenance, last_write_of(t)
    if made is not None:
        lines.append(f"  {type(node).__name__} saved it at  {made}")
    if write is not None:
        lines.append(f"  it was written to at  {write}")
    lines.append("  Hint: write to a clone() instead, use the out-of-place form of the operation that wrote, or move the "
                 "write after backward().")
    return RuntimeError("\n".join(lines))


# ---- views and in-place writes ---------------------------------------------------------------------------------------

# Set by the modules above that define the nodes: the class, (base, view, fn) -> node, and (view) -> node.
_make_copy_slices = None
_make_as_strided = None
_make_part_of = None
_copy_slices = None


def use_view_nodes(copy_slices, make_copy_slices, make_as_strided, make_part_of):
    """Tells the graph how to record a write through a view, and how to remake the history of a view."""
    global _copy_slices, _make_copy_slices, _make_as_strided, _make_part_of
    _copy_slices = copy_slices
    _make_part_of = make_part_of
    _make_copy_slices = make_copy_slices
    _make_as_strided = make_as_strided


cdef int set_view_of(TensorBase view, TensorBase source, int creation=0) except -1:
    """Makes `view` a differentiable view: writes to either rewrite the history of both."""
    view.base = source if source.base is None else source.base
    view.view_version = view.counter.version
    view.flags |= creation
    if not creation and source.base is not None:
        view.flags |= source.flags & FRAGILE
    if not thread_state.grad_enabled:
        view.flags |= VIEW_INFERENCE if thread_state.inference else VIEW_NO_GRAD
    return 0


cdef Node gradient_function(TensorBase t):
    """t's grad_fn, remade first if t is a view and its memory was written to since."""
    cdef TensorBase base
    if t.base is not None and t.view_version != t.counter.version:
        base = <TensorBase>t.base
        if t.grad_fn is not None or requires_grad(base):
            if t.flags & FRAGILE:
                raise _view_error(t, True)
            t.view_version = t.counter.version
            before, nr = t.grad_fn, t.output_nr
            _make_as_strided(t)
            if before is not None:
                _move_retained(t, before, nr)
    return <Node>t.grad_fn


cdef object _view_error(TensorBase t, bint indirect=False):
    """What is said of a write that a fragile view cannot follow; `indirect`: one to its base or to another view."""
    done = "its base or another view of its base has been modified inplace" if indirect else "is being modified inplace"
    name = name_of(t)
    mode, made, when, why = "", "A view", ".", ""
    if t.flags & VIEW_INFERENCE:
        mode, when = "inference_mode", " in normal mode."
    elif t.flags & VIEW_NO_GRAD or t.grad_fn is None:
        mode, when = "no_grad", " with grad mode enabled."
    if t.flags & (VIEW_INFERENCE | VIEW_NO_GRAD):
        why = (f" Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving "
               f"both the view and the inplace either both inside the {mode} block (if you don't want the inplace to be "
               "tracked) or both outside (if you want the inplace to be tracked).")
    elif t.flags & VIEW_MULTI:
        why = (" This view is the output of a function that returns multiple views. Such functions do not allow the output "
               "views to be modified inplace. You should replace the inplace operation by an out-of-place one.")
    else:
        why = (" This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
               "logic to handle view+inplace would override the custom backward associated with the custom Function, "
               "leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the "
               "custom Function.")
    if t.grad_fn is not None:
        made = f"Output {t.output_nr} of {_op_of(<Node>t.grad_fn)} is a view"
    if mode:
        made += (" of a view which" if t.grad_fn is not None else "") + f" was created in {mode.partition('_m')[0]} mode"
    text = f"{made} and {done}{when}{why}"
    return RuntimeError(f"{text}\n  It is {name}." if name else text)


cdef int check_inplace(TensorBase t, bint any_requires_grad, bint overlap_allowed=False) except -1:
    """Refuses a write that would lose a gradient, or, unless `overlap_allowed`, that would hit one element twice."""
    cdef int i
    if not t.contiguous and not overlap_allowed:
        for i in range(t.ndim):
            if t.strides[i] == 0 and t.shape[i] > 1:
                raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a "
                                   "single memory location. Please clone() the tensor before performing the operation.")
    if t.storage.read_only:
        raise ValueError("assignment destination is read-only: the memory belongs to a read-only buffer; clone() the tensor "
                         "to write to it")
    if t.flags & INFERENCE and not thread_state.inference:
        if thread_state.grad_enabled and requires_grad(t):
            raise _leaf_error(t, "a leaf Variable that requires grad")
        raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to "
                           "get a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for "
                           "more details.")
    if not any_requires_grad or not thread_state.grad_enabled:
        return 0
    if t.base is not None:
        if t.flags & FRAGILE:
            raise _view_error(t)
        if requires_grad(t) and (<TensorBase>t.base).grad_fn is None:
            raise _leaf_error(t, "a view of a leaf Variable that requires grad")
    if t.grad_fn is None and requires_grad(t):
        raise _leaf_error(t, "a leaf Variable that requires grad")
    return 0


cdef object _leaf_error(TensorBase t, str what):
    name = name_of(t)
    where = here()
    lines = [f"{what} is being used in an in-place operation."]
    if name:
        lines.append(f"  It is {name}.")
    if where is not None:
        lines.append(f"  {where}")
        lines.append("  To update a parameter without recording the update, write\n"
                     "      with torch.no_grad():\n"
                     f"          {where.source or '...'}")
    return RuntimeError("\n".join(lines))


cdef int wrote(TensorBase t) except -1:
    """Marks a finished in-place write, see Note [Views share a version counter]."""
    t.counter.version += 1
    note_write(t)
    return 0


cdef int rebase(TensorBase t, Node node) except -1:
    """Makes node, whose first input is the old t, the history of t after an in-place op, and of t's base if t is a view."""
    cdef TensorBase base
    cdef object before = t.grad_fn, base_before
    cdef uint32_t nr = t.output_nr
    if t.base is None:
        attach(node, t)
    else:
        base = <TensorBase>t.base
        node.n_outputs = 1
        _describe(&node.output, t)
        base_before, base_nr = base.grad_fn, base.output_nr
        _make_copy_slices(base, t, node)
        _move_retained(base, base_before, base_nr)
        _make_as_strided(t)
        t.view_version = t.counter.version
    _move_retained(t, before, nr)
    t.cut = None
    return _let_go_of_stale(t) if t.counter.first_saved != 0 else 0


cdef int _move_retained(TensorBase t, object before, uint32_t nr) except -1:
    """After t got a new history: the gradient to retain is now the one that arrives there."""
    if t.flags & RETAINS_GRAD and before is not None:
        moved = (<dict>(<Node>before).extra).get("retain", {}).pop(nr, None)
        if moved is not None:
            node_extras(<Node>t.grad_fn).setdefault("retain", {})[t.output_nr] = moved
    return 0


# Note [A write may close a cycle]
# A node owns the tensors that it saved. When such a tensor is written to in place, its new history may lead to that very
# node: node -> saved tensor -> new grad_fn -> ... -> node. What was saved is stale by then and may only be named in an
# error, so the nodes that the new history reaches trade it for an alias without a history. No node older than the first
# that saved a tensor over this memory can hold one, which bounds the walk.
cdef int _let_go_of_stale(TensorBase t) except -1:
    cdef uint64_t oldest = t.counter.first_saved - 1
    cdef unordered_set[size_t] seen
    cdef vector[PyObject*] stack
    cdef Node node
    cdef int i
    stack.push_back(<PyObject*>(t.grad_fn if t.base is None else (<TensorBase>t.base).grad_fn))
    while not stack.empty():
        node = <Node>stack.back()
        stack.pop_back()
        _trade_stale(node, t)
        if type(node) is _copy_slices:
            _trade_stale(<Node>node.fn, t)
        for i in range(node.n_edges):
            if node.edges[i].node != NULL and (<Node>node.edges[i].node).seq >= oldest \
                    and not (<Node>node.edges[i].node).flags & ACCUMULATES \
                    and seen.insert(<size_t>node.edges[i].node).second:
                stack.push_back(node.edges[i].node)
    return 0


cdef int _trade_stale(Node node, TensorBase t) except -1:
    """Trades what the node saved of t's memory before the last write, and what has a history, for aliases without one."""
    cdef TensorBase held, alias
    cdef Saved* saved
    cdef int i
    for i in range(node.n_saved):
        saved = &node.saved[i]
        if saved.kind != SAVED_TENSOR or saved.version == t.counter.version:
            continue
        held = <TensorBase>saved.value
        if held.counter != t.counter or held.grad_fn is None and held.base is None:
            continue
        alias = _alias_of(held)
        Py_INCREF(alias)
        saved.value = <PyObject*>alias
        release_later(<void*>held)
    return 0


# ---- the common head and tail of an op -------------------------------------------------------------------------------

cdef int prepare(object out, bint inplace, bint any_requires_grad, bint overlap_allowed=False) except -1:
    """Checks the target of an op that writes to an existing tensor: in place, or `out=`."""
    if out is None:
        return 0
    if not isinstance(out, TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if not inplace and (any_requires_grad or thread_state.grad_enabled and requires_grad(<TensorBase>out)):
        raise RuntimeError(f"{called_here()}functions with out=... arguments don't support automatic differentiation, but one of the "
                           "arguments requires grad. Leave out= away, or wrap the call in torch.no_grad().")
    return check_inplace(<TensorBase>out, any_requires_grad or inplace and requires_grad(<TensorBase>out), overlap_allowed)


cdef int settle(Node node, TensorBase result, object a, object b, object out, bint inplace) except -1:
    """Ends an op: counts the write, gives the result its history, or remembers why it has none."""
    if out is not None:
        wrote(result)
        if node is not None and inplace:
            rebase(result, node)
        return 0
    if node is not None:
        return attach(node, result)
    if thread_state.inference:
        result.flags |= INFERENCE
    elif thread_state.backward_depth == 0:
        hand_on_cut(result, a)
        if b is not None:
            hand_on_cut(result, b)
    return 0


cdef int begin_pair(Node node, object a, object b) except -1:
    """`begin` and `link` for two operands of which one may be a number."""
    begin(node, 2)
    if is_tensor(a):
        link(node, 0, <TensorBase>a)
    if is_tensor(b):
        link(node, 1, <TensorBase>b)
    return 0


cdef int save_operand(Node node, int i, object operand, bint inplace) except -1:
    """Saves a tensor or a number. The target of an in-place op is saved as a copy, for it is about to change."""
    if not is_tensor(operand):
        return save_number(node, i, operand)
    return save(node, i, _clone_detached(<TensorBase>operand) if inplace else <TensorBase>operand)


_copy_of = None


def use_copy(copy):
    """Tells the graph how to copy a tensor's elements."""
    global _copy_of
    _copy_of = copy


cdef TensorBase _clone_detached(TensorBase t):
    return _copy_of(t)


cdef int save_number(Node node, int i, object number) except -1:
    """Saves a Python number, which backward frees like a tensor."""
    if node.n_saved <= i:
        node.n_saved = i + 1
    node.scalar = number
    node.saved[i].kind = SAVED_NUMBER
    node.saved[i].nr = scalar_dtype(number)
    return 0


# ---- where tracking was cut ------------------------------------------------------------------------------------------

cdef int note_cut(TensorBase result, str why) except -1:
    """Remembers that `result` starts without the history that its source has, for the error of a later backward()."""
    result.cut = position_here(why)
    return 0


cdef int pass_cut(TensorBase result, TensorBase source) except -1:
    """Hands on where tracking was cut, or notes that it is being cut here by no_grad or by an integer result."""
    cdef TensorBase t = source
    if t.cut is not None:
        result.cut = t.cut
    elif requires_grad(t):
        if not thread_state.grad_enabled:
            if not thread_state.in_forward:
                note_cut(result, "torch.no_grad() was active")
        elif result.dtype < F16:
            note_cut(result, f"the result is of dtype {dtype_object(result.dtype).name}, which has no gradient")
    return 0


# ---- modes -----------------------------------------------------------------------------------------------------------

def is_grad_enabled():
    """Whether ops are recorded in this thread; in inference mode, whether they would be outside of it."""
    return bool(thread_state.grad_asked if thread_state.inference else thread_state.grad_enabled)


def set_grad_mode(bint mode):
    """Switches recording in this thread and returns what it was."""
    before = is_grad_enabled()
    if thread_state.inference:
        thread_state.grad_asked = mode
    else:
        thread_state.grad_enabled = mode
    return before


def is_inference_mode_enabled():
    """Whether inference mode is on in this thread."""
    return bool(thread_state.inference)


def set_inference_mode(bint mode):
    """Switches inference mode in this thread; what grad mode is to be afterwards, `set_grad_mode` says."""
    thread_state.inference = mode
    if mode:
        thread_state.grad_enabled = False


def set_anomaly(bint mode, bint check_nan=True):
    """Switches anomaly mode in this thread and returns what it was, as (mode, check_nan)."""
    before = bool(thread_state.anomaly), bool(thread_state.anomaly_checks_nan)
    thread_state.anomaly = mode
    thread_state.anomaly_checks_nan = check_nan
    return before


def is_anomaly_enabled():
    """Whether anomaly mode is on in this thread."""
    return bool(thread_state.anomaly)


def anomaly_checks_nan():
    """Whether anomaly mode, when on, looks for NaN."""
    return bool(thread_state.anomaly_checks_nan)
