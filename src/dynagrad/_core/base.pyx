# cython: c_api_binop_methods=True
"""What a tensor object answers to: attributes, operators, Python's protocols. The Python class Tensor derives from this.

Named ops become methods through their cards (`tensor.py`); how numbers are printed is in `printing`.
"""
import cython
import warnings
import weakref
from collections.abc import Iterable

from cpython.buffer cimport Py_buffer
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS
from dynagrad._core.graph import RemovableHandle
from dynagrad._core.types import strided

from dynagrad._core.engine cimport run_backward, run_from
from dynagrad._core.graph cimport (
    AccumulateGrad, Node, Output, accumulator_of, gradient_function, node_extras, output_of, thread_state, wrote)
from dynagrad._core.iterate cimport cast, contiguous, fill
from dynagrad._core.ops.compare cimport (
    bitwise_and, bitwise_not, bitwise_or, bitwise_xor, compare, shift_left, shift_right)
from dynagrad._core.ops.exchange cimport export_buffer, release_export
from dynagrad._core.ops.index cimport contains, getitem, setitem, slices_of
from dynagrad._core.ops.linalg cimport matmul
from dynagrad._core.ops.pointwise cimport abs_, add, div, floor_divide, mul, neg, reciprocal, remainder, rsub, sub
from dynagrad._core.ops.power cimport power
from dynagrad._core.ops.shape cimport matrix_transpose, reversed_dims
from dynagrad._core.ops.view cimport detach
from dynagrad._core.provenance cimport Cut, here, name_of, position_here
from dynagrad._core.tensor cimport (
    HAS_HOOKS, INFERENCE, LEAF_GRAD, RETAINS_GRAD, TensorBase, blank, dims_tuple, extras, is_tensor, new_like, new_scalar,
    new_tensor, requires_grad, set_geometry, shape_tuple, storage_drop, storage_new, storage_share, track)
from dynagrad._core.types cimport (
    BOOL, F16, F32, F64, I64, cpu, dtype_object, is_float, is_number, itemsizes)
from dynagrad._core.unlocked cimport retire

cdef extern from "Python.h":
    object PyLong_FromLongLong(long long)
    object PyFloat_FromDouble(double)
    object attributes_dict "PyObject_GenericGetDict"(object, void*)
    int delete_attribute "PyObject_GenericSetAttr"(object, object, PyObject*) except -1
    int PyObject_GenericSetAttr(object, object, object) except -1


cdef extern from "Python.h":
    ctypedef struct NumberSlots "PyNumberMethods":
        pass
    ctypedef struct TypeSlots "PyTypeObject":
        NumberSlots* tp_as_number

_OPERATORS = ("add", "sub", "mul", "mod", "pow", "truediv", "floordiv", "matmul", "and", "or", "xor", "lshift", "rshift")


def inherit_operators(cls):
    """Lets a Python subclass that overrides no operator call the native ones directly.

    Python would otherwise look each up by name, at three times the cost: Cython files them as methods, not as slots.
    """
    own = cls.__mro__[:cls.__mro__.index(NativeTensor)]
    for name in _OPERATORS:
        for form in (f"__{name}__", f"__r{name}__", f"__i{name}__"):
            if any([form in vars(each) for each in own]):
                return
    (<TypeSlots*><void*>cls).tp_as_number[0] = (<TypeSlots*><void*>NativeTensor).tp_as_number[0]


cdef inline bint _operand(object value) noexcept:
    return is_tensor(value) or is_number(value)


cdef inline bint _operands(object left, object right) noexcept:
    return _operand(left) and _operand(right)


