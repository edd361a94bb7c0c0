"""Losses and distances at the root. A reduction is a number: 0 for none, 1 for the mean, 2 for the sum.

PyTorch's schemas say that it is 1 by default; its functions take 0, and so do these.
"""

from __future__ import annotations

from dynagrad import Tensor
from dynagrad._core.card import says_what_is_no_tensor
from dynagrad.nn import functional as F

__all__ = [
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "hinge_embedding_loss",
    "kl_div",
    "margin_ranking_loss",
    "pairwise_distance",
    "pdist",
    "poisson_nll_loss",
    "triplet_margin_loss",
]


def _name(reduction: int) -> str:
    if not isinstance(reduction, int):
        raise TypeError(f"argument 'reduction' must be int, not {type(reduction).__name__}")
    return {1: "mean", 2: "sum"}.get(reduction, "none")


@says_what_is_no_tensor
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 0
) -> Tensor:
    """``-(t log s(x) + (1 - t) log(1 - s(x)))``, s being the sigmoid; ``pos_weight`` is a factor of the first term.

    >>> import dynagrad as torch
    >>> torch.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 1.0]), reduction=1)
    tensor(0.6931)
    """
    return F.binary_cross_entropy_with_logits(input, target, weight, None, None, _name(reduction), pos_weight)


@says_what_is_no_tensor
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """``target * (log(target) - input)``, the input being log-probabilities.

    >>> import dynagrad as torch
    >>> torch.kl_div(torch.tensor([0.5]).log(), torch.tensor([0.5]))
    tensor([0.])
    """
    loss = F.kl_div(input, target, reduction="none", log_target=log_target)
    return loss.mean() if reduction == 1 else loss.sum() if reduction == 2 else loss


@says_what_is_no_tensor
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """``exp(x) - t x``, the loss of the logarithm of a Poisson rate; or of the rate itself, and with Stirling's term.

    >>> import dynagrad as torch
    >>> torch.poisson_nll_loss(torch.zeros(1), torch.ones(1), True, False, 1e-8, 1)
    tensor(1.)
    """
    return F.poisson_nll_loss(input, target, log_input, full, None, eps, None, _name(reduction))


@says_what_is_no_tensor
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1.

    >>> import dynagrad as torch
    >>> torch.hinge_embedding_loss(torch.tensor([0.25]), torch.tensor([-1]))
    tensor([0.7500])
    """
    return F.hinge_embedding_loss(input, target, margin, reduction=_name(reduction))


@says_what_is_no_tensor
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """``max(0, -target (input1 - input2) + margin)``.

    >>> import dynagrad as torch
    >>> torch.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor([2.])
    """
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_name(reduction))


@says_what_is_no_tensor
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    >>> import dynagrad as torch
    >>> torch.cosine_embedding_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([1.0]))
    tensor([1.])
    """
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_name(reduction))


@says_what_is_no_tensor
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, d being the p-norm of the difference.

    >>> import dynagrad as torch
    >>> torch.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2), p=1.0, margin=3.0)
    tensor([1.0000])
    """
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_name(reduction))


@says_what_is_no_tensor
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along ``dim``; lengths are taken to be at least ``eps``.

    >>> import dynagrad as torch
    >>> torch.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    return F.cosine_similarity(x1, x2, dim, eps)


@says_what_is_no_tensor
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension.

    >>> import dynagrad as torch
    >>> torch.pairwise_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return F.pairwise_distance(x1, x2, p, eps, keepdim)


@says_what_is_no_tensor
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows, as the upper triangle row by row.

    >>> import dynagrad as torch
    >>> torch.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([5.])
    """
    return F.pdist(input, p)
