"""Numbers for tensors, for as long as each lives, and the tensors that names are bound to: what a recorder asks most.

What a number stands for is the recorder's business (`viz/ledger.py`).
"""
import cython

from cpython.object cimport PyObject

from dynagrad._core.tensor cimport TensorBase, is_tensor

cdef extern from "Python.h":
    object PyWeakref_NewRef(object, object)
    object PyLong_FromVoidPtr(void*)


@cython.final
cdef class Numbers:
    """Tensor -> number, without keeping the tensor alive: a tensor that goes takes its number with it."""

    cdef dict known         # address -> number
    cdef dict references    # address -> weak reference
    cdef dict addresses     # address of the reference -> address
    cdef object forgets

    def __cinit__(self):
        self.known, self.references, self.addresses = {}, {}, {}
        self.forgets = self._forget

    def _forget(self, reference):
        address = self.addresses.pop(PyLong_FromVoidPtr(<void*>reference), None)
        if address is not None:
            self.known.pop(address, None)
            self.references.pop(address, None)

    def find(self, TensorBase tensor not None):
        """The number of a tensor, or None."""
        return self.known.get(PyLong_FromVoidPtr(<void*>tensor))

    def file(self, TensorBase tensor not None, number):
        """Gives a tensor its number."""
        address = PyLong_FromVoidPtr(<void*>tensor)
        reference = PyWeakref_NewRef(tensor, self.forgets)
        self.known[address] = number
        self.references[address] = reference
        self.addresses[PyLong_FromVoidPtr(<void*>reference)] = address

    def bound(self, names, identify):
        """(name -> number of the tensors of a namespace, what else may hold tensors as (name, value) pairs or None).

        Args:
            names: a namespace; of one that is no dict, tensors only.
            identify: gives a tensor without a number its number.

        Lists, tuples and dicts that are not empty may hold tensors, and the object called ``self``.
        """
        cdef dict found = {}
        cdef list containers = None
        if type(names) is not dict:
            names = dict(names.items())
        for name, value in (<dict>names).items():
            if is_tensor(value):
                if not (<str>name).startswith("__"):
                    known = self.known.get(PyLong_FromVoidPtr(<void*>value))
                    found[name] = identify(value) if known is None else known
                continue
            kind = type(value)
            if kind is list or kind is tuple or kind is dict:
                if len(value) and not (<str>name).startswith("_"):
                    if containers is None:
                        containers = []
                    containers.append((name, value))
            elif name == "self":
                if containers is None:
                    containers = []
                containers.append((name, value))
        return found, containers


def difference(dict before not None, dict now not None):
    """What is bound anew, and which names are gone: (dict, list), or None where nothing has changed."""
    cdef dict bind = {}
    cdef list unbind = []
    for name, number in now.items():
        if before.get(name) != number:
            bind[name] = number
    if len(now) != len(before) or bind:
        for name in before:
            if name not in now:
                unbind.append(name)
    return (bind, unbind) if bind or unbind else None
