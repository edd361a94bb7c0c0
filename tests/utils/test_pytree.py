"""Trees of containers: taken apart, mapped, put together, named by paths, written as text."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

import dynagrad
from dynagrad.utils import _pytree as pytree

Point = namedtuple("Point", "x y")  # noqa: PYI024  # the old form, too, is a node

TREES: list[Any] = [
    3,
    None,
    (),
    (1, 2),
    [1, [2, (3,)]],
    {"b": 1, "a": [2]},
    Point(1, (2, 3)),
    OrderedDict(b=1, a=2),
    defaultdict(list, {"x": 1}),
    deque([1, 2], maxlen=3),
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_a_tree_is_its_leaves_and_its_structure(tree: Any) -> None:
    leaves, spec = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten(leaves, spec)
    assert again == tree
    assert type(again) is type(tree)
    assert spec.num_leaves == len(leaves) == len(pytree.tree_leaves(tree))
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec
    assert hash(pytree.tree_structure(tree)) == hash(spec)


def test_results_with_names_are_nodes() -> None:
    found = dynagrad.ones(2, 2).max(1)
    doubled = pytree.tree_map(lambda t: t * 2, found)
    assert type(doubled) is type(found)
    assert doubled.values.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ((3, 4), "Node type mismatch; expected <class 'list'>, but got <class 'int'>."),
        ((3, [4, 5]), "Node arity mismatch; expected 1, but got 2."),
        ([3, [4]], "Node type mismatch; expected <class 'tuple'>, but got <class 'list'>."),
    ],
)
def test_trees_that_do_not_match(other: Any, message: str) -> None:
    with pytest.raises(ValueError, match="mismatch") as raised:
        pytree.tree_map(lambda a, b: a + b, (1, [2]), other)
    assert message in str(raised.value)


def test_keys_must_match_and_their_order_need_not() -> None:
    assert pytree.tree_map(lambda a, b: (a, b), {"b": 1, "a": 2}, {"a": 3, "b": 4}) == {"b": (1, 4), "a": (2, 3)}
    with pytest.raises(ValueError, match="missing key"):
        pytree.tree_map(lambda a, b: a, {"a": 1}, {"b": 1})


def test_leaves_are_counted_when_put_together() -> None:
    with pytest.raises(ValueError, match="`leaves` has length 1 but the spec refers to a pytree that holds 2 items"):
        pytree.tree_unflatten([1], pytree.tree_structure((1, [2])))
    with pytest.raises(TypeError, match="Expected `treespec` to be an instance of PyTreeSpec"):
        pytree.tree_unflatten([1], 3)


def test_maps_of_some_leaves() -> None:
    assert pytree.tree_map_only(int, lambda x: x + 1, (1, "a", 2.0)) == (2, "a", 2.0)
    assert pytree.tree_map_only((int, float), lambda x: x + 1, (1, "a", 2.0)) == (2, "a", 3.0)
    assert pytree.tree_map_only(lambda x: x == 1, lambda x: x + 1, (1, 2)) == (2, 2)
    assert pytree.tree_all(lambda x: x > 0, (1, 2))
    assert pytree.tree_any_only(int, lambda x: x > 1, ("a", 2))
    assert pytree.tree_all_only(int, lambda x: x > 1, ("a", 2))
    assert not pytree.tree_any(lambda x: x > 2, (1, 2))
    assert pytree.tree_flatten([(1, 2), 3], is_leaf=lambda x: isinstance(x, tuple))[0] == [(1, 2), 3]
    assert pytree.arg_tree_leaves(1, (2,), a=[3]) == [1, 2, 3]
    assert list(pytree.tree_iter((1, [2]))) == [1, 2]


def test_paths_name_leaves() -> None:
    tree = {"a": [1, Point(2, 3)]}
    paths = pytree.tree_leaves_with_path(tree)
    assert [pytree.keystr(path) for path, _ in paths] == ["['a'][0]", "['a'][1].x", "['a'][1].y"]
    assert [pytree.key_get(tree, path) for path, _ in paths] == [1, 2, 3]


@dataclass
class Pair:
    a: Any
    b: Any


class Marked:
    def __init__(self, inner: Any) -> None:
        self.inner = inner


def test_registered_classes_are_nodes() -> None:
    pytree.register_pytree_node(Marked, lambda m: ([m.inner], "mark"), lambda children, _: Marked(*children))
    with pytest.raises(ValueError, match="is already registered as pytree node"):
        pytree.register_pytree_node(Marked, lambda m: ([m.inner], None), lambda children, _: Marked(*children))
    pytree.register_dataclass(Pair)
    assert pytree.tree_leaves([Marked((1, 2)), Pair(3, [4])]) == [1, 2, 3, 4]
    assert pytree.tree_map(lambda x: -x, Pair(3, [4])) == Pair(-3, [-4])
    assert pytree.keystr(pytree.tree_leaves_with_path(Pair(3, 4))[1][0]) == ".b"
    doubled = dynagrad.vmap(lambda pair: Pair(pair.a * 2, pair.b))(Pair(dynagrad.ones(3), dynagrad.zeros(3)))
    assert doubled.a.tolist() == [2.0, 2.0, 2.0]


def test_structures_are_compared_and_printed() -> None:
    assert pytree.tree_structure((1, 2)) == pytree.tree_structure((3, 4))
    assert pytree.tree_structure([1, 2]) != pytree.tree_structure((3, 4))
    assert str(pytree.tree_structure({"a": (1, 2)})) == "TreeSpec(dict, ['a'], [TreeSpec(tuple, None, [*,\n    *])])"
    assert pytree.treespec_pprint(pytree.tree_structure((1, [2]))) == "(*, [*])"
    assert pytree._broadcast_to_and_flatten((0, (1, 2)), pytree.tree_structure((1, [2, 3]))) is None
    assert pytree._broadcast_to_and_flatten((0, 1), pytree.tree_structure((1, [2, 3]))) == [0, 1, 1]
