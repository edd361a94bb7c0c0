"""Calls of public ops told to listeners: functions, methods, operators, attributes, whoever holds them under any name.

While nobody listens nothing here is reached: see intercept.hpp. What listeners make of a call is not decided here.
"""
import cython

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF

from dynagrad._core.card import CARDS, methods
from dynagrad._core.module import call_forwards

from dynagrad._core.tensor cimport TensorBase, is_tensor, plain_tensor

cdef extern from "intercept.hpp" namespace "dg":
    ctypedef object (*vectorcall "vectorcallfunc")(object, PyObject* const*, size_t, PyObject*)
    ctypedef object (*Report)(int, object, PyObject*, int)
    ctypedef object (*ReportAttribute)(int, object, PyObject*)
    Report report_slot
    ReportAttribute report_attribute
    int depth
    int active
    int attentive
    int slot_count
    const char* slot_name(int)
    const char* slot_reflected(int)
    bint slot_question(int)
    bint slot_operator(int)
    void learn_slots(object)
    void wrap_type(object, bint)
    void wrap_descriptor(object, bint)
    object run_slot(int, PyObject*, PyObject*, int)
    bint wrap_function(object, vectorcall)
    void unwrap_function(object, vectorcall)
    object run_function(object, PyObject* const*, size_t, PyObject*, vectorcall)
    int learn_attribute(object)
    void wrap_attribute(int, bint, bint, bint)
    object run_attribute(int, PyObject*, PyObject*)

cdef extern from "Python.h":
    Py_ssize_t PyVectorcall_NARGS(size_t)
    object PyTuple_New(Py_ssize_t)
    void PyTuple_SET_ITEM(object, Py_ssize_t, object)
    object PyTuple_GetItem(object, Py_ssize_t)
    PyObject* const* tuple_items "&PyTuple_GET_ITEM"(object, Py_ssize_t)

cdef enum:
    FUNCTION = 0
    SLOT = 1
    ATTRIBUTE = 2
    SETITEM = 30        # the slot whose operands are a tensor and a pair

# Name of the attribute, whether reading it is told to all, whether writing it is. Reading any other is a question.
cdef tuple _ATTRIBUTES = (("T", True, False), ("mT", True, False), ("H", True, False), ("mH", True, False),
                          ("data", True, True), ("grad", False, True), ("requires_grad", False, True))
cdef tuple _UNTOLD = ("__dict__", "__weakref__")
cdef tuple _METHODS = ("item", "tolist", "requires_grad_", "retain_grad", "register_hook",
                       "register_post_accumulate_grad_hook", "backward", "detach_")
cdef tuple _ORDERS = ("lt", "le", "eq", "ne", "gt", "ge")

# (listener, whether what it calls itself is told too, whether overriders alone matter, whether it hears of questions)
cdef list _listeners = []
cdef bint _selective = False        # whether all listeners want to hear of calls with an overriding argument alone
cdef dict _overriding = {}          # type -> whether its class has a __torch_function__ in force
cdef dict _names = {}               # function -> public name
cdef dict _questions = {}           # the same of methods that compute no tensor
cdef list _slots = []               # (function, reflected function) of each slot
cdef list _orders = []              # functions of the comparisons
cdef list _attributes = []          # (name, number, get, set, whether reading is told to all, and writing) of each attribute
cdef object _native = None


def disabled_torch_function(func, types, args=(), kwargs=None):
    """The ``__torch_function__`` of a tensor class whose instances are to be taken for plain tensors, as Parameters are."""
    return func(*args, **(kwargs or {}))


cdef bint _type_overrides(PyTypeObject* kind) except -1:
    found = _overriding.get(<object>kind)
    if found is None:
        method = getattr(<object>kind, "__torch_function__", disabled_torch_function)
        # PyTorch's own tensors, handed over for conversion, are not asked: they know nothing of these functions. Nor are
        # modes, which are not asked because they are arguments.
        theirs = not issubclass(<object>kind, TensorBase) and (getattr(<object>kind, "_asked_as_mode", False) or any(
            [base.__module__.partition(".")[0] == "torch" for base in (<object>kind).__mro__]))
        found = _overriding[<object>kind] = method is not disabled_torch_function and not theirs
    return found


cpdef bint overrides(object item, bint inside=False) except -1:
    """Whether an argument, or an item of a list of arguments, is of a class with a ``__torch_function__`` in force."""
    cdef PyTypeObject* kind = <PyTypeObject*>(<PyObject*>item).ob_type
    if kind == plain_tensor or type(item) is int or type(item) is float or item is None:
        return False
    if type(item) is list or type(item) is tuple:
        if not inside:
            for each in item:
                if overrides(each, True):
                    return True
        return False
    return _type_overrides(kind)


