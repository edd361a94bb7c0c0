"""linear_cross_entropy: the loss of logits that a linear layer gives, whole or in chunks of the batch."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import dynagrad
from dynagrad import Tensor
from dynagrad.autograd import Function
from dynagrad.autograd.function import once_differentiable
from dynagrad.nn.functional.linear import linear
from dynagrad.nn.functional.loss import REDUCTIONS, cross_entropy

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The loss of the logits that a linear layer gives: ``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Args:
        input: ``[N, features]`` or ``[features]``.
        linear_weight: ``[C, features]``, or ``[C, ..., features]`` for several losses of each row of ``input``.
        target: int64 classes ``[N, ...]``; or probabilities ``[N, C, ...]``.
        linear_bias: ``[C, ...]``.
        weight: ``[C]``, the weights of the classes.
        reduction: "mean", "sum" or "none".
        ignore_index: a class that counts for nothing; ``None`` is -100, and a must for probabilities.
        label_smoothing: how much of each target is spread over all classes, from 0 to 1.
        options: a `nn.LinearCrossEntropyOptions`, to work in chunks: for class targets, one loss of each row and no
            smoothing, with a warning and whole logits for all else.

    >>> import dynagrad
    >>> F = dynagrad.nn.functional
    >>> F.linear_cross_entropy(dynagrad.ones(1, 3), dynagrad.zeros(2, 3), dynagrad.tensor([1]))
    tensor(0.6931)
    """
    if not 1 <= input.dim() <= 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    batch, (classes, *many, features) = input.shape[:-1], linear_weight.shape
    if input.shape[-1] != features:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input.shape[-1]} and {features}, respectively"
        )
    if linear_bias is not None and linear_bias.shape != (classes, *many):
        raise RuntimeError(f"expected linear_bias shape {(classes, *many)}, got {tuple(linear_bias.shape)}")
    if many and not batch:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    if target.shape == (*batch, classes, *many) and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if not many and reduction in REDUCTIONS and label_smoothing == 0 and target.dtype is dynagrad.int64:
            return _in_chunks(input, linear_weight, target, linear_bias, weight, reduction, ignored, options)
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
            "label_smoothing == 0, target.dtype == int64, out_features == (). Got "
            f"reduction={reduction!r}, label_smoothing={label_smoothing}, target.dtype={target.dtype}, "
            f"out_features={tuple(many)}",
            stacklevel=2,
        )
    flat_bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, features), flat_bias).reshape(*batch, classes, *many)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=ignored,
        label_smoothing=label_smoothing,
    )


# ---- in chunks -------------------------------------------------------------------------------------------------------


class _Call(NamedTuple):
    """One call: its tensors without history, and how the rows are cut and added up."""

    input: Tensor
    matrix: Tensor
    bias: Tensor | None
    target: Tensor
    weight: Tensor | None
    ignored: int
    rows: int
    wide: bool
    sums: dynagrad.dtype


def _in_chunks(
    input: Tensor,
    matrix: Tensor,
    target: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    reduction: str,
    ignored: int,
    options: Any,
) -> Tensor:
    rows = input if input.dim() == 2 else input.unsqueeze(0)
    how = options.resolve(rows.shape[0], rows.shape[1], matrix.shape[0], rows.dtype)
    learnt = (rows, matrix, bias)
    call = _Call(  # type: ignore[call-arg]  # the first line gives three
        *(None if each is None else each.detach() for each in learnt),  # type: ignore[arg-type]  # in their order
        target.detach().reshape(-1),
        None if weight is None else weight.detach(),
        ignored,
        *how,
    )
    if reduction == "none":
        losses = _Rows.apply(*learnt, call)
        return losses if input.dim() == 2 else losses.squeeze(0)
    wanted = tuple(dynagrad.is_grad_enabled() and each is not None and each.requires_grad for each in learnt)
    return _Total.apply(*learnt, call, reduction == "mean", wanted, options.allow_retain_graph)


