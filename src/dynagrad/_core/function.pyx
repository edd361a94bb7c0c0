"""The node of a user's ``autograd.Function``, which is also its ``ctx``: runs forward unrecorded, gives the outputs
their history, and calls the user's backward.

The class that users derive from is in ``dynagrad.autograd.function``.
"""
import warnings

import cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport uint64_t
from libc.string cimport memset

from dynagrad._core.graph cimport (
    RUNS_WITHOUT, Node, Output, accumulator_of, attach, attach_many, begin, check_inplace, gradient_function, hand_on_cut, link,
    output_of, rebase, release_saved, reserve_saved, save, save_result, set_view_of, thread_state, unpack, wrote)
from dynagrad._core.tensor cimport (
    INFERENCE, LEAF_GRAD, VIEW_CUSTOM, VIEW_INFERENCE, VIEW_MULTI, VIEW_NO_GRAD, TensorBase, is_tensor, new_alias,
    new_tensor, requires_grad, track)

cdef extern from "Python.h":
    void PyObject_GC_Track(void*)
    int PyObject_GC_IsTracked(object)
    object PyObject_GenericGetDict(object, void*)
    PyObject** tuple_items "&PyTuple_GET_ITEM"(object, Py_ssize_t)
    object PyObject_Vectorcall(object function, PyObject** args, size_t n, PyObject* names)
    Py_ssize_t PyVectorcall_NARGS(size_t)
    ctypedef object (*vectorcall "vectorcallfunc")(object, PyObject* const*, size_t, PyObject*)
    vectorcall PyVectorcall_Function(object)
    ctypedef object (*newfunc)(PyTypeObject*, object, PyObject*)
    ctypedef struct TypeSlots "PyTypeObject":
        newfunc tp_new
        unsigned int tp_version_tag

cdef extern from "objects.hpp" namespace "dg":
    void call_by_vector(object type, Py_ssize_t offset)
    void dealloc_natively(object type, object native)
    void keep_attributes(object type, Py_ssize_t offset)
    void look_up_plainly(object type)
    void serve_contexts(object type)

cdef enum:
    TAKEN = 16              # Node.flags: the saved tensors were asked for, which is allowed once
    MOST_ARGUMENTS = 256    # bits of FunctionNode.is_tensor
    FIRST_FLOATING = 6      # dtypes from here on have derivatives
    FEW_ARGUMENTS = 8       # so many reach forward without a tuple

cdef tuple EMPTY = ()
cdef tuple ONE_NEEDED = (True,), NONE_NEEDED = (False,)
cdef object _default_setup = None
cdef object _default_backward = None