@cython.final
@cython.freelist(32)
cdef class Call:
    """What was called: calling this runs it, past the listeners that are still to be asked. ``name``: its public name."""

    cdef object function
    cdef readonly str name
    cdef int kind, number, order, level
    cdef bint swapped, opened, question

    def open(self, *args, **kwargs):
        """Runs it like a call, and has the ops told that it calls itself: those of hooks and of custom Functions."""
        self.opened = True
        return self(*args, **kwargs)

    def __call__(self, *args, **kwargs):
        if self.level < len(_listeners):
            return _ask(self, args, kwargs)
        return _run(self, args, kwargs)


cdef object _run(Call call, tuple args, dict kwargs):
    """The intercepted function itself, with everything inside it untold unless the call was opened."""
    global depth
    cdef PyObject* second
    cdef int inside = 0 if call.opened else 1
    depth += inside
    try:
        if call.kind == FUNCTION:
            if kwargs:
                names = tuple(kwargs)
                values = args + tuple(kwargs.values())
                return run_function(call.function, tuple_items(values, 0), len(args), <PyObject*>names, trampoline)
            return run_function(call.function, tuple_items(args, 0), len(args), NULL, trampoline)
        if call.kind == ATTRIBUTE:
            return run_attribute(call.number, <PyObject*>args[0], <PyObject*>args[1] if len(args) > 1 else NULL)
        if call.swapped:
            return run_slot(call.number, <PyObject*>args[1], <PyObject*>args[0], call.order)
        if len(args) == 3:
            pair = args[1:]
            return run_slot(call.number, <PyObject*>args[0], <PyObject*>pair, call.order)
        second = <PyObject*>args[1] if len(args) > 1 else NULL
        return run_slot(call.number, <PyObject*>args[0], second, call.order)
    finally:
        depth -= inside


cdef object _ask(Call call, tuple args, dict kwargs):
    """Calls the next listener, if there is one that the call concerns."""
    global depth
    cdef int level = call.level
    while call.question and level < len(_listeners) and not (<tuple>_listeners[level])[3]:
        level += 1
    if level >= len(_listeners):
        return _run(call, args, kwargs)
    cdef Call rest = Call.__new__(Call)
    rest.function, rest.name, rest.kind = call.function, call.name, call.kind
    rest.number, rest.order, rest.swapped, rest.level = call.number, call.order, call.swapped, level + 1
    rest.opened, rest.question = call.opened, call.question
    listener, reentrant, _, _ = <tuple>_listeners[level]
    if reentrant:
        return listener(call.function, args, kwargs, rest)
    depth += 1
    try:
        return listener(call.function, args, kwargs, rest)
    finally:
        depth -= 1


cdef object _told(object function, int kind, int number, int order, tuple args, dict kwargs, bint swapped, str name,
                  bint question=False):
    cdef Call call = Call.__new__(Call)
    call.function, call.kind, call.number, call.order = function, kind, number, order
    call.swapped, call.name, call.question = swapped, name, question
    return _ask(call, args, kwargs)


cdef bint _any_overrides(PyObject* const* args, Py_ssize_t n) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if overrides(<object>args[i]):
            return True
    return False


cdef object trampoline(object function, PyObject* const* args, size_t nargsf, PyObject* names):
    """Stands in for a function's own vectorcall."""
    cdef Py_ssize_t i, n = PyVectorcall_NARGS(nargsf)
    if depth > 0 or active == 0 or _selective and not _any_overrides(
            args, n + (len(<tuple>names) if names != NULL else 0)):
        return run_function(function, args, nargsf, names, trampoline)
    cdef bint question = function in _questions
    if question and attentive == 0:
        return run_function(function, args, nargsf, names, trampoline)
    positional = PyTuple_New(n)
    for i in range(n):
        item = <object>args[i]
        Py_INCREF(item)
        PyTuple_SET_ITEM(positional, i, item)
    cdef dict keywords = {}
    if names != NULL:
        for i in range(len(<tuple>names)):
            keywords[(<tuple>names)[i]] = <object>args[n + i]
    name = <str>(_questions if question else _names).get(function, "")
    return _told(function, FUNCTION, 0, 0, positional, keywords, False, name, question)


cdef object _report_slot(int number, object a, PyObject* b, int order):
    """An operator: told under the public name of its op, a tensor first where there is one on the right alone."""
    cdef bint asked = overrides(a) or b != NULL and overrides(<object>b)
    if number == SETITEM and not asked:
        asked = overrides((<tuple><object>b)[0]) or overrides((<tuple><object>b)[1])
    if _selective and not asked:
        return run_slot(number, <PyObject*>a, b, order)
    if not asked or not slot_operator(number):
        return _tell_slot(number, a, b, order)
    try:
        return _tell_slot(number, a, b, order)
    except TypeError:       # the other operand's own operator may know; that of a tensor is this same function
        function, reflected = <tuple>_slots[number]
        if b == NULL or reflected is None or reflected is function or not isinstance(<object>b, TensorBase):
            return NotImplemented
    try:
        return _told(reflected, SLOT, number, order, (<object>b, a), {}, True, <str>_names.get(reflected, ""))
    except TypeError:
        return NotImplemented


