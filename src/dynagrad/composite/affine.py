"""affine_grid_generator and ctc_loss, as far as they are made of ops."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad.tensor import Tensor

_linspace, _ones, _stack = CARDS["linspace"].op, CARDS["ones"].op, CARDS["stack"].op
_where, _zeros = CARDS["where"].op, CARDS["zeros"].op
_ctc_losses = CARDS["ctc_losses"].op


def _centres(size: int, theta: Tensor, align_corners: bool) -> Tensor:
    """The centres of so many pixels between -1 and 1."""
    if size <= 1:
        return _ones(size, dtype=theta.dtype) * 0
    line = _linspace(-1, 1, size, dtype=theta.dtype)
    return line if align_corners else line * (size - 1) / size


def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """The places (N, ..., 2 or 3) that affine maps, (N, 2, 3) or (N, 3, 4), give to the pixels of size (N, C, ...).

    >>> import dynagrad
    >>> theta = dynagrad.tensor([[[1., 0., 0.], [0., 1., 0.]]])
    >>> dynagrad.affine_grid_generator(theta, (1, 1, 1, 2), True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    spatial = list(size)[2:]
    rank = len(spatial)
    axes = []
    for i, n in enumerate(spatial):
        shape = [1] * rank
        shape[i] = n
        axes.append(_centres(n, theta, align_corners).view(shape).expand(spatial))
    places = _stack([*reversed(axes), _ones(spatial, dtype=theta.dtype)], -1).view(-1, rank + 1)
    return places.expand(size[0], *places.shape).bmm(theta.transpose(1, 2)).view(size[0], *spatial, rank)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification (Graves and others, 2006) of log_probs (T, N, classes) or (T, classes).

    reduction is 0 for the loss of each item, 1 for the mean of losses by their targets' lengths, 2 for the sum.

    >>> import dynagrad
    >>> x = dynagrad.zeros(2, 1, 2).log_softmax(2)
    >>> dynagrad.ctc_loss(x, dynagrad.tensor([[1]]), (2,), (1,))
    tensor(0.2877)
    """
    single = log_probs.dim() == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    losses = _ctc_losses(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)
    if zero_infinity:
        losses = _where(losses.isinf(), _zeros((), dtype=losses.dtype), losses)
    if reduction == 1:
        lengths = target_lengths if isinstance(target_lengths, Tensor) else type(losses)(list(target_lengths))
        return (losses / lengths.reshape(-1).to(losses.dtype).clamp(min=1)).mean()
    if reduction == 2:
        return losses.sum()
    return losses.squeeze(0) if single else losses


register(Card("affine_grid_generator", affine_grid_generator, None, "layer", method=False))
register(Card("ctc_loss", ctc_loss, None, "layer", method=False))
