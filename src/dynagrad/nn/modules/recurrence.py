"""The steps of recurrent layers: of one cell, of a layer over time, of layers in both directions, over packed sequences.

What a gated cell does after its two products is one native op (`_core/ops/cells.pyx`). The products of a layer's inputs
do not depend on the state, so they are taken for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS, interposed

_lstm = CARDS["lstm_cell_step"].op
_gru = CARDS["gru_cell_step"].op
_linear = CARDS["linear"].op

State = Any  # a tensor, or for LSTM a pair of them


def lstm_step(
    input: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """``(h, c)`` after one step from ``[N, size]``, or from a single input ``[size]``."""
    if input.ndim == 1:
        h, c = lstm_step(input.unsqueeze(0), h.unsqueeze(0), c.unsqueeze(0), weight_ih, weight_hh, bias_ih, bias_hh)
        return h.squeeze(0), c.squeeze(0)
    return _lstm(_linear(input, weight_ih), _linear(h, weight_hh), c, bias_ih, bias_hh)


def gru_step(
    input: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor | None, bias_hh: Tensor | None
) -> Tensor:
    """The state after one step."""
    if input.ndim == 1:
        return gru_step(input.unsqueeze(0), h.unsqueeze(0), weight_ih, weight_hh, bias_ih, bias_hh).squeeze(0)
    return _gru(_linear(input, weight_ih), _linear(h, weight_hh), h, bias_ih, bias_hh)


def rnn_step(input: Tensor, h: Tensor, weights: tuple[Any, ...], relu: bool) -> Tensor:
    """The state after one step."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    made = _linear(input, weight_ih, bias_ih) + _linear(h, weight_hh, bias_hh)
    return made.relu() if relu else made.tanh()


# ---- a layer over time -----------------------------------------------------------------------------------------------


def _stepper(mode: str, weights: list[Tensor], bias: bool) -> Callable[[Tensor, State], State]:
    """The function from the product of an input and the state before to the state after."""
    weight_hh = weights[1]
    bias_hh = weights[3] if bias else None
    bias_ih = weights[2] if bias else None
    projection = weights[-1] if len(weights) in (3, 5) else None

    def lstm(gates: Tensor, state: State) -> State:
        h, c = _lstm(gates, _linear(state[0], weight_hh), state[1], bias_ih, bias_hh)
        return (h if projection is None else _linear(h, projection)), c

    def gru(gates: Tensor, state: State) -> State:
        return _gru(gates, _linear(state, weight_hh), state, bias_ih, bias_hh)

    def tanh(gates: Tensor, state: State) -> State:
        return (gates + _linear(state, weight_hh, bias_hh)).tanh()

    def relu(gates: Tensor, state: State) -> State:
        return (gates + _linear(state, weight_hh, bias_hh)).relu()

    return {"LSTM": lstm, "GRU": gru, "RNN_TANH": tanh, "RNN_RELU": relu}[mode]


def _out(state: State) -> Tensor:
    return state[0] if isinstance(state, tuple) else state


def _each(state: State, fn: Callable[..., Tensor]) -> State:
    return tuple(fn(each) for each in state) if isinstance(state, tuple) else fn(state)


def _run(layer: Any, index: int, input: Tensor, state: State, sizes: list[int] | None, reverse: bool) -> Any:
    """One layer in one direction: (outputs as a sequence, the last state)."""
    weights = layer.all_weights[index]
    gated = layer.mode in ("LSTM", "GRU")
    # The biases of gated cells are added by the cell.
    products = _linear(input, weights[0], None if gated or not layer.bias else weights[2])
    step = _stepper(layer.mode, weights, layer.bias)
    if sizes is not None:
        return _run_packed(step, products, state, sizes, reverse)
    outputs = []
    steps = products.unbind(0)
    for gates in reversed(steps) if reverse else steps:
        state = step(gates, state)
        outputs.append(_out(state))
    if reverse:
        outputs.reverse()
    return dynagrad.stack(outputs), state


def _run_packed(step: Callable[..., State], products: Tensor, state: State, sizes: list[int], reverse: bool) -> Any:
    """Over a packed sequence, whose step t holds the first ``sizes[t]`` members of the batch, the longest first."""
    outputs = []
    parts = products.split(sizes)
    if not reverse:
        ended: list[State] = []
        for gates, size in zip(parts, sizes, strict=True):
            before = _out(state).shape[0]
            if size < before:
                ended.append(_each(state, lambda t, size=size, before=before: t.narrow(0, size, before - size)))
                state = _each(state, lambda t, size=size: t.narrow(0, 0, size))
            state = step(gates, state)
            outputs.append(_out(state))
        return dynagrad.cat(outputs), _joined([state, *reversed(ended)])
    first = state
    state = _each(first, lambda t: t.narrow(0, 0, sizes[-1]))
    for gates, size in zip(reversed(parts), reversed(sizes), strict=True):
        before = _out(state).shape[0]
        if size > before:
            state = _joined(
                [state, _each(first, lambda t, size=size, before=before: t.narrow(0, before, size - before))]
            )
        state = step(gates, state)
        outputs.append(_out(state))
    outputs.reverse()
    return dynagrad.cat(outputs), state


def _joined(states: list[State]) -> State:
    if isinstance(states[0], tuple):
        return tuple(dynagrad.cat(list(parts)) for parts in zip(*states, strict=True))
    return dynagrad.cat(states)


def run_layers(layer: Any, input: Tensor, states: State, sizes: list[int] | None) -> tuple[Tensor, State]:
    """All layers of a recurrent module.

    Args:
        layer: the module.
        input: ``[L, N, size]``, or the data of a packed sequence.
        states: the initial ones, ``[layers * directions, N, hidden]``; for LSTM a pair.
        sizes: the batch sizes of a packed sequence.

    Returns:
        The outputs of the last layer, and the last states.
    """
    return (lstm_layers if layer.mode == "LSTM" else _layers)(layer, input, states, sizes)


def _layers(layer: Any, input: Tensor, states: State, sizes: list[int] | None) -> tuple[Tensor, State]:
    directions = 2 if layer.bidirectional else 1
    last: list[State] = []
    for number in range(layer.num_layers):
        outputs = []
        for direction in range(directions):
            index = number * directions + direction
            first = _each(states, lambda t, index=index: t[index])
            output, state = _run(layer, index, input, first, sizes, direction == 1)
            outputs.append(output)
            last.append(state)
        input = outputs[0] if directions == 1 else dynagrad.cat(outputs, -1)
        if layer.dropout and layer.training and number < layer.num_layers - 1:
            from dynagrad.nn.functional.dropout import dropout

            input = dropout(input, layer.dropout)
    if layer.mode == "LSTM":
        return input, tuple(dynagrad.stack(list(parts)) for parts in zip(*last, strict=True))
    return input, dynagrad.stack(last)


@interposed
def lstm_layers(layer: Any, input: Tensor, states: State, sizes: list[int] | None) -> tuple[Tensor, State]:
    """Those of LSTM, of which autocast decides as a whole, where it takes other cells op by op."""
    return _layers(layer, input, states, sizes)
