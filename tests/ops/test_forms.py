"""One op, many forms: inputs that lie otherwise in memory, in place, out=, and a dtype that is kept.

What the right answer is stands in test_recorded.py; here the forms of one op are compared with each other.
"""

import warnings

import pytest

import dynagrad
from dynagrad._core.card import CARDS
from tests.answers import answer, difference, recorded
from tests.samples import LEFT_OUT, UNDEFINED, Scene, dtypes_of, function, plain, samples_of, tensors

COMPARED = sorted(set(CARDS) - set(LEFT_OUT))

# Their results are defined by strides, so that the layout of an input matters.
BY_STRIDES = {"as_strided", "as_strided_scatter", "view", "view_as", "empty_like", "take_along_dim"}
IN_PLACE = [name for name in COMPARED if CARDS[name].inplace is not None and CARDS[name].kind != "random"]
WITH_OUT = [name for name in COMPARED if name in recorded()["out"] and name not in UNDEFINED]


@pytest.mark.parametrize("layout", ["turned", "strided"])
@pytest.mark.parametrize("name", [name for name in COMPARED if name not in BY_STRIDES and CARDS[name].kind != "random"])
def test_the_layout_of_inputs_does_not_matter(name, layout):
    card, wrong = CARDS[name], []
    op = function(dynagrad, name, card.op)
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            expected = answer(dynagrad, name, op, text, dtype, domain=card.domain)
            found = answer(dynagrad, name, op, text, dtype, domain=card.domain, layout=layout)
            if expected.get("e") == "NotImplementedError":
                continue  # another layout may take a way that has a kernel
            if how := difference(expected, found):
                wrong.append(f"{name}({text}) in {dtype}, {layout}: {how}")
    assert not wrong, "\n".join(wrong)


def without_history(value):
    if isinstance(value, dict):
        return {key: without_history(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(without_history(part) for part in value)
    return value.detach() if isinstance(value, dynagrad.Tensor) else value


def drawn(card, text, dtype):
    """The arguments of a sample and its result, or None where the op refuses them."""
    scene = Scene(dynagrad, dtype, card.domain)
    args, kwargs = scene.arguments(text)
    args, kwargs = without_history(args), without_history(kwargs)
    dynagrad.manual_seed(5)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return args, kwargs, card.op(*args, **kwargs)
    except Exception:  # noqa: BLE001  # test_recorded.py says which calls are errors
        return None


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_is_the_function_and_counts_a_version(name):
    card, wrong, compared = CARDS[name], [], 0
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            if (call := drawn(card, text, dtype)) is None or not isinstance(call[0][0], dynagrad.Tensor):
                continue
            (first, *others), kwargs, expected = call
            if expected.shape != first.shape or expected.dtype != first.dtype:
                continue
            target = first.clone()
            before = target._version
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    returned = getattr(target, f"{name}_")(*others, **kwargs)
                except Exception as error:  # noqa: BLE001  # one failure after another is reported
                    wrong.append(f"{name}_({text}) in {dtype} raised {error!r}")
                    continue
            compared += 1
            how = difference({"r": plain(expected)}, {"r": plain(target)})
            if how or returned is not target or target._version != before + 1:
                wrong.append(f"{name}_({text}) in {dtype}: {how}, version {before} -> {target._version}")
    assert not wrong, "\n".join(wrong)
    # The order of a polygamma comes first as a function, its tensor in place; as_strided's samples all change the shape.
    assert compared or name in {"polygamma", "as_strided"}


@pytest.mark.parametrize("name", WITH_OUT)
def test_out_receives_the_result(name):
    card, wrong, compared = CARDS[name], [], 0
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            if (call := drawn(card, text, dtype)) is None or "out=" in text:
                continue
            args, kwargs, expected = call
            if isinstance(expected, tuple) and (name == "where" or kwargs.get("as_tuple")):
                continue  # the forms that give the indices of non-zero elements take no out=
            targets = [dynagrad.empty(0, dtype=part.dtype) for part in tensors(expected)]
            dynagrad.manual_seed(5)
            kwargs = {**kwargs, "out": targets[0] if len(targets) == 1 else tuple(targets)}
            try:
                card.op(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  # one failure after another is reported
                wrong.append(f"{name}({text}, out=…) in {dtype} raised {error!r}")
                continue
            compared += 1
            if how := difference({"r": plain(tensors(expected))}, {"r": plain(targets)}):
                wrong.append(f"{name}({text}, out=…) in {dtype}: {how}")
    assert not wrong, "\n".join(wrong)
    assert compared


@pytest.mark.parametrize("dtype", [dynagrad.float32, dynagrad.float64])
def test_remainders_by_infinity_are_what_is_divided(dtype):
    x, infinity = dynagrad.tensor([1.0, -2.5, 0.0, 7.0] * 10, dtype=dtype), float("inf")
    assert dynagrad.equal(dynagrad.fmod(x, infinity), x)
    assert dynagrad.equal(dynagrad.remainder(x, infinity), dynagrad.where(x < 0, infinity, x))