@cython.auto_pickle(False)
cdef class FunctionNode(Node):
    """What ``forward`` and ``backward`` of a custom Function get as ``ctx``, and the ``grad_fn`` of its outputs."""

    _once = False       # whether the saved tensors may be asked for once only

    def __dealloc__(self):
        Py_XDECREF(self.attributes)
        self.attributes = NULL

    @cython.binding(False)     # a plain method is called without a tuple of all arguments made twice
    def save_for_backward(self, *tensors):
        """Keeps tensors, or None, for ``backward``, where they are ``ctx.saved_tensors``; the last call counts."""
        cdef Py_ssize_t i
        for i in range(len(tensors)):
            t = tensors[i]
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type "
                                f"{type(t).__name__}; keep other values as attributes of ctx")
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Accepted, and without effect: there is no forward mode that would read them."""
        self.to_save_forward = tensors

    def mark_dirty(self, *tensors):
        """Says which inputs ``forward`` wrote to; each of them must be returned."""
        self.dirty = _only_tensors("mark_dirty", tensors)

    def mark_non_differentiable(self, *outputs):
        """Says which outputs have no derivative."""
        self.constants = _only_tensors("mark_non_differentiable", outputs)

    def set_materialize_grads(self, value):
        """Whether ``backward`` gets zeros (the default) or None for an output that received no gradient."""
        self.keeps_none = not value

    @property
    def saved_tensors(self):
        """What ``save_for_backward`` kept. Raises once backward has freed it, or if it was written to since.

        A Function with ``clear_saved_tensors_on_access`` gives it away here, and raises when asked again.
        """
        cdef int i
        if self.flags & TAKEN:
            raise RuntimeError("saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the "
                               "autograd.Function. Either access saved_tensors only once, or set "
                               "clear_saved_tensors_on_access=False.")
        found = tuple([unpack(self, i) for i in range(self.n_saved)])
        if type(self)._once:
            self.flags |= TAKEN
            release_saved(self, NULL)
        return found

    @property
    def __dict__(self):
        return PyObject_GenericGetDict(self, NULL)

    @property
    def _raw_saved_tensors(self):
        return Node.__getattr__(self, "_raw_saved_tensors")

    @property
    def _input_metadata(self):
        return Node.__getattr__(self, "_input_metadata")

    @property
    def saved_variables(self):
        """The old name of ``saved_tensors``."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=1)
        return self.saved_tensors

    cdef bint open(self, Arguments args) except -1:
        """Links the inputs that are tensors. Returns whether the call is recorded."""
        cdef Py_ssize_t i, n = args.n
        cdef int edges = 0
        cdef bint any_grad = False, wants
        cdef tuple needs = None
        if n > MOST_ARGUMENTS:
            raise RuntimeError(f"a Function takes at most {MOST_ARGUMENTS} arguments, but {n} were given")
        self.n_arguments = n
        if n != 1:
            needs = PyTuple_New(n)
        for i in range(n):
            wants = False
            if is_tensor(<object>args.items[i]):
                self.is_tensor[i >> 6] |= <uint64_t>1 << (i & 63)
                edges += 1
                wants = requires_grad(<TensorBase>args.items[i])
                any_grad |= wants
            if needs is not None:
                Py_INCREF(True if wants else False)
                PyTuple_SET_ITEM(needs, i, True if wants else False)
        self.needs_input_grad = needs if needs is not None else ONE_NEEDED if any_grad else NONE_NEEDED
        if not any_grad or not thread_state.grad_enabled:
            return False
        begin(self, edges)
        self.flags |= RUNS_WITHOUT
        edges = 0
        for i in range(n):
            if argument_is_tensor(self, i):
                link(self, edges, <TensorBase>args.items[i])
                edges += 1
        return True

    cdef object vjp(self, TensorBase g):
        return self.vjp_many([g])

    cdef object vjp_many(self, list gradients):
        cdef int i
        cdef list given = gradients
        if not self.keeps_none:
            given = [_zeros(self, i) if gradients[i] is None else gradients[i] for i in range(len(gradients))]
        backward = _user_backward(type(self)._forward_cls)
        try:
            return self.edge_gradients(backward(self, *given))
        except Exception as error:
            made = self.provenance
            if made is not None and not hasattr(error, "__notes__"):
                error.add_note(f"in the backward of {type(self).__name__}, recorded at  {made}")
            raise

    cdef tuple edge_gradients(self, object found):
        """The gradients of the tensor arguments, out of what the user's backward returned for all arguments."""
        cdef tuple gradients = found if isinstance(found, tuple) else (found,)
        cdef Py_ssize_t i, n = self.n_arguments
        cdef list kept = []
        if len(gradients) != n and not (len(gradients) > n and all([g is None for g in gradients[n:]])):
            raise RuntimeError(f"function {type(self).__name__} returned an incorrect number of gradients "
                               f"(expected {n}, got {len(gradients)})")
        for i in range(n):
            g = gradients[i]
            if g is not None and not isinstance(g, TensorBase):
                raise RuntimeError(f"function {type(self).__name__} returned a gradient that is neither a tensor nor None: "
                                   f"expected Variable or None (got {type(g).__name__}) at position {i + 1}")
            if argument_is_tensor(self, i):
                kept.append(g)
            elif g is not None:
                raise RuntimeError(f"function {type(self).__name__} returned a gradient different than None at position "
                                   f"{i + 1}, but the corresponding forward input was not a Variable")
        return tuple(kept)


cdef inline bint argument_is_tensor(FunctionNode node, Py_ssize_t i) noexcept:
    return node.is_tensor[i >> 6] >> (i & 63) & 1


cdef int _place_attributes() except -1:
    """Tells the type where its instances keep the dict of user attributes."""
    cdef FunctionNode probe = FunctionNode.__new__(FunctionNode)
    keep_attributes(FunctionNode, <char*>&probe.attributes - <char*><void*>probe)
    return 0


_place_attributes()
serve_contexts(FunctionNode)


cdef tuple _only_tensors(str method, tuple given):
    for i, t in enumerate(given):
        if not isinstance(t, TensorBase):
            raise RuntimeError(f"{method} only accepts tensors, but argument {i} is of type {type(t).__name__}")
    return given


cdef TensorBase _zeros(FunctionNode node, int i):
    """The gradient of an output that received none; None for an output that is not a tensor."""
    cdef Output* described = output_of(node, i)
    if described.shape == NULL:
        return None
    cdef TensorBase made = new_tensor(described.dtype, described.ndim, described.shape)
    memset(made.data, 0, made.storage.nbytes)
    return made


