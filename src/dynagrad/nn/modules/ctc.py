"""CTCLoss."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.loss import _Loss

__all__ = ["CTCLoss"]


class CTCLoss(_Loss):
    """Connectionist temporal classification: see `nn.functional.ctc_loss`.

    Args:
        blank: the class that stands for no label.
        reduction: "none", "mean" or "sum".
        zero_infinity: whether targets that no path spells count 0, with no gradient.
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        """The loss of logarithms of probabilities (T, N, classes)."""
        lengths = (input_lengths, target_lengths)
        return F.ctc_loss(log_probs, targets, *lengths, self.blank, self.reduction, self.zero_infinity)
