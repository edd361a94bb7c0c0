"""``probs`` or ``logits``: the two ways to give a probability, for the distributions that take either."""

from __future__ import annotations

from typing import Any, ClassVar

from dynagrad import Size, Tensor
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__: list[str] = []


class Odds(Distribution):
    """A distribution of a probability, or with ``_binary = False`` of a vector of them along the last dimension.

    What is given is kept; the other one is made when it is first read.
    """

    _parameters: ClassVar[tuple[str, ...]] = ("probs", "logits")
    _binary = True

    def _take(self, probs: Any, logits: Any) -> Size:
        """Keeps the one that is given, and returns the shape of the batch. ValueError unless it is exactly one."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        given = probs if logits is None else logits
        if self._binary:
            (given,) = broadcast_all(given)
            shape = given.shape
        else:
            if given.dim() < 1:
                raise ValueError(
                    f"`{'probs' if logits is None else 'logits'}` parameter must be at least one-dimensional."
                )
            # Every distribution over k choices is one of logits of sum 1, or of probabilities of any positive sum.
            given = given / given.sum(-1, keepdim=True) if logits is None else given - given.logsumexp(-1, keepdim=True)
            shape = given.shape[:-1]
        if logits is None:
            self.probs = given
        else:
            self.logits = given
        return Size(shape)

    @property
    def _param(self) -> Tensor:
        # Reading the one that was not given would make it.
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, is_binary=self._binary)

    @lazy_property
    def logits(self) -> Tensor:
        """Their log-odds, or logarithms."""
        return probs_to_logits(self.probs, is_binary=self._binary)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._param.size()
