"""From nested inputs to pairs, and from pairs to what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dynagrad.testing._comparison.errors import ErrorMeta, UnsupportedInputs, place
from dynagrad.testing._comparison.pairs import ObjectPair, Pair


def originate_pairs(
    actual: Any,
    expected: Any,
    *,
    pair_types: Sequence[type[Pair]],
    sequence_types: tuple[type, ...] = (Sequence,),
    mapping_types: tuple[type, ...] = (Mapping,),
    id: tuple[Any, ...] = (),
    **options: Any,
) -> list[Pair]:
    """The pairs of the values in two inputs of one structure.

    Args:
        pair_types: what is tried for two values, in this order.
        sequence_types, mapping_types: what is looked into, item by item. Strings never are.
        id: where in a larger input these two stand.
        options: for the pairs.

    Raises:
        ErrorMeta: of an AssertionError, if lengths or keys differ; of a TypeError, if no pair takes two values.

    >>> from dynagrad.testing._comparison import ObjectPair, originate_pairs
    >>> [pair.id for pair in originate_pairs([1, {"x": 2}], [1, {"x": 3}], pair_types=[ObjectPair])]
    [(0,), (1, 'x')]
    """
    both = (actual, expected)
    # A string's first character is a string again: it has no bottom.
    if all(isinstance(value, sequence_types) and not isinstance(value, str) for value in both):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise ErrorMeta(AssertionError, text, id=id)
        keys: Iterable[Any] = range(len(actual))
    elif all(isinstance(value, mapping_types) for value in both):
        keys = _common_keys(actual, expected, id)
    else:
        return [_pair(actual, expected, pair_types, id, options)]
    return [
        pair
        for key in keys
        for pair in originate_pairs(
            actual[key],
            expected[key],
            pair_types=pair_types,
            sequence_types=sequence_types,
            mapping_types=mapping_types,
            id=(*id, key),
            **options,
        )
    ]


def _common_keys(actual: Mapping[Any, Any], expected: Mapping[Any, Any], id: tuple[Any, ...]) -> Iterable[Any]:
    """The keys of both, in an order that is the same in every run where they have one."""
    have, want = set(actual.keys()), set(expected.keys())
    if have != want:
        text = (
            f"The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(want - have)}\n"
            f"Additional keys in the actual mapping: {sorted(have - want)}"
        )
        raise ErrorMeta(AssertionError, text, id=id)
    try:
        return sorted(have)
    except Exception:  # noqa: BLE001  # keys need not be comparable
        return have


def _pair(
    actual: Any, expected: Any, pair_types: Sequence[type[Pair]], id: tuple[Any, ...], options: dict[str, Any]
) -> Pair:
    for kind in pair_types:
        try:
            return kind(actual, expected, id=id, **options)
        except UnsupportedInputs:
            continue
        except ErrorMeta:
            raise
        except Exception as error:
            raise RuntimeError(
                f"Originating a {kind.__name__}() at item {place(id)} with\n\n"
                f"{type(actual).__name__}(): {actual}\n\nand\n\n{type(expected).__name__}(): {expected}\n\n"
                "resulted in the unexpected exception above."
            ) from error
    text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    raise ErrorMeta(TypeError, text, id=id)


def not_close_error_metas(
    actual: Any,
    expected: Any,
    *,
    pair_types: Sequence[type[Pair]] = (ObjectPair,),
    sequence_types: tuple[type, ...] = (Sequence,),
    mapping_types: tuple[type, ...] = (Mapping,),
    **options: Any,
) -> list[ErrorMeta]:
    """What is wrong between two inputs, a pair each; an empty list if nothing is. See `originate_pairs`.

    Raises:
        AssertionError, TypeError, ValueError: where the inputs cannot be paired.
        RuntimeError: where a comparison ends in an error of its own.

    >>> from dynagrad.testing._comparison import not_close_error_metas
    >>> [meta.id for meta in not_close_error_metas([1, 2, 3], [1, 0, 0])]
    [(1,), (2,)]
    """
    __tracebackhide__ = True
    try:
        pairs = originate_pairs(
            actual,
            expected,
            pair_types=pair_types,
            sequence_types=sequence_types,
            mapping_types=mapping_types,
            **options,
        )
    except ErrorMeta as meta:
        raise meta.to_error() from None
    wrong = []
    for pair in pairs:
        try:
            pair.compare()
        except ErrorMeta as meta:
            # Its traceback holds this frame, whose list would hold it: a cycle that keeps the tensors alive.
            wrong.append(meta.with_traceback(None))
        except Exception as error:
            raise RuntimeError(f"Comparing\n\n{pair}\n\nresulted in the unexpected exception above.") from error
    return wrong
