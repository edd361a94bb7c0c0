"""einsum: sums of products named by subscripts, made of bmm, mul, sum and views.

Operands are contracted from left to right; a pair of them is one batched product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import Card, only_tensors, register

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

ELLIPSIS = "..."
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args: Any) -> Tensor:
    """Sums the products of the operands' elements over the subscripts that the output does not name.

    Args:
        args: an equation such as ``"bij,bjk->bik"`` and the operands; or each operand followed by the list of its
            subscripts (integers below 52, ``...``), and perhaps the list of the output's.

    A subscript repeated within an operand takes its diagonal; ``...`` stands for dimensions that broadcast. Without
    ``->`` the output has the ellipsis and then, in alphabetical order, the subscripts that appear once.

    >>> import dynagrad
    >>> dynagrad.einsum("ij,j->i", dynagrad.tensor([[1., 2.], [3., 4.]]), dynagrad.tensor([1., 1.]))
    tensor([3., 7.])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand "
            "and its subscripts list"
        )
    equation, operands = (args[0], list(args[1:])) if isinstance(args[0], str) else _from_lists(args)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    inputs, output = _parse(equation, only_tensors("einsum", operands))
    return _contract(operands, inputs, output)


def _from_lists(args: Sequence[Any]) -> tuple[str, list[Tensor]]:
    """The equation that operands followed by lists of subscripts stand for."""
    parts = [_subscripts(each) for each in args[1::2]]
    equation = ",".join(parts)
    if len(args) % 2:
        equation += "->" + _subscripts(args[-1])
    return equation, list(args[: len(args) - len(args) % 2 : 2])


def _subscripts(items: Sequence[Any]) -> str:
    text = ""
    for item in items:
        if item is not Ellipsis and not 0 <= item < len(LETTERS):
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        text += ELLIPSIS if item is Ellipsis else LETTERS[item]
    return text


def _labels(text: str, start: int, what: str) -> list[str]:
    """The subscripts in one part of the equation, which begins at position ``start`` of the whole."""
    labels: list[str] = []
    i = 0
    while i < len(text):
        if text[i] == " ":
            i += 1
        elif text[i] == ".":
            if ELLIPSIS in labels:
                raise RuntimeError(f"einsum(): found '.' {what} for which an ellipsis was already found")
            if text[i : i + 3] != ELLIPSIS:
                raise RuntimeError(f"einsum(): found '.' {what} that is not part of any ellipsis")
            labels.append(ELLIPSIS)
            i += 3
        elif text[i] in LETTERS:
            labels.append(text[i])
            i += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be "
                "in [a-zA-Z]"
            )
    return labels


def _parse(equation: str, operands: list[Tensor]) -> tuple[list[list[str]], list[str]]:
    """The subscripts of each operand and of the output, each ellipsis replaced by labels ``...0``, ``...1``, … ."""
    left, arrow, right = equation.partition("->")
    parts, inputs, start = left.split(","), [], 0
    if len(parts) != len(operands):
        how = "fewer" if len(operands) < len(parts) else "more"
        raise RuntimeError(f"einsum(): {how} operands were provided than specified in the equation")
    for i, part in enumerate(parts):
        inputs.append(_spelt_out(_labels(part, start, f"for operand {i}"), operands[i], i))
        start += len(part) + 1
    depth = max((sum(label[0] == "." for label in labels) for labels in inputs), default=0)
    covered = [f"...{depth - 1 - i}" for i in range(depth)]
    if not arrow:
        return inputs, covered + _appearing_once(inputs)
    output: list[str] = []
    for label in _labels(right, len(left) + 2, "in the output"):
        output += covered if label == ELLIPSIS else [label]
    _check_output(output, inputs)
    return inputs, output


def _appearing_once(inputs: list[list[str]]) -> list[str]:
    every = [label for labels in inputs for label in labels if label[0] != "."]
    return sorted(label for label in set(every) if every.count(label) == 1)


def _check_output(output: list[str], inputs: list[list[str]]) -> None:
    known = {label for labels in inputs for label in labels}
    for label in output:
        if output.count(label) > 1:
            raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
        if label not in known:
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )


def _spelt_out(labels: list[str], operand: Tensor, i: int) -> list[str]:
    """One label for each dimension of the operand; those under an ellipsis are numbered from the last one back."""
    named = len(labels) - (ELLIPSIS in labels)
    missing = operand.ndim - named
    if missing < 0 or (missing > 0 and ELLIPSIS not in labels):
        end = "" if ELLIPSIS in labels else " and no ellipsis was given"
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({named}) "
            f"{'is more than' if end == '' else 'does not match'} the number of dimensions ({operand.ndim}) "
            f"for operand {i}{end}"
        )
    spelt: list[str] = []
    for label in labels:
        spelt += [f"...{missing - 1 - j}" for j in range(missing)] if label == ELLIPSIS else [label]
    return spelt


