"""Tensors from Python data: numbers, nested sequences of them, lists of arrays; and the constructors of the classes.

NumPy arrays, buffers and DLPack themselves are in `exchange`; tensors from sizes alone in `create`.
"""
import cython
import warnings

from cpython.bool cimport PyBool_Check
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check
from cpython.pycapsule cimport PyCapsule_IsValid
from cpython.sequence cimport PySequence_Check
from libc.math cimport isfinite
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.ops.exchange import from_dlpack, frombuffer
from dynagrad._core.types import BY_NAME, TYPE_NAMES, device as device_class

from dynagrad._core.graph cimport Node, attach, begin1, hand_on_cut, set_view_of, wants_grad
from dynagrad._core.iterate cimport cast, copy_into, copy_of
from dynagrad._core.ops.copy cimport clone, to_dtype
from dynagrad._core.ops.create cimport allocate, finish
from dynagrad._core.ops.exchange cimport is_array, is_numpy_scalar, of_class, readable, tensor_of_buffer, unsupported
from dynagrad._core.ops.view cimport detach
from dynagrad._core.tensor cimport LEAF_GRAD, TensorBase, new_alias, new_tensor, shape_tuple
from dynagrad._core.types cimport (
    BOOL, F32, F64, I64, U8, check_device, default_dtype, dtype, dtype_code, dtype_object, is_float, itemsizes,
    promote_types_code)


# ---- nested sequences ------------------------------------------------------------------------------------------------

cdef bint _is_sequence(object value) noexcept:
    if type(value) is list or type(value) is tuple:
        return True
    if PyFloat_Check(value) or PyLong_Check(value) or isinstance(value, (TensorBase, str, bytes)):
        return False
    if is_array(value):
        return value.ndim > 0
    return PySequence_Check(value)


cdef int _measure(object data, int64_t* shape) except -1:
    """The shape that the first elements promise; the number of dimensions."""
    cdef int ndim = 0
    while _is_sequence(data):
        if is_array(data):
            if ndim + data.ndim > 64:
                raise ValueError("too many dimensions: tensors have at most 64")
            for size in data.shape:
                shape[ndim] = size
                ndim += 1
            return ndim
        if ndim == 64:
            raise ValueError(f"too many dimensions '{type(data).__name__}': sequences are nested more than 64 deep")
        shape[ndim] = len(data)
        ndim += 1
        if shape[ndim - 1] == 0:
            return ndim
        try:
            data = data[0]
        except Exception as error:
            raise ValueError(f"could not determine the shape of object type '{type(data).__name__}'") from error
    if isinstance(data, str):
        raise ValueError("too many dimensions 'str': tensors hold numbers, not text")
    return ndim


cdef int _meet(int a, int b) noexcept:
    return b if a < 0 else promote_types_code(a, b)


cdef int _scalar_code(object value) except -1:
    if PyFloat_Check(value) and not is_numpy_scalar(value):
        return default_dtype
    if PyBool_Check(value):
        return BOOL
    if PyLong_Check(value):
        return I64
    if isinstance(value, TensorBase):
        return (<TensorBase>value).dtype
    if isinstance(value, complex):
        raise TypeError("dynagrad has no complex tensors yet, but a complex number was given")
    if is_numpy_scalar(value) or is_array(value):
        found = BY_NAME.get(value.dtype.name)
        if found is None:
            raise unsupported(value)
        return (<dtype>found).code
    if isinstance(value, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(value).__name__}': tensors hold numbers, not text")
    raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")


cdef int _infer(object data, int depth, int found) except -2:
    """The dtype in which all elements meet, -1 while there were none."""
    cdef object each
    if depth < -64:
        raise TypeError("new(): self-referential lists are incompatible: sequences are nested more than 64 deep")
    if not _is_sequence(data) or is_array(data):
        return _meet(found, _scalar_code(data))
    for each in data:
        if type(each) is float:
            found = _meet(found, default_dtype)
        elif type(each) is int:
            found = _meet(found, I64)
        elif _is_sequence(each):                        # deeper than the first element, it is refused when it is written
            found = _meet(found, default_dtype) if len(each) == 0 else _infer(each, depth - 1, found)
        else:
            found = _meet(found, _scalar_code(each))
    return found


cdef object _overflow(object value, int code):
    return RuntimeError(f"value cannot be converted to type {dtype_object(code).name} without overflow: {value}")


