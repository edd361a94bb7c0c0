"""The structure of a tree as text: JSON, which PyTorch reads, too, and a print of the tree with stars for leaves."""

from __future__ import annotations

import json
from collections import defaultdict
from importlib import import_module
from typing import Any

from dynagrad.utils._tree import _LEAF, SUPPORTED_NODES, TreeSpec, namedtuple_

_PROTOCOL = 1


def _type_name(kind: Any) -> str:
    if kind is namedtuple_:
        return "collections.namedtuple"
    return SUPPORTED_NODES[kind].name or f"{kind.__module__}.{kind.__qualname__}"


def _class_named(name: str) -> Any:
    module, _, path = name.rpartition(".")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _to_schema(spec: TreeSpec) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": "null", "children_spec": []}
    node = SUPPORTED_NODES[spec.type]
    if spec.type is namedtuple_:
        context: Any = f"{spec.context.__module__}.{spec.context.__qualname__}"
    elif spec.type is defaultdict:
        factory, keys = spec.context
        context = {
            "default_factory_module": getattr(factory, "__module__", None),
            "default_factory_name": getattr(factory, "__qualname__", None),
            "dict_context": keys,
        }
    else:
        context = node.to_dumpable(spec.context) if node.to_dumpable else spec.context
    return {
        "type": _type_name(spec.type),
        "context": json.dumps(context),
        "children_spec": [_to_schema(each) for each in spec.children_specs],
    }


def _from_schema(schema: dict[str, Any]) -> TreeSpec:
    if schema["type"] is None:
        return _LEAF
    kinds = {_type_name(kind): kind for kind in SUPPORTED_NODES}
    if schema["type"] not in kinds:
        raise NotImplementedError(f"Deserializing {schema['type']} in pytree is not registered.")
    kind, context = kinds[schema["type"]], json.loads(schema["context"])
    node = SUPPORTED_NODES[kind]
    if kind is namedtuple_:
        context = _class_named(context)
    elif kind is defaultdict:
        module, name = context["default_factory_module"], context["default_factory_name"]
        context = [None if name is None else _class_named(f"{module}.{name}"), context["dict_context"]]
    elif node.from_dumpable:
        context = node.from_dumpable(context)
    return TreeSpec(kind, context, [_from_schema(each) for each in schema["children_spec"]])


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """The structure as JSON, which `treespec_loads` reads. Raises ValueError for another protocol than 1.

    >>> from dynagrad.utils._pytree import tree_structure
    >>> treespec_loads(treespec_dumps(tree_structure((1, [2])))) == tree_structure((1, [2]))
    True
    """
    if protocol not in (None, _PROTOCOL):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: {[_PROTOCOL]}")
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be instance of TreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return json.dumps([_PROTOCOL, _to_schema(treespec)])


def treespec_loads(serialized: str) -> TreeSpec:
    """The structure that `treespec_dumps` wrote, here or in PyTorch."""
    protocol, schema = json.loads(serialized)
    if protocol != _PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: {[_PROTOCOL]}")
    return _from_schema(schema)


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """The structure as its tree would be printed, with * for leaves.

    >>> from dynagrad.utils._pytree import tree_structure
    >>> treespec_pprint(tree_structure({"a": (1, 2)}))
    "{'a': (*, *)}"
    """
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))