cdef object _tell_slot(int number, object a, PyObject* b, int order):
    if b == NULL:
        function = (<tuple>_slots[number])[0]
        return _told(function, SLOT, number, 0, (a,), {}, False, <str>_names.get(function, ""), slot_question(number))
    second = <object>b
    function, reflected = <tuple>_slots[number]
    if function is None:
        function = _orders[order]
    elif number == SETITEM:
        return _told(function, SLOT, number, 0, (a, second[0], second[1]), {}, False, "__setitem__")
    if not isinstance(a, TensorBase) and reflected is not None:
        return _told(reflected, SLOT, number, order, (second, a), {}, True, <str>_names.get(reflected, ""))
    name = <str>_names.get(function, "")
    return _told(function, SLOT, number, order, (a, second), {}, False, name, slot_question(number))


cdef object _report_attribute(int number, object self, PyObject* value):
    name, _, get, set_, read_by_all, _ = <tuple>_attributes[number]
    cdef bint question = value == NULL and not read_by_all
    if _selective and not overrides(self) or question and attentive == 0:
        return run_attribute(number, <PyObject*>self, value)
    if value == NULL:
        return _told(get, ATTRIBUTE, number, 0, (self,), {}, False, <str>name, question)
    return _told(set_, ATTRIBUTE, number, 0, (self, <object>value), {}, False, <str>name + "=")


report_slot = _report_slot
report_attribute = _report_attribute


# ---- switching on and off --------------------------------------------------------------------------------------------

def native_functions():
    """The native functions that are public, each with the name under which it is: ops, their in-place forms, backward."""
    from dynagrad._core import base, function

    found = {}
    for card in CARDS.values():
        found.setdefault(card.op, card.name)
        if callable(card.method):
            found.setdefault(card.method, card.name)
        if card.inplace is not None:
            found.setdefault(card.inplace, card.name + "_")
    for name in _METHODS:
        found[vars(base.NativeTensor)[name]] = name
    found[base.backward] = "backward"
    found[base.grad] = "grad"
    found[function.apply] = "apply"
    return {each: name for each, name in found.items() if type(each) is type(native_functions)}


def attribute_getters():
    """What reads each attribute of the native tensor, by the attribute's name."""
    if _native is None:
        _learn()
    return {name: get for name, _, get, _, _, _ in _attributes}


def _classes():
    """The native tensor class and every class below it."""
    cdef list found = [_native]
    for each in found:
        found.extend(each.__subclasses__())
    return found


cdef int _learn() except -1:
    """Fills the tables, the first time."""
    global _native
    from dynagrad._core.base import NativeTensor

    _native = NativeTensor
    tensor = NativeTensor.__subclasses__()[0]
    learn_slots(NativeTensor)
    by_name = methods()
    _names.update(native_functions())

    def named(name):
        if not name:
            return None
        each = by_name.get(name) or vars(NativeTensor).get(name) or getattr(tensor, name, None)
        if each is not None:
            _names.setdefault(each, name)
        return each

    for n in range(slot_count):
        reflected = slot_reflected(n)
        _slots.append((named(slot_name(n).decode()), named(reflected.decode()) if reflected != NULL else None))
    _orders.extend([named(name) for name in _ORDERS])
    own = vars(NativeTensor)
    for name, each in own.items():
        if type(each) is type(native_functions) and each not in _names:
            _questions[each] = name
    attributes = [name for name, each in own.items() if type(each) is type(own["dtype"]) and name not in _UNTOLD]
    told = {name: (reads, writes) for name, reads, writes in _ATTRIBUTES}
    for name in attributes:
        reads, writes = told.get(name, (False, False))
        _attributes.append((name, learn_attribute(own[name]), own[name].__get__, own[name].__set__, reads, writes))
    return 0


cdef int _wrap_functions(dict functions, bint on) except -1:
    for function in functions:
        if type(function) is type(native_functions):
            if on:
                wrap_function(function, trampoline)
            else:
                unwrap_function(function, trampoline)
    return 0


cdef int _switch(bint on) except -1:
    _wrap_functions(_names, on)
    for cls in _classes():
        wrap_type(cls, on)
    for each in vars(_native).values():
        wrap_descriptor(each, on)
    _switch_attributes(on, attentive > 0)
    return 0


cdef int _switch_attributes(bint on, bint questions) except -1:
    for _, number, _, _, reads, writes in _attributes:
        wrap_attribute(number, on and (reads or questions), True, False)
        wrap_attribute(number, on and writes, False, True)
    return 0


