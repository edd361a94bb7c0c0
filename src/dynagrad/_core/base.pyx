# cython: c_api_binop_methods=True
"""What a tensor object answers to: attributes, operators, Python's protocols. The Python class Tensor derives from this.

Named ops become methods through their cards (`tensor.py`); how numbers are printed is in `printing`.
"""
import cython
import warnings
import weakref

from cpython.buffer cimport Py_buffer
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from dynagrad._core.gradients import backward, grad
from dynagrad._core.graph import RemovableHandle
from dynagrad._core.types import TYPE_NAMES, strided

from dynagrad._core.engine cimport ANY_DTYPE, run_from
from dynagrad._core.formats cimport lies_in
from dynagrad._core.gradients cimport note_taken, root_gradient, warn_of_cycle, warn_once
from dynagrad._core.graph cimport Node, gradient_function, node_extras, thread_state
from dynagrad._core.iterate cimport cast, contiguous, fill
from dynagrad._core.ops.compare cimport (
    bitwise_and, bitwise_not, bitwise_or, bitwise_xor, compare, shift_left, shift_right)
from dynagrad._core.ops.exchange cimport export_buffer, release_export
from dynagrad._core.ops.index cimport contains, getitem, setitem, slices_of
from dynagrad._core.ops.linalg cimport matmul
from dynagrad._core.ops.pointwise cimport abs_, add, div, floor_divide, mul, neg, reciprocal, remainder, rsub, sub
from dynagrad._core.ops.power cimport power
from dynagrad._core.ops.resize cimport take_memory
from dynagrad._core.ops.shape cimport matrix_transpose, reversed_dims
from dynagrad._core.ops.view cimport detach
from dynagrad._core.provenance cimport here, name_of
from dynagrad._core.tensor cimport (
    HAS_HOOKS, INFERENCE, LEAF_GRAD, RETAINS_GRAD, TensorBase, dims_tuple, extras, is_tensor, requires_grad, shape_tuple,
    storage_drop, storage_new, track)
from dynagrad._core.types cimport (
    BOOL, F32, F64, I64, cpu, dtype_code, dtype_object, is_float, is_number, itemsizes)