def _weights(call: _Call) -> tuple[Tensor, Tensor, Tensor]:
    """(which rows count, their classes, with 0 for the others, what each row's loss is multiplied by)."""
    counted = call.target != call.ignored
    classes = call.target.masked_fill(~counted, 0)
    weights = counted.to(call.sums)
    return counted, classes, weights if call.weight is None else weights * call.weight.to(call.sums)[classes]


def _walk(call: _Call, scale: Tensor, wanted: tuple[bool, ...]) -> tuple[Tensor, list[Tensor | None]]:
    """(the loss of each row by weight, the gradients wanted of the sum of ``scale`` times the losses), a chunk at a time."""
    x, matrix, bias = call.input, call.matrix, call.bias
    inner = call.sums if call.wide else x.dtype
    counted, classes, weights = _weights(call)
    losses = x.new_empty(x.shape[0], dtype=call.sums)
    gradients: list[Tensor | None] = [
        None if not want else dynagrad.zeros(each.shape, dtype=call.sums if each is not x else x.dtype)  # type: ignore[union-attr]
        for each, want in zip((x, matrix, bias), wanted, strict=True)
    ]
    inner_matrix = matrix.to(inner)
    for start in range(0, x.shape[0], call.rows):
        chunk = slice(start, start + call.rows)
        part, chosen = x[chunk].to(inner), classes[chunk].unsqueeze(1)
        logits = linear(part, inner_matrix, None if bias is None else bias.to(inner)).to(call.sums)
        total = logits.logsumexp(1, True)
        loss = (total - logits.gather(1, chosen)).squeeze(1) * weights[chunk]
        losses[chunk] = loss.masked_fill(~counted[chunk], 0)
        if not any(wanted):
            continue
        # The derivative of a row's loss by its logits: their softmax, less one at the target.
        slope = logits.sub_(total).exp_().scatter_add_(1, chosen, -dynagrad.ones_like(total))
        slope.mul_((weights[chunk] * scale[chunk]).unsqueeze(1)).masked_fill_(~counted[chunk].unsqueeze(1), 0)
        of_input, of_matrix, of_bias = gradients
        narrow = slope.to(inner)
        if of_input is not None:
            of_input[chunk] = (narrow @ inner_matrix).to(of_input.dtype)
        if of_matrix is not None:
            of_matrix += (narrow.t() @ part).to(call.sums)
        if of_bias is not None:
            of_bias += slope.sum(0)
    return losses, [
        None if g is None else g.to(each.dtype)  # type: ignore[union-attr]  # a bias that is not there has no gradient
        for g, each in zip(gradients, (x, matrix, bias), strict=True)
    ]


class _Total(Function):
    """The mean or sum. The gradients are made with the loss, so that no chunk is computed twice."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        matrix: Tensor,  # what is learnt, for the graph; the numbers are in the call
        bias: Tensor | None,
        call: _Call,
        mean: bool,
        wanted: tuple[bool, ...],
        keep: bool,
    ) -> Tensor:
        share = 1 / _weights(call)[2].sum() if mean else dynagrad.ones((), dtype=call.sums)
        losses, ctx.gradients = _walk(call, share.expand(call.target.shape), wanted)
        ctx.keep = keep
        return (losses.sum() * share).to(input.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        if ctx.gradients is None:
            raise RuntimeError(
                "linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not "
                "supported. LinearCrossEntropyOptions(allow_retain_graph=True) keeps what a second one needs"
            )
        scaled = [
            None if each is None else each * g.to(each.dtype) if ctx.keep else each.mul_(g.to(each.dtype))
            for each in ctx.gradients
        ]
        if not ctx.keep:
            ctx.gradients = None
        return (*scaled, None, None, None, None)


class _Rows(Function):
    """The losses of the rows. Their gradients hang on what comes back, and so the logits are computed again."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, matrix: Tensor, bias: Tensor | None, call: _Call) -> Tensor:
        ctx.save_for_backward(input, matrix, *(() if bias is None else (bias,)))
        ctx.call = call
        return _walk(call, call.target, (False, False, False))[0].to(input.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        ctx.saved_tensors  # noqa: B018  # raises where one of them was written to since
        return (*_walk(ctx.call, g.to(ctx.call.sums), ctx.needs_input_grad[:3])[1], None)
