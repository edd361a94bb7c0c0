"""Pointwise ops from their cards against PyTorch: values, dtypes, kinds of error, two orders of gradients, in place."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as dg
from dynagrad._core.card import CARDS, Card

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-9}
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", *TOLERANCE)
SHAPES: tuple[tuple[int, ...], ...] = ((37,), (), (0, 3), (2, 3))
PAIRS = (((3, 1), (1, 4)), ((), (2, 3)), ((0, 3), (1, 3)), ((4,), (2, 4)), ((), ()))
SPECIAL = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-40, 0.5, 1.0, -1.0, 2.0, 7.5, -88.0, 100.0)
FAMILIES = ("compare", "pointwise", "power", "select", "special", "trigonometric")
# PyTorch rounds each of its steps to the half type.
ROUNDED_OFTEN = ("logit",)
# PyTorch 2.13 cannot differentiate its own in-place forms of these.
NO_INPLACE_GRADIENT = ("acosh", "asinh", "atanh")


def mine(*kinds: str) -> list[Card]:
    home = {f"dynagrad._core.ops.{family}" for family in FAMILIES}
    wanted = (card for card in CARDS.values() if card.kind in kinds and card.samples == card.kind)
    return [card for card in wanted if card.op.__globals__["__name__"] in home]


SINGLES = mine("unary", "test")
DOUBLES = mine("binary", "compare", "bits")


def reference(card: Card) -> Callable[..., Any]:
    for home in (torch, torch.nn.functional, torch.Tensor):
        if hasattr(home, card.name):
            return getattr(home, card.name)
    raise LookupError(card.name)


def ours(t: Any) -> Any:
    if not isinstance(t, torch.Tensor):
        return t
    return dg.from_dlpack(t.detach().contiguous().clone()).requires_grad_(t.requires_grad)


def theirs(t: dg.Tensor) -> Any:
    return torch.from_dlpack(t.detach().clone())


def sample(shape: tuple[int, ...], dtype: str, card: Card, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    kind = getattr(torch, dtype)
    if dtype == "bool":
        return torch.rand(shape, generator=generator) > 0.5
    if not kind.is_floating_point:
        return torch.randint(1, 6, shape, generator=generator).to(kind)
    low, high = card.domain or (-3, 3)
    return (torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low).to(kind)


def attempt(run: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run(*args)
        except (RuntimeError, TypeError, IndexError, ValueError) as error:
            return error


def alike(found: Any, expected: Any, tolerance: float) -> None:
    if isinstance(expected, Exception) or isinstance(found, Exception):
        assert isinstance(expected, Exception), f"only dynagrad raised: {found!r}"
        assert isinstance(found, Exception), f"only PyTorch raised: {expected!r}"
        same_kind = type(found) is type(expected) or (
            isinstance(found, RuntimeError) and isinstance(expected, RuntimeError)
        )
        assert same_kind, f"{found!r} against {expected!r}"
        return
    assert tuple(found.shape) == tuple(expected.shape)
    assert str(found.dtype) == str(expected.dtype)
    torch.testing.assert_close(
        theirs(found), expected.resolve_neg().clone(), rtol=tolerance, atol=tolerance / 100, equal_nan=True
    )


def derivatives(lib: Any, run: Callable[..., Any], inputs: list[Any]) -> list[Any]:
    """The gradients of a weighted sum, and the gradients of a weighted sum of those."""
    leaves = [t for t in inputs if getattr(t, "requires_grad", False)]
    result = run(*inputs)
    if not result.requires_grad:
        return []
    firsts = lib.autograd.grad((result * 1.5).sum(), leaves, create_graph=True, allow_unused=True)
    again = [(g * g).sum() for g in firsts if g is not None and g.requires_grad]
    if not again:
        return [g for g in firsts if g is not None]
    seconds = lib.autograd.grad(sum(again), leaves, allow_unused=True)
    return [*firsts, *(lib.zeros_like(leaf) if g is None else g for g, leaf in zip(seconds, leaves, strict=True))]


def check_gradients(forms: tuple[Callable[..., Any], Callable[..., Any]], inputs: list[Any]) -> None:
    inputs = [t.requires_grad_() if t.is_floating_point() else t for t in inputs]
    expected = attempt(derivatives, torch, forms[0], inputs)
    found = attempt(derivatives, dg, forms[1], [ours(t) for t in inputs])
    if isinstance(expected, Exception):
        return alike(found, expected, 0)
    assert not isinstance(found, Exception), found
    for mine_, theirs_ in zip(found, expected, strict=True):
        if theirs_ is not None:
            alike(mine_, theirs_.detach() + 0, 1e-7)
    return None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("card", SINGLES, ids=lambda card: card.name)
def test_one_operand(card: Card, dtype: str) -> None:
    tolerance = TOLERANCE.get(dtype, 2e-5) * (8 if card.name in ROUNDED_OFTEN else 1)
    for shape in SHAPES:
        x = sample(shape, dtype, card)
        alike(attempt(card.op, ours(x)), attempt(reference(card), x), tolerance)
    if dtype in ("float32", "float64"):
        special = torch.tensor(SPECIAL, dtype=getattr(torch, dtype))
        if card.name == "gelu":  # infinities become NaN in PyTorch's AVX-512 loop only
            special = special[special.isfinite()]
        alike(attempt(card.op, ours(special)), attempt(reference(card), special), tolerance)


@pytest.mark.parametrize("card", SINGLES, ids=lambda card: card.name)
def test_one_operand_twice_differentiable(card: Card) -> None:
    for shape in SHAPES:
        check_gradients((reference(card), card.op), [sample(shape, "float64", card)])
    across = (lambda x: reference(card)(x.t()), lambda x: card.op(x.t()))
    check_gradients(across, [sample((3, 4), "float64", card)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("card", DOUBLES, ids=lambda card: card.name)
def test_two_operands(card: Card, dtype: str) -> None:
    for other in DTYPES:
        tolerance = max([TOLERANCE.get(each, 0) for each in (dtype, other)] + [2e-5])
        x, y = sample((5,), dtype, card), sample((5,), other, card, 1)
        alike(attempt(card.op, ours(x), ours(y)), attempt(reference(card), x, y), tolerance)
    for number in (2, 2.5, True, -1):
        x = sample((5,), dtype, card)
        alike(
            attempt(card.op, ours(x), number),
            attempt(reference(card), x, number),
            TOLERANCE.get(dtype, 2e-5),
        )


@pytest.mark.parametrize("card", DOUBLES, ids=lambda card: card.name)
def test_two_operands_broadcast_and_differentiate(card: Card) -> None:
    for first, second in PAIRS:
        x, y = sample(first, "float64", card), sample(second, "float64", card, 1)
        alike(attempt(card.op, ours(x), ours(y)), attempt(reference(card), x, y), 1e-9)
        check_gradients((reference(card), card.op), [x, y])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("card", [card for card in SINGLES if card.inplace], ids=lambda card: card.name)
def test_in_place(card: Card, dtype: str) -> None:
    x = sample((3, 4), dtype, card)
    target = ours(x)
    written = attempt(card.inplace, target)
    alike(written, attempt(getattr(x.clone(), card.name + "_")), TOLERANCE.get(dtype, 2e-5))
    if not isinstance(written, Exception):
        assert written is target
        assert target._version == 1


@pytest.mark.parametrize("card", [card for card in SINGLES if card.inplace], ids=lambda card: card.name)
def test_in_place_keeps_both_derivatives(card: Card) -> None:
    if card.name in NO_INPLACE_GRADIENT:
        pytest.skip("PyTorch has no derivative for its in-place form")
    name = card.name + "_"
    forms = (lambda x: getattr(x * 1, name)(), lambda x: getattr(x * 1, name)())
    check_gradients(forms, [sample((4,), "float64", card)])
