"""Nodes of ops that nobody has a derivative for, and of results that have no second one: backward ends there in an error.

Without them a gradient that passes through such an op would lack a part, and nobody would know. The node of an op whose
derivative PyTorch does not name either is `NotImplemented`, in `pointwise`.
"""
import cython

from dynagrad._core.graph cimport Node, attach, attach_many, begin_list, grad_enabled, wants_grad
from dynagrad._core.ops.view cimport detach
from dynagrad._core.tensor cimport TensorBase, requires_grad


cdef class NoFormula(Node):
    cdef object vjp(self, TensorBase g):
        raise NotImplementedError(f"the derivative for '{self.params[0]}' is not implemented.")

    cdef object vjp_many(self, list gradients):
        return self.vjp(None)


@cython.final
cdef class Unique2Backward0(NoFormula):
    pass


@cython.final
cdef class UniqueDimBackward0(NoFormula):
    pass


@cython.final
cdef class UniqueConsecutiveBackward0(NoFormula):
    pass


@cython.final
cdef class GeqrfBackward0(NoFormula):
    pass


@cython.final
cdef class Error(Node):                                 # PyTorch's name
    cdef object vjp(self, TensorBase g):
        raise RuntimeError(self.params[0])


cdef dict _CLASSES = {
    "_unique2": Unique2Backward0, "unique_dim": UniqueDimBackward0, "unique_consecutive": UniqueConsecutiveBackward0,
    "geqrf": GeqrfBackward0,
}


def without_formula(str op, TensorBase input not None, *results):
    """Has the results of an op on ``input``, where that requires grad, say in backward that there is no derivative.

    Args:
        op: PyTorch's native name of the op.
        input: what it was computed from.
        results: floating tensors that belong to no graph.
    """
    cdef Node node
    if not wants_grad(input):
        return
    node = <Node>_CLASSES[op].__new__(_CLASSES[op])
    node.params = (op,)
    begin_list(node, [input])
    if len(results) == 1:
        attach(node, <TensorBase?>results[0])
    else:
        attach_many(node, list(results))


def delayed_error(TensorBase t not None, str message):
    """``t``, through which no gradient passes: a backward that comes there raises RuntimeError with the message."""
    cdef Error node
    cdef TensorBase made
    if not grad_enabled() or not requires_grad(t):
        return t
    made = detach(t)
    node = Error.__new__(Error)
    node.params = (message,)
    begin_list(node, [t])
    attach(node, made)
    return made
