"""Where in a tree a leaf is: paths of keys, and maps that are told them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dynagrad.utils._tree import SUPPORTED_NODES, IsLeaf, KeyPath, PyTree, TreeSpec, _kind, tree_structure


def _paths(tree: PyTree, path: KeyPath, is_leaf: IsLeaf | None) -> Iterator[tuple[KeyPath, Any]]:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        yield path, tree
        return
    node = SUPPORTED_NODES[kind]
    if node.keys is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to "
            "register_pytree_node."
        )
    for key, child in zip(node.keys(tree), node.flatten(tree)[0], strict=True):
        yield from _paths(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf | None = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each in a pair with its path."""
    return list(_paths(tree, (), is_leaf))


def tree_flatten_with_path(tree: PyTree, is_leaf: IsLeaf | None = None) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """`tree_leaves_with_path`, and the structure."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """`tree_map` of a function that is also given the path of a leaf, first.

    >>> from dynagrad.utils._pytree import keystr
    >>> tree_map_with_path(lambda path, x: f"{keystr(path)} = {x}", {"a": [1]})
    {'a': ["['a'][0] = 1"]}
    """
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [[path for path, _ in pairs], [leaf for _, leaf in pairs], *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten([func(*each) for each in zip(*columns, strict=True)])
