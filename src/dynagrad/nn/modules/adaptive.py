"""AdaptiveLogSoftmaxWithLoss: a softmax over many classes of which rare ones get small weights of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.container import ModuleList, Sequential
from dynagrad.nn.modules.linear import Linear
from dynagrad.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The negative log-likelihood of targets among many classes, numbered from the most frequent to the rarest.

    The head scores the classes below the first cutoff, and each cluster of further classes as one. A cluster's own
    layers, narrower from cluster to cluster, tell its classes apart, and run only where a target lies in it.

    Args:
        in_features: size of the inputs.
        n_classes: number of classes.
        cutoffs: the first class of every cluster, ascending.
        div_value: what the width of the layers is divided by from cluster to cluster.
        head_bias: whether the head has a bias.

    Raises:
        ValueError: ``cutoffs`` is empty, not ascending, or not within the classes.
        RuntimeError: input and target do not fit together, or a target is no class.

    Inputs are (N, in_features) and targets (N), or one of each without N. Returns ``output``, with the log-probability
    of each target, and ``loss``.

    >>> import dynagrad
    >>> layer = dynagrad.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[4, 10])
    >>> layer(dynagrad.ones(3, 16), dynagrad.tensor([0, 5, 19])).output.shape
    torch.Size([3])
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        firsts = list(cutoffs)
        _check_cutoffs(firsts, n_classes)
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*firsts, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = firsts[0], len(firsts)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            inner = Linear(in_features, width, False, device, dtype)
            self.tail.append(Sequential(inner, Linear(width, classes, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draws all weights anew, the head's first."""
        for layer in (self.head, *(layer for cluster in self.tail for layer in cluster)):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """``[N, in_features]`` and ``[N]`` to an output ``[N]`` and a loss."""
        _check_dims(input_, target_)
        if target_.dim() == 0:
            output, loss = self(input_.unsqueeze(0), target_.unsqueeze(0))
            return _ASMoutput(output.squeeze(0), loss)
        self._check_range(target_)
        cluster = dynagrad.bucketize(target_, target_.new_tensor(self.cutoffs), right=True)
        column = dynagrad.where(cluster == 0, target_, (cluster + (self.shortlist_size - 1)).to(target_.dtype))
        within_cluster = input_.new_zeros(target_.size(0))
        for i, layers in enumerate(self.tail):
            rows = (cluster == i + 1).nonzero().squeeze(1)
            if rows.numel():
                within = target_[rows] - self.cutoffs[i]
                logs = F.log_softmax(layers(input_.index_select(0, rows)), dim=1)
                within_cluster.index_copy_(0, rows, logs.gather(1, within.unsqueeze(1)).squeeze(1))
        heads = F.log_softmax(self.head(input_), dim=1)
        output = within_cluster + heads.gather(1, column.unsqueeze(1)).squeeze(1)
        return _ASMoutput(output, (-output).mean())

    def _check_range(self, target: Tensor) -> None:
        if ((target < 0) | (target >= self.n_classes)).any():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )

    def _all_logs(self, input: Tensor, scores: Tensor) -> Tensor:
        """The log-probabilities of all classes from the head's scores."""
        heads = F.log_softmax(scores, dim=1)
        parts = [heads[:, : self.shortlist_size]]
        for column, layers in enumerate(self.tail, self.shortlist_size):
            parts.append(F.log_softmax(layers(input), dim=1) + heads[:, column : column + 1])
        return dynagrad.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: ``[N, in_features]`` to ``[N, n_classes]``.

        >>> import dynagrad
        >>> layer = dynagrad.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[4, 10])
        >>> layer.log_prob(dynagrad.ones(3, 16)).shape
        torch.Size([3, 20])
        """
        return self._all_logs(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each input, ``[N, in_features]`` to ``[N]``; clusters run where the head chose one.

        >>> import dynagrad
        >>> layer = dynagrad.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[4, 10])
        >>> layer.predict(dynagrad.ones(3, 16)).shape
        torch.Size([3])
        """
        scores = self.head(input)
        best = scores.argmax(dim=1)
        open_ = best >= self.shortlist_size
        if open_.any():
            best[open_] = self._all_logs(input[open_], scores[open_]).argmax(dim=1)
        return best


def _check_cutoffs(cutoffs: list[int], n_classes: int) -> None:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    ascending = all(low < high for low, high in zip([0, *cutoffs], [*cutoffs, n_classes], strict=True))
    if not ascending or any(int(cutoff) != cutoff for cutoff in cutoffs):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
            "is between 1 and n_classes-1"
        )


def _check_dims(input: Tensor, target: Tensor) -> None:
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input.size(0) != target.size(0):
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found inputs with size "
            f"{input.size()}"
        )
