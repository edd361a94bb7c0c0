"""scaled_dot_product_attention, and multi-head attention as a function of all its weights."""

from __future__ import annotations

import math
import warnings
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import interposed
from dynagrad.backends.cuda import check_attention
from dynagrad.nn.functional.dropout import dropout
from dynagrad.nn.functional.linear import linear

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


@interposed
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value``.

    Args:
        query: ``[..., heads, L, E]``.
        key: ``[..., heads, S, E]``.
        value: ``[..., heads, S, Ev]``.
        attn_mask: broadcasts to ``[..., L, S]``: True where attention is allowed, or numbers to be added.
        dropout_p: the probability with which weights of attention are dropped, whether training or not.
        is_causal: whether a position sees only those up to its own. RuntimeError together with a mask.
        scale: ``1 / sqrt(E)`` if not given.
        enable_gqa: whether key and value may have fewer heads, each for several of the query's.

    Returns:
        ``[..., heads, L, Ev]``.
    """
    check_attention()
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        heads = query.size(-3)
        if heads % key.size(-3) or heads % value.size(-3):
            raise RuntimeError(
                f"Number of heads in key and value must divide the number of heads in query: {key.size(-3)} and "
                f"{value.size(-3)} do not divide {heads}"
            )
        key = key.repeat_interleave(heads // key.size(-3), -3)
        value = value.repeat_interleave(heads // value.size(-3), -3)
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        allowed = dynagrad.ones(query.size(-2), key.size(-2), dtype=dynagrad.bool).tril()
        scores = scores.masked_fill(~allowed, -math.inf)
    elif attn_mask is not None and attn_mask.dtype is dynagrad.bool:
        scores = _masked(scores, attn_mask)
    elif attn_mask is not None:
        scores = scores + attn_mask
    weights = scores.softmax(-1)
    if attn_mask is not None and attn_mask.dtype is dynagrad.bool:
        # A position that may look nowhere gets zeros.
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0.0)
    if dropout_p > 0:
        if dropout_p > 1:
            raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
        weights = dropout(weights, dropout_p)
    return weights @ value


def _masked(scores: Tensor, allowed: Tensor) -> Tensor:
    return scores.masked_fill(~allowed, -math.inf)


def _check_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool) -> None:
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if query.dim() < 2 or key.dim() < 2 or value.dim() < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()}, key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.dtype not in (dynagrad.bool, query.dtype, dynagrad.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{attn_mask.dtype} and  query.dtype: {query.dtype} instead."
        )


# ---- many heads ------------------------------------------------------------------------------------------------------


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers to be added: -inf where it was True."""
    if mask is None:
        return None
    if mask.dtype is not dynagrad.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.dtype is dynagrad.bool:
        return dynagrad.zeros(mask.shape, dtype=target_type).masked_fill_(mask, -math.inf)
    return mask


