"""What a node shows of itself beyond its edges: its saved tensors as objects that take hooks, and what its outputs look like.

How tensors are saved and unpacked is in `graph`; hooks on all tensors that are saved in a while, in ``autograd``.
"""
from collections import namedtuple

from dynagrad._core.graph import _save_as, use_inspection
from dynagrad._core.shown import as_kept

from dynagrad._core.graph cimport (
    FREED, SAVED_NUMBER, SAVED_PACKED, SAVED_RESULT, SAVED_TENSOR, Node, Output, begin, has_saved, output_of, save,
    unpack)
from dynagrad._core.ops.view cimport detach
from dynagrad._core.tensor cimport TensorBase, dims_tuple, tensor_class
from dynagrad._core.types cimport cpu, dtype_object, itemsizes


cdef class SavedTensor:
    """One tensor that a node keeps for its derivative: programs put hooks on it, which pack it at once and unpack it later."""
    cdef Node node
    cdef int index

    def __init__(self):
        raise RuntimeError("Trying to create a SavedTensor object from Python is forbidden.")

    cdef int _check(self) except -1:
        if self.node.flags & FREED:
            raise RuntimeError("Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of "
                               "the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
                               "you need to backward through the graph a second time or if you need to access saved variables "
                               "after calling backward.")
        if not has_saved(self.node, self.index):
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if self.node.saved[self.index].kind == SAVED_PACKED:
            raise RuntimeError("Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one "
                               "pair of hooks is allowed at a time.")
        return 0

    def register_hooks(self, pack_hook, unpack_hook):
        """Passes the tensor through ``pack_hook`` now, and what that returns through ``unpack_hook`` when it is needed.

        RuntimeError for a tensor that was freed, is None or has hooks, and for a hook that writes to it.
        """
        if not callable(pack_hook) or not callable(unpack_hook):
            raise TypeError("register_hooks(): incompatible function arguments: two callables are expected")
        self._check()
        if self.node.saved[self.index].kind != SAVED_NUMBER:
            _save_as(self.node, self.index, pack_hook, unpack_hook)

    def unpack(self):
        """The tensor as backward gets it."""
        return unpack(self.node, self.index)

    @property
    def data(self):
        """What is kept: the result of the pack hook, the tensor itself, or an alias of the node's own output."""
        if self.node.flags & FREED or not has_saved(self.node, self.index):
            return None
        value = <object>self.node.saved[self.index].value
        return (<tuple>value)[0] if self.node.saved[self.index].kind == SAVED_PACKED else value

    @property
    def unpack_hook(self):
        """The hook that unpacks it, or None."""
        if self.node.flags & FREED or not has_saved(self.node, self.index):
            return None
        if self.node.saved[self.index].kind != SAVED_PACKED:
            return None
        return (<tuple><object>self.node.saved[self.index].value)[1]


cdef SavedTensor _saved_tensor(Node node, int index):
    cdef SavedTensor made = SavedTensor.__new__(SavedTensor)
    made.node, made.index = node, index
    return made


def saved_by(Node node not None):
    """What a node keeps for its derivative, without unpacking it: (tensor, or None for a packed one; bytes; version).

    A number that is kept, or a place that holds nothing, is None.
    """
    cdef list found = []
    cdef TensorBase t
    cdef int i
    if node.flags & FREED:
        return found
    for i in range(node.n_saved):
        if node.saved[i].kind == SAVED_TENSOR or node.saved[i].kind == SAVED_RESULT:
            t = <TensorBase>node.saved[i].value
            found.append((t, t.numel * itemsizes[t.dtype], node.saved[i].version))
        elif node.saved[i].kind == SAVED_PACKED:
            found.append((None, 0, 0))
        else:
            found.append(None)
    return found


def make_saved(TensorBase t not None, is_output=False):
    """A tensor saved as an op would save it, through the hooks that are set; of no node's derivative."""
    cdef Node node = Node.__new__(Node)
    begin(node, 0)
    save(node, 0, detach(t) if is_output else t)
    return _saved_tensor(node, 0)


