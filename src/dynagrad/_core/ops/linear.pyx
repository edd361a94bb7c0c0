"""linear and bilinear: a product with a layer's weight, and its bias. The products and their derivatives are in `linalg`
and `addmm`.
"""
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.addmm import AddmmBackward0
from dynagrad._core.ops.linalg import MmBackward0
from dynagrad._core.ops.shape import TBackward0

from dynagrad._core.graph cimport (
    Node, attach, begin, link, needs, new_node, save, settle, thread_state)
from dynagrad._core.ops.addmm cimport addmm
from dynagrad._core.ops.linalg cimport layout_bits, matmul, multiply_into, shape_error
from dynagrad._core.ops.pointwise cimport add
from dynagrad._core.ops.shape cimport reshaped
from dynagrad._core.tensor cimport TensorBase, new_alias, new_tensor, requires_grad, shape_tuple
from dynagrad._core.types cimport F32, itemsizes


cdef extern from "Python.h":
    void PyObject_GC_UnTrack(void*)
    int PyObject_GC_IsTracked(object)
    void Py_XINCREF(PyObject*)

cdef type _addmm_node = AddmmBackward0
cdef type _mm_node = MmBackward0
cdef type _turn_node = TBackward0
cdef tuple _ONES = (1, 1)


cdef TensorBase _rows(TensorBase input):
    """The input as a matrix of its last dimension."""
    cdef int64_t shape[2]
    shape[1] = input.shape[input.ndim - 1]
    shape[0] = input.numel // shape[1]
    return reshaped(input, 2, shape)


cdef inline bint _simple(TensorBase input, TensorBase weight, TensorBase bias) noexcept:
    """Whether the fused form serves: matrices of one type in which products are taken, a bias for each column."""
    if input.ndim != 2 or input.dtype < F32 or input.dtype != weight.dtype or not weight.contiguous:
        return False
    return bias is None or (bias.ndim == 1 and bias.dtype == weight.dtype and bias.contiguous
                            and bias.numel == weight.shape[0])


cdef Node _turned_like(Node other, TensorBase weight, TensorBase turned):
    """The node of ``weight.t()``. It shares place and line with the product that it is part of."""
    cdef Node node = new_node(_turn_node)
    if PyObject_GC_IsTracked(node):
        PyObject_GC_UnTrack(<void*>node)
    node.seq, node.saved, node.edges, node.n_edges = other.seq, node.saved_inline, node.edges_inline, 1
    node.code, node.position = other.code, other.position
    Py_XINCREF(node.code)
    link(node, 0, weight)
    attach(node, turned)
    return node


cdef Node _recorded(TensorBase input, TensorBase weight, TensorBase turned, TensorBase bias):
    """AddmmBackward0(bias, input, TBackward0(weight)), or MmBackward0 without a bias."""
    cdef bint biased = bias is not None
    cdef Node node = new_node(_addmm_node if biased else _mm_node)
    cdef Node turn
    begin(node, 2 + biased)
    if biased:
        link(node, 0, bias)
        node.params = _ONES
    link(node, biased, input)
    if requires_grad(weight):
        turn = _turned_like(node, weight, turned)
        Py_INCREF(turn)
        node.edges[1 + biased].node = <PyObject*>turn
        save(node, 0, input)
    if needs(node, biased):
        save(node, 1, turned)
    node.whole = layout_bits(input, turned)
    return node


cdef TensorBase _fused(TensorBase input, TensorBase weight, TensorBase bias):
    cdef int64_t geometry[4]
    cdef int64_t i, bytes_of_row
    cdef TensorBase turned, result
    geometry[0], geometry[1], geometry[2], geometry[3] = weight.shape[1], weight.shape[0], 1, weight.shape[1]
    turned = new_alias(weight, 2, geometry, geometry + 2, 0)
    geometry[0] = input.shape[0]
    result = new_tensor(weight.dtype, 2, geometry)
    if bias is not None:
        bytes_of_row = geometry[1] * itemsizes[weight.dtype]
        for i in range(geometry[0]):
            memcpy(result.data + i * bytes_of_row, bias.data, bytes_of_row)
    multiply_into(result, input, turned, 1, 0 if bias is None else 1)
    if thread_state.grad_enabled and (requires_grad(weight) or requires_grad(input)
                                      or bias is not None and requires_grad(bias)):
        attach(_recorded(input, weight, turned, bias), result)
    else:
        settle(None, result, input, weight, None, False)
    return result