cdef int64_t _whole(object value, int code) except? -1:
    """A number as an int64 that the integer dtype can hold (negative ones wrap in uint8). Raises RuntimeError if not."""
    cdef int overflow = 0
    cdef long long number
    cdef double real
    cdef int bits = itemsizes[code] * 8
    if PyFloat_Check(value):
        real = PyFloat_AS_DOUBLE(value)
        if not isfinite(real) or not -9223372036854775808.0 <= real < 9223372036854775808.0:
            raise _overflow(value, code)
        value = int(real)
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raise ValueError(f"Overflow when unpacking long long: {value} does not fit in an int64")
    if code == U8 and not -255 <= number <= 255 or bits < 64 and code != U8 and not \
            -(<int64_t>1 << (bits - 1)) <= number < (<int64_t>1 << (bits - 1)):
        raise _overflow(value, code)
    return number


cdef int _put(object value, char* where, int code, int work) except -1:
    """Writes one element; `code` is the dtype asked for, `work` that of the memory."""
    if isinstance(value, TensorBase) or is_array(value) or is_numpy_scalar(value):
        if isinstance(value, TensorBase) and (<TensorBase>value).numel != 1:
            raise ValueError("only one element tensors can be converted to Python scalars; use torch.stack or torch.cat to "
                             "join tensors")
        value = value.item()
    if isinstance(value, complex):
        raise TypeError("dynagrad has no complex tensors yet, but a complex number was given")
    if not (PyFloat_Check(value) or PyLong_Check(value)):
        if is_float(code):
            raise TypeError(f"must be real number, not {type(value).__name__}")
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    if work == F64:
        (<double*>where)[0] = value
    elif work == F32:
        (<float*>where)[0] = <float><double>value
    elif work == BOOL:
        where[0] = 1 if value else 0
    else:
        (<int64_t*>where)[0] = _whole(value, code)
    return 0


cdef int64_t _whole_of(object value) except? -1:
    cdef int64_t made
    _put(value, <char*>&made, I64, I64)
    return made


cdef int _store(object data, int dim, TensorBase target, char* where, int code) except -1:
    """Writes a nested sequence into row-major memory. Raises ValueError where its lengths differ."""
    cdef int64_t step = target.strides[dim] * itemsizes[target.dtype]
    cdef int64_t n = target.shape[dim]
    cdef bint last = dim == target.ndim - 1
    cdef object each
    if not _is_sequence(data):
        raise TypeError(f"not a sequence: expected one of length {n} at dim {dim}, but got {type(data).__name__}")
    if len(data) != n:
        raise ValueError(f"expected sequence of length {n} at dim {dim} (got {len(data)})")
    if is_array(data):
        return _store_array(data, dim, target, where)
    if last and target.dtype == F32:
        for each in data:
            if type(each) is float:
                (<float*>where)[0] = <float>PyFloat_AS_DOUBLE(each)
            else:
                _put(each, where, code, F32)
            where += step
        return 0
    if last and code == I64:
        for each in data:
            (<int64_t*>where)[0] = _whole(each, I64) if type(each) is int else _whole_of(each)
            where += step
        return 0
    for each in data:
        if last:
            _put(each, where, code, target.dtype)
        else:
            _store(each, dim + 1, target, where, code)
        where += step
    return 0


