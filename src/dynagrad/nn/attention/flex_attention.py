"""Attention whose scores a function changes and whose positions another function hides, computed as products and a softmax.

PyTorch compiles the two functions into one kernel and skips hidden blocks; here they are called once, on the indices of all
positions at a time, so they must be made of ops that broadcast. The plain attention is `nn/functional/attention`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import dynagrad
from dynagrad.tensor import Tensor

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask",
    "or_masks",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class AuxRequest(NamedTuple):
    """What to give beside the result: the logarithms of the sums of exponentials, the largest scores."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by `AuxRequest`, each ``[batch, heads, L]`` or None."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """True: nothing is hidden."""
    return batch.new_ones((), dtype=dynagrad.bool)


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """A function that shows what all of the given ones show."""
    _check_functions(mask_mods)

    def both(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        shown = b.new_ones((), dtype=dynagrad.bool)
        for each in mask_mods:
            shown = shown & each(b, h, q, kv)
        return shown

    return both


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """A function that shows what any of the given ones shows."""
    _check_functions(mask_mods)

    def either(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        shown = b.new_zeros((), dtype=dynagrad.bool)
        for each in mask_mods:
            shown = shown | each(b, h, q, kv)
        return shown

    return either


def _check_functions(given: tuple[Any, ...]) -> None:
    if not all(callable(each) for each in given):
        raise RuntimeError(f"All inputs should be callable mask_mods: {given}")


class BlockMask:
    """Which positions attend to which, by a function of their indices.

    Args:
        shape: ``(batch, heads, L, S)``.
        mask_mod: the function; see `create_block_mask`.
        BLOCK_SIZE: the sizes of the blocks that PyTorch skips; nothing is skipped here.
    """

    def __init__(self, shape: tuple[int, int, int, int], mask_mod: MaskMod, BLOCK_SIZE: int | tuple[int, int]) -> None:
        self.shape, self.mask_mod = tuple(shape), mask_mod
        self.BLOCK_SIZE = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
        self.seq_lengths = self.shape[-2:]

    def numel(self) -> int:
        """The number of pairs of positions."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """For each block of pairs, 1 if any is shown: ``[batch, heads, blocks of L, blocks of S]``."""
        pairs = create_mask(self.mask_mod, *self.shape)
        for dim, size in ((-2, self.BLOCK_SIZE[0]), (-1, self.BLOCK_SIZE[1])):
            pairs = dynagrad.stack([each.any(dim) for each in pairs.split(size, dim)], dim)
        return pairs.int()

    def sparsity(self) -> float:
        """How many of 100 blocks are hidden as a whole."""
        return 100 * (1 - self.to_dense().float().mean().item())

    def to(self, device: Any) -> BlockMask:
        """Itself: it has no memory of its own."""
        return self

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"


def _indices(batch: int, heads: int, queries: int, keys: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The numbers of batches, heads, queries and keys, each along a dimension of its own."""
    return (
        dynagrad.arange(batch).view(-1, 1, 1, 1),
        dynagrad.arange(heads).view(-1, 1, 1),
        dynagrad.arange(queries).view(-1, 1),
        dynagrad.arange(keys),
    )


def create_mask(
    mod_fn: Callable[..., Tensor],
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = "cpu",
) -> Tensor:
    """What a function of indices, or a change of scores that hides by ``-inf``, shows: bool, ``[B, H, Q_LEN, KV_LEN]``.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.attention.flex_attention import create_mask
    >>> create_mask(lambda b, h, q, kv: q >= kv, None, None, 2, 2)[0, 0]
    tensor([[ True, False],
            [ True,  True]])
    """
    shape = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    if mod_fn.__code__.co_argcount == 5 if hasattr(mod_fn, "__code__") else False:
        return dynagrad.isfinite(mod_fn(dynagrad.zeros(shape), *_indices(*shape))).expand(shape)
    return dynagrad.as_tensor(mod_fn(*_indices(*shape)), dtype=dynagrad.bool).expand(shape)


def create_block_mask(
    mask_mod: MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
) -> BlockMask:
    """A mask of a function of indices.

    Args:
        mask_mod: called with the numbers of batch, head, query and key, tensors that broadcast; True where the query sees
            the key.
        B, H: how many batches and heads; None where the mask is the same for all.
        Q_LEN, KV_LEN: how many queries and keys.
        BLOCK_SIZE: see `BlockMask`.
    """
    return BlockMask((1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN), mask_mod, BLOCK_SIZE)


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """``softmax(score_mod(query @ key.T * scale, batch, head, q, kv)) @ value``, where ``block_mask`` shows.

    Args:
        query: ``[batch, heads, L, E]``.
        key: ``[batch, heads, S, E]``; fewer heads, each for several of the query's, with ``enable_gqa``.
        value: ``[batch, heads, S, Ev]``.
        score_mod: called with the scores and the numbers of batch, head, query and key, tensors that broadcast.
        block_mask: what is shown; everything if not given.
        scale: ``1 / sqrt(E)`` if not given.
        return_lse: whether to return the logarithms of the sums of exponentials, ``[batch, heads, L]``, too.
        return_aux: asks for those, and for the largest scores, as an `AuxOutput`.

    Returns:
        ``[batch, heads, L, Ev]``; a query that sees nothing gets zeros. ValueError where shapes do not go together.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.attention.flex_attention import flex_attention
    >>> x = torch.eye(2).view(1, 1, 2, 2)
    >>> flex_attention(x, x, x, score_mod=lambda score, b, h, q, kv: torch.where(q >= kv, score, -torch.inf))[0, 0, 0]
    tensor([1., 0.])
    """
    batch, heads, queries, width = _check(query, key, value, enable_gqa)
    if key.size(1) != heads:
        key, value = (each.repeat_interleave(heads // key.size(1), 1) for each in (key, value))
    scores = (query @ key.transpose(-2, -1)) * (1 / math.sqrt(width) if scale is None else scale)
    at = _indices(batch, heads, queries, key.size(-2))
    if score_mod is not None:
        scores = score_mod(scores, *at)
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask_mod(*at), -math.inf)
    lse = scores.logsumexp(-1)
    # Where nothing is seen the sum of exponentials is 0, and so are the weights.
    weights = (scores - lse.masked_fill(lse == -math.inf, 0.0).unsqueeze(-1)).exp()
    result = weights.to(value.dtype) @ value
    if return_aux is not None:
        largest = scores.amax(-1) if return_aux.max_scores else None
        return result, AuxOutput(lse if return_aux.lse else None, largest)
    return (result, lse) if return_lse else result


def _check(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> tuple[int, int, int, int]:
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if query.size(-1) != key.size(-1):
        raise ValueError(
            f"Expect query and key/value to have the same embedding dimension but got E={query.size(-1)} and E={key.size(-1)}."
        )
    if not enable_gqa and query.size(1) != key.size(1):
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={query.size(1)} and Hkv={key.size(1)}. "
            "Try setting enable_gqa=True for GQA."
        )
    if enable_gqa and query.size(1) % key.size(1):
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={query.size(1)} and "
            f"Hkv={key.size(1)}."
        )
    return tuple(query.shape)  # type: ignore[return-value]