cdef object _user_backward(object cls):
    cdef object backward = cls.backward, vjp = cls.vjp
    if vjp is _default_backward:
        return backward
    if backward is not _default_backward:
        raise RuntimeError(f"{cls.__name__} implements both 'backward' and 'vjp'. Implementing both 'backward' and 'vjp' for a "
                           "custom Function is not allowed. You should only implement one of them.")
    return vjp


def use_defaults(setup_context, backward):
    """Tells which ``setup_context`` and ``backward`` mean that a Function does not define its own."""
    global _default_setup, _default_backward
    _default_setup = setup_context
    _default_backward = backward


# ---- forward ---------------------------------------------------------------------------------------------------------

cdef class Apply:
    """What ``apply`` of one Function is: runs ``forward`` on the arguments and records it, so that ``backward`` is its
    derivative. Looked up through another class, as ``super().apply`` does, it is that class's.
    """
    cdef vectorcall call                # where Python finds `_apply`
    cdef readonly object __self__       # the class
    cdef object node_class, forward, setup
    cdef bint forward_takes_ctx
    cdef unsigned int version           # of the class when it was looked through; Python gives it another when it changes

    def __init__(self, cls):
        self.__self__ = cls
        self.call = <vectorcall>_apply

    def __get__(self, instance, owner):
        return self if owner is self.__self__ or owner is None else owner._apply

    def __call__(self, *args, **kwargs):
        """Runs ``forward`` on the arguments."""
        return apply(self.__self__, *(self.__self__._positional(args, kwargs) if kwargs else args))

    cdef object run(self, Arguments args):
        if self.version == 0 or self.version != (<TypeSlots*><void*>self.__self__).tp_version_tag:
            self.look_through()
        cdef FunctionNode node = <FunctionNode>(<TypeSlots*><void*>self.node_class).tp_new(
            <PyTypeObject*>self.node_class, EMPTY, NULL)
        cdef bint before = thread_state.grad_enabled, nested = thread_state.in_forward
        cdef bint recorded = node.open(args)
        thread_state.grad_enabled = False
        thread_state.in_forward = recorded
        try:
            if self.forward_takes_ctx:
                result = _run_forward(self.forward, node, args)
            else:
                result = _run_apart(self.forward, self.setup, node, _tuple_of(args))
            result = _with_history(node, args, result, recorded, before)
        finally:
            thread_state.grad_enabled = before
            thread_state.in_forward = nested
            if node.attributes != NULL and not PyObject_GC_IsTracked(node):
                PyObject_GC_Track(<void*>node)      # what the user hung on it may lead back to it
        return result

    cdef int look_through(self) except -1:
        cls = self.__self__
        self.node_class = cls._backward_cls
        self.forward = cls.forward
        self.setup = cls.setup_context
        self.forward_takes_ctx = self.setup is _default_setup
        self.version = (<TypeSlots*><void*>cls).tp_version_tag
        return 0

    @property
    def __name__(self):
        return "apply"

    @property
    def __qualname__(self):
        return f"{self.__self__.__qualname__}.apply"

    @property
    def __module__(self):
        return self.__self__.__module__

    @property
    def __text_signature__(self):
        return "(*args, **kwargs)"

    def __repr__(self):
        return f"<bound method {self.__qualname__} of {self.__self__}>"

    def __reduce__(self):
        return getattr, (self.__self__, "apply")


cdef object _apply(PyObject* which, PyObject** items, size_t flags, PyObject* names):
    """Calls an Apply, as Python's vectorcall protocol asks."""
    cdef Apply self = <Apply>which
    cdef Arguments args = Arguments(items, PyVectorcall_NARGS(flags))
    cdef Py_ssize_t i
    if names == NULL and PyVectorcall_Function(apply) == _unheard:
        return self.run(args)
    named = {} if names == NULL else {name: <object>items[args.n + i] for i, name in enumerate(<tuple>names)}
    return self.__call__(*_tuple_of(args), **named)


def apply(cls, *args):
    """What `Apply` calls while somebody listens, so that its calls are told like those of any public function."""
    return (<Apply>cls._apply).run(_arguments_of(args))


cdef vectorcall _unheard = PyVectorcall_Function(apply)      # see intercept.hpp


cdef int _place_call() except -1:
    """Tells the type where its instances keep the function that calls them."""
    cdef Apply probe = Apply(None)
    call_by_vector(Apply, <char*>&probe.call - <char*><void*>probe)
    return 0


_place_call()


def serve_natively(node_class):
    """Lets the nodes of a Function be allocated and freed as the base's are, whose fields they have and no others."""
    serve_contexts(node_class)
    dealloc_natively(node_class, FunctionNode)
    look_up_plainly(node_class)


