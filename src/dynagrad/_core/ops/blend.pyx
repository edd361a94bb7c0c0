"""Ops of three operands that blend: addcmul, addcdiv, lerp. Ops of one and two are in `pointwise`."""
import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.old_orders import scaled_product
from dynagrad._core.shown import number

from dynagrad._core.graph cimport (
    Node, begin, begin_pair, keep_number, link, needs, prepare, reserve_saved, save, save_operand, settle, unpack, wants_grad)
from dynagrad._core.iterate cimport FLOATING, SAME, K, Loop, result_dtype2, ternary
from dynagrad._core.kernel_table cimport Params, op_addcdiv, op_addcmul, op_lerp
from dynagrad._core.ops.pointwise cimport as_number, check_fits, not_implemented
from dynagrad._core.provenance cimport called_here
from dynagrad._core.tensor cimport TensorBase, is_tensor
from dynagrad._core.types cimport dtype_object, is_float, is_number, scalar_dtype


# ---- addcmul, addcdiv ------------------------------------------------------------------------------------------------

@cython.final
cdef class AddcmulBackward0(Node):                      # d(a + k b c) = da + k c db + k b dc
    _pointwise = True
    _saves = ("tensor1", "tensor2")
    _shows = {"value": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        return (g if needs(self, 0) else None, g * (unpack(self, 1) * k) if needs(self, 1) else None,
                g * (unpack(self, 0) * k) if needs(self, 2) else None)


@cython.final
cdef class AddcdivBackward0(Node):                      # d(a + k b/c) = da + k/c db - k b/c^2 dc
    _pointwise = True
    _saves = ("tensor1", "tensor2")
    _shows = {"value": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        cdef TensorBase c = unpack(self, 1)
        return (g if needs(self, 0) else None, g * (k / c) if needs(self, 1) else None,
                -g * (unpack(self, 0) * k / (c * c)) if needs(self, 2) else None)


cdef int _need_tensor(str name, object value) except -1:
    if not is_tensor(value):
        raise TypeError(f"{called_here()}argument '{name}' must be Tensor, not {type(value).__name__}")
    return 0


cdef TensorBase _fused(type node_class, const Loop* row, TensorBase input, object tensor1, object tensor2, object value,
                       object out, bint inplace):
    cdef Params params
    cdef Node node = None
    cdef bint recording = wants_grad(input) or wants_grad(tensor1) or wants_grad(tensor2)
    value = 1 if value is None else as_number(value)
    if not is_number(value):
        raise TypeError(f"{called_here()}argument 'value' must be Number, not {type(value).__name__}")
    _need_tensor("tensor1", tensor1)
    _need_tensor("tensor2", tensor2)
    params.a = value
    params.i = <int64_t>params.a if is_float(scalar_dtype(value)) else value
    if out is not None:
        prepare(out, inplace, recording)
        if inplace:
            check_fits(out, tensor1)
            check_fits(out, tensor2)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        begin(node, 3)
        link(node, 0, input)
        link(node, 1, <TensorBase?>tensor1)
        link(node, 2, <TensorBase?>tensor2)
        keep_number(node, value)
        save(node, 0, <TensorBase>tensor1)
        save(node, 1, <TensorBase>tensor2)
    cdef TensorBase result = ternary(row, input, tensor1, tensor2, out, SAME, &params)
    settle(node, result, input, tensor1, out, inplace)
    return result


cdef TensorBase _addcdiv_op(TensorBase input, tensor1, tensor2, value, out, bint inplace):
    if not is_float(result_dtype2(tensor1, tensor2)):
        raise RuntimeError("Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
                           "perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented "
                           "as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
                           "(input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the "
                           "latter implementation: (input + value * tensor1 / tensor2), for all dtypes.")
    return _fused(AddcdivBackward0, K.ternary[op_addcdiv], input, tensor1, tensor2, value, out, inplace)


def _addcmul(TensorBase input not None, tensor1, tensor2, _fourth=None, *, value=None, out=None):
    """``input + value * tensor1 * tensor2``, with broadcasting.

    >>> import dynagrad
    >>> x = dynagrad.tensor([1., 2.])
    >>> dynagrad.addcmul(x, x, x, value=10)
    tensor([11., 42.])
    """
    if _fourth is not None: tensor1, tensor2, value = scaled_product("addcmul", tensor1, tensor2, _fourth, value)
    return _fused(AddcmulBackward0, K.ternary[op_addcmul], input, tensor1, tensor2, value, out, False)


def _addcmul_(TensorBase self not None, tensor1, tensor2, _fourth=None, *, value=None):
    """Adds ``value * tensor1 * tensor2`` to the tensor itself."""
    if _fourth is not None: tensor1, tensor2, value = scaled_product("addcmul_", tensor1, tensor2, _fourth, value)
    return _fused(AddcmulBackward0, K.ternary[op_addcmul], self, tensor1, tensor2, value, self, True)


def _addcdiv(TensorBase input not None, tensor1, tensor2, _fourth=None, *, value=None, out=None):
    """``input + value * tensor1 / tensor2``, with broadcasting. Raises RuntimeError for integers.

    >>> import dynagrad
    >>> x = dynagrad.tensor([1., 2.])
    >>> dynagrad.addcdiv(x, x, x, value=10)
    tensor([11., 12.])
    """
    if _fourth is not None: tensor1, tensor2, value = scaled_product("addcdiv", tensor1, tensor2, _fourth, value)
    return _addcdiv_op(input, tensor1, tensor2, value, out, False)


def _addcdiv_(TensorBase self not None, tensor1, tensor2, _fourth=None, *, value=None):
    """Adds ``value * tensor1 / tensor2`` to the tensor itself."""
    if _fourth is not None: tensor1, tensor2, value = scaled_product("addcdiv_", tensor1, tensor2, _fourth, value)
    return _addcdiv_op(self, tensor1, tensor2, value, self, True)


register(Card("addcmul", _addcmul, AddcmulBackward0, "ternary", inplace=_addcmul_))
register(Card("addcdiv", _addcdiv, AddcdivBackward0, "ternary", inplace=_addcdiv_, domain=(0.5, 4)))


# ---- lerp ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class LerpBackward0(Node):                         # d(a + k (b - a)) = (1 - k) da + k db
    _pointwise = True
    _shows = {"weight": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        return g * (1 - k) if needs(self, 0) else None, g * k if needs(self, 1) else None


@cython.final
cdef class LerpBackward1(Node):                         # d(a + w (b - a)) = (1 - w) da + w db + (b - a) dw
    _pointwise = True
    _saves = ("self", "end", "weight")

    cdef object vjp(self, TensorBase g):
        cdef TensorBase w = unpack(self, 2)
        return (g * (1 - w) if needs(self, 0) else None, g * w if needs(self, 1) else None,
                g * (unpack(self, 1) - unpack(self, 0)) if needs(self, 2) else None)


cdef Node _lerp_node(TensorBase input, TensorBase end, object weight, bint inplace):
    cdef Node node
    if not is_tensor(weight):
        node = LerpBackward0.__new__(LerpBackward0)
        begin_pair(node, input, end)
        keep_number(node, weight)
        return node
    node = LerpBackward1.__new__(LerpBackward1)
    begin(node, 3)
    link(node, 0, input)
    link(node, 1, end)
    link(node, 2, <TensorBase>weight)
    reserve_saved(node, 3)
    save_operand(node, 0, input, inplace)
    save(node, 1, end)
    save(node, 2, <TensorBase>weight)
    return node


cdef TensorBase _lerp_op(TensorBase input, TensorBase end, object weight, object out, bint inplace):
    cdef Node node = None
    cdef TensorBase result
    cdef bint recording = wants_grad(input) or wants_grad(end) or wants_grad(weight)
    if input.dtype != end.dtype:
        raise RuntimeError(f"expected dtype {dtype_object(input.dtype).name} for `end` but got dtype "
                           f"{dtype_object(end.dtype).name}")
    if not is_float(input.dtype):
        raise not_implemented("lerp_kernel", input)
    if out is not None:
        prepare(out, inplace, recording)
        if inplace:
            check_fits(out, end)
            check_fits(out, weight)
    if recording:
        node = _lerp_node(input, end, weight, inplace)
    result = ternary(K.ternary[op_lerp], input, end, weight, out, FLOATING)
    settle(node, result, input, end, out, inplace)
    return result


def _lerp(TensorBase input not None, TensorBase end not None, weight, *, out=None):
    """``input + weight * (end - input)``: the point a fraction ``weight`` of the way from ``input`` to ``end``.

    >>> import dynagrad
    >>> dynagrad.lerp(dynagrad.tensor([0., 1.]), dynagrad.tensor([10., 11.]), 0.25)
    tensor([2.5000, 3.5000])
    """
    return _lerp_op(input, end, weight, out, False)


def _lerp_(TensorBase self not None, TensorBase end not None, weight):
    """Moves the tensor itself a fraction ``weight`` of the way to ``end``."""
    return _lerp_op(self, end, weight, self, True)


register(Card("lerp", _lerp, LerpBackward1, "ternary", inplace=_lerp_))