cdef class NativeTensor(TensorBase):
    """Attributes, operators and protocols, without the methods that the cards add."""

    @property
    def shape(self):
        """The sizes of the dimensions, a ``Size``."""
        return shape_tuple(<TensorBase>self)

    @property
    def dtype(self):
        """The type of the elements."""
        return dtype_object((<TensorBase>self).dtype)

    @property
    def ndim(self):
        """The number of dimensions."""
        return (<TensorBase>self).ndim

    @property
    def device(self):
        """Where the elements are: the CPU."""
        return cpu

    @property
    def layout(self):
        """``torch.strided``: every tensor here is dense."""
        return strided

    @property
    def itemsize(self):
        """Bytes per element."""
        return itemsizes[(<TensorBase>self).dtype]

    @property
    def nbytes(self):
        """Bytes of the elements."""
        return itemsizes[(<TensorBase>self).dtype] * (<TensorBase>self).numel

    @property
    def is_cuda(self):
        return False

    @property
    def is_cpu(self):
        return True

    @property
    def is_sparse(self):
        return False

    @property
    def is_quantized(self):
        return False

    @property
    def is_meta(self):
        return False

    @property
    def is_mps(self):
        return False

    @property
    def is_nested(self):
        return False

    def dim(self):
        """The number of dimensions."""
        return (<TensorBase>self).ndim

    def ndimension(self):
        """The number of dimensions."""
        return (<TensorBase>self).ndim

    def numel(self):
        """The number of elements."""
        return PyLong_FromLongLong((<TensorBase>self).numel)

    def nelement(self):
        """The number of elements."""
        return PyLong_FromLongLong((<TensorBase>self).numel)

    def element_size(self):
        """Bytes per element."""
        return itemsizes[(<TensorBase>self).dtype]

    def size(self, dim=None):
        """The sizes of all dimensions, or of one. Raises IndexError for a dimension that is not there."""
        if dim is None:
            return shape_tuple(<TensorBase>self)
        return PyLong_FromLongLong((<TensorBase>self).shape[_checked_dim(<TensorBase>self, dim)])

    def stride(self, dim=None):
        """The steps in elements from one index to the next, of all dimensions or of one."""
        if dim is None:
            return dims_tuple((<TensorBase>self).ndim, (<TensorBase>self).strides)
        return PyLong_FromLongLong((<TensorBase>self).strides[_checked_dim(<TensorBase>self, dim)])

    def storage_offset(self):
        """The position of the first element in the storage, in elements."""
        return ((<TensorBase>self).data - (<TensorBase>self).storage.data) // itemsizes[(<TensorBase>self).dtype] if (<TensorBase>self).storage.data != NULL else 0

    def data_ptr(self):
        """The address of the first element."""
        return <size_t>(<TensorBase>self).data if (<TensorBase>self).numel else 0

    def is_contiguous(self, *, memory_format=None):
        """Whether the elements lie in memory in row-major order without gaps."""
        if memory_format is not None and memory_format.name == "channels_last":
            return _channels_last(<TensorBase>self)
        return bool((<TensorBase>self).contiguous)

    def is_floating_point(self):
        """Whether the dtype is a floating one."""
        return (<TensorBase>self).dtype >= 6

    def is_complex(self):
        """False: there are no complex tensors yet."""
        return False

    def is_signed(self):
        """Whether the dtype can hold negative values."""
        return dtype_object((<TensorBase>self).dtype).is_signed

    def is_same_size(self, TensorBase other not None):
        """Whether both have the same shape."""
        return shape_tuple(<TensorBase>self) == shape_tuple(other)

    def is_inference(self):
        """Whether it was made in inference mode."""
        return bool((<TensorBase>self).flags & INFERENCE)

    def get_device(self):
        """The index of the device: -1 for the CPU."""
        return -1

    @property
    def _version(self):
        return (<TensorBase>self).counter.version

    def __getbuffer__(self, Py_buffer* view, int flags):
        export_buffer(<TensorBase>self, view, flags)

    def __releasebuffer__(self, Py_buffer* view):
        release_export(view)

    def __len__(self):
        if (<TensorBase>self).ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return (<TensorBase>self).shape[0]

    def __hash__(self):
        return <Py_ssize_t><void*>self                      # id(self), as PyTorch's

    # ---- operators ---------------------------------------------------------------------------------------------------

    # Slots in C's form: either operand may be the tensor, and subclasses inherit the slot itself, not a look-up by name.

    def __add__(left, right):
        return add(left, right, None) if _operands(left, right) else NotImplemented

    def __iadd__(self, other):
        return add(self, other, None, self, True) if _operand(other) else NotImplemented

    def __mul__(left, right):
        return mul(left, right) if _operands(left, right) else NotImplemented

    def __imul__(self, other):
        return mul(self, other, self, True) if _operand(other) else NotImplemented

    def __matmul__(left, right):
        if not isinstance(left, TensorBase) or not isinstance(right, TensorBase):
            return NotImplemented
        return matmul(<TensorBase>left, <TensorBase>right)

    def __sub__(left, right):
        if not _operands(left, right):
            return NotImplemented
        return sub(left, right, None) if isinstance(left, TensorBase) else rsub(right, left, None)

    def __isub__(self, other):
        return sub(self, other, None, self, True) if _operand(other) else NotImplemented

    def __truediv__(left, right):
        if not _operands(left, right):
            return NotImplemented
        return div(left, right) if isinstance(left, TensorBase) else mul(reciprocal(right), left)

    def __itruediv__(self, other):
        return div(self, other, self, True) if _operand(other) else NotImplemented

    def __floordiv__(left, right):
        return floor_divide(left, right) if _operands(left, right) else NotImplemented

    def __ifloordiv__(self, other):
        return floor_divide(self, other, self, True) if _operand(other) else NotImplemented

    def __mod__(left, right):
        return remainder(left, right) if _operands(left, right) else NotImplemented

    def __imod__(self, other):
        return remainder(self, other, self, True) if _operand(other) else NotImplemented

    def __and__(left, right):
        return bitwise_and(left, right) if _operands(left, right) else NotImplemented

    def __iand__(self, other):
        return bitwise_and(self, other, self, True) if _operand(other) else NotImplemented

    def __or__(left, right):
        return bitwise_or(left, right) if _operands(left, right) else NotImplemented

    def __ior__(self, other):
        return bitwise_or(self, other, self, True) if _operand(other) else NotImplemented

    def __xor__(left, right):
        return bitwise_xor(left, right) if _operands(left, right) else NotImplemented

    def __ixor__(self, other):
        return bitwise_xor(self, other, self, True) if _operand(other) else NotImplemented

    def __lshift__(left, right):
        return shift_left(left, right) if _operands(left, right) else NotImplemented

    def __ilshift__(self, other):
        return shift_left(self, other, self, True) if _operand(other) else NotImplemented

    def __rshift__(left, right):
        return shift_right(left, right) if _operands(left, right) else NotImplemented

    def __irshift__(self, other):
        return shift_right(self, other, self, True) if _operand(other) else NotImplemented

    def __pow__(left, right, mod):
        return power(left, right) if mod is None and _operands(left, right) else NotImplemented

    def __ipow__(self, other):
        return power(self, other, self, True) if _operand(other) else NotImplemented

    def __richcmp__(self, other, int order):
        return compare(self, other, order) if _operand(other) else NotImplemented

    def __invert__(self):
        if is_float((<TensorBase>self).dtype):
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return bitwise_not(self)

    def __abs__(self):
        return abs_(self)

    def __neg__(self):
        return neg(self)

    def __pos__(self):
        return self

    def __getitem__(self, key):
        return getitem(self, key)

    def __setitem__(self, key, value):
        setitem(self, key, value)

    def __iter__(self):
        return slices_of(self)

    def __contains__(self, element):
        return contains(self, element)

    # ---- transposes --------------------------------------------------------------------------------------------------

    @property
    def T(self):
        """All dimensions in reverse order."""
        return reversed_dims(self)

    @property
    def mT(self):
        """The last two dimensions exchanged."""
        return matrix_transpose(self, "mT")

    @property
    def H(self):
        """A matrix transposed and conjugated."""
        return matrix_transpose(self, "H")

    @property
    def mH(self):
        """The last two dimensions exchanged and conjugated."""
        return matrix_transpose(self, "mH")

    # ---- one element as a number -------------------------------------------------------------------------------------

    def item(self):
        """The only element as a Python number. Raises RuntimeError if there is more than one."""
        _note_taken(<TensorBase>self, "item()")
        return _item(<TensorBase>self)

    def tolist(self):
        """The elements as nested lists of Python numbers; a 0-d tensor gives the number itself."""
        cdef TensorBase t = contiguous(<TensorBase>self)
        cdef const char* where = t.data
        _note_taken(<TensorBase>self, "tolist()")
        return _nested(t, 0, &where)

    def __bool__(self):
        cdef TensorBase t = <TensorBase>self
        if t.numel == 1:
            return bool(_item(t))
        if t.numel == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous; use .any() or .all(), or compare "
                           f"one element (the shape is {list(shape_tuple(t))})")

    def __float__(self):
        _note_taken(<TensorBase>self, "float()")
        return float(_single(<TensorBase>self))

    def __int__(self):
        _note_taken(<TensorBase>self, "int()")
        return int(_single(<TensorBase>self))

    def __complex__(self):
        return complex(_single(<TensorBase>self))

    def __index__(self):
        cdef TensorBase t = <TensorBase>self
        if t.numel != 1 or is_float(t.dtype):
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(_item(t))

    # ---- autograd ----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self):
        """Whether gradients are computed for this tensor."""
        return bool(requires_grad(<TensorBase>self))

    @requires_grad.setter
    def requires_grad(self, value):
        _set_requires_grad(<TensorBase>self, value)

    def requires_grad_(self, requires_grad=True):
        """Sets ``requires_grad`` and returns the tensor. Raises RuntimeError for integer tensors and for non-leaves."""
        _set_requires_grad(<TensorBase>self, requires_grad)
        return self

    @property
    def is_leaf(self):
        """Whether no recorded op made this tensor."""
        return gradient_function(<TensorBase>self) is None

    @property
    def grad_fn(self):
        """The node that made this tensor; None for a leaf."""
        return gradient_function(<TensorBase>self)

    @property
    def output_nr(self):
        """Which output of ``grad_fn`` this tensor is."""
        return (<TensorBase>self).output_nr

    @property
    def grad(self):
        """The gradient that backward accumulated, or None."""
        cdef TensorBase t = <TensorBase>self
        if t.gradient is None and t.grad_fn is not None and not t.flags & RETAINS_GRAD:
            _warn_non_leaf(t)
        return t.gradient

    @grad.setter
    def grad(self, value):
        _set_grad(<TensorBase>self, value)

    @grad.deleter
    def grad(self):
        (<TensorBase>self).gradient = None

    @property
    def retains_grad(self):
        """Whether ``retain_grad()`` was called on this non-leaf."""
        return bool((<TensorBase>self).flags & RETAINS_GRAD)

    def retain_grad(self):
        """Makes backward fill ``.grad`` of this non-leaf too. Nothing to do for a leaf."""
        cdef TensorBase t = <TensorBase>self
        if not requires_grad(t):
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if t.grad_fn is None or t.flags & RETAINS_GRAD:
            return
        t.flags |= RETAINS_GRAD
        node_extras(gradient_function(t)).setdefault("retain", {})[t.output_nr] = weakref.ref(self)

    def register_hook(self, hook):
        """Runs ``hook(grad)`` when the gradient of this tensor is known; what it returns, unless None, replaces it.

        Returns a handle whose ``remove()`` takes the hook away. Raises RuntimeError if no gradient is needed.
        """
        cdef TensorBase t = <TensorBase>self
        if not requires_grad(t):
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if t.grad_fn is None:
            t.flags |= HAS_HOOKS
            return RemovableHandle(extras(t).setdefault("tensor_hooks", {}), hook)
        hooks = node_extras(gradient_function(t)).setdefault("tensor_hooks", {})
        return RemovableHandle(hooks.setdefault(t.output_nr, {}), hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Runs ``hook(tensor)`` after ``.grad`` of this leaf has been added to. Raises RuntimeError for a non-leaf."""
        cdef TensorBase t = <TensorBase>self
        if not requires_grad(t):
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if t.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        t.flags |= HAS_HOOKS
        return RemovableHandle(extras(t).setdefault("post_accumulate_hooks", {}), hook)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Computes the gradients of the leaves of this tensor's graph and adds them to their ``.grad``.

        Args:
            gradient: the gradient of the tensor itself, of its shape; 1 for a tensor of one element.
            retain_graph: keeps the saved tensors so that backward can run again; ``create_graph`` if not given.
            create_graph: records the backward itself, for derivatives of higher order.
            inputs: the tensors whose ``.grad`` is wanted; all leaves if not given.

        >>> import dynagrad
        >>> x = dynagrad.tensor(3., requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        tensor(6.)
        """
        cdef TensorBase t = <TensorBase>self
        cdef Node node
        if inputs is None and t.grad_fn is not None:
            node = gradient_function(t)
            run_from(node, t.output_nr, _root_gradient(t, gradient, create_graph, 0),
                     create_graph if retain_graph is None else retain_graph, create_graph)
        else:
            backward((self,), (gradient,), retain_graph, create_graph, inputs=inputs)

    def detach_(self):
        """Cuts the tensor itself off its history."""
        cdef TensorBase t = <TensorBase>self
        if t.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
                               "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP "
                               "buckets, and hence detach_() cannot be called on these gradients.")
        t.grad_fn = None
        t.output_nr = 0
        t.flags &= ~<unsigned int>(LEAF_GRAD | RETAINS_GRAD)
        return self

    @property
    def data(self):
        """The same memory without history, and with a version counter of its own: writes to it are not noticed."""
        cdef TensorBase t = <TensorBase>self
        cdef TensorBase made = detach(t)
        storage_drop(made.counter)
        made.counter = storage_new(0)
        return made

    @data.setter
    def data(self, value):
        _set_data(<TensorBase>self, value)

    @property
    def _base(self):
        return (<TensorBase>self).base

    def _is_view(self):
        return (<TensorBase>self).base is not None

    # ---- what users hang on a tensor ---------------------------------------------------------------------------------

    @property
    def __dict__(self):
        return attributes_dict(self, NULL)

    def __setattr__(self, name, value):
        PyObject_GenericSetAttr(self, name, value)
        if (<TensorBase>self).attributes != NULL:
            track(<TensorBase>self)

    def __delattr__(self, name):
        delete_attribute(self, name, NULL)