cdef int _store_array(object array, int dim, TensorBase target, char* where) except -1:
    cdef TensorBase source = readable(array)
    cdef TensorBase part = new_alias(target, target.ndim - dim, target.shape + dim, target.strides + dim,
                                     (where - target.data) // itemsizes[target.dtype])
    if shape_tuple(source) != shape_tuple(part):
        raise ValueError(f"expected sequence of length {part.shape[part.ndim - 1]} at dim {target.ndim - 1} "
                         f"(got an array of shape {tuple(shape_tuple(source))})")
    return copy_into(part, source)


cdef int _work_dtype(int code) noexcept:
    """The dtype in which Python numbers are first written: half types by way of float32, integers of int64."""
    if is_float(code):
        return F64 if code == F64 else F32
    return BOOL if code == BOOL else I64


cdef TensorBase _of_sequence(object data, int code):
    cdef int64_t shape[64]
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    cdef int ndim = _measure(data, shape)
    if code < 0:
        code = _infer(data, ndim, -1)
    if code < 0:
        code = default_dtype
    # A list of arrays is copied as it is: going through a wider type would double the traffic.
    cdef bint of_arrays = ndim > 1 and is_array(data[0])
    cdef int work = code if of_arrays else _work_dtype(code)
    if of_arrays:
        warnings.warn("Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to "
                      "a single numpy.ndarray with numpy.array() before converting to a tensor.", stacklevel=1)
    cdef TensorBase made = new_tensor(work, ndim, shape)
    if ndim == 0:
        _put(data, made.data, code, work)
    elif made.numel or shape[0]:
        _store(data, 0, made, made.data, code)
    return cast(made, code)


cdef TensorBase tensor_of_data(object data, object dtype):
    """A fresh tensor with the elements of a number, a nested sequence, an array or a tensor."""
    cdef int code = -1 if dtype is None else _code(dtype)
    cdef TensorBase source
    if type(data) is list or type(data) is tuple or type(data) is float or type(data) is int:
        return _of_sequence(data, code)
    if isinstance(data, TensorBase):
        source = <TensorBase>data
    elif is_array(data):
        source = readable(data)
    elif hasattr(data, "__dlpack__") and not is_numpy_scalar(data):
        source = from_dlpack(data)
    elif hasattr(data, "_elements_as"):                 # a storage
        source = data._elements_as(dtype_object(default_dtype if code < 0 else code))
    else:
        return _of_sequence(data, code)
    if code >= 0 and code != source.dtype:
        return cast(source, code)
    return copy_of(source)


cdef int _code(object given) except -1:
    if isinstance(given, (str, type)) and given not in (float, int, bool, complex):
        raise TypeError(f"tensor(): argument 'dtype' must be torch.dtype, not {type(given).__name__}")
    return dtype_code(given)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of ``data``: a number, nested sequences of numbers, a NumPy array, a tensor.

    Args:
        data: its shape and, if ``dtype`` is not given, its kinds of number decide those of the tensor. ValueError for
            sequences of unequal lengths, TypeError for what is no number, RuntimeError for a number out of range.
        dtype, device: of the tensor.
        requires_grad: whether the tensor is a leaf that collects its gradient.

    >>> import dynagrad
    >>> dynagrad.tensor([[1, 2], [3, 4.5]])
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]])
    """
    check_device(device)
    if isinstance(data, TensorBase):
        _warn_copy("torch.tensor(sourceTensor)")
    return finish(tensor_of_data(data, dtype), None, requires_grad)


cdef int _warn_copy(str call) except -1:
    warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                  f"sourceTensor.detach().clone().requires_grad_(True), rather than {call}.", stacklevel=1)
    return 0


def new_tensor_(TensorBase self not None, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of ``data``, of the tensor's own dtype if none is given."""
    check_device(device)
    if isinstance(data, TensorBase):
        _warn_copy("tensor.new_tensor(sourceTensor)")
    return finish(tensor_of_data(data, dtype_object(self.dtype) if dtype is None else dtype), None, requires_grad)


new_tensor_.__name__ = "new_tensor"


def as_tensor(data, *, dtype=None, device=None):
    """``data`` as a tensor, without a copy where that is possible: a tensor itself, a tensor over an array's memory.

    >>> import dynagrad
    >>> x = dynagrad.ones(2)
    >>> dynagrad.as_tensor(x) is x
    True
    """
    check_device(device)
    cdef int code = -1 if dtype is None else _code(dtype)
    if isinstance(data, TensorBase):
        return data if code < 0 else to_dtype(<TensorBase>data, code)
    if is_array(data):
        return finish(tensor_of_buffer(data) if code < 0 else cast(tensor_of_buffer(data), code), None, False)
    return finish(tensor_of_data(data, dtype), None, False)


