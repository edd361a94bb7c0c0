"""The native half of nn.Module: looking up its parameters, calling it, and saying which module an error came from.

State lives where PyTorch programs expect it, in the dicts ``_parameters``, ``_buffers`` and ``_modules`` of the
instance's ``__dict__``; what a Module can do besides being called is in ``dynagrad/nn/modules/module.py``.
"""
from cpython.object cimport PyObject, PyTypeObject

from dynagrad._core.ops.linear cimport linear_of
from dynagrad._core.tensor cimport TensorBase, is_tensor, plain_tensor

cdef extern from "Python.h":
    PyObject* _PyType_Lookup(PyTypeObject*, PyObject*)
    PyObject* PyDict_GetItemWithError(PyObject*, PyObject*)
    Py_ssize_t PyDict_Size(PyObject*) except -1
    object PyObject_GenericGetAttr(object, object)
    int PyObject_GenericSetAttr(object, object, PyObject*) except -1
    bint PyDict_CheckExact(PyObject*)
    object PyObject_VectorcallDict(PyObject*, PyObject**, size_t, PyObject*)
    bint PyFunction_Check(PyObject*)
    PyObject** _PyObject_GetDictPtr(PyObject*)
    PyObject* _type_of "Py_TYPE"(object)
    ctypedef object (*getattrofunc)(object, object)
    ctypedef struct TypeSlots "PyTypeObject":
        getattrofunc tp_getattro

cdef extern from *:
    """
    static thread_local int dg_module_depth = 0;
    #define dg_tuple_items(t) (((PyTupleObject*)(t))->ob_item)
    #define dg_dict_size(d) (((PyDictObject*)(d))->ma_used)
    """
    int dg_module_depth
    PyObject** dg_tuple_items(PyObject*)
    Py_ssize_t dg_dict_size(PyObject*)

cdef enum:
    MOST_STACKED = 16

cdef tuple _STATE = ("_parameters", "_buffers", "_modules")
cdef str _FORWARD_HOOKS = "_forward_hooks"
cdef str _FORWARD_PRE_HOOKS = "_forward_pre_hooks"
cdef str _BACKWARD_HOOKS = "_backward_hooks"
cdef str _BACKWARD_PRE_HOOKS = "_backward_pre_hooks"
cdef str _FORWARD = "forward"
cdef tuple _global_hooks = ({}, {}, {}, {})
# Errors whose text may be extended: ours, of the kinds that an op raises about its arguments.
cdef tuple _AMENDED = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


# The forward of nn.Linear, which is done here without a Python frame. Borrowed: its class keeps it.
cdef PyObject* _linear_forward = NULL
cdef PyObject* _served = NULL       # the same, also while listeners want to hear of every call of an op
cdef str _PARAMETERS = "_parameters"
cdef str _WEIGHT = "weight"
cdef str _BIAS = "bias"


def serve_linear(forward):
    """Names the forward that computes ``linear(input, self.weight, self.bias)`` of a module's own parameters."""
    global _linear_forward, _served
    _linear_forward = _served = <PyObject*>forward


def call_forwards(bint always):
    """Has every Linear call its forward, and so the op, for those who listen to ops; False: as far as need be."""
    global _linear_forward
    _linear_forward = _served
    if always:
        _linear_forward = NULL


def watch_global_hooks(*hooks):
    """Names the dicts of hooks that run for every module: while all are empty, a call need not look further."""
    global _global_hooks
    _global_hooks = hooks


cdef inline PyObject* _item(PyObject* mapping, object key) except? NULL:
    return PyDict_GetItemWithError(mapping, <PyObject*>key)


cdef inline bint _some(PyObject* attributes, str name) except -1:
    cdef PyObject* hooks = _item(attributes, name)
    return hooks != NULL and dg_dict_size(hooks) != 0


cdef inline bint _hooked(PyObject* attributes) except -1:
    cdef PyObject** all_modules = dg_tuple_items(<PyObject*>_global_hooks)
    return (dg_dict_size(all_modules[0]) + dg_dict_size(all_modules[1]) + dg_dict_size(all_modules[2])
            + dg_dict_size(all_modules[3]) != 0
            or _some(attributes, _FORWARD_HOOKS) or _some(attributes, _FORWARD_PRE_HOOKS)
            or _some(attributes, _BACKWARD_HOOKS) or _some(attributes, _BACKWARD_PRE_HOOKS))