cdef int _checked_dim(TensorBase t, object given) except -1:
    cdef Py_ssize_t dim = given
    cdef int ndim = t.ndim if t.ndim else 1
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    if t.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return <int>(dim if dim >= 0 else dim + ndim)


cdef bint _channels_last(TensorBase t):
    cdef int64_t expected = 1
    if t.ndim != 4:
        return False
    for d in (1, 3, 2, 0):
        if t.shape[d] != 1 and t.strides[d] != expected:
            return False
        expected *= t.shape[d]
    return True


# ---- numbers ---------------------------------------------------------------------------------------------------------

cdef object _number(int dtype, const char* where):
    if dtype == F32:
        return PyFloat_FromDouble((<const float*>where)[0])
    if dtype == F64:
        return PyFloat_FromDouble((<const double*>where)[0])
    if dtype == I64:
        return PyLong_FromLongLong((<const long long*>where)[0])
    if dtype == BOOL:
        return where[0] != 0
    raise RuntimeError("unreachable: numbers are read from bool, int64, float32 and float64")


cdef int _readable(int dtype) noexcept:
    """The dtype through which elements of a narrow dtype are read."""
    if is_float(dtype):
        return F64 if dtype == F64 else F32
    return BOOL if dtype == BOOL else I64





# A Python number cannot carry a mark. So the last line that took one out of a tensor that requires grad is kept, with the
# thread that ran it, for the error of a backward that finds no history.
cdef Cut _taken = None
cdef size_t _taken_by = 0


