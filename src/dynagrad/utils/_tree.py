"""Which Python containers are nodes of trees, the structure of a tree, and maps over its leaves.

Public under PyTorch's name in `_pytree`; paths to leaves are in `_tree_paths`, structures as text in `_tree_text`.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

PyTree = Any
Context = Any
KeyPath = tuple[Any, ...]
IsLeaf = Callable[[PyTree], bool]


# ---- the keys of a path ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """A step into a sequence, by index."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """What is there."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """A step into a mapping, by key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """What is there."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """A step to an attribute, by name."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """What is there."""
        return getattr(obj, self.name)


def keystr(kp: KeyPath) -> str:
    """A path as it would be written behind the name of the tree.

    >>> keystr((MappingKey("a"), SequenceKey(0)))
    "['a'][0]"
    """
    return "".join(str(key) for key in kp)


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What lies at a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


# ---- which classes are nodes -------------------------------------------------------------------------------------------


class NodeDef(NamedTuple):
    """How nodes of a class are taken apart and put together."""

    flatten: Callable[[Any], tuple[list[Any], Context]]
    unflatten: Callable[[Iterable[Any], Context], Any]
    keys: Callable[[Any], list[Any]] | None
    name: str | None = None
    to_dumpable: Callable[[Context], Any] | None = None
    from_dumpable: Callable[[Any], Context] | None = None


def namedtuple_(*_: Any) -> None:
    """Stands for all classes of named tuples, which are nodes of one kind."""


namedtuple_.__name__ = "namedtuple"

SUPPORTED_NODES: dict[Any, NodeDef] = {}
_constants: set[type] = set()


def register_pytree_node(
    cls: type[Any],
    flatten_fn: Callable[[Any], tuple[list[Any], Context]],
    unflatten_fn: Callable[[Iterable[Any], Context], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Context], Any] | None = None,
    from_dumpable_context: Callable[[Any], Context] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Context]] | None = None,
) -> None:
    """Makes the instances of a class nodes, whose children trees go on into.

    Args:
        cls: the class. Instances of its subclasses remain leaves.
        flatten_fn: gives the list of children and a context, which is compared when specs are.
        unflatten_fn: makes an instance of children and the context.
        serialized_type_name: what `treespec_dumps` calls the class.
        to_dumpable_context, from_dumpable_context: the context as JSON can hold it, and back; both or neither.
        flatten_with_keys_fn: like ``flatten_fn``, each child in a pair with its key.

    Raises:
        ValueError: the class is a node already, or one of the pair of functions for contexts is missing.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda pair: ([pair.a, pair.b], None), lambda children, _: Pair(*children))
    >>> tree_leaves([Pair(1, 2), 3])
    [1, 2, 3]
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls!r} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered together."
        )
    keys = None
    if flatten_with_keys_fn is not None:
        with_keys = flatten_with_keys_fn

        def keys(node: Any) -> list[Any]:
            return [key for key, _ in with_keys(node)[0]]

    SUPPORTED_NODES[cls] = NodeDef(
        flatten_fn, unflatten_fn, keys, serialized_type_name, to_dumpable_context, from_dumpable_context
    )


_register_pytree_node = register_pytree_node