cdef inline Arguments _arguments_of(tuple args) noexcept:
    return Arguments(tuple_items(args, 0), len(args))


cdef tuple _tuple_of(Arguments args):
    cdef Py_ssize_t i
    return tuple([<object>args.items[i] for i in range(args.n)])


cdef object _run_forward(object forward, FunctionNode node, Arguments args):
    """``forward(node, *args)``."""
    cdef PyObject* stack[FEW_ARGUMENTS + 1]
    cdef Py_ssize_t i
    if args.n > FEW_ARGUMENTS:
        return forward(node, *_tuple_of(args))
    stack[0] = <PyObject*>node
    for i in range(args.n):
        stack[i + 1] = args.items[i]
    return PyObject_Vectorcall(forward, stack, args.n + 1, NULL)


cdef object _run_apart(object forward, object setup, FunctionNode node, tuple args):
    """``forward(*args)``, and then ``setup_context``."""
    result = forward(*args)
    setup(node, args, result)
    return result


cdef inline bint _is_fresh(FunctionNode node, Arguments args, TensorBase t) noexcept:
    """Whether t is a new floating tensor that forward says nothing about: it becomes the node's only output as it is."""
    return node.dirty is None and node.constants is None and t.dtype >= FIRST_FLOATING and t.grad_fn is None \
        and t.base is None and not t.flags & LEAF_GRAD and not _is_argument(args, t) and node.attributes == NULL


cdef object _with_history(FunctionNode node, Arguments args, object result, bint recorded, bint enabled):
    cdef bint single = not isinstance(result, tuple)
    cdef list outputs
    cdef Py_ssize_t i
    if recorded and isinstance(result, TensorBase) and _is_fresh(node, args, <TensorBase>result):
        (<TensorBase>result).cut = None
        attach(node, <TensorBase>result)
        if node.to_save is not None:
            _save(node, None, result)
            node.to_save = None
        return result
    if single and not isinstance(result, TensorBase):
        return result
    outputs = [result] if single else list(<tuple>result)
    if recorded and _is_pure_view(node):
        _check_pure_view(_tuple_of(args), outputs)
    if node.dirty is not None:
        _check_dirty_returned(node, outputs)
    for i in range(len(outputs)):
        if isinstance(outputs[i], TensorBase):
            outputs[i] = _claim(node, args, <TensorBase>outputs[i], recorded, enabled, len(outputs))
    if recorded:
        _attach(node, outputs)
        if node.to_save is not None:
            _save(node, outputs, None)
        if node.attributes != NULL:
            for output in outputs:
                if isinstance(output, TensorBase):
                    track(<TensorBase>output)
    node.to_save = node.dirty = node.constants = None
    return outputs[0] if single else tuple(outputs)


cdef inline bint _is_pure_view(FunctionNode node) except -1:
    """Whether ``forward`` said that it does nothing but make a view, which writes may then replay without backward."""
    return node.attributes != NULL and bool((<dict>node.attributes).get("_is_pure_view"))


cdef int _check_pure_view(tuple args, list outputs) except -1:
    for given in (args, outputs):
        if len([None for each in given if isinstance(each, TensorBase)]) != 1:
            raise RuntimeError("Pure view custom Function can only have one input Tensor and one output Tensor. Open an issue "
                               "if you need to support more.")
    return 0


cdef inline bint _is_argument(Arguments args, TensorBase t) noexcept:
    cdef Py_ssize_t i
    for i in range(args.n):
        if args.items[i] == <PyObject*>t:
            return True
    return False


cdef bint _holds(tuple tensors, TensorBase t) noexcept:
    if tensors is not None:
        for item in tensors:
            if item is t:
                return True
    return False


cdef int _check_dirty_returned(FunctionNode node, list outputs) except -1:
    for t in <tuple>node.dirty:
        if not any([t is output for output in outputs]):
            raise RuntimeError("Some elements marked as dirty during the forward method were not returned as output. The "
                               "inputs that are modified inplace must all be outputs of the Function.")
    return 0


cdef inline bint _is_constant(FunctionNode node, TensorBase t) noexcept:
    return t.dtype < FIRST_FLOATING or _holds(<tuple>node.constants, t)