cdef inline int _note_taken(TensorBase t, str how) except -1:
    global _taken, _taken_by
    if thread_state.grad_enabled and requires_grad(t):
        _taken = position_here(how)
        _taken_by = <size_t>&thread_state
    return 0


cdef object _single(TensorBase t):
    if t.numel != 1:
        raise ValueError("only one element tensors can be converted to Python scalars, but this one has shape "
                         f"{list(shape_tuple(t))}")
    return _item(t)


cdef object _item(TensorBase t):
    if t.numel != 1:
        raise RuntimeError(f"a Tensor with {t.numel} elements cannot be converted to Scalar")
    cdef int dtype = _readable(t.dtype)
    cdef TensorBase read = t if dtype == t.dtype else cast(t, dtype)
    return _number(dtype, read.data)


cdef object _nested(TensorBase t, int dim, const char** where):
    cdef int64_t i
    cdef int dtype = _readable(t.dtype)
    if dim == 0 and dtype != t.dtype:
        t = cast(t, dtype)
        where[0] = t.data
    if dim == t.ndim:
        value = _number(dtype, where[0])
        where[0] += itemsizes[dtype]
        return value
    return [_nested(t, dim + 1, where) for i in range(t.shape[dim])]


# ---- autograd --------------------------------------------------------------------------------------------------------