def _contract(operands: list[Tensor], inputs: list[list[str]], output: list[str]) -> Tensor:
    summed = [label for labels in inputs for label in labels if label not in output]
    order = output + list(dict.fromkeys(summed))
    _check_sizes(operands, inputs)
    ready = [_aligned(operand, labels, order) for operand, labels in zip(operands, inputs, strict=True)]
    uses = [sum(t.shape[d] != 1 for t in ready) for d in range(len(order))]
    result = ready[0]
    if len(ready) == 1:
        inner = tuple(range(len(output), len(order)))
        return result.sum(inner) if inner else result
    for other in ready[1:]:
        result = _pair(result, other, len(output), uses)
    return result.view(result.shape[: len(output)]) if len(order) > len(output) else result


def _check_sizes(operands: list[Tensor], inputs: list[list[str]]) -> None:
    sizes: dict[str, int] = {}
    for i, (operand, labels) in enumerate(zip(operands, inputs, strict=True)):
        own: dict[str, int] = {}
        for label, size in zip(labels, operand.shape, strict=True):
            if own.setdefault(label, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, "
                    f"{size} != {own[label]}"
                )
        for label, size in own.items():
            seen = sizes.setdefault(label, size)
            if seen == 1:
                sizes[label] = size
            elif size not in (1, seen):
                what = f"dimension -{int(label[3:]) + 1} of the ellipsis" if label[0] == "." else f"subscript {label}"
                raise RuntimeError(
                    f"einsum(): {what} has size {size} for operand {i} which does not broadcast with previously seen "
                    f"size {seen}"
                )


def _aligned(operand: Tensor, labels: list[str], order: list[str]) -> Tensor:
    """The operand with one dimension for each label of ``order``; of size 1 where it lacks the label."""
    labels = list(labels)
    for d in range(len(labels) - 1, -1, -1):
        first = labels.index(labels[d])
        if first != d:
            operand = operand.diagonal(0, first, d).movedim(-1, first)
            del labels[d]
    for label in order:
        if label not in labels:
            operand = operand.unsqueeze(-1)
            labels.append(label)
    return operand.permute([labels.index(label) for label in order])


def _pair(a: Tensor, b: Tensor, kept: int, uses: list[int]) -> Tensor:
    """The product of two aligned operands, summed over the dimensions that no later operand has."""
    only_a: list[int] = []
    only_b: list[int] = []
    both: list[int] = []
    for d in range(kept, len(uses)):
        if a.shape[d] != 1 and b.shape[d] != 1:
            uses[d] -= 1
            if uses[d] == 1:
                both.append(d)
                uses[d] = 0
        elif uses[d] == 1:
            uses[d] = 0
            (only_a if a.shape[d] != 1 else only_b).append(d)
    if only_a:
        a = a.sum(tuple(only_a), keepdim=True)
    if only_b:
        b = b.sum(tuple(only_b), keepdim=True)
    return _sum_of_products(a, b, both) if both else a * b


def _sum_of_products(a: Tensor, b: Tensor, summed: list[int]) -> Tensor:
    """As one bmm: the batch is what both keep, the rows are what only a has, the columns what is left."""
    rest = [d for d in range(a.ndim) if d not in summed]
    batch = [d for d in rest if a.shape[d] != 1 and b.shape[d] != 1]
    rows = [d for d in rest if a.shape[d] != 1 and b.shape[d] == 1]
    columns = [d for d in rest if a.shape[d] == 1]
    if rows and columns and columns[-1] < rows[0]:  # then b's dimensions come first in the result
        return _sum_of_products(b, a, summed)
    n_batch, n_rows, n_sum = (_product(a.shape[d] for d in dims) for dims in (batch, rows, summed))
    n_columns = _product(b.shape[d] for d in columns)
    left = a.permute(batch + rows + summed + columns).reshape(n_batch, n_rows, n_sum)
    right = b.permute(batch + summed + columns + rows).reshape(n_batch, n_sum, n_columns)
    order = batch + rows + summed + columns
    sizes = [1 if d in summed else b.shape[d] if d in columns else a.shape[d] for d in order]
    return left.bmm(right).view(sizes).permute([order.index(d) for d in range(a.ndim)])


def _product(sizes: Any) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


register(Card("einsum", einsum, method=False))
