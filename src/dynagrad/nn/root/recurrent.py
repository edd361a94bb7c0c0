"""Recurrent layers and cells at the root: functions of an input, a state, and the weights as one list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynagrad import Tensor
from dynagrad._core.card import says_what_is_no_tensor
from dynagrad.nn.modules.recurrence import gru_step, lstm_step, rnn_step, run_layers

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]


class _Layers:
    """The weights of a recurrent module without the module: what `run_layers` asks for."""

    def __init__(
        self,
        mode: str,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> None:
        self.mode, self.bias, self.num_layers = mode, has_biases, num_layers
        self.dropout, self.training, self.bidirectional = dropout, train, bidirectional
        each = 4 if has_biases else 2
        cells = num_layers * (2 if bidirectional else 1)
        if mode == "LSTM" and len(params) == cells * (each + 1):
            each += 1  # a projection of the state
        if len(params) != cells * each:
            raise RuntimeError(f"got an incorrect number of RNN parameters: {len(params)} for {cells * each}")
        self.all_weights = [list(params[i : i + each]) for i in range(0, len(params), each)]


def _layer(mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, Any]:
    """Either form of the arguments: of a padded batch, or of a packed sequence with its batch sizes."""
    packed = "batch_sizes" in kwargs or "data" in kwargs or (len(args) > 3 and not isinstance(args[3], (bool, int)))
    names = ["data", "batch_sizes"] if packed else ["input"]
    names += ["hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional"]
    names += [] if packed else ["batch_first"]
    name = mode.lower()
    if len(args) > len(names):
        raise TypeError(f"{name}() takes {len(names)} positional arguments but {len(args)} were given")
    given = dict(zip(names, args, strict=False)) | kwargs
    missing = [each for each in names if each not in given]
    if missing or len(given) != len(names):
        wrong = f"missing {missing[0]!r}" if missing else f"an unexpected {(set(given) - set(names)).pop()!r}"
        raise TypeError(f"{name}() received an invalid combination of arguments: {wrong} of ({', '.join(names)})")
    input, hx = given["data" if packed else "input"], given["hx"]
    if mode == "LSTM":
        if len(hx) != 2:
            raise RuntimeError("lstm expects two hidden states")
        hx = tuple(hx)
    options = [given[each] for each in names[-6 if packed else -7 :]][:6]
    layers = _Layers(mode, *options)
    if packed:
        return run_layers(layers, input, hx, given["batch_sizes"].tolist())
    batch_first = given["batch_first"]
    output, state = run_layers(layers, input.transpose(0, 1) if batch_first else input, hx, None)
    return (output.transpose(0, 1) if batch_first else output), state


@says_what_is_no_tensor
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """A stack of LSTM layers.

    Args:
        args: ``(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or for a packed
            sequence ``(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``. ``hx`` is
            the pair (h, c) of ``[layers * directions, N, size]``; ``params`` the weights of every layer and direction in
            the order of ``LSTM.parameters()``, each with its projection if there is one.
        kwargs: the same, by name.

    Returns:
        ``(output, h_n, c_n)``.

    >>> import dynagrad as torch
    >>> layer, zeros = torch.nn.LSTM(3, 4), torch.zeros(1, 2, 4)
    >>> output, h, c = torch.lstm(
    ...     torch.ones(5, 2, 3), (zeros, zeros), list(layer.parameters()), True, 1, 0.0, False, False, False
    ... )
    >>> output.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """
    output, (h, c) = _layer("LSTM", args, kwargs)
    return output, h, c


@says_what_is_no_tensor
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """A stack of GRU layers: ``(output, h_n)``. The arguments are those of `lstm`, with one state.

    >>> import dynagrad as torch
    >>> weights = list(torch.nn.GRU(3, 4).parameters())
    >>> torch.gru(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    return _layer("GRU", args, kwargs)


@says_what_is_no_tensor
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """A stack of RNN layers with tanh: ``(output, h_n)``. The arguments are those of `lstm`, with one state.

    >>> import dynagrad as torch
    >>> weights = list(torch.nn.RNN(3, 4).parameters())
    >>> torch.rnn_tanh(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    return _layer("RNN_TANH", args, kwargs)


@says_what_is_no_tensor
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """A stack of RNN layers with relu: ``(output, h_n)``. The arguments are those of `lstm`, with one state.

    >>> import dynagrad as torch
    >>> weights = list(torch.nn.RNN(3, 4).parameters())
    >>> torch.rnn_relu(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    return _layer("RNN_RELU", args, kwargs)


def _check_cell(input: Tensor, states: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor) -> None:
    if input.size(1) != w_ih.size(1):
        raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {w_ih.size(1)}")
    for i, hx in enumerate(states):
        if input.size(0) != hx.size(0):
            raise RuntimeError(f"Input batch size {input.size(0)} doesn't match hidden{i} batch size {hx.size(0)}")
        if hx.size(1) != w_hh.size(1):
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {hx.size(1)}, expected {w_hh.size(1)}")


@says_what_is_no_tensor
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``(h, c)`` after one step of an LSTM from ``[N, size]``, ``hx`` being the pair before.

    >>> import dynagrad as torch
    >>> zeros = torch.zeros(1, 2)
    >>> torch.lstm_cell(torch.ones(1, 3), (zeros, zeros), torch.zeros(8, 3), torch.zeros(8, 2))
    (tensor([[0., 0.]]), tensor([[0., 0.]]))
    """
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    _check_cell(input, hx, w_ih, w_hh)
    return lstm_step(input, hx[0], hx[1], w_ih, w_hh, b_ih, b_hh)


@says_what_is_no_tensor
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """The state after one step of a GRU from ``[N, size]``.

    >>> import dynagrad as torch
    >>> torch.gru_cell(torch.ones(1, 3), torch.ones(1, 2), torch.zeros(6, 3), torch.zeros(6, 2))
    tensor([[0.5000, 0.5000]])
    """
    _check_cell(input, (hx,), w_ih, w_hh)
    return gru_step(input, hx, w_ih, w_hh, b_ih, b_hh)


@says_what_is_no_tensor
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """The state after one step: ``tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)``.

    >>> import dynagrad as torch
    >>> torch.rnn_tanh_cell(torch.zeros(1, 3), torch.ones(1, 2), torch.zeros(2, 3), torch.eye(2))
    tensor([[0.7616, 0.7616]])
    """
    _check_cell(input, (hx,), w_ih, w_hh)
    return rnn_step(input, hx, (w_ih, w_hh, b_ih, b_hh), False)


@says_what_is_no_tensor
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """The state after one step: ``relu(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)``.

    >>> import dynagrad as torch
    >>> torch.rnn_relu_cell(torch.zeros(1, 3), torch.ones(1, 2), torch.zeros(2, 3), torch.eye(2))
    tensor([[1., 1.]])
    """
    _check_cell(input, (hx,), w_ih, w_hh)
    return rnn_step(input, hx, (w_ih, w_hh, b_ih, b_hh), True)