def _none_or_dtype(input: Tensor | None) -> Any:
    return None if input is None else input.dtype


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values from one weight ``[3 * E, E]``, in as few products as their being equal allows."""
    size = q.size(-1)
    if k is v and q is k:
        both = linear(q, w, b)
        parts = both.unflatten(-1, (3, size)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return parts[0], parts[1], parts[2]
    if k is v:
        w_q, w_kv = w.split([size, size * 2])
        b_q, b_kv = (None, None) if b is None else b.split([size, size * 2])
        both = linear(k, w_kv, b_kv)
        parts = both.unflatten(-1, (2, size)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return linear(q, w_q, b_q), parts[0], parts[1]
    w_q, w_k, w_v = w.chunk(3)
    b_q, b_k, b_v = (None, None, None) if b is None else b.chunk(3)
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    """Whether there is a batch. Raises AssertionError where the numbers of dimensions do not fit."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind = "batched (3-D)" if batched else "unbatched (2-D)"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {query.dim()}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != query.dim() - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.dim() - 1}-D but found "
            f"{padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if mask is not None and not batched and mask.dim() == 3:
        expected = (heads, query.shape[0], key.shape[0])
        if mask.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return batched


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What :class:`MultiheadAttention` computes, of all its weights.

    Args:
        query: ``[L, N, E]`` or ``[L, E]``.
        key, value: ``[S, N, Ek]`` and ``[S, N, Ev]``, or without the batch.
        key_padding_mask: ``[N, S]``, True at keys to be left out, or numbers to be added.
        attn_mask: ``[L, S]`` or ``[N * heads, L, S]``, True where attention is forbidden, or numbers to be added.
        need_weights: whether the weights of attention are returned too, averaged over the heads or for each head.

    Returns:
        The output, of the query's shape, and the weights or None.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, size = query.shape
    head = size // num_heads
    _check_sizes(key, value, size, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    # The hint says that the mask is the causal one: then it need not be read, unless others must be combined with it.
    causal = is_causal and key_padding_mask is None and not need_weights
    padding = _canonical_mask(key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype)
    mask = None if causal else _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
    mask = _shaped_mask(mask, length, key.shape[0], batch * num_heads)

    if use_separate_proj_weight:
        b_q, b_k, b_v = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = linear(query, q_proj_weight, b_q), linear(key, k_proj_weight, b_k), linear(value, v_proj_weight, b_v)
    else:
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)  # type: ignore[arg-type]  # not None here
    if bias_k is not None and bias_v is not None:
        for static, name in ((static_k, "key"), (static_v, "value")):
            if static is not None:
                raise AssertionError(f"bias cannot be added to static {name}.")
        k, v = dynagrad.cat([k, bias_k.repeat(1, batch, 1)]), dynagrad.cat([v, bias_v.repeat(1, batch, 1)])
        mask, padding = _one_more(mask), _one_more(padding)
    q = q.view(length, batch * num_heads, head).transpose(0, 1)
    k = k.view(k.shape[0], batch * num_heads, head).transpose(0, 1) if static_k is None else static_k
    v = v.view(v.shape[0], batch * num_heads, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        zeros = k.new_zeros((batch * num_heads, 1, head))
        k, v = dynagrad.cat([k, zeros], 1), dynagrad.cat([v, zeros], 1)
        mask, padding = _one_more(mask), _one_more(padding)
    sources = k.size(1)
    mask = _with_padding(mask, padding, batch, num_heads, sources)
    drop = dropout_p if training else 0.0
    if need_weights:
        made, weights = _weighted_attention(q, k, v, mask, drop)
        made = made.transpose(0, 1).contiguous().view(length * batch, size)
        made = linear(made, out_proj_weight, out_proj_bias).view(length, batch, out_proj_weight.shape[0])
        weights = weights.view(batch, num_heads, length, sources)
        weights = weights.mean(1) if average_attn_weights else weights
        return (made, weights) if batched else (made.squeeze(1), weights.squeeze(0))
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 and mask.dim() == 3 else mask.view(batch, num_heads, -1, sources)
    q, k, v = (t.view(batch, num_heads, t.size(1), head) for t in (q, k, v))
    made = scaled_dot_product_attention(q, k, v, mask, drop, causal)
    made = made.permute(2, 0, 1, 3).contiguous().view(batch * length, size)
    made = linear(made, out_proj_weight, out_proj_bias).view(length, batch, out_proj_weight.shape[0])
    return (made if batched else made.squeeze(1)), None


def _check_sizes(key: Tensor, value: Tensor, size: int, expected: int, heads: int, separate: bool) -> None:
    if size != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {size}")
    if size % heads:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _shaped_mask(mask: Tensor | None, length: int, sources: int, heads: int) -> Tensor | None:
    """A 3-D mask, the first dimension being 1 or batch times heads."""
    if mask is None:
        return None
    expected = (length, sources) if mask.dim() == 2 else (heads, length, sources)
    if mask.shape != expected:
        raise RuntimeError(f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _one_more(mask: Tensor | None) -> Tensor | None:
    """The mask with one more source, which is not masked."""
    return None if mask is None else dynagrad.cat([mask, mask.new_zeros((*mask.shape[:-1], 1))], -1)


def _with_padding(mask: Tensor | None, padding: Tensor | None, batch: int, heads: int, sources: int) -> Tensor | None:
    if padding is None:
        return mask
    if padding.shape != (batch, sources):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, sources)}, but got {padding.shape}")
    padding = padding.view(batch, 1, 1, sources).expand(-1, heads, -1, -1).reshape(batch * heads, 1, sources)
    return padding if mask is None else mask + padding


def _weighted_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, drop: float) -> tuple[Tensor, Tensor]:
    q = q * math.sqrt(1.0 / float(q.shape[-1]))
    keys = k.transpose(-2, -1)
    scores = dynagrad.bmm(q, keys) if mask is None else dynagrad.baddbmm(mask, q, keys)
    weights = scores.softmax(-1)
    if drop > 0.0:
        weights = dropout(weights, drop)
    return dynagrad.bmm(weights, v), weights
