"""What the distributions share that are built upon one over choices."""

from __future__ import annotations

from typing import Any

from dynagrad import Size, Tensor
from dynagrad.distributions.categorical import Categorical
from dynagrad.distributions.distribution import Distribution

__all__: list[str] = []


class OverCategorical(Distribution):
    """A distribution of vectors with an element for each choice of ``_categorical``."""

    _categorical: Categorical

    @property
    def probs(self) -> Tensor:
        """The probabilities of the choices."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._categorical.param_shape

    def _take(self, probs: Any, logits: Any) -> tuple[Size, Size]:
        """The shapes of the batch and of an event."""
        self._categorical = Categorical(probs, logits)
        return self._categorical.batch_shape, self._categorical.param_shape[-1:]