cdef int _set_requires_grad(TensorBase t, object value) except -1:
    if not isinstance(value, bool):
        raise RuntimeError("requires_grad must be a bool")
    if t.grad_fn is not None:
        if not value:
            raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a computed "
                               "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        return 0
    if value and not is_float(t.dtype):
        raise RuntimeError(f"only Tensors of floating point and complex dtype can require gradients, but the dtype is "
                           f"{dtype_object(t.dtype).name}")
    if value and t.flags & INFERENCE and not thread_state.inference:
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
    if value:
        t.flags |= LEAF_GRAD
        t.cut = None
    else:
        t.flags &= ~<unsigned int>LEAF_GRAD
    return 0


cdef int _set_grad(TensorBase t, object value) except -1:
    cdef TensorBase g
    if value is None:
        t.gradient = None
        return 0
    if not isinstance(value, TensorBase):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
    g = <TensorBase>value
    if g is t:
        raise RuntimeError("can't assign Variable as its own grad")
    if g.dtype != t.dtype:
        raise RuntimeError(f"attempting to assign a gradient with dtype '{dtype_object(g.dtype).name}' to a tensor with dtype "
                           f"'{dtype_object(t.dtype).name}'. Please ensure that the gradient and the tensor have the same dtype")
    if shape_tuple(g) != shape_tuple(t):
        raise RuntimeError(f"attempting to assign a gradient of size '{list(shape_tuple(g))}' to a tensor of size "
                           f"'{list(shape_tuple(t))}'. Please ensure that the gradient and the tensor are the same size")
    t.gradient = g
    return 0