cdef class ModuleBase:
    """What is callable about a module, and how its parameters, buffers and children are found as attributes."""

    cdef dict __dict__
    cdef object __weakref__

    def __getattribute__(self, name):
        cdef PyObject* found
        cdef PyObject* attributes
        if _PyType_Lookup(<PyTypeObject*>_type_of(self), <PyObject*>name) != NULL:
            return PyObject_GenericGetAttr(self, name)
        attributes = _PyObject_GetDictPtr(<PyObject*>self)[0]
        found = _item(attributes, name)
        if found == NULL:
            found = _registered(attributes, name)
        if found == NULL:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return <object>found

    def _registered(self, name):
        """A parameter, buffer or child. Raises AttributeError if there is none of this name."""
        cdef PyObject* found = _registered(_PyObject_GetDictPtr(<PyObject*>self)[0], name)
        if found == NULL:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return <object>found

    def _set_plain(self, name, value):
        """Sets an ordinary attribute."""
        PyObject_GenericSetAttr(self, name, <PyObject*>value)

    def _set_attribute(self, name, value):
        """What Module calls ``__setattr__``: here that would be a slot, and ``object.__setattr__`` refuses to jump over one."""
        if _is_registrable(value) or _registered(_PyObject_GetDictPtr(<PyObject*>self)[0], name) != NULL:
            self._assign(name, value)
        else:
            PyObject_GenericSetAttr(self, name, <PyObject*>value)

    def _delete_attribute(self, name):
        """What Module calls ``__delattr__``."""
        cdef PyObject* state
        for each in _STATE:
            state = _item(_PyObject_GetDictPtr(<PyObject*>self)[0], each)
            if state != NULL and name in <object>state:
                del (<object>state)[name]
                if each == "_buffers":
                    self._non_persistent_buffers_set.discard(name)
                return
        PyObject_GenericSetAttr(self, name, NULL)

    def __call__(self, *args, **kwargs):
        cdef PyObject* attributes = _PyObject_GetDictPtr(<PyObject*>self)[0]
        cdef int* depth = &dg_module_depth
        depth[0] += 1
        try:
            if _hooked(attributes):
                result = self._call_hooked(args, kwargs)
            else:
                result = _forward(self, attributes, args, kwargs)
        except BaseException as error:
            depth[0] -= 1
            if isinstance(error, Exception):
                _blame(self, error, depth[0] == 0)
            raise
        depth[0] -= 1
        return result


def adopt(cls):
    """Lets a subclass that does not override attribute lookup use the native one directly.

    Python would otherwise go through ``__getattribute__`` and ``__getattr__`` by name, because Module defines the latter
    for ``super().__getattr__``.
    """
    for each in cls.__mro__:
        if "__getattr__" in vars(each) or "__getattribute__" in vars(each):
            if each is ModuleBase or each.__module__ == "dynagrad.nn.modules.module":
                (<TypeSlots*><void*>cls).tp_getattro = (<TypeSlots*><void*>ModuleBase).tp_getattro
            return


cdef bint _is_registrable(object value):
    """Whether assigning the value may make it a parameter, a buffer or a child."""
    if isinstance(value, TensorBase):
        return (<PyObject*>value).ob_type != plain_tensor or (<TensorBase>value).attributes != NULL
    return isinstance(value, ModuleBase)


cdef PyObject* _registered(PyObject* attributes, object name) except? NULL:
    cdef PyObject* state
    cdef PyObject* found
    cdef object each
    for each in _STATE:
        state = _item(attributes, each)
        if state != NULL:
            found = _item(state, name)
            if found != NULL:
                return found
    return NULL


cdef object _forward(ModuleBase self, PyObject* attributes, tuple args, dict kwargs):
    """``self.forward(*args, **kwargs)``, without a bound method where forward is a plain function of the class."""
    cdef PyObject* stack[MOST_STACKED]
    cdef PyObject** items
    cdef Py_ssize_t i, n = len(args)
    cdef PyObject* names = NULL
    cdef PyObject* own
    cdef PyObject* weight
    cdef PyObject* bias
    cdef PyObject* function = _PyType_Lookup(<PyTypeObject*>_type_of(self), <PyObject*>_FORWARD)
    if (function == NULL or not PyFunction_Check(function) or n >= MOST_STACKED
            or _item(attributes, _FORWARD) != NULL):
        return self.forward(*args, **kwargs)
    items = dg_tuple_items(<PyObject*>args)
    if function == _linear_forward and n == 1 and not kwargs and items[0].ob_type == plain_tensor:
        own = _item(attributes, _PARAMETERS)
        weight, bias = _item(own, _WEIGHT), _item(own, _BIAS)
        if weight != NULL and bias != NULL and is_tensor(<object>weight):
            return linear_of(<TensorBase>items[0], <TensorBase>weight, <TensorBase>bias)
    stack[0] = <PyObject*>self
    for i in range(n):
        stack[i + 1] = items[i]
    if kwargs:
        names = <PyObject*>kwargs
    return PyObject_VectorcallDict(function, stack, n + 1, names)


# ---- which module an error came from ---------------------------------------------------------------------------------

cdef int _blame(ModuleBase module, object error, bint outermost) except -1:
    """Remembers the innermost module that an error passed, and names its path once the outermost one is reached."""
    cdef object inner = getattr(error, "_in_module", None)
    if inner is None:
        inner = module
        if not outermost:
            try:
                error._in_module = module
            except AttributeError:
                pass
            return 0
    if not outermost:
        return 0
    if hasattr(error, "_in_module"):
        del error._in_module
    if type(error) in _AMENDED and len(error.args) == 1 and isinstance(error.args[0], str) and _is_ours(error):
        error.args = (f"{error.args[0]}\n  in module {_described(module, inner)}",)
    return 0


cdef bint _is_ours(object error):
    """Whether the error was raised inside dynagrad, and not by the user's own code in some forward."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    filename = trace.tb_frame.f_code.co_filename
    return filename.endswith(".pyx") or trace.tb_frame.f_globals.get("__name__", "").startswith("dynagrad.")


cdef str _described(object outermost, object inner):
    """``encoder.layers.2.linear1: Linear(in_features=8, out_features=16, bias=True)``."""
    cdef str path = ""
    for name, each in outermost.named_modules():
        if each is inner:
            path = name
            break
    text = inner.extra_repr() if not inner._modules else ""
    what = f"{inner._get_name()}({text})" if text or not inner._modules else inner._get_name()
    return f"{path}: {what}" if path else what
