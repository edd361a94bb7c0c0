"""One step of an LSTM or GRU cell after its two products: all that is done for each unit, in one pass.

The loops are kernels/cells.hpp. Derivatives of higher order go through the same formulas in ops.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register

from dynagrad._core.graph cimport (
    Node, attach_many, begin, link, needs, reserve_saved, save, save_result, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.layer_kernels cimport (
    CellBackwardLoop, CellLoop, CellRows, CellRowsBackward, LayerKernels, layer_kernels)
from dynagrad._core.ops.lines cimport over_rows
from dynagrad._core.tensor cimport TensorBase, new_tensor, shape_tuple
from dynagrad._core.types cimport F32, F64, compute_dtype, compute_of

cdef const LayerKernels* L = layer_kernels()

# Edges and saved tensors 0..4: input gates, hidden gates, state, input bias, hidden bias; then what the loop kept, and c'.
cdef enum:
    KEPT = 5
    NEXT = 6


cdef struct Job:
    CellLoop forward
    CellBackwardLoop backward
    CellRows rows
    CellRowsBackward back


cdef void _forward_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef Job* job = <Job*>context
    job.forward(&job.rows, begin, end)


cdef void _backward_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef Job* job = <Job*>context
    job.backward(&job.back, begin, end)


cdef inline const char* _data(TensorBase t) noexcept:
    if t is None:
        return NULL
    return t.data


cdef inline TensorBase _ready(TensorBase t, int dtype):
    if t is None or t.contiguous and t.dtype == dtype:
        return t
    return contiguous(cast(t, dtype))


cdef TensorBase _room(int dtype, int64_t rows, int64_t n):
    cdef int64_t shape[2]
    shape[0], shape[1] = rows, n
    return new_tensor(dtype, 2, shape)


cdef int _check(TensorBase gates, TensorBase hidden, TensorBase state, TensorBase bias, TensorBase other, int parts) except -1:
    if gates.ndim != 2 or hidden.ndim != 2 or state.ndim != 2:
        raise RuntimeError("the gates and the state of a cell must be matrices [batch, ...]")
    if (gates.shape[0] != hidden.shape[0] or gates.shape[1] != hidden.shape[1] or gates.shape[0] != state.shape[0]
            or gates.shape[1] != parts * state.shape[1]):
        raise RuntimeError(f"the gates of a cell, {list(shape_tuple(gates))} and {list(shape_tuple(hidden))}, must both have "
                           f"{parts} parts for each unit of the state, {list(shape_tuple(state))}")
    if (bias is None) != (other is None):
        raise RuntimeError("a cell has two biases or none")
    if gates.dtype != hidden.dtype or gates.dtype != state.dtype:
        raise RuntimeError("the gates and the state of a cell must have one dtype")
    return 0


cdef class _CellNode(Node):
    cdef object vjp(self, TensorBase g):
        return self.vjp_many([g])

    cdef object spread(self, object dgates, object dhidden, object dstate):
        """The gradients of the five inputs."""
        return (dgates, dhidden, dstate,
                dgates.sum(0) if needs(self, 3) else None, dhidden.sum(0) if needs(self, 4) else None)

    cdef object summed_gates(self):
        gates, bias = unpack(self, 0), unpack(self, 3)
        hidden, other = unpack(self, 1), unpack(self, 4)
        return (gates if bias is None else gates + bias), (hidden if other is None else hidden + other)


cdef bint _record(_CellNode node, TensorBase gates, TensorBase hidden, TensorBase state, TensorBase bias,
                  TensorBase other) except -1:
    """Links and saves the inputs. Returns whether the op is recorded."""
    cdef int i
    cdef bint wanted = wants_grad(gates) or wants_grad(hidden) or wants_grad(state)
    if not wanted and (bias is None or not (wants_grad(bias) or wants_grad(other))):
        return False
    begin(node, 5)
    reserve_saved(node, 7)
    link(node, 0, gates)
    link(node, 1, hidden)
    link(node, 2, state)
    save(node, 0, gates)
    save(node, 1, hidden)
    save(node, 2, state)
    if bias is not None:
        link(node, 3, bias)
        link(node, 4, other)
        save(node, 3, bias)
        save(node, 4, other)
    return True


# ---- lstm ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ThnnFusedLstmCellBackward0(_CellNode):
    _saves = ("input_gates", "hidden_gates", "cx", "input_bias", "hidden_bias", "workspace", "result1")

    cdef object vjp_many(self, list gradients):
        cdef Job job
        cdef TensorBase gh = gradients[0], gc = gradients[1] if len(gradients) > 1 else None
        cdef TensorBase kept, state, after, dgates, dstate
        if gh is None and gc is None:
            return None, None, None, None, None
        if thread_state.grad_enabled:
            return self.formula(gh, gc)
        kept, state, after = unpack(self, KEPT), unpack(self, 2), unpack(self, NEXT)
        cdef int dtype = state.dtype, compute = kept.dtype
        cdef int64_t rows = state.shape[0], n = state.shape[1]
        gh, gc, state, after = _ready(gh, compute), _ready(gc, compute), _ready(state, compute), _ready(after, compute)
        dgates, dstate = _room(compute, rows, 4 * n), _room(compute, rows, n)
        job.back.dgates, job.back.dstate, job.back.hidden = dgates.data, dstate.data, n
        job.back.g, job.back.g_state = _data(gh), _data(gc)
        job.back.kept, job.back.state, job.back.next_state = kept.data, state.data, after.data
        job.backward = L.lstm_backward[compute == F64]
        over_rows(_backward_body, &job, rows, rows * n * 16)
        dgates = cast(dgates, dtype)
        return self.spread(dgates, dgates, cast(dstate, dtype))

    cdef object formula(self, object gh, object gc):
        gates, hidden = self.summed_gates()
        c = unpack(self, 2)
        i, f, u, o = (gates + hidden).chunk(4, 1)
        i, f, u, o = i.sigmoid(), f.sigmoid(), u.tanh(), o.sigmoid()
        t = (f * c + i * u).tanh()
        e = 0 if gh is None else gh * o * (1 - t * t)
        e = e if gc is None else gc + e
        do = t * 0 if gh is None else gh * t * o * (1 - o)
        dgates = CARDS["cat"].op([e * u * i * (1 - i), e * c * f * (1 - f), e * i * (1 - u * u), do], 1)
        return self.spread(dgates, dgates, e * f)


def lstm_cell(TensorBase input_gates not None, TensorBase hidden_gates not None, TensorBase cx not None,
              TensorBase input_bias=None, TensorBase hidden_bias=None):
    """(h, c) after one step: ``c = f * cx + i * g``, ``h = o * tanh(c)``.

    Args:
        input_gates, hidden_gates: ``[batch, 4 * hidden]``, the products of the input and of the state before with their
            weights; the gates i, f, o go through a sigmoid and g through tanh, in the order i f g o.
        cx: ``[batch, hidden]``.
        input_bias, hidden_bias: ``[4 * hidden]``, or None for both.
    """
    cdef Job job
    cdef ThnnFusedLstmCellBackward0 node
    _check(input_gates, hidden_gates, cx, input_bias, hidden_bias, 4)
    cdef int dtype = cx.dtype, compute = compute_dtype[compute_of[cx.dtype]]
    cdef int64_t rows = cx.shape[0], n = cx.shape[1]
    cdef TensorBase x = _ready(input_gates, compute), h = _ready(hidden_gates, compute), c = _ready(cx, compute)
    cdef TensorBase bx = _ready(input_bias, compute), bh = _ready(hidden_bias, compute)
    cdef TensorBase out = _room(compute, rows, n), after = _room(compute, rows, n), kept = _room(compute, rows, 4 * n)
    job.rows.out, job.rows.next_state, job.rows.kept = out.data, after.data, kept.data
    job.rows.input_gates, job.rows.hidden_gates, job.rows.state = x.data, h.data, c.data
    job.rows.input_bias, job.rows.hidden_bias, job.rows.hidden = _data(bx), _data(bh), n
    job.forward = L.lstm[compute == F64]
    over_rows(_forward_body, &job, rows, rows * n * 32)
    out, after = cast(out, dtype), cast(after, dtype)
    node = ThnnFusedLstmCellBackward0.__new__(ThnnFusedLstmCellBackward0)
    if _record(node, input_gates, hidden_gates, cx, input_bias, hidden_bias):
        attach_many(node, [out, after])
        save(node, KEPT, kept)
        save_result(node, NEXT, after, 1)
    else:
        settle(None, out, input_gates, hidden_gates, None, False)
        settle(None, after, input_gates, hidden_gates, None, False)
    return out, after


# ---- gru -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ThnnFusedGruCellBackward0(_CellNode):
    _saves = ("input_gates", "hidden_gates", "hx", "input_bias", "hidden_bias", "workspace")

    cdef object vjp_many(self, list gradients):
        cdef Job job
        cdef TensorBase g = gradients[0]
        cdef TensorBase kept, state, dgates, dhidden, dstate
        if g is None:
            return None, None, None, None, None
        if thread_state.grad_enabled:
            return self.formula(g)
        kept, state = unpack(self, KEPT), unpack(self, 2)
        cdef int dtype = state.dtype, compute = kept.dtype
        cdef int64_t rows = state.shape[0], n = state.shape[1]
        g, state = _ready(g, compute), _ready(state, compute)
        dgates, dhidden = _room(compute, rows, 3 * n), _room(compute, rows, 3 * n)
        dstate = _room(compute, rows, n)
        job.back.dgates, job.back.dhidden_gates, job.back.dstate = dgates.data, dhidden.data, dstate.data
        job.back.g, job.back.kept, job.back.state, job.back.hidden = g.data, kept.data, state.data, n
        job.backward = L.gru_backward[compute == F64]
        over_rows(_backward_body, &job, rows, rows * n * 16)
        return self.spread(cast(dgates, dtype), cast(dhidden, dtype), cast(dstate, dtype))

    cdef object formula(self, object g):
        gates, hidden = self.summed_gates()
        h = unpack(self, 2)
        rx, zx, ux = gates.chunk(3, 1)
        rh, zh, own = hidden.chunk(3, 1)
        r, z = (rx + rh).sigmoid(), (zx + zh).sigmoid()
        u = (ux + r * own).tanh()
        du = g * (1 - z) * (1 - u * u)
        dr, dz = du * own * r * (1 - r), g * (h - u) * z * (1 - z)
        cat = CARDS["cat"].op
        return self.spread(cat([dr, dz, du], 1), cat([dr, dz, du * r], 1), g * z)


def gru_cell(TensorBase input_gates not None, TensorBase hidden_gates not None, TensorBase hx not None,
             TensorBase input_bias=None, TensorBase hidden_bias=None):
    """The state after one step: ``n + z * (hx - n)`` with ``n = tanh(x_n + r * h_n)``.

    Args:
        input_gates, hidden_gates: ``[batch, 3 * hidden]``, the products of the input and of the state before with their
            weights, in the order r z n; r and z go through a sigmoid.
        hx: ``[batch, hidden]``.
        input_bias, hidden_bias: ``[3 * hidden]``, or None for both.
    """
    cdef Job job
    cdef ThnnFusedGruCellBackward0 node
    _check(input_gates, hidden_gates, hx, input_bias, hidden_bias, 3)
    cdef int dtype = hx.dtype, compute = compute_dtype[compute_of[hx.dtype]]
    cdef int64_t rows = hx.shape[0], n = hx.shape[1]
    cdef TensorBase x = _ready(input_gates, compute), h = _ready(hidden_gates, compute), state = _ready(hx, compute)
    cdef TensorBase bx = _ready(input_bias, compute), bh = _ready(hidden_bias, compute)
    cdef TensorBase out = _room(compute, rows, n), kept = _room(compute, rows, 4 * n)
    job.rows.out, job.rows.kept, job.rows.hidden = out.data, kept.data, n
    job.rows.input_gates, job.rows.hidden_gates, job.rows.state = x.data, h.data, state.data
    job.rows.input_bias, job.rows.hidden_bias = _data(bx), _data(bh)
    job.forward = L.gru[compute == F64]
    over_rows(_forward_body, &job, rows, rows * n * 32)
    out = cast(out, dtype)
    node = ThnnFusedGruCellBackward0.__new__(ThnnFusedGruCellBackward0)
    if _record(node, input_gates, hidden_gates, hx, input_bias, hidden_bias):
        attach_many(node, [out])
        save(node, KEPT, kept)
    else:
        settle(None, out, input_gates, hidden_gates, None, False)
    return out


register(Card("lstm_cell_step", lstm_cell, ThnnFusedLstmCellBackward0, "layer", method=False, function=False))
register(Card("gru_cell_step", gru_cell, ThnnFusedGruCellBackward0, "layer", method=False, function=False))
