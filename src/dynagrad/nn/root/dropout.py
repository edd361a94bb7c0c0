"""Dropout at the root: ``(input, p, train)``, of elements or of whole channels, keeping scale or mean and variance."""

from __future__ import annotations

from collections.abc import Callable

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import says_what_is_no_tensor
from dynagrad.nn.functional.dropout import _alpha_dropped, _dropped

__all__ = [
    "alpha_dropout",
    "alpha_dropout_",
    "dropout",
    "dropout_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "native_dropout",
]


def _drop(
    how: Callable[..., Tensor], input: Tensor, p: float, train: bool, inplace: bool, feature: bool = False
) -> Tensor:
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    return how(input, p, train, inplace, feature)


@says_what_is_no_tensor
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Elements become 0 with probability ``p``, the others are divided by ``1 - p``; nothing happens outside of training.

    RuntimeError for a probability outside of [0, 1].

    >>> import dynagrad as torch
    >>> torch.dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _drop(_dropped, input, p, train, False)


@says_what_is_no_tensor
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.dropout_(torch.ones(2), 1.0, True)
    tensor([0., 0.])
    """
    return _drop(_dropped, input, p, train, True)


@says_what_is_no_tensor
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` of whole channels of ``[N, C, ...]``. RuntimeError for fewer than two dimensions.

    >>> import dynagrad as torch
    >>> torch.feature_dropout(torch.ones(1, 2), 1.0, True)
    tensor([[0., 0.]])
    """
    return _drop(_dropped, input, p, train, False, True)


@says_what_is_no_tensor
def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.feature_dropout_(torch.ones(1, 2), 1.0, True)
    tensor([[0., 0.]])
    """
    return _drop(_dropped, input, p, train, True, True)


@says_what_is_no_tensor
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for networks with SELU (Klambauer et al., 2017).

    >>> import dynagrad as torch
    >>> torch.alpha_dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _drop(_alpha_dropped, input, p, train, False)


@says_what_is_no_tensor
def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.alpha_dropout_(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _drop(_alpha_dropped, input, p, train, True)


@says_what_is_no_tensor
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` of whole channels of ``[N, C, ...]``.

    >>> import dynagrad as torch
    >>> torch.feature_alpha_dropout(torch.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _drop(_alpha_dropped, input, p, train, False, True)


@says_what_is_no_tensor
def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_alpha_dropout` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.feature_alpha_dropout_(torch.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _drop(_alpha_dropped, input, p, train, True, True)


@says_what_is_no_tensor
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`dropout`, and the bool mask of what was kept. ``train`` None counts as True.

    >>> import dynagrad as torch
    >>> torch.native_dropout(torch.ones(2), 0.5, False)
    (tensor([1., 1.]), tensor([True, True]))
    """
    if train is not None and not train:
        return input.clone(), dynagrad.ones_like(input, dtype=dynagrad.bool)
    kept = dynagrad.empty_like(input).bernoulli_(1 - p) if input.numel() else dynagrad.empty_like(input)
    scale = 0.0 if p == 1 else 1.0 / (1.0 - p)
    return input * kept * scale, kept.bool()