cdef TensorBase _claim(FunctionNode node, Arguments args, TensorBase t, bint recorded, bint enabled, Py_ssize_t count):
    """The tensor that stands for output t: t itself, or an alias if t has a history of its own to keep.

    `enabled`: whether grad mode was on when the Function was applied, which what ``forward`` made then counts as made in.
    """
    cdef bint constant = _is_constant(node, t), is_input = _is_argument(args, t)
    cdef TensorBase source
    if _holds(<tuple>node.dirty, t):
        _claim_dirty(t, is_input, recorded and not constant, count)
        return t
    if is_input or recorded and requires_grad(t):
        source = t
        t = new_alias(source, source.ndim, source.shape, source.strides, 0)
        if not recorded:
            hand_on_cut(t, source)
            return t
        set_view_of(t, source)
        if constant:
            node.constants = (<tuple>node.constants or EMPTY) + (t,)
    if enabled and t.base is not None and not (recorded and constant):
        t.flags &= ~(VIEW_NO_GRAD | VIEW_INFERENCE)
        if not _is_pure_view(node):
            t.flags |= VIEW_MULTI if count > 1 else VIEW_CUSTOM
    return t


cdef int _claim_dirty(TensorBase t, bint is_input, bint recorded, Py_ssize_t count) except -1:
    if not is_input:
        text = ("ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should "
                "be passed to ctx.mark_dirty().")
        if t.base is not None:
            raise RuntimeError(text)
        warnings.warn(text)
    if recorded:
        if t.base is None and t.flags & LEAF_GRAD:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        check_inplace_recorded(t)
        if t.base is not None and count > 1:
            raise RuntimeError("If your Function modifies inplace an input that is a view of another Tensor, your Function "
                               "cannot return more than one Tensor. This is not supported by the current autograd engine. You "
                               "should either make sure the input is not a view (using .clone() for example) or make your "
                               "Function only return one Tensor (potentially splitting it into two Functions: one doing the "
                               "inplace that returns a single Tensor and a second one that does the other operations).")
    wrote(t)
    return 0


cdef int check_inplace_recorded(TensorBase t) except -1:
    """`check_inplace` as if recording were on, as it was when the Function was applied."""
    thread_state.grad_enabled = True
    try:
        check_inplace(t, True)
    finally:
        thread_state.grad_enabled = False
    return 0


cdef int _attach(FunctionNode node, list outputs) except -1:
    cdef TensorBase t
    cdef bint rebased = False
    if len(outputs) == 1 and isinstance(outputs[0], TensorBase):
        t = <TensorBase>outputs[0]
        if not _is_constant(node, t):
            t.cut = None
            if _holds(<tuple>node.dirty, t):
                return rebase(t, node)
            attach(node, t)
            _settle_view(t)
            return 0
    attach_many(node, [output if isinstance(output, TensorBase) else None for output in outputs])
    for output in outputs:
        if isinstance(output, TensorBase):
            t = <TensorBase>output
            t.cut = None
            _settle_view(t)
            if _is_constant(node, t):
                t.grad_fn = None
                t.output_nr = 0
                t.flags &= ~LEAF_GRAD
    return 0


cdef inline void _settle_view(TensorBase t) noexcept:
    """Counts what forward itself wrote to a view that it returns as a part of the node's work."""
    if t.base is not None:
        t.view_version = t.counter.version


cdef int _save(FunctionNode node, list outputs, object only) except -1:
    """Saves what `forward` asked to; the outputs are a list, or one tensor alone."""
    cdef Py_ssize_t i, j, n = len(<tuple>node.to_save)
    cdef TensorBase t
    if n > 255:
        raise RuntimeError(f"save_for_backward keeps at most 255 tensors, but {n} were given")
    reserve_saved(node, n)
    node.n_saved = n
    for i in range(n):
        t = (<tuple>node.to_save)[i]
        if t is None:
            continue
        j = -1
        if t.grad_fn is not None:                       # of a view that was written to, the grad_fn only leads to the node
            j = _place(t, outputs, only)
        if j >= 0:
            save_result(node, i, t, j)
        else:
            save(node, i, t)
    return 0


cdef Py_ssize_t _place(TensorBase t, list outputs, object only) except -2:
    """Which output t is; -1 if it is none."""
    cdef Py_ssize_t j
    if outputs is None:
        return 0 if t is only else -1
    for j in range(len(outputs)):
        if outputs[j] is t:
            return j
    return -1


# ---- for autograd.graph ----------------------------------------------------------------------------------------------

def increment_version(TensorBase t not None):
    """Counts a write to t that dynagrad could not see; nothing is counted for a tensor made in inference mode."""
    if not t.flags & INFERENCE:
        wrote(t)


def gradient_edge_of(TensorBase t not None):
    """The node and output number to which t's gradient goes."""
    cdef Node node
    if not requires_grad(t):
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients.")
    node = gradient_function(t)
    return (accumulator_of(t), 0) if node is None else (node, t.output_nr)
