"""``torch.ops.aten``: operators by the names of PyTorch's own library, as exported graphs and low-level code call them.

``torch.ops.aten.add(x, y)`` and ``torch.ops.aten.add.Tensor(x, y)`` are the function of that name, whose arguments say which
of its forms is meant: a name behind the operator's is not looked up. The operators below have no other public name. The
other libraries hold what programs define by `library`: what is compiled for PyTorch cannot be loaded.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Sequence
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS
from dynagrad.library.namespaces import OPERATORS, OpOverloadPacket
from dynagrad.nn import functional

__all__ = ["aten", "load_library"]

# Operators that PyTorch's root does not have, with the arguments of the function of their name in nn.functional.
LAYERS = frozenset(
    """
    avg_pool2d avg_pool3d elu gelu glu hardsigmoid hardswish hardtanh l1_loss leaky_relu linear mish one_hot relu6 silu
    soft_margin_loss softplus softshrink
    """.split()  # noqa: SIM905 - as a list, a name a line, they would fill a page
)


# ---- operators without another name ----------------------------------------------------------------------------------


def _slice(self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A view of the elements ``start:end:step`` of a dimension."""
    dim = dim + self.dim() if dim < 0 else dim
    return self[(*[slice(None)] * dim, slice(start, end, step))]


def _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: dynagrad.dtype) -> Tensor:
    """The derivative of softmax, from its result."""
    product = grad_output * output
    return (product - output * product.sum(dim, True)).to(input_dtype)


def _safe_softmax(self: Tensor, dim: int, dtype: dynagrad.dtype | None = None) -> Tensor:
    """Softmax, and zeros where all elements are -inf, which softmax makes NaN."""
    nothing = (self == -math.inf).all(dim, True)
    return self.masked_fill(nothing, 0).softmax(dim, dtype).masked_fill(nothing, 0)


def _upsample_bilinear2d_aa(
    input: Tensor, output_size: Sequence[int] | None, align_corners: bool, *scales: Any, **named_scales: Any
) -> Tensor:
    """Images (N, C, H, W) resampled bilinearly, smoothed where they shrink.

    Scales follow as two numbers or None, height before width; or as one sequence, which ``output_size=None`` asks for.
    """
    given = [*scales, *named_scales.values()]
    factors = list(given[0]) if given and isinstance(given[0], (tuple, list)) else [*given, None, None][:2]
    if output_size is None:
        output_size = [int(n * factor) for n, factor in zip(input.shape[2:], factors, strict=True)]
    found: Tensor = CARDS["upsample"].op(input, list(output_size), "bilinear smooth", align_corners, factors)
    return found


def max_pool2d_with_indices_backward(grad_output: Tensor, self: Tensor, *window: Any, indices: Any = None) -> Tensor:
    """The gradient of images whose largest elements were pooled, from where those are: the last argument.

    In between come kernel_size, stride, padding, dilation and ceil_mode, which the places already tell.
    """
    places = window[-1] if indices is None else indices
    lead = self.shape[:-2]
    flat = grad_output.new_zeros((*lead, self.shape[-2] * self.shape[-1]))
    found = flat.scatter_add(-1, places.flatten(-2), grad_output.flatten(-2)).view(self.shape)
    # As in PyTorch, it has a derivative by the images too, which is zero.
    return found + self.masked_fill(dynagrad.tensor(True), 0) if self.requires_grad else found


def native_dropout_backward(grad_output: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The derivative of dropout: what was kept, scaled as it was."""
    return grad_output * (mask.to(grad_output.dtype) * scale)


def _native_batch_norm_legit(input: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any) -> Any:
    """(`batch_norm`, the mean of each channel, its reciprocal deviation); two empty tensors outside of training.

    There follow running_mean, running_var, training, momentum and eps; or the last three of them alone.
    """
    running_mean, running_var = rest[:2] if len(rest) == 5 else (None, None)
    training, momentum, eps = rest[-3:]
    return dynagrad.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def _batch_norm_with_update(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> Any:
    """The same in training, and a tensor in which other devices keep what their derivative needs: here it is empty."""
    found = _native_batch_norm_legit(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return *found, input.new_empty(0, dtype=dynagrad.uint8)


OWN: dict[str, Callable[..., Any]] = {
    "slice": _slice,
    "_softmax_backward_data": _softmax_backward_data,
    "_safe_softmax": _safe_softmax,
    "_upsample_bilinear2d_aa": _upsample_bilinear2d_aa,
    "max_pool2d_with_indices_backward": max_pool2d_with_indices_backward,
    "native_dropout_backward": native_dropout_backward,
    "_native_batch_norm_legit": _native_batch_norm_legit,
    "_batch_norm_with_update": _batch_norm_with_update,
}


# ---- by name ---------------------------------------------------------------------------------------------------------


class Operator:
    """An operator of aten, or one of its forms: calls the function."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function
        self.__name__ = name.rpartition(".")[2]
        self.__doc__ = function.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, form: str) -> Operator:
        # The first holds for an object in the making too, which has no name yet.
        if form.startswith("_") or "." in self._name.removeprefix("aten."):
            raise AttributeError(f"'{self.__dict__.get('_name')}' has no attribute '{form}'")
        return Operator(f"{self._name}.{form}", self._function)

    def __copy__(self) -> Operator:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Operator:
        return self

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self._name}')>"


class Library:
    """The operators of a library, by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, operator: str) -> Operator | OpOverloadPacket:
        custom = OPERATORS.get(self.name, {}).get(operator)
        if custom is not None:
            return custom.packet
        found = function_of(operator) if self.name == "aten" and not operator.startswith("__") else None
        if found is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{operator}'")
        return Operator(f"{self.name}.{operator}", found)

    def __repr__(self) -> str:
        return f"<module 'torch.ops.{self.name}'>"


def function_of(operator: str) -> Callable[..., Any] | None:
    """The function that an operator of aten is; None if there is none."""
    if operator in OWN:
        return OWN[operator]
    if operator in LAYERS:
        return getattr(functional, operator)
    card = CARDS.get(operator)
    found = getattr(dynagrad, operator, None) or getattr(Tensor, operator, None) or (card.op if card else None)
    return None if not callable(found) or isinstance(found, (type, types.ModuleType)) else found


aten = Library("aten")


def load_library(path: str) -> None:
    """Raises NotImplementedError: operators that are compiled for PyTorch need PyTorch."""
    raise NotImplementedError(f"torch.ops.load_library: {path} is compiled for PyTorch, and dynagrad cannot run it")


def __getattr__(name: str) -> Library:
    if name.startswith("__"):
        raise AttributeError(f"module 'dynagrad.ops' has no attribute '{name}'")
    return Library(name)
