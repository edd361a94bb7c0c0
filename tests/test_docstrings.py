"""The examples in the docstrings of the ops and of the public functions, run and compared with what they say."""

import doctest
import importlib
import pkgutil

import pytest

import dynagrad
from dynagrad._core.card import CARDS

ACTS_WHEN_IMPORTED = ("dynagrad.__main__", "dynagrad.cli.bound")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(dynagrad.__path__, "dynagrad.")
    if "._core" not in module.name and module.name not in ACTS_WHEN_IMPORTED
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
NAMES = {"dynagrad": dynagrad, "torch": dynagrad}


def run(examples):
    runner, said = doctest.DocTestRunner(optionflags=FLAGS), []
    for example in examples:
        dynagrad.manual_seed(0)
        runner.run(example, out=said.append)
    assert not runner.summarize(verbose=False).failed, "".join(said)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_examples_of_an_op(name):
    for op in (CARDS[name].op, CARDS[name].inplace):
        if text := getattr(op, "__doc__", None):
            run([doctest.DocTestParser().get_doctest(text, dict(NAMES), name, None, 0)])


@pytest.mark.parametrize("name", [name for name, card in sorted(CARDS.items()) if card.function])
def test_public_ops_have_an_example(name):
    assert ">>> " in (CARDS[name].op.__doc__ or ""), f"dynagrad.{name} shows no example"


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name):
    module = importlib.import_module(name)
    run(doctest.DocTestFinder(exclude_empty=True).find(module, globs=dict(vars(module)) | NAMES))