cdef int _warn_non_leaf(TensorBase t) except -1:
    name = name_of(t)
    what = name.strip("'") if name else "tensor"
    made = (<Node>t.grad_fn).provenance
    where = f"\n  it was made at  {made}\n  Write  {what}.retain_grad()  after that line." if made is not None else ""
    warnings.warn("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
                  "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf "
                  "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make "
                  f"sure you access the leaf Tensor instead.{where}", stacklevel=1)
    return 0


cdef int _set_data(TensorBase t, object value) except -1:
    if not isinstance(value, TensorBase):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    cdef TensorBase source = <TensorBase>value
    if not is_float(source.dtype) and requires_grad(t):
        raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype, not "
                           f"{dtype_object(source.dtype).name}")
    if t.counter == t.storage:
        t.counter = storage_new(0)
        t.counter.version = t.storage.version
        storage_drop(t.storage)
    storage_share(source.storage)
    retire(t.storage)
    t.storage = source.storage
    t.data = source.data
    t.dtype = source.dtype
    set_geometry(t, source.ndim, source.shape, source.strides)
    return 0


cdef object _no_grad_error(TensorBase t, int index):
    """What backward says of a tensor that has no history: where tracking was cut, as far as that is known."""
    name = name_of(t)
    lines = [f"element {index} of tensors does not require grad and does not have a grad_fn"]
    if name:
        lines[0] += f": the variable {name}"
    cdef Cut cut = <Cut>t.cut
    if cut is not None:
        lines.append(f"  tracking was cut where {cut.why}:  {cut.provenance}")
        lines.append("  Compute what needs a gradient outside of it, from tensors with requires_grad=True.")
    else:
        lines.append("  Nothing that it was computed from has requires_grad=True. Set it on the tensors whose gradient you "
                     "want, before computing. Values taken out by .item(), .tolist() or .numpy() lose their history.")
        if _taken is not None and _taken_by == <size_t>&thread_state:
            lines.append(f"  The last one was taken by {_taken.why} at  {_taken.provenance}")
    return RuntimeError("\n".join(lines))


