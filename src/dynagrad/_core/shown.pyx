"""The words in which an op says what its node shows of itself, see Note [What a node shows] in saved.pyx.

Each function of this file takes a node, or makes one that does. Who asks them, and under which names, is in `saved`.
"""
from libc.stdint cimport int64_t

from dynagrad._core.graph cimport Node, Output, output_of
from dynagrad._core.tensor cimport dims_tuple
from dynagrad._core.types cimport dtype_object

# Arguments that PyTorch keeps as numbers of either kind. Its other whole numbers are shown without their sign.
NUMBERS = frozenset((
    "alpha", "beta", "exponent", "lambd", "lower", "max", "max_val", "min", "min_val", "negative_slope", "ord", "other", "p",
    "self", "threshold", "upper", "value", "weight"))


cdef object unsigned(object value):
    """A whole number as PyTorch shows it, who counts a negative one from 2^64; or each of a tuple."""
    if isinstance(value, (tuple, list)):
        return tuple([unsigned(each) for each in value])
    return value & 0xffffffffffffffff if type(value) is int and value < 0 else value


def as_kept(str name, value):
    """What a node keeps under a name, as PyTorch shows it."""
    return value if name in NUMBERS else unsigned(value)


# ---- of the inputs, whose shapes the nodes that made them know -------------------------------------------------------

cdef Output* _input(Node node, int edge) noexcept:
    """What the input is like; null if it needs no gradient, and is not known for that."""
    return output_of(<Node>node.edges[edge].node, node.edges[edge].nr) if node.edges[edge].node != NULL else NULL


def sizes(int edge):
    """The sizes of the input; () if it needs no gradient."""
    def found(Node node):
        cdef Output* like = _input(node, edge)
        return dims_tuple(like.ndim, like.shape) if like != NULL else ()
    return found


def size(int edge, int dim):
    """One size of the input; 0 if it needs no gradient."""
    def found(Node node):
        cdef Output* like = _input(node, edge)
        return like.shape[dim if dim >= 0 else dim + like.ndim] if like != NULL else 0
    return found


def rank(int edge):
    """The number of dimensions of the input; 0 if it needs no gradient."""
    def found(Node node):
        cdef Output* like = _input(node, edge)
        return like.ndim if like != NULL else 0
    return found


def numel(Node node):
    """The number of elements of the first input."""
    cdef Output* like = _input(node, 0)
    cdef int64_t n = 1
    cdef int i
    for i in range(like.ndim):
        n *= like.shape[i]
    return n


input_sizes = sizes(0)


# ---- of folds: params are None for all dimensions, else (dim as given, keepdim, ...) ---------------------------------

def folded_dim(Node node):
    """The dimension as given."""
    return None if node.params is None else unsigned(node.params[0])


def folded_dims(Node node):
    """The dimensions as given, as a tuple where there is one."""
    dim = None if node.params is None else node.params[0]
    return dim if dim is None else unsigned(dim) if isinstance(dim, (tuple, list)) else (unsigned(dim),)


def keeps_dims(Node node):
    """Whether the folded dimensions stay, with size 1."""
    return node.params is not None and node.params[1]


def third(Node node):
    """What follows dim and keepdim."""
    return node.params[2]


# ---- of what the node keeps ------------------------------------------------------------------------------------------

def number(Node node):
    """`scalar` as the kind of number that it was given as, see `keep_number`."""
    return int(node.scalar) if node.whole == 0 else node.scalar if node.whole == 1 else bool(node.scalar)


def whole_scalar(Node node):
    """`scalar` as a whole number."""
    return unsigned(int(node.scalar))


def item(int i):
    """An item of `params`."""
    def found(Node node):
        return unsigned(node.params[i])
    return found


def output_sizes(int skipped):
    """The sizes of the first output, but for so many in front."""
    def found(Node node):
        return dims_tuple(node.output.ndim, node.output.shape)[skipped:]
    return found


def flag(Node node):
    """`whole` as a truth value."""
    return bool(node.whole)


def bit(int at):
    """A bit of `whole`."""
    def found(Node node):
        return bool(node.whole >> at & 1)
    return found


def field(int at, int width):
    """Some bits of `whole`."""
    def found(Node node):
        return node.whole >> at & ((<int64_t>1 << width) - 1)
    return found


def signed_field(int at, int width):
    """Some bits of `whole`, the highest of which is the sign."""
    def found(Node node):
        cdef int64_t value = node.whole >> at & ((<int64_t>1 << width) - 1)
        return unsigned(value - (<int64_t>1 << width) if value >> (width - 1) else value)
    return found
