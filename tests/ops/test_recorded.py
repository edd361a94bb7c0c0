"""Every op's values, dtypes, shapes, gradients and kinds of error against those that PyTorch gave for the same calls.

`python -m tests.record`, where PyTorch is installed, asks it anew.
"""

import pytest

import dynagrad
from dynagrad._core.card import CARDS
from tests.answers import answer, difference, recorded
from tests.samples import LEFT_OUT, dtypes_of, function, samples_of

COMPARED = sorted(set(CARDS) - set(LEFT_OUT))


@pytest.mark.parametrize("name", COMPARED)
def test_every_card_has_samples_with_recorded_answers(name):
    assert samples_of(CARDS[name]), "tests/ops/calls.txt has no calls for this op"
    assert list(recorded()["ops"].get(name, ())) == list(dict.fromkeys(samples_of(CARDS[name]))), (
        "run python -m tests.record where PyTorch is installed"
    )


@pytest.mark.parametrize("name", COMPARED)
def test_an_op_answers_as_pytorch(name):
    card, expected, wrong = CARDS[name], recorded()["ops"][name], []
    op = function(dynagrad, name, card.op)
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            found = answer(dynagrad, name, op, text, dtype, domain=card.domain)
            if text in expected and (how := difference(expected[text][dtype], found)):
                wrong.append(f"{name}({text}) in {dtype}: {how}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", COMPARED)
def test_the_names_of_an_op_are_one_function(name):
    card = CARDS[name]
    for alias in (name, *card.aliases):
        if card.function:
            assert getattr(dynagrad, alias) is card.op
        if card.method is True:
            assert getattr(dynagrad.Tensor, alias) is card.op