cdef TensorBase _filled_like(TensorBase t, int value):
    cdef TensorBase made = new_like(t, t.dtype)
    fill(made, value)
    return made


cdef TensorBase _root_gradient(TensorBase t, object given, bint create_graph, int index):
    """The gradient with which backward starts at t. Raises RuntimeError if it does not fit."""
    cdef TensorBase g
    if given is None:
        if t.numel != 1:
            raise RuntimeError(f"grad can be implicitly created only for scalar outputs, but the shape is "
                               f"{list(shape_tuple(t))}. Reduce it first, for example with .sum(), or pass a gradient of "
                               "that shape.")
        if not is_float(t.dtype):
            raise RuntimeError("grad can be implicitly created only for real scalar outputs but got "
                               f"{dtype_object(t.dtype)}")
        return new_scalar(t.dtype, 1, 0) if t.ndim == 0 and t.dtype >= F32 else _filled_like(t, 1)
    if not isinstance(given, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    g = <TensorBase>given
    if shape_tuple(g) != shape_tuple(t):
        raise RuntimeError(f"Mismatch in shape: grad_output[{index}] has a shape of {shape_tuple(g)} and output[{index}] has "
                           f"a shape of {shape_tuple(t)}.")
    if not is_float(g.dtype):
        raise RuntimeError(f"the gradient must be a floating tensor, but its dtype is {dtype_object(g.dtype).name}")
    return g if create_graph else detach(g)


cdef tuple _as_tuple(object given):
    if given is None:
        return ()
    if isinstance(given, TensorBase) or _is_edge(given):
        return (given,)
    return tuple(given) if isinstance(given, (tuple, list)) or isinstance(given, Iterable) else (given,)


cdef inline bint _is_edge(object given) except -1:
    """Whether it is a gradient edge: a tuple that starts with a node and an output number."""
    return isinstance(given, tuple) and len(given) >= 2 and isinstance(given[0], Node)


cdef TensorBase _empty_output(object edge):
    """A tensor like the output that an edge stands for."""
    cdef Output* described = output_of(<Node>(edge[0]), edge[1])
    return new_tensor(described.dtype, described.ndim, described.shape)


cdef tuple _roots(object tensors, object gradients, bint create_graph):
    """(node, output number) pairs and their gradients. Raises RuntimeError for a tensor without a history."""
    cdef list roots = []
    cdef list values = []
    cdef TensorBase t
    cdef Node node
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    for i, each in enumerate(tensors):
        if _is_edge(each):
            values.append(_root_gradient(_empty_output(each), gradients[i], create_graph, i))
            roots.append((each[0], each[1]))
            continue
        if not isinstance(each, TensorBase):
            raise TypeError(f"backward starts at tensors, but element {i} is a {type(each).__name__}")
        t = <TensorBase>each
        if not requires_grad(t):
            raise _no_grad_error(t, i)
        node = gradient_function(t)
        values.append(_root_gradient(t, gradients[i], create_graph, i))
        roots.append((node, t.output_nr) if node is not None else (accumulator_of(t), 0))
    return roots, values


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Adds to the ``.grad`` of every leaf the gradient of the sum of ``tensors``, weighted by ``grad_tensors``.

    Args are those of `Tensor.backward`, for several tensors at once.
    """
    if grad_tensors is None:
        grad_tensors = grad_variables
    tensors = _as_tuple(tensors)
    gradients = _as_tuple(grad_tensors) or (None,) * len(tensors)
    if inputs is not None:
        inputs = list(_as_tuple(tuple(inputs.values()) if isinstance(inputs, dict) else inputs))
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        _check_inputs(inputs)
        for each in inputs:
            if isinstance(each, TensorBase):
                each.retain_grad()
    roots, values = _roots(tensors, gradients, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    del tensors, gradients
    run_backward(roots, values, keep, create_graph, inputs, True)


cdef TensorBase _zeros_for(object each):
    return _filled_like(_empty_output(each) if _is_edge(each) else <TensorBase>each, 0)


cdef int _check_inputs(list inputs) except -1:
    for i, each in enumerate(inputs):
        if not isinstance(each, TensorBase):
            if not _is_edge(each):
                raise TypeError(f"gradients are taken with respect to tensors, but input {i} is a {type(each).__name__}")
        elif not requires_grad(<TensorBase>each):
            name = name_of(<TensorBase>each)
            raise RuntimeError("One of the differentiated Tensors does not require grad: " + (name or f"input {i}"))
    return 0


cdef tuple _gradients_of_rows(tuple outputs, list wanted, tuple rows, object retain_graph, bint create_graph,
                              object allow_unused, bint materialize_grads):
    """`grad` for every row of the gradients of the outputs, one walk each, stacked."""
    lengths = {len(each) for each in rows if each is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("is_grads_batched=True takes grad_outputs that agree in the length of their first dimension, which is "
                         f"at least 1, but got the lengths {sorted(lengths)}")
    n, = lengths
    keep = create_graph if retain_graph is None else retain_graph
    found = [grad(outputs, wanted, [None if each is None else each[i] for each in rows], keep or i < n - 1, create_graph, True,
                  allow_unused, False, materialize_grads) for i in range(n)]
    stack = CARDS["stack"].op
    return tuple([None if column[0] is None else stack(column) for column in zip(*found)])


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
         is_grads_batched=False, materialize_grads=False):
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, a tuple; ``.grad`` is left alone.

    Args:
        outputs, inputs: a tensor, a gradient edge or a sequence of them; a dict of inputs makes a dict of gradients.
        grad_outputs: gradients of the outputs; 1 for outputs of one element.
        retain_graph, create_graph: as for `Tensor.backward`.
        allow_unused: gives None for an input that the outputs do not depend on, instead of raising RuntimeError.
        is_grads_batched: each of ``grad_outputs`` has one more dimension in front, and so has each gradient: a row for a row.
        materialize_grads: gives zeros for such an input.

    >>> import dynagrad
    >>> x = dynagrad.tensor(2., requires_grad=True)
    >>> dynagrad.autograd.grad(x * x * x, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is not supported: the gradients of other leaves are not accumulated")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                         "allow_unused=False.")
    if isinstance(inputs, dict):
        found = grad(outputs, tuple(inputs.values()), grad_outputs, retain_graph, create_graph, True, allow_unused,
                     is_grads_batched, materialize_grads)
        return dict(zip(inputs, found))
    outputs, wanted = _as_tuple(outputs), list(_as_tuple(inputs))
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    _check_inputs(wanted)
    if is_grads_batched:
        return _gradients_of_rows(outputs, wanted, _as_tuple(grad_outputs), retain_graph, create_graph, allow_unused,
                                  materialize_grads)
    roots, values = _roots(outputs, _as_tuple(grad_outputs) or (None,) * len(outputs), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, values, keep, create_graph, wanted, False)
    if materialize_grads:
        found = [_zeros_for(each) if g is None else g for g, each in zip(found, wanted)]
    elif not allow_unused and any([g is None for g in found]):
        missing = next(i for i, g in enumerate(found) if g is None)
        name = name_of(<TensorBase>wanted[missing]) if isinstance(wanted[missing], TensorBase) else ""
        raise RuntimeError(f"The differentiated Tensor at index {missing} appears to not have been used in the graph. Set "
                           f"allow_unused=True if this is the desired behavior.{f' It is {name}.' if name else ''}")
    return tuple(found)
