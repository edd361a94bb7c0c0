"""Hooks on the edges that lead into and out of a part of a graph, for the backward hooks of modules.

Tensors are not wrapped: the graph that a forward pass recorded gets one node on the edges by which it is entered and one
on those by which it is left, and both pass gradients on.
"""
import cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint32_t, uint64_t

from dynagrad._core.graph cimport (
    RUNS_WITHOUT, AccumulateGrad, Node, accumulator_of, attach_many, begin, gradient_function, link, thread_state)
from dynagrad._core.tensor cimport LEAF_GRAD, TensorBase, requires_grad


@cython.final
@cython.auto_pickle(False)
cdef class BackwardHookFunctionBackward(Node):
    """Passes gradients on, through a function of all of them: ``call(gradients)`` returns those to go on, or None."""

    cdef object vjp(self, TensorBase g):
        return self.vjp_many([g])

    cdef object vjp_many(self, list gradients):
        call, = self.params
        replaced = call(tuple(gradients))
        return tuple(gradients) if replaced is None else replaced


def enter(list inputs not None, call):
    """Starts a hooked part of the graph: the node that will stand on the edges to `inputs`, all of which need gradients.

    ``call`` gets the gradients for the inputs that come out of the part, None where nothing arrived.
    """
    cdef BackwardHookFunctionBackward node = BackwardHookFunctionBackward.__new__(BackwardHookFunctionBackward)
    cdef int i
    begin(node, len(inputs))
    for i in range(node.n_edges):
        link(node, i, <TensorBase>inputs[i])
    node.flags |= RUNS_WITHOUT
    node.params = (call,)
    attach_many(node, [(<TensorBase>each).detach() for each in inputs])
    return node


def close(Node entered, list outputs not None):
    """Ends it: every edge from a node recorded since `enter` to one of its inputs now leads to its node."""
    cdef list stack = []
    cdef Node node, target
    cdef int i, k
    seen = set()
    for each in outputs:
        node = gradient_function(<TensorBase>each)
        if node is not None and node.seq > entered.seq:
            stack.append(node)
    while stack:
        node = stack.pop()
        if node in seen or node is entered:
            continue
        seen.add(node)
        for i in range(<int>node.n_edges):
            if node.edges[i].node == NULL:
                continue
            target = <Node><object>node.edges[i].node
            for k in range(<int>entered.n_edges):
                if entered.edges[k].node == <PyObject*>target and entered.edges[k].nr == node.edges[i].nr:
                    Py_INCREF(entered)
                    node.edges[i].node = <PyObject*>entered
                    node.edges[i].nr = k
                    Py_DECREF(target)
                    break
            else:
                if not isinstance(target, AccumulateGrad) and target.seq > entered.seq:
                    stack.append(target)


def leave(list outputs not None, call):
    """Puts a node between `outputs` and what made them. ``call`` gets the gradients that arrive, None where none did.

    The tensors stay what they are; returned are those to use from here on, which differ only for an output that is itself
    a leaf.
    """
    cdef BackwardHookFunctionBackward node = BackwardHookFunctionBackward.__new__(BackwardHookFunctionBackward)
    cdef list made = []
    cdef int i
    cdef TensorBase t
    begin(node, len(outputs))
    for i in range(node.n_edges):
        t = <TensorBase>outputs[i]
        link(node, i, t)
        made.append(t.view_as(t) if t.grad_fn is None else t)
    node.params = (call,)
    attach_many(node, made)
    return made
