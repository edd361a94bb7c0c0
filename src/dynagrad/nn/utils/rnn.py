"""Sequences of unequal lengths as one tensor: padded, or packed step by step."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import dynagrad
from dynagrad import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences step by step: ``data`` holds the first steps of all, then the second steps of those that have one, ...

    Args:
        data: ``[total, *]``.
        batch_sizes: int64, how many sequences have a step t.
        sorted_indices: the order in which the sequences are, the longest first.
        unsorted_indices: the way back.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a tuple of (data, batch_sizes) when batch_sizes is not given")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU.")
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with the data converted."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self) -> PackedSequence:
        """On the CPU, where everything is."""
        return self

    def double(self) -> PackedSequence:
        """The same in float64."""
        return self.to(dtype=dynagrad.float64)

    def float(self) -> PackedSequence:
        """The same in float32."""
        return self.to(dtype=dynagrad.float32)

    def half(self) -> PackedSequence:
        """The same in float16."""
        return self.to(dtype=dynagrad.float16)

    def bfloat16(self) -> PackedSequence:
        """The same in bfloat16."""
        return self.to(dtype=dynagrad.bfloat16)

    def byte(self) -> PackedSequence:
        """The same in uint8."""
        return self.to(dtype=dynagrad.uint8)

    def char(self) -> PackedSequence:
        """The same in int8."""
        return self.to(dtype=dynagrad.int8)

    def short(self) -> PackedSequence:
        """The same in int16."""
        return self.to(dtype=dynagrad.int16)

    def long(self) -> PackedSequence:
        """The same in int64."""
        return self.to(dtype=dynagrad.int64)

    def int(self) -> PackedSequence:
        """The same in int32."""
        return self.to(dtype=dynagrad.int32)

    def pin_memory(self) -> PackedSequence:
        """The same: memory is not pinned here."""
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.device.type == "cuda"

    def is_pinned(self) -> bool:
        """Whether the memory is pinned: never."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one."""
    if permutation is None:
        return None
    made = dynagrad.empty_like(permutation)
    return made.scatter_(0, permutation, dynagrad.arange(permutation.numel()))


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | list[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs a padded tensor.

    Args:
        input: ``[L, N, *]``, or ``[N, L, *]`` with ``batch_first``.
        lengths: of the sequences, none of them 0; RuntimeError otherwise.
        enforce_sorted: whether the sequences must come in the order of their lengths, the longest first.

    >>> import dynagrad
    >>> rnn = dynagrad.nn.utils.rnn
    >>> rnn.pack_padded_sequence(dynagrad.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    if not isinstance(lengths, Tensor):
        lengths = dynagrad.as_tensor(lengths, dtype=dynagrad.int64)
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    sizes = lengths.tolist()  # type: ignore[union-attr]  # a tensor by now
    steps = input.transpose(0, 1) if batch_first else input
    if not sizes or len(sizes) != steps.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={steps.size(1)})"
        )
    if min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(a < b for a, b in pairwise(sizes)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    if sizes[0] > steps.size(0):
        raise RuntimeError(f"Expected lengths of at most {steps.size(0)}, the size of the padded input, got {sizes[0]}")
    counts = [sum(size > t for size in sizes) for t in range(sizes[0])]
    data = dynagrad.cat([steps[t].narrow(0, 0, count) for t, count in enumerate(counts)])
    return PackedSequence(data, dynagrad.tensor(counts), order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded tensor of a packed sequence, and the lengths.

    Args:
        batch_first: whether it is ``[N, L, *]`` instead of ``[L, N, *]``.
        padding_value: what fills the ends.
        total_length: L, at least the longest length; ValueError if it is less.
    """
    counts = sequence.batch_sizes.tolist()
    longest = len(counts)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and a longest sequence of {longest}"
            )
        longest = total_length
    rest = sequence.data.shape[1:]
    steps = []
    for part, count in zip(sequence.data.split(counts), counts, strict=True):
        missing = counts[0] - count
        steps.append(dynagrad.cat([part, part.new_full((missing, *rest), padding_value)]) if missing else part)
    blank = sequence.data.new_full((counts[0], *rest), padding_value)
    steps += [blank] * (longest - len(counts))
    padded = dynagrad.stack(steps, 1 if batch_first else 0)
    lengths = dynagrad.tensor([sum(count > i for count in counts) for i in range(counts[0])])
    back = sequence.unsorted_indices
    if back is not None:
        return padded.index_select(0 if batch_first else 1, back), lengths[back]
    return padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors of unequal lengths as one: ``[L, N, *]``, or ``[N, L, *]`` with ``batch_first``.

    Args:
        sequences: a list of ``[length, *]``.
        padding_value: what fills the ends.
        padding_side: "right" or "left".

    >>> import dynagrad
    >>> a, b = dynagrad.ones(2), dynagrad.ones(1)
    >>> dynagrad.nn.utils.rnn.pad_sequence([a, b], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: " + str(type(sequences))
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(each.size(0) for each in sequences)
    padded = []
    for each in sequences:
        missing = longest - each.size(0)
        if missing:
            ends = each.new_full((missing, *each.shape[1:]), padding_value)
            each = dynagrad.cat([each, ends] if padding_side == "right" else [ends, each])  # noqa: PLW2901
        padded.append(each)
    return dynagrad.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor, without their padding."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [each[:length] for each, length in zip(padded_sequences.unbind(0), lengths.tolist(), strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences of unequal lengths."""
    lengths = dynagrad.as_tensor([each.size(0) for each in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