cdef extern from "Python.h":
    object PyLong_FromLongLong(long long)
    object PyFloat_FromDouble(double)
    object attributes_dict "PyObject_GenericGetDict"(object, void*)
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
        """Whether the elements lie in memory in row-major order, or in another memory format, without gaps."""
        if memory_format is None:
            return bool((<TensorBase>self).contiguous)
        return lies_in(<TensorBase>self, memory_format)

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
        if (<TensorBase>self).flags & INFERENCE:
            raise RuntimeError("Inference tensors do not track version counter.")
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

    def __delitem__(self, key):
        raise TypeError("Tensor does not support deleting items")

    def __iter__(self):
        return slices_of(self)

    def __contains__(self, element):
        return contains(self, element)

    # ---- transposes --------------------------------------------------------------------------------------------------

    @property
    def T(self):
        """All dimensions in reverse order; deprecated for others than matrices."""
        if (<TensorBase>self).ndim != 2 and (<TensorBase>self).ndim != 0:
            warn_once("The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will "
                       "throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
                       "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.")
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
        note_taken(<TensorBase>self, "item()")
        return _item(<TensorBase>self)

    def tolist(self):
        """The elements as nested lists of Python numbers; a 0-d tensor gives the number itself."""
        cdef TensorBase t = contiguous(<TensorBase>self)
        cdef const char* where = t.data
        note_taken(<TensorBase>self, "tolist()")
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
        note_taken(<TensorBase>self, "float()")
        return float(_single(<TensorBase>self))

    def __int__(self):
        note_taken(<TensorBase>self, "int()")
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
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        _set_requires_grad(<TensorBase>self, value, "floating point and complex")

    @requires_grad.deleter
    def requires_grad(self):
        raise RuntimeError("requires_grad must be a bool; it cannot be deleted")

    def requires_grad_(self, requires_grad=True):
        """Sets ``requires_grad`` and returns the tensor. Raises RuntimeError for integer tensors and for non-leaves."""
        if not isinstance(requires_grad, bool):
            raise TypeError("requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                            f"{type(requires_grad).__name__}")
        _set_requires_grad(<TensorBase>self, requires_grad, "floating point")
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
    def grad_dtype(self):
        """The dtype that ``.grad`` of this leaf must have, to which gradients are converted; None for any.

        Raises RuntimeError for a non-leaf, and for another dtype than that of a gradient which is there.
        """
        cdef TensorBase t = <TensorBase>self
        if gradient_function(t) is not None:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        code = _grad_dtype(t)
        return None if code == ANY_DTYPE else dtype_object(code)

    @grad_dtype.setter
    def grad_dtype(self, value):
        _set_grad_dtype(<TensorBase>self, value)

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
            if create_graph:
                warn_of_cycle()
            run_from(node, t.output_nr, root_gradient(t, gradient, create_graph, 0),
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

    @data.deleter
    def data(self):
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    @property
    def _grad_fn(self):
        return gradient_function(<TensorBase>self)

    @_grad_fn.setter
    def _grad_fn(self, value):
        if value is not None:
            raise RuntimeError("_grad_fn can be only set to None")
        self.detach_()

    @_grad_fn.deleter
    def _grad_fn(self):
        raise RuntimeError("Deletion of _grad_fn not allowed. Detach tensor instead!")

    @property
    def _backward_hooks(self):
        """The dict of this tensor's hooks, or None."""
        return _hooks_of(<TensorBase>self)

    @_backward_hooks.setter
    def _backward_hooks(self, value):
        _set_hooks(<TensorBase>self, value)

    @_backward_hooks.deleter
    def _backward_hooks(self):
        raise RuntimeError("Deletion of _backwards_hooks not allowed!")

    @property
    def volatile(self):
        """False: what it stood for is ``torch.no_grad()`` now."""
        warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=1)
        return False

    @property
    def _base(self):
        return (<TensorBase>self).base

    def _is_view(self):
        return (<TensorBase>self).base is not None

    # ---- what users hang on a tensor ---------------------------------------------------------------------------------

    @property
    def __dict__(self):
        return attributes_dict(self, NULL)


def set_attribute(self, name, value):
    """``__setattr__`` of Tensor, which is no slot of the native class: ``object.__setattr__`` would refuse to pass it by."""
    PyObject_GenericSetAttr(self, name, value)
    if (<TensorBase?>self).attributes != NULL:
        track(<TensorBase>self)


cdef int _checked_dim(TensorBase t, object given) except -1:
    cdef Py_ssize_t dim = given
    cdef int ndim = t.ndim if t.ndim else 1
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    if t.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return <int>(dim if dim >= 0 else dim + ndim)


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

cdef int _set_requires_grad(TensorBase t, bint value, str wanted) except -1:
    if t.grad_fn is not None:
        if not value:
            raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a computed "
                               "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        return 0
    if value and not is_float(t.dtype):
        raise RuntimeError(f"only Tensors of {wanted} dtype can require gradients, but the dtype is "
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
    cdef int wanted = _grad_dtype(t)
    if g.dtype != wanted and wanted != ANY_DTYPE:
        raise RuntimeError(f"attempting to assign a gradient with dtype '{_C_NAMES[g.dtype]}' to a tensor with grad_dtype "
                           f"'{TYPE_NAMES[wanted]}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
                           "dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any "
                           "dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break "
                           "downstream systems that assume they match.")
    if shape_tuple(g) != shape_tuple(t):
        raise RuntimeError(f"attempting to assign a gradient of size '{list(shape_tuple(g))}' to a tensor of size "
                           f"'{list(shape_tuple(t))}'. Please ensure that the gradient and the tensor are the same size")
    t.gradient = g
    return 0


_C_NAMES = ("bool", "unsigned char", "signed char", "short", "int", "long", "c10::Half", "c10::BFloat16", "float", "double")


cdef int _grad_dtype(TensorBase t) except -1:
    """The dtype that t's gradient must have, or ANY_DTYPE."""
    return t.dtype if t.extra is None else (<dict>t.extra).get("grad_dtype", t.dtype)


cdef int _set_grad_dtype(TensorBase t, object value) except -1:
    cdef int code = ANY_DTYPE if value is None else dtype_code(value)
    cdef TensorBase have = t.gradient
    if gradient_function(t) is not None:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if have is not None and code != ANY_DTYPE and have.dtype != code:
        raise RuntimeError(f"Cannot set grad_dtype to '{TYPE_NAMES[code]}' because there is already a gradient with dtype "
                           f"'{_C_NAMES[have.dtype]}'. Please clear the gradient (.grad = None) before changing grad_dtype, or "
                           "ensure the new grad_dtype matches the existing gradient's dtype.")
    extras(t)["grad_dtype"] = code
    if t.accumulator != NULL:
        (<Node>t.accumulator).output.dtype = code
    return 0


cdef object _hooks_of(TensorBase t):
    cdef Node node = gradient_function(t)
    if node is None:
        return None if t.extra is None else (<dict>t.extra).get("tensor_hooks")
    return None if node.extra is None else (<dict>node.extra).get("tensor_hooks", {}).get(t.output_nr)


cdef int _set_hooks(TensorBase t, object value) except -1:
    cdef Node node = gradient_function(t)
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"_backward_hooks is a dict of hooks or None, not {type(value).__name__}")
    if node is not None:
        node_extras(node).setdefault("tensor_hooks", {})[t.output_nr] = value if value is not None else {}
    elif value is None:
        if t.extra is not None:
            (<dict>t.extra).pop("tensor_hooks", None)
    else:
        t.flags |= HAS_HOOKS
        extras(t)["tensor_hooks"] = value
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
    return take_memory(t, source)
