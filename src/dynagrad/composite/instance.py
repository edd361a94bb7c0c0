"""instance_norm: batch_norm in which every item's channels are channels of their own."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad.tensor import Tensor

_batch_norm = CARDS["batch_norm"].op


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,  # noqa: ARG001  # a part of the signature
) -> Tensor:
    """Normalises each channel of each item of (N, C, ...).

    Raises RuntimeError for fewer than three dimensions, or without running statistics where they are asked for.

    >>> import dynagrad
    >>> x = dynagrad.tensor([[[1., 3.], [2., 6.]]])
    >>> dynagrad.instance_norm(x, None, None, None, None, True, 0.1, 0.)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    if input.dim() < 3:
        raise RuntimeError(f"Expected at least 3 dimensions, (N, C, ...), got input of size {list(input.shape)}")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, c, *rest = input.shape
    repeated: list[Any] = [None if v is None else v.repeat(n) for v in (weight, bias, running_mean, running_var)]
    made = _batch_norm(input.contiguous().view(1, n * c, *rest), *repeated, use_input_stats, momentum, eps)
    for running, fresh in ((running_mean, repeated[2]), (running_var, repeated[3])):
        if running is not None and use_input_stats:
            running.copy_(fresh.view(n, c).mean(0))
    return made.view(n, c, *rest)


register(Card("instance_norm", instance_norm, None, "layer", method=False))