def set_versions(tensors, versions):
    """Sets the counts of writes to tensors. RuntimeError for a negative one, which nothing could be compared with."""
    for t, version in zip(tensors, versions, strict=True):
        if version < 0:
            raise RuntimeError(f"Cannot set a version_counter to a value below 0: {version}")
        (<TensorBase?>t).counter.version = version


# ---- what the outputs look like --------------------------------------------------------------------------------------

InputMetadata = namedtuple("InputMetadata", ("dtype", "device", "shape", "is_tensor_subclass", "is_nested_tensor",
                                             "is_cpp_nested_tensor"))


cdef object _described(Node node, int nr):
    cdef Output* output = output_of(node, nr)
    size = tensor_class()().shape.__class__
    shape = size(dims_tuple(output.ndim, output.shape)) if output.shape != NULL else None
    return InputMetadata(dtype_object(output.dtype), cpu, shape, False, False, False)


# Note [What a node shows]
# PyTorch's nodes show what they keep for the derivative as `_saved_<name>`, and saved tensors that take hooks as
# `_raw_saved_<name>`. The names are data of a node's class, so that a node pays for none of them when it is recorded:
#
#     _saves   names the saved tensors; "_name" is one that PyTorch does not keep, told of in recordings alone, and
#              "name[]" one whose slot begins a list that goes on to the last
#     _keeps   names the items of `params`; "" is one that PyTorch does not keep
#     _scalar  names `scalar`
#     _whole   names `whole`
#     _shows   names functions of the node, for what follows from the rest: sizes that the edges know, bits of `whole`
#
# A subclass that says any of these anew says all of it: nothing is merged.
cdef object _shown(Node node, str name):
    """The value of `_saved_<name>`; NotImplemented if the node has none."""
    if name in node._shows:
        return node._shows[name](node)
    if name in node._saves:
        i = node._saves.index(name)
        return unpack(node, i) if has_saved(node, i) or node.flags & FREED else None
    if name + "[]" in node._saves:
        first = node._saves.index(name + "[]")
        return tuple([unpack(node, i) if has_saved(node, i) or node.flags & FREED else None
                      for i in range(first, node.n_saved)])
    if name in node._keeps:
        return as_kept(name, node.params[node._keeps.index(name)])
    if name == node._scalar:
        return node.scalar
    if name == node._whole:
        return as_kept(name, node.whole)
    return NotImplemented


cdef object _raw(Node node, str name):
    """The value of `_raw_saved_<name>`; NotImplemented if the node has none."""
    if name in node._saves:
        return _saved_tensor(node, node._saves.index(name))
    if name + "[]" in node._saves:
        return tuple([_saved_tensor(node, i) for i in range(node._saves.index(name + "[]"), node.n_saved)])
    return NotImplemented


def _names(Node node):
    """The names of all `_saved_` and `_raw_saved_` attributes."""
    saves = [name.removesuffix("[]") for name in node._saves if not name.startswith("_")]
    others = [name for name in (*node._keeps, node._scalar, node._whole) if name]
    return [*(f"_saved_{name}" for name in (*saves, *others, *node._shows)), *(f"_raw_saved_{name}" for name in saves)]


def _inspect(Node node, str name):
    """The rarer attributes of a node; NotImplemented for a name that it does not have."""
    cdef int i
    if name.startswith("_saved_") and name[7:8] != "_":
        return _shown(node, name[7:])
    if name == "_input_metadata":
        return tuple([_described(node, i) for i in range(node.n_outputs)])
    if name == "_raw_saved_tensors":
        if node.flags & FREED and node.n_saved:
            unpack(node, 0)                             # which raises
        return tuple([_saved_tensor(node, i) for i in range(node.n_saved)])
    if name.startswith("_raw_saved_") and name[11:12] != "_":
        return _raw(node, name[11:])
    return NotImplemented


use_inspection(_inspect, _names)