def register_dataclass(
    cls: type[Any],
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Makes the instances of a dataclass nodes, whose fields are the children.

    Args:
        cls: the dataclass.
        field_names: the fields, if the class is none that ``dataclasses`` knows or only some are meant.
        drop_field_names: fields that are left out, and must have defaults.
        serialized_type_name: what `treespec_dumps` calls the class.
    """
    names = field_names or [field.name for field in dataclasses.fields(cls) if field.init]
    names = [name for name in names if name not in (drop_field_names or ())]
    register_pytree_node(
        cls,
        lambda node: ([getattr(node, name) for name in names], None),
        lambda children, _: cls(**dict(zip(names, children, strict=True))),
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=lambda node: ([(GetAttrKey(name), getattr(node, name)) for name in names], None),
    )


def register_constant(cls: type[Any]) -> None:
    """Makes the instances of a class nodes without children: they are part of the structure and compared as such."""
    _constants.add(cls)
    register_pytree_node(cls, lambda node: ([], node), lambda _, node: node)


def is_namedtuple_class(cls: type) -> bool:
    """Whether a class was made by ``namedtuple`` or ``NamedTuple``."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def is_namedtuple_instance(obj: object) -> bool:
    """Whether a value is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: object) -> bool:
    """Whether it is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def _indices(node: Any) -> list[Any]:
    return [SequenceKey(i) for i in range(len(node))]


def _mapping_keys(node: Any) -> list[Any]:
    return [MappingKey(key) for key in node]


SUPPORTED_NODES[tuple] = NodeDef(lambda t: (list(t), None), lambda children, _: tuple(children), _indices)
SUPPORTED_NODES[list] = NodeDef(lambda t: (t, None), lambda children, _: list(children), _indices)
SUPPORTED_NODES[dict] = NodeDef(
    lambda t: (list(t.values()), list(t)), lambda children, keys: dict(zip(keys, children, strict=True)), _mapping_keys
)
SUPPORTED_NODES[OrderedDict] = NodeDef(
    lambda t: (list(t.values()), list(t)),
    lambda children, keys: OrderedDict(zip(keys, children, strict=True)),
    _mapping_keys,
)
SUPPORTED_NODES[defaultdict] = NodeDef(
    lambda t: (list(t.values()), [t.default_factory, list(t)]),
    lambda children, made: defaultdict(made[0], zip(made[1], children, strict=True)),
    _mapping_keys,
)
SUPPORTED_NODES[deque] = NodeDef(lambda t: (list(t), t.maxlen), deque, _indices)
SUPPORTED_NODES[namedtuple_] = NodeDef(
    lambda t: (list(t), type(t)),
    lambda children, cls: cls._make(children) if hasattr(cls, "_make") else cls(children),
    lambda t: [GetAttrKey(name) for name in t._fields],
    "collections.namedtuple",
)


def _kind(tree: PyTree) -> Any:
    """The key of a node's class among the supported ones; None for a leaf."""
    cls = type(tree)
    if cls in SUPPORTED_NODES:
        return cls
    return namedtuple_ if is_namedtuple_class(cls) else None


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf | None = None) -> bool:
    """Whether a value is a leaf: of no registered class, or one that ``is_leaf`` says yes to."""
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) is None


# ---- the structure -----------------------------------------------------------------------------------------------------


