"""NumPy's names of arguments, which PyTorch takes beside its own: ``x.sum(axis=1, keepdims=True)``; and orders of old.

Native functions learn them here, where they are called; composites rename in `card`, once a call has failed.
"""
import sys

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF


cdef extern from "spelling.hpp" namespace "dg":
    PyObject* numpy_names[]
    PyObject* own_names[]
    bint spell(object function, unsigned int mask)
    bint take_any_order(object function)
    PyObject* reorder


# Each of NumPy's names, and PyTorch's for the same. What documentation calls A or x goes by `input` in PyTorch's calls.
NAMES = (("axis", "dim"), ("keepdims", "keepdim"), ("x", "input"), ("a", "input"), ("x1", "input"), ("x2", "other"),
         ("axis0", "dim0"), ("axis1", "dim1"), ("input", "A"), ("input", "x"))


def spellings(function):
    """Which other names a function with a dimension, of matrices, or of two operands takes, and what it calls them itself.

    >>> from dynagrad._core.spelling import spellings
    >>> spellings(lambda input, dim, x: None)
    {'axis': 'dim', 'a': 'input', 'x1': 'input'}
    """
    code = function.__code__
    own = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    if not {"dim", "keepdim", "dim0", "A", "other"}.intersection(own):
        return {}
    return {name: meant for name, meant in NAMES if meant in own and name not in own}


def learn(function):
    """Makes a native function take NumPy's names, or the order of arguments from before keywords."""
    code = function.__code__
    if code.co_argcount == 3 and code.co_varnames[3:5] == ("beta", "alpha"):
        take_any_order(function)
        return
    found = spellings(function)
    mask = 0
    for i, (name, meant) in enumerate(NAMES):
        mask |= (found.get(name) == meant) << i
    if mask:
        spell(function, mask)


def _keep_names():
    for i, (name, meant) in enumerate(NAMES):
        name, meant = sys.intern(name), sys.intern(meant)
        Py_INCREF(name)
        Py_INCREF(meant)
        numpy_names[i], own_names[i] = <PyObject*>name, <PyObject*>meant


def _keep_reorder():
    global reorder
    from dynagrad._core.old_orders import sum_with_product

    Py_INCREF(sum_with_product)
    reorder = <PyObject*>sum_with_product


_keep_reorder()


_keep_names()