cdef TensorBase _shared(object obj, object dtype):
    """obj as a tensor over its own memory, None if it has none to share."""
    if isinstance(obj, TensorBase):
        return <TensorBase>obj
    if is_array(obj):
        return tensor_of_buffer(obj)
    if hasattr(obj, "__dlpack__") or PyCapsule_IsValid(obj, "dltensor"):
        return from_dlpack(obj)
    if PyObject_CheckBuffer(obj) and not is_numpy_scalar(obj):
        return frombuffer(obj, dtype=dtype_object(default_dtype) if dtype is None else dtype)
    return None


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """``obj`` as a tensor that shares its memory if it can.

    Args:
        obj: a tensor, an array, a DLPack capsule or exporter, an object with the buffer protocol, a nested sequence.
        copy: True always copies, False never does (ValueError if a copy cannot be avoided), None copies if needed.
        requires_grad: of the result; that of a tensor given, if not said.

    >>> import dynagrad
    >>> dynagrad.asarray([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    cdef TensorBase shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(tensor_of_data(obj, dtype), None, requires_grad)
    cdef int code = shared.dtype if dtype is None else _code(dtype)
    if code != shared.dtype and copy is False:
        raise ValueError(f"can't alias tensor with dtype '{TYPE_NAMES[shared.dtype]}' into dtype '{TYPE_NAMES[code]}'.")
    cdef TensorBase made = to_dtype(shared, code)
    if copy and made is shared:
        made = clone(shared)
    if isinstance(obj, TensorBase) and requires_grad is None:
        if made is obj and made.flags & LEAF_GRAD:
            warnings.warn("torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass "
                          "requires_grad=False explicitly to get the old behavior.", stacklevel=1)
        return made
    if made.grad_fn is not None or made.flags & LEAF_GRAD:
        made = made if requires_grad else detach(made)
    return finish(made, None, requires_grad)


# ---- the constructors of classes --------------------------------------------------------------------------------------

def alias_of(TensorBase t not None, cls, requires_grad=False):
    """``t`` without its history, over the same memory, as an object of a subclass of Tensor."""
    if not (isinstance(cls, type) and issubclass(cls, TensorBase)):
        raise TypeError(f"expected a subclass of Tensor, but got {cls}")
    return finish(of_class(t, cls), None, requires_grad)


@cython.final
cdef class AliasBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return g


def own_alias(TensorBase t not None):
    """The same memory as a tensor of its own, no view, whose history goes on from that of ``t``: to be written to freely."""
    cdef TensorBase made = of_class(t, type(t))
    cdef Node node
    if wants_grad(t):
        node = AliasBackward0.__new__(AliasBackward0)
        begin1(node, t)
        attach(node, made)
    return made


def as_subclass(TensorBase self not None, cls):
    """The same memory and history as an object of ``cls``, a subclass of Tensor: a view of the tensor.

    >>> import dynagrad
    >>> class Marked(dynagrad.Tensor):
    ...     pass
    >>> dynagrad.ones(2).as_subclass(Marked) + 1
    Marked([2., 2.])
    """
    if not (isinstance(cls, type) and issubclass(cls, TensorBase)):
        raise TypeError("Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure "
                        f"your class inherits from Tensor: got {cls}.")
    cdef TensorBase made = of_class(self, cls)
    cdef Node node
    set_view_of(made, self)
    if wants_grad(self):
        node = AliasBackward0.__new__(AliasBackward0)
        begin1(node, self)
        attach(node, made)
    else:
        hand_on_cut(made, self)
    return made


def constructed(str name, tuple args, dtype, device):
    """What ``Tensor(...)`` means: uninitialised memory of the sizes given, or a copy of the data given."""
    if device is not None and device_class(device).type != "cpu":
        raise RuntimeError(f"legacy constructor expects device type: cpu but device type: {device_class(device).type} was passed")
    cdef int code = default_dtype if dtype is None else dtype_code(dtype)
    cdef object first = args[0] if len(args) == 1 else None
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if len(args) == 1 and first is None:
        raise TypeError("new(): data must be a sequence (got NoneType)")
    if first is None or type(first) is int or hasattr(first, "numel") and isinstance(first, tuple):
        return allocate(name, args if args else ((0,),), None, dtype_object(code), None, None, code)
    if isinstance(first, TensorBase):
        if dtype is None and device is not None:
            raise RuntimeError("Legacy tensor constructor of the form torch.Tensor(tensor, device=device) is not supported.  Use "
                               "torch.tensor(...) or torch.as_tensor(...) instead.")
        if dtype is not None and (<TensorBase>first).dtype != code:
            raise TypeError(f"expected {dtype_object(code)} (got {dtype_object((<TensorBase>first).dtype)})")
        return detach(<TensorBase>first)
    if not _is_sequence(first):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return tensor_of_data(first, dtype_object(code))


def new(TensorBase self not None, *args, size=None, device=None):
    """Uninitialised memory of the sizes given, or a copy of the data given, with the tensor's dtype."""
    if size is not None:
        return finish(allocate("new", (size,), None, dtype_object(self.dtype), None, device, self.dtype), None, False)
    return finish(constructed("new", args, dtype_object(self.dtype), device), None, False)


for _op in (tensor, as_tensor, asarray):
    register(Card(_op.__name__, _op, None, "create", method=False))
register(Card("new_tensor", new_tensor_, None, "create", function=False))
register(Card("new", new, None, "create", function=False))