class TreeSpec:
    """The structure of a tree without its leaves.

    Args:
        type: the class of the node, None for a leaf.
        context: what its class needs besides the children.
        children_specs: the structures of the children.

    >>> tree_structure((1, [2, 3])).num_leaves
    3
    """

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Context, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self._children = type, context, children_specs
        self.num_children = len(children_specs)
        self.num_leaves: int = 1 if type is None else sum(each.num_leaves for each in children_specs)
        self.num_nodes: int = 1 + sum(each.num_nodes for each in children_specs)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The structures of the children."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The structures of the children."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The structure of one child."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether this is the structure of a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self.context, self._children) == (other.type, other.context, other._children)

    def __hash__(self) -> int:
        context = tuple(self.context) if isinstance(self.context, list) else self.context
        return hash((self.type, repr(context), tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        separator = ",\n" + " " * (indent + 2)
        children = separator.join(each.__repr__(indent + 2) for each in self._children)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this structure with these leaves. Raises ValueError if their number is another."""
        leaves = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> PyTree:
        if self.type is None:
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten([each._build(leaves) for each in self._children], self.context)

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of a tree that stand where this structure has leaves. Raises ValueError where they do not match."""
        found: list[PyTree] = []
        self._match(tree, found)
        return found

    def _match(self, tree: PyTree, found: list[PyTree]) -> None:
        if self.type is None:
            found.append(tree)
            return
        kind = _kind(tree)
        mappings = (dict, OrderedDict, defaultdict)
        if kind is not self.type and not (kind in mappings and self.type in mappings):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = SUPPORTED_NODES[kind].flatten(tree)
        if len(children) != self.num_children and kind not in mappings:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if kind in mappings:
            keys = self.context[1] if self.type is defaultdict else self.context
            missing, extra = set(keys) - set(tree), set(tree) - set(keys)
            if missing or extra:
                said = f" missing key(s): {missing};" * bool(missing) + f" extra key(s): {extra};" * bool(extra)
                raise ValueError(f"Node keys mismatch;{said[:-1]}.")
            children = [tree[key] for key in keys]
        elif kind is not deque and context != self.context:
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
        for spec, child in zip(self._children, children, strict=True):
            spec._match(child, found)


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The structure of a leaf."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def treespec_leaf() -> TreeSpec:
    """The structure of a leaf."""
    return _LEAF


# ---- taking apart and putting together ---------------------------------------------------------------------------------


def _flatten_into(tree: PyTree, leaves: list[Any], is_leaf: IsLeaf | None) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        leaves.append(tree)
        return _LEAF
    children, context = SUPPORTED_NODES[kind].flatten(tree)
    return TreeSpec(kind, context, [_flatten_into(child, leaves, is_leaf) for child in children])


def tree_flatten(tree: PyTree, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, from left to right, and its structure.

    Args:
        tree: tuples, lists, dicts, ordered and default dicts, named tuples, deques and registered classes, nested.
        is_leaf: says of a value that it is a leaf although its class is one of nodes.

    >>> tree_flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    spec = _flatten_into(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree with these leaves and this structure; the inverse of `tree_flatten`.

    Raises:
        TypeError: the structure is none.
        ValueError: it has another number of leaves.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: IsLeaf | None = None) -> Iterator[Any]:
    """Goes through the leaves."""
    yield from tree_flatten(tree, is_leaf)[0]


def tree_leaves(tree: PyTree, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves, from left to right.

    >>> tree_leaves([1, {"a": 2}])
    [1, 2]
    """
    return tree_flatten(tree, is_leaf)[0]


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of the arguments."""
    return tree_leaves([*args, *kwargs.values()])


def tree_structure(tree: PyTree, is_leaf: IsLeaf | None = None) -> TreeSpec:
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """A tree of the same structure, whose leaves are ``func`` of the leaves of all trees.

    >>> tree_map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten([func(*each) for each in zip(*columns, strict=True)])


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """Calls ``func`` on the leaves, for what it does to them; returns the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def map_only(types: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function leaves alone what is not of the types, or what the predicate says no to."""
    applies = _predicate(types)

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: func(x) if applies(x) else x

    return decorate


def _predicate(types: Any) -> Callable[[Any], bool]:
    if isinstance(types, (type, tuple)) or type(types).__name__ == "UnionType":
        return lambda x: isinstance(x, types)
    if callable(types):
        return types
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def tree_map_only(types: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """`tree_map` of the leaves of some types, or for which a predicate says yes; the others stay.

    >>> tree_map_only(int, lambda x: x + 1, (1, "a"))
    (2, 'a')
    """
    return tree_map(map_only(types)(func), tree, is_leaf=is_leaf)


def tree_map_only_(types: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """`tree_map_` of the leaves of some types."""
    return tree_map_(map_only(types)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf | None = None) -> bool:
    """Whether something holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf | None = None) -> bool:
    """Whether something holds for a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf | None = None) -> bool:
    """Whether something holds for all leaves of some types."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, types))


def tree_any_only(types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf | None = None) -> bool:
    """Whether something holds for a leaf of some types."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, types))


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf | None = None) -> list[Any] | None:
    """The leaves of a tree that has leaves where the structure has whole subtrees, each once for a leaf of those.

    None if the tree does not fit.
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _kind(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        flat = _broadcast_to_and_flatten(child, spec, is_leaf)
        if flat is None:
            return None
        found += flat
    return found
