"""Recurrent layers, RNN LSTM GRU, and their cells. What a layer does step by step is in `recurrence`."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import init
from dynagrad.nn.modules.module import Module
from dynagrad.nn.modules.recurrence import gru_step, lstm_step, rnn_step, run_layers
from dynagrad.nn.parameter import Parameter
from dynagrad.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_PARTS = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights, layers, directions, packed sequences.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size, hidden_size: sizes of an input and of a state.
        num_layers: layers, each on the outputs of the one below.
        bias: whether there are biases.
        batch_first: whether inputs are ``[N, L, size]`` instead of ``[L, N, size]``.
        dropout: the probability with which outputs between layers are dropped in training.
        bidirectional: whether a second pass runs from the end.
        proj_size: the size to which the states of an LSTM are projected; 0 for none.
    """

    __constants__ = [
        "batch_first",
        "bias",
        "bidirectional",
        "dropout",
        "hidden_size",
        "input_size",
        "mode",
        "num_layers",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_sizes(mode, hidden_size, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        directions = 2 if bidirectional else 1
        out = proj_size or hidden_size
        for layer in range(num_layers):
            size = input_size if layer == 0 else out * directions
            for direction in range(directions):
                self._add_weights(layer, direction, size, out, device, dtype)
        self.reset_parameters()

    def _add_weights(self, layer: int, direction: int, size: int, out: int, device: Any, dtype: Any) -> None:
        gates = _PARTS[self.mode] * self.hidden_size
        suffix = f"_l{layer}" + ("_reverse" if direction else "")
        shapes: list[tuple[str, tuple[int, ...]]] = [("weight_ih", (gates, size)), ("weight_hh", (gates, out))]
        if self.bias:
            shapes += [("bias_ih", (gates,)), ("bias_hh", (gates,))]
        if self.proj_size:
            shapes.append(("weight_hr", (self.proj_size, self.hidden_size)))
        names = [name + suffix for name, _ in shapes]
        for name, (_, shape) in zip(names, shapes, strict=True):
            setattr(self, name, Parameter(dynagrad.empty(shape, device=device, dtype=dtype)))
        self._flat_weights_names.extend(names)
        self._all_weights.append(names)

    def reset_parameters(self) -> None:
        """Draws all weights from ``U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do: the weights need not lie side by side."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that an initial state must have."""
        batch = int(batch_sizes[0]) if batch_sizes is not None else input.size(0 if self.batch_first else 1)
        return self._states, batch, self.proj_size or self.hidden_size

    @property
    def _states(self) -> int:
        return self.num_layers * (2 if self.bidirectional else 1)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises ValueError or RuntimeError for an input of the wrong dtype or size."""
        weight = self._flat_weights[0]
        if input.dtype is not weight.dtype:
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype})")
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )
        if batch_sizes is None and not input.size(1 if self.batch_first else 0):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, ...], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises RuntimeError for a state of another shape."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state, or states, with the members of the batch in another order."""
        if permutation is None or hx is None:
            return hx
        if isinstance(hx, tuple):
            return tuple(_apply_permutation(each, permutation) for each in hx)
        return _apply_permutation(hx, permutation)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises ValueError or RuntimeError for an input or a state that does not fit."""
        self.check_input(input, batch_sizes)
        self._check_states(hidden, input, batch_sizes)

    def _check_states(self, hx: Any, input: Tensor, batch_sizes: Tensor | None) -> None:
        expected = self.get_expected_hidden_size(input, batch_sizes)
        if self.mode != "LSTM":
            self.check_hidden_size(hx, expected)
            return
        self.check_hidden_size(hx[0], expected, "Expected hidden[0] size {}, got {}")
        cell = self.get_expected_cell_size(input, batch_sizes)  # an LSTM has it
        self.check_hidden_size(hx[1], cell, "Expected hidden[1] size {}, got {}")

    def _first_states(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        states, batch, size = self.get_expected_hidden_size(input, batch_sizes)
        h = input.new_zeros((states, batch, size))
        return h if self.mode != "LSTM" else (h, input.new_zeros((states, batch, self.hidden_size)))

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
        if hx is not None:
            hx = self._batched_states(hx, batched)
        self.check_input(input, None)
        if hx is None:
            hx = self._first_states(input, None)
        self._check_states(hx, input, None)
        steps = input.transpose(0, 1) if self.batch_first else input
        output, states = run_layers(self, steps, hx, None)
        if self.batch_first:
            output = output.transpose(0, 1)
        if batched:
            return output, states
        output = output.squeeze(0 if self.batch_first else 1)
        states = tuple(each.squeeze(1) for each in states) if isinstance(states, tuple) else states.squeeze(1)
        return output, states

    def _batched_states(self, hx: Any, batched: bool) -> Any:
        parts = hx if isinstance(hx, (tuple, list)) else (hx,)
        wanted = 3 if batched else 2
        for each in parts:
            if each.dim() != wanted:
                kind = "batched 3-D" if batched else "unbatched 2-D"
                raise RuntimeError(f"For {kind} input, hx should also be {wanted}-D but got {each.dim()}-D tensor")
        if not batched:
            parts = tuple(each.unsqueeze(1) for each in parts)
        return tuple(parts) if self.mode == "LSTM" else parts[0]

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, order, back = packed
        self.check_input(data, batch_sizes)
        hx = self._first_states(data, batch_sizes) if hx is None else self.permute_hidden(hx, order)
        self._check_states(hx, data, batch_sizes)
        output, states = run_layers(self, data, hx, batch_sizes.tolist())
        return PackedSequence(output, batch_sizes, order, back), self.permute_hidden(states, back)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        shown = (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        )
        for name, usual in shown:
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text


def _check_sizes(mode: str, hidden_size: int, num_layers: int, dropout: Any, proj_size: int) -> None:
    if mode not in _PARTS:
        raise ValueError("Unrecognized RNN mode: " + mode)
    if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):  # type: ignore[operator]  # Number has no order
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:  # type: ignore[operator]  # likewise
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    if not isinstance(hidden_size, int):
        raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    return tensor.index_select(dim, permutation)


class RNN(RNNBase):
    """``h = tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)``, or relu instead of tanh.

    Args:
        input_size, hidden_size, num_layers: see :class:`RNNBase`; after them ``nonlinearity``, "tanh" or "relu".

    Returns:
        ``(output, h_n)``: the states of the last layer at all steps, and of all layers at the last step.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_" + self.nonlinearity.upper(), *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory: a state h and a memory c, with gates.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size: see :class:`RNNBase`.

    Returns:
        ``(output, (h_n, c_n))``.

    >>> import dynagrad
    >>> output, (h, c) = dynagrad.nn.LSTM(3, 4)(dynagrad.ones(5, 1, 3))
    >>> output.shape, h.shape
    (torch.Size([5, 1, 4]), torch.Size([1, 1, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that an initial memory must have."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)


class GRU(RNNBase):
    """Gated recurrent units: a state with a gate that resets it and one that keeps it.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: see :class:`RNNBase`.

    Returns:
        ``(output, h_n)``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


# ---- cells -----------------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells share: their weights."""

    __constants__ = ["bias", "hidden_size", "input_size"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(dynagrad.empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(dynagrad.empty((gates, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(dynagrad.empty(gates, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights from ``U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _check(self, input: Tensor, *states: Tensor) -> None:
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for each in states:
            if each.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected hidden to be 1D or 2D, got {each.ndim}D instead")
            if each.shape[-1] != self.hidden_size or (input.ndim == 2 and input.shape[0] != each.shape[0]):
                raise RuntimeError(
                    f"{name}: the state of shape {list(each.shape)} does not fit an input of shape {list(input.shape)} and "
                    f"hidden_size {self.hidden_size}"
                )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}")


class RNNCell(RNNCellBase):
    """One step of an RNN: ``tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)``, or relu instead of tanh."""

    __constants__ = ["bias", "hidden_size", "input_size", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        if hx is None:
            hx = input.new_zeros((*input.shape[:-1], self.hidden_size))
        self._check(input, hx)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return rnn_step(input, hx, weights, self.nonlinearity == "relu")


class LSTMCell(RNNCellBase):
    """One step of an LSTM.

    Args:
        input_size, hidden_size: sizes of an input and of a state.
        bias: whether there are biases.

    Returns:
        ``(h, c)``.

    >>> import dynagrad
    >>> h, c = dynagrad.nn.LSTMCell(3, 4)(dynagrad.ones(1, 3))
    >>> h.shape
    torch.Size([1, 4])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        if hx is None:
            zeros = input.new_zeros((*input.shape[:-1], self.hidden_size))
            hx = (zeros, zeros)
        h, c = hx
        self._check(input, h, c)
        return lstm_step(input, h, c, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if hx is None:
            hx = input.new_zeros((*input.shape[:-1], self.hidden_size))
        self._check(input, hx)
        return gru_step(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
