"""How linear_cross_entropy cuts its logits into chunks, and in which dtype it adds up. The loss is in `nn/functional`."""

from __future__ import annotations

import dataclasses
from typing import Any

import dynagrad

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = ("auto", "accurate", "balanced", "compact")
_NARROW = (dynagrad.float16, dynagrad.bfloat16)


def _factor(method: Any) -> int:
    """N of "aspect_ratio:N", 1 without it."""
    name, colon, factor = str(method).partition(":")
    factor = factor if colon else "1"
    if name != "aspect_ratio" or not factor.isdigit() or int(factor) < 1:
        raise ValueError(f"invalid chunking_method: {method!r}")
    return int(factor)


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """With it, `F.linear_cross_entropy` never holds the logits of more than a chunk of the batch.

    It pays where there are many classes, more than the rows of the input have numbers. There is no second derivative then.

    Args:
        allow_retain_graph: whether the backward of a mean or sum may run again. If not, it uses up the gradients that
            the forward pass has made, and a second one raises RuntimeError. With reduction "none" it always may.
        batch_chunk_size: the rows of a chunk; all of them if None and no method is given.
        chunking_method: what finds that number: "aspect_ratio", a power of two such that the logits of a chunk take about
            the memory of the input; "aspect_ratio:N", an N-th of it; "auto", one of these; or None.
        acc_policy: "accurate" multiplies matrices in ``acc_dtype``; "balanced" and "compact" in the dtype of the input, and
            only add up in ``acc_dtype``; "auto" is "accurate" for float16 and bfloat16, where it makes a difference.
        acc_dtype: float32 for float16 and bfloat16 if not given and the policy is "auto", else that of the input.

    ValueError for options of other kinds, and for a size and a method that disagree.

    >>> import dynagrad as torch
    >>> options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    >>> weight, x, classes = torch.zeros(4, 3), torch.ones(5, 3), torch.tensor([0, 1, 2, 3, 0])
    >>> torch.nn.functional.linear_cross_entropy(x, weight, classes, options=options)
    tensor(1.3863)
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            _factor(self.chunking_method)
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, *_NARROW, dynagrad.float32, dynagrad.float64):
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got "
                f"{self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            )

    def resolve(
        self, rows: int, features: int, classes: int, dtype: dynagrad.dtype
    ) -> tuple[int, bool, dynagrad.dtype]:
        """For one call: (the rows of a chunk, whether matrices are multiplied in the dtype of the sums, that dtype)."""
        narrow = dtype in _NARROW
        policy = self.acc_policy
        if policy == "auto":
            policy = "accurate" if narrow else "compact"
        sums = self.acc_dtype
        if sums is None:
            sums = dynagrad.float32 if narrow and self.acc_policy == "auto" else dtype
        if sums is not dtype and not (narrow and sums is dynagrad.float32):
            raise RuntimeError(
                "linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got "
                f"{sums} acc_dtype and {dtype} inputs."
            )
        return self._rows(rows, features, classes, narrow), policy == "accurate", sums

    def _rows(self, rows: int, features: int, classes: int, narrow: bool) -> int:
        size, method = self.batch_chunk_size, self.chunking_method
        if method == "auto":
            method = None if size is not None else "aspect_ratio" if narrow else "aspect_ratio:2"
        if method is None:
            return max(1, rows if size is None else min(size, rows))
        share = -(-rows // -(-classes // features))
        found = min((1 << (share - 1).bit_length()) // _factor(method), rows)
        if size not in (None, found):
            raise ValueError(
                f"batch_chunk_size (={size}) and chunking_method ('{method}') give different chunk sizes ({size} vs "
                f"{found}); pass only one."
            )
        return max(1, found)