cdef int _check_linear(TensorBase input, TensorBase weight) except -1:
    if weight.ndim != 2 and weight.ndim != 1:
        raise shape_error(f"linear(): the weight must be a matrix or a vector, got {weight.ndim}-D tensor", [weight])
    if input.ndim == 0:
        raise RuntimeError("both arguments to linear need to be at least 1D, but they are 0D and "
                           f"{weight.ndim}D")
    if weight.ndim == 2 and input.shape[input.ndim - 1] != weight.shape[1]:
        rows = input.numel // max(1, input.shape[input.ndim - 1])
        raise shape_error(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[input.ndim - 1]} and "
                          f"{weight.shape[1]}x{weight.shape[0]})", [input, weight])
    return 0


cdef TensorBase linear_of(TensorBase input, TensorBase weight, TensorBase bias):
    """input @ weight.T + bias."""
    cdef TensorBase made
    _check_linear(input, weight)
    if weight.ndim == 2 and (bias is None or bias.ndim == 1):
        if _simple(input, weight, bias):
            return _fused(input, weight, bias)
        if bias is not None and input.ndim == 2:
            return addmm(bias, input, weight.t())
        if input.ndim != 2 and input.numel and (bias is not None or input.ndim > 2):
            made = linear_of(_rows(input), weight, bias)
            return made.view((*shape_tuple(input)[:input.ndim - 1], weight.shape[0]))
    made = matmul(input, weight.t() if weight.ndim == 2 else weight)
    return made if bias is None else add(made, bias, 1)


def linear(TensorBase input not None, TensorBase weight not None, TensorBase bias=None):
    """``input @ weight.T + bias``.

    Args:
        input: ``[..., in_features]``.
        weight: ``[out_features, in_features]``, or ``[in_features]`` for an output without that dimension.
        bias: ``[out_features]`` or None.

    >>> import dynagrad
    >>> dynagrad.nn.functional.linear(dynagrad.ones(1, 2), dynagrad.ones(3, 2), dynagrad.ones(3))
    tensor([[3., 3., 3.]])
    """
    return linear_of(input, weight, bias)


def bilinear(TensorBase input1 not None, TensorBase input2 not None, TensorBase weight not None, TensorBase bias=None):
    """``input1 @ weight[k] @ input2 + bias[k]`` for every output feature k.

    Args:
        input1: ``[..., in1_features]``.
        input2: ``[..., in2_features]``, the leading dimensions as those of ``input1``.
        weight: ``[out_features, in1_features, in2_features]``.
        bias: ``[out_features]`` or None.
    """
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    if shape_tuple(input1)[:input1.ndim - 1] != shape_tuple(input2)[:input2.ndim - 1]:
        raise shape_error("bilinear(): input batch dimensions do not match", [input1, input2])
    if weight.ndim != 3:
        raise RuntimeError(f"bilinear(): weight must be 3-D, got {weight.ndim}-D tensor")
    for k, size in ((1, input1.shape[input1.ndim - 1]), (2, input2.shape[input2.ndim - 1])):
        if size != weight.shape[<int>k]:
            raise shape_error(f"bilinear(): input{k} size does not match weight size: got {size} but expected "
                              f"{weight.shape[<int>k]}", [input1, input2, weight])
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != weight.shape[0]):
        raise shape_error("bilinear(): bias size does not match weight size", [bias, weight])
    lead = shape_tuple(input1)[:input1.ndim - 1]
    left, right = input1.reshape(-1, weight.shape[1]), input2.reshape(-1, weight.shape[2])
    made = CARDS["einsum"].op("bi,oij,bj->bo", left, weight, right).reshape((*lead, weight.shape[0]))
    return made if bias is None else made + bias


register(Card("linear", linear, None, "layer", method=False, function=False))
register(Card("bilinear", bilinear, None, "layer", method=False, function=False))