cdef int _count() except -1:
    """Takes note of what the listeners want to hear, and sees to it that they do."""
    global active, attentive, _selective
    cdef int before = active, attentive_before = attentive
    active = len(_listeners)
    attentive = sum([each[3] for each in _listeners])
    _selective = all([each[2] for each in _listeners])
    call_forwards(not _selective)
    if (before > 0) != (active > 0):
        _switch(active > 0)
    if (attentive_before > 0) != (attentive > 0):
        _wrap_functions(_questions, attentive > 0)
        _switch_attributes(active > 0, attentive > 0)
    return 0


def install(listener, *, reentrant=False, overriders_only=False, first=False, questions=False):
    """Tells ``listener(function, args, kwargs, call)`` of every public call from now on; what it returns is the result.

    Args:
        listener: called in the calling thread instead of the op. ``call(*args, **kwargs)`` runs the op; ``call.name`` is
            its public name: "mul", "add_", "__getitem__", "T", "data=".
        reentrant: whether ops that the listener itself calls are told too. What an op calls inside never is.
        overriders_only: whether calls matter to it only if an argument's class has a ``__torch_function__``; while all
            listeners are of this kind, other calls go straight to the op.
        first: whether it is asked before those that are installed already; what it makes of a call is what they are told.
        questions: whether it hears of calls that compute no tensor as well: ``x.shape``, ``x.size()``, ``len(x)``.

    Listeners are asked in the order in which they were installed, each by the ``call`` of the one before.

    >>> import dynagrad
    >>> def listener(function, args, kwargs, call):
    ...     print(call.name, len(args))
    ...     return call(*args, **kwargs)
    >>> x = dynagrad.ones(2)
    >>> install(listener)
    >>> y = x * 3 + x.sum()
    mul 2
    sum 1
    add 2
    >>> uninstall(listener)
    >>> y = x * 3
    """
    if _native is None:
        _learn()
    heard = listener, bool(reentrant), bool(overriders_only), bool(questions)
    _listeners.insert(0 if first else len(_listeners), heard)
    _count()


def uninstall(listener):
    """Ends an ``install``. Raises ValueError if there was none of this listener."""
    for i in range(len(_listeners) - 1, -1, -1):
        if _listeners[i][0] == listener:
            del _listeners[i]
            _count()
            return
    raise ValueError("this listener is not installed")


def listening(*, to_all=False):
    """How many listeners there are; or only those that hear of all calls."""
    return sum([not each[2] for each in _listeners]) if to_all else len(_listeners)


def unheard():
    """Whether what this thread calls now is told to nobody, since it runs inside of an op."""
    return depth > 0


def set_depth(int levels):
    """Says inside of how many ops this thread is, for whom it listens to; returns how many it was."""
    global depth
    before, depth = depth, levels
    return before


def untold(function, *args):
    """Runs ``function(*args)`` without telling listeners of the ops that it calls in this thread."""
    global depth
    depth += 1
    try:
        return function(*args)
    finally:
        depth -= 1


def told(function, *args, **kwargs):
    """Runs ``function(*args, **kwargs)`` so that listeners are told of the ops that it calls, even from inside of one.

    For user code that runs within an op, such as the backward of a custom Function, and enters a transform there.
    """
    global depth
    before = depth
    depth = 0
    try:
        return function(*args, **kwargs)
    finally:
        depth = before


# ---- classes that take part although they are no tensors ---------------------------------------------------------------

cdef object _build_class = None
cdef object _notice = None


def _built(*args, **kwargs):
    """Stands in for what a ``class`` statement calls."""
    made = _build_class(*args, **kwargs)
    if _notice is not None and isinstance(made, type) and _defines(made):
        _notice()
    return made


cdef bint _defines(object kind) noexcept:
    """Whether a class has a ``__torch_function__`` in force. One that cannot be asked has none: its statement goes through."""
    try:
        return hasattr(kind, "__torch_function__") and _type_overrides(<PyTypeObject*><PyObject*>kind)
    except Exception:
        return False


def notice_classes(notice):
    """Calls ``notice()`` once a class with a ``__torch_function__`` in force has been defined; then never again.

    Objects of such a class are looked for among the arguments of every op, which takes time: hence not before there is one.
    Python tells nobody of a new class but the ``__build_class__`` that its ``class`` statement calls.
    """
    global _build_class, _notice
    import builtins

    _notice, _build_class = notice, builtins.__build_class__
    builtins.__build_class__ = _built


def classes_noticed():
    """Puts Python's own ``__build_class__`` back, unless somebody else has put another one there since."""
    global _notice
    import builtins

    _notice = None
    if builtins.__build_class__ is _built:
        builtins.__build_class__ = _build_class
