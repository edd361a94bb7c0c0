"""linear and bilinear: a product with a layer's weight, and its bias. The products and their derivatives are in `linalg`
and `addmm`.
"""
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register

from dynagrad._core.ops.addmm cimport addmm
from dynagrad._core.ops.linalg cimport matmul, mm, shape_error, unsafe_view
from dynagrad._core.ops.pointwise cimport add
from dynagrad._core.ops.shape cimport reshaped, transposed
from dynagrad._core.tensor cimport TensorBase, shape_tuple


cdef TensorBase _rows(TensorBase input):
    """The input as a matrix of its last dimension."""
    cdef int64_t shape[2]
    shape[1] = input.shape[input.ndim - 1]
    shape[0] = input.numel // shape[1]
    return reshaped(input, 2, shape)


cdef TensorBase _weight_transposed(TensorBase weight):
    return transposed(weight, 0, 1) if weight.ndim == 2 else weight


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
    cdef TensorBase made
    _check_linear(input, weight)
    if weight.ndim == 2 and bias is not None and bias.ndim == 1:
        if input.ndim == 2:
            return addmm(bias, input, transposed(weight, 0, 1))
        if input.ndim > 2 and input.contiguous and input.numel:
            made = addmm(bias, _rows(input), transposed(weight, 0, 1))
            return made.view((*shape_tuple(input)[:-1], weight.shape[0]))
    if input.ndim == 2 and weight.ndim == 2 and bias is None:
        return mm(input, transposed(weight, 0, 1))
    made = matmul(input, _weight_transposed(weight))
    return made if bias is None else add(made, bias, 1)


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
    if shape_tuple(input1)[:-1] != shape_tuple(input2)[:-1]:
        raise shape_error("bilinear(): input batch dimensions do not match", [input1, input2])
    if weight.ndim != 3:
        raise RuntimeError(f"bilinear(): weight must be 3-D, got {weight.ndim}-D tensor")
    for k, size in ((1, input1.shape[input1.ndim - 1]), (2, input2.shape[input2.ndim - 1])):
        if size != weight.shape[<int>k]:
            raise shape_error(f"bilinear(): input{k} size does not match weight size: got {size} but expected "
                              f"{weight.shape[<int>k]}", [input1, input2, weight])
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != weight.shape[0]):
        raise shape_error("bilinear(): bias size does not match weight size", [bias, weight])
    lead = shape_tuple(input1)[:-1]
    left, right = input1.reshape(-1, weight.shape[1]), input2.reshape(-1, weight.shape[2])
    made = CARDS["einsum"].op("bi,oij,bj->bo", left, weight, right).reshape((*lead, weight.shape[0]))
    return made if bias is None else made + bias


register(Card("linear", linear, None, "layer", method=False, function=False))
register(Card("bilinear", bilinear, None, "layer", method=False, function=False))
