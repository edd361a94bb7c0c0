"""What type checkers are told is true: the stub of the native tensor, the results of ops, the names that come late."""

from __future__ import annotations

import ast
import contextlib
import inspect
from pathlib import Path
from typing import Any, get_args

import pytest

import dynagrad
from dynagrad._core.base import NativeTensor
from dynagrad._core.card import CARDS, NotOneTensor
from tests.samples import CALLS, Scene, samples_of

INSTALLED = Path(dynagrad.__file__).parent
NOT_ONE = set(get_args(NotOneTensor))


def tree(name: str) -> ast.Module:
    return ast.parse((INSTALLED / name).read_text(encoding="utf-8"))


PUBLIC = [
    node.value.args[0].value
    for node in tree("__init__.py").body
    if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("_op(")
]
CARD_OF = {name: card for card in CARDS.values() for name in (card.name, *card.aliases)}
STUB = next(node for node in tree("_core/base.pyi").body if isinstance(node, ast.ClassDef))
DECLARED = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}


def test_the_package_says_that_it_is_typed() -> None:
    assert (INSTALLED / "py.typed").exists()


def test_the_stub_has_every_public_attribute_of_the_native_tensor() -> None:
    assert not [name for name in vars(NativeTensor) if not name.startswith("_") and name not in DECLARED]


def test_the_native_tensor_has_every_attribute_of_the_stub() -> None:
    assert not [name for name in DECLARED if name != "__getattr__" and name not in dir(NativeTensor)]


@pytest.mark.parametrize("name", sorted(name for name in DECLARED if not name.startswith("__")))
def test_the_stub_knows_attributes_from_methods_and_their_arguments(name: str) -> None:
    node, own = DECLARED[name], vars(NativeTensor)[name]
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    assert inspect.isgetsetdescriptor(own) == any("overload" not in mark for mark in marks)
    if not inspect.isgetsetdescriptor(own):
        arguments = node.args
        declared = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        assert declared == list(inspect.signature(own).parameters)


def results(name: str) -> tuple[list[Any], str]:
    """What the function gives for its samples, where it has some; and what its own annotation says, where it has one."""
    card = CARD_OF[name]
    given = []
    for text in samples_of(card) if {card.name, card.samples} & set(CALLS) else ():
        with contextlib.suppress(IndexError, RuntimeError, TypeError, ValueError):  # by refused samples
            given.append(Scene(dynagrad, "float64").call(getattr(dynagrad, name), text))
    return given, str(getattr(inspect.unwrap(card.op), "__annotations__", {}).get("return", ""))


def test_every_name_that_gives_more_than_a_tensor_is_public() -> None:
    assert not NOT_ONE - set(PUBLIC)


@pytest.mark.filterwarnings("ignore:torch.asarray")  # of a leaf, it says that the flag comes along
@pytest.mark.parametrize("name", PUBLIC)
def test_a_function_gives_a_tensor_unless_the_checker_is_told_otherwise(name: str) -> None:
    given, said = results(name)
    if name in NOT_ONE:
        assert said != "Tensor"
        assert not given or not all(isinstance(each, dynagrad.Tensor) for each in given)
    else:
        assert said in {"", "Tensor", "NoReturn"}
        assert all(isinstance(each, dynagrad.Tensor) for each in given)


def test_what_the_checker_is_told_of_names_that_come_late_is_true() -> None:
    blocks = [node for node in tree("__init__.py").body if isinstance(node, ast.If)]
    told = {
        alias.name: "" if node.module == "dynagrad" else node.module.removeprefix("dynagrad.")
        for block in blocks
        for node in block.body
        for alias in node.names
    }
    assert {name for name in dynagrad._LAZY if not name.startswith("_")} <= set(told)
    late = dict.fromkeys(dynagrad._LAZY, "") | dynagrad._LAZY_NAMES
    assert told == {name: late[name] for name in told}
