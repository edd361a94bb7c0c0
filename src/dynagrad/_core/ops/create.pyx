"""Tensors from sizes and numbers: zeros, full, arange, eye and their kin. Random ones are in `random`.

Tensors from Python and NumPy data are in `exchange`; copies of tensors in `copy`, triangles and diagonals in `matrix`.
"""
import math
import warnings
from operator import index

from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.math cimport isfinite
from libc.math cimport trunc
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.types import TYPE_NAMES, preserve_format, strided

from dynagrad._core.formats cimport new_in
from dynagrad._core.graph cimport prepare, thread_state, wrote
from dynagrad._core.iterate cimport copy_into, fill, resize
from dynagrad._core.provenance cimport called_here
from dynagrad._core.scalars cimport check_element, check_scalar
from dynagrad._core.tensor cimport (
    INFERENCE, LEAF_GRAD, TensorBase, dims_tuple, new_alias, new_like, new_tensor, requires_grad, set_geometry, shape_tuple)
from dynagrad._core.types cimport (
    BOOL, F32, F64, I64, DType, check_device, default_dtype, dtype_code, dtype_object, is_float, is_number, itemsizes,
    scalar_dtype)

cdef extern from "kernels/create.hpp" namespace "dg" nogil:
    void dg_arange "dg::arange"(DType dtype, void* data, int64_t n, double start, double step, int64_t first,
                                int64_t stride)
    void dg_linspace "dg::linspace"(DType dtype, void* data, int64_t n, double start, double end)
    bint fill_constant(DType dtype, void* data, int64_t n, double real, int64_t whole)
    bint fill_diagonal(DType dtype, void* data, int64_t n, int64_t step, int itemsize)
    void power_of(DType dtype, void* data, int64_t n, double base)


# ---- what every creation op does with its arguments ------------------------------------------------------------------

cdef int whole_number(str op, str argument, object value, int64_t* out) except -1:
    """Reads an int64. Raises TypeError for what is no integer, ValueError for what does not fit."""
    cdef int overflow = 0
    cdef long long number
    if isinstance(value, bool) or isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}(): argument '{argument}' must be int, not {type(value).__name__}")
    number = PyLong_AsLongLongAndOverflow(value.__index__(), &overflow)
    if overflow:
        raise ValueError(f"{op}(): argument '{argument}' is {value}, which does not fit in 64 bits")
    out[0] = number
    return 0


cdef object _no_size(str what, object each, int n, bint spread):
    """The error for an element that is no int. The first tells whether a call fits, so there the argument is at fault."""
    name = type(each).__name__
    if n:
        return TypeError(f'{what} failed to unpack the object at pos {n + 1} with error "type must be tuple of ints,but got {name}"')
    if spread:
        return TypeError(f"{what} (position 1) must be tuple of ints, not {name}")
    return TypeError(f"{what} (position 1) must be tuple of ints, but found element of type {name} at pos 0")


cdef int parse_size(str op, object size, int64_t* shape, str argument="size") except -1:
    """Reads sizes given one by one or as one sequence; the number of dimensions. Raises TypeError for anything else."""
    cdef int overflow = 0
    cdef int n = 0
    cdef bint spread = True
    cdef object each
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])       # which an item's __index__ cannot lengthen
        spread = False
    if len(size) > 64:
        raise RuntimeError(f"{op}(): tensors have at most 64 dimensions, but {len(size)} sizes were given")
    for each in size:
        if type(each) is not int:
            try:
                if n == 0 and isinstance(each, bool):
                    raise TypeError
                each = index(each)
            except TypeError:
                raise _no_size(f"{op}(): argument '{argument}'", each, n, spread) from None
        shape[n] = PyLong_AsLongLongAndOverflow(each, &overflow)
        if overflow:
            raise TypeError(f"{op}(): argument '{argument}' failed to unpack the object at pos {n + 1} with error "
                            f'"Overflow when unpacking long long": {each} does not fit in 64 bits')
        n += 1
    return n


cdef object _sizes(str op, tuple args, object size):
    if size is None:
        if not args:
            raise TypeError(f"{op}() missing 1 required positional arguments: \"size\"")
        return args
    if args:
        raise TypeError(f"{op}() got multiple values for argument 'size'")
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"{op}(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    return (size,)


cdef int _check_place(str op, object layout, object device) except -1:
    check_device(device)
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"{op}(): dynagrad has dense tensors only (torch.strided), not {layout}")
    return 0


cdef int _dtype(str op, object given, int inferred) except -1:
    if given is None:
        return inferred
    if isinstance(given, type) and given not in (float, int, bool, complex) or isinstance(given, str):
        raise TypeError(f"{op}(): argument 'dtype' must be torch.dtype, not {type(given).__name__}")
    return dtype_code(given)


cdef TensorBase allocate(str op, object size, object out, object dtype, object layout, object device, int inferred,
                         bint any_shape=False):
    """Memory for a result of the given size: new, or that of ``out``, resized if it has another one.

    With ``any_shape``, an ``out`` of as many elements keeps its own.
    """
    cdef int64_t shape[64]
    cdef int ndim, d
    cdef TensorBase made
    _check_place(op, layout, device)
    cdef int code = _dtype(op, dtype, inferred)
    ndim = parse_size(op, size, shape)
    if op == "zeros":                                   # it alone looks for itself
        for d in range(ndim):
            if shape[d] < 0:
                raise RuntimeError("zeros: Dimension size must be non-negative.")
    if out is None:
        return new_tensor(code, ndim, shape)
    if not isinstance(out, TensorBase):
        raise TypeError(f"{op}(): argument 'out' must be Tensor, not {type(out).__name__}")
    made = <TensorBase>out
    if dtype is not None and code != made.dtype:
        raise RuntimeError(f"dtype {TYPE_NAMES[code]} does not match dtype of out parameter ({TYPE_NAMES[made.dtype]}) of {op}()")
    if thread_state.grad_enabled and requires_grad(made):
        raise RuntimeError(f"{op}(): functions with out=... arguments don't support automatic differentiation, but one of the "
                           "arguments requires grad. Leave out= away, or wrap the call in torch.no_grad().")
    if dims_tuple(made.ndim, made.shape) != dims_tuple(ndim, shape) and not (any_shape and made.numel == shape[0]):
        resize(made, ndim, shape)
    return made


cdef TensorBase allocate_like(str op, object input, object dtype, object layout, object device, object memory_format):
    """Memory for a result with the sizes, and as far as possible the strides, of ``input``."""
    cdef TensorBase t
    if not isinstance(input, TensorBase):
        raise TypeError(f"{op}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    t = <TensorBase>input
    _check_place(op, layout, device)
    cdef int code = _dtype(op, dtype, t.dtype)
    if memory_format is None or memory_format is preserve_format:
        return new_like(t, code)
    return new_in(memory_format, code, t.ndim, t.shape)


cdef TensorBase finish(TensorBase made, object out, object requires_grad):
    """The last step of a creation op: a write to ``out`` is counted, a fresh tensor gets its flags."""
    if out is not None:
        wrote(made)
    elif thread_state.inference:
        made.flags |= INFERENCE
    if requires_grad:
        if not isinstance(requires_grad, bool):
            raise TypeError(f"{called_here()}argument 'requires_grad' must be bool, not {type(requires_grad).__name__}")
        if not is_float(made.dtype):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients, but the dtype is "
                               f"{dtype_object(made.dtype).name}")
        if made.flags & INFERENCE and not thread_state.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        made.flags |= LEAF_GRAD
    return made


cdef int _fill_whole(TensorBase made, int value) except -1:
    """Writes a small integer everywhere."""
    if made.contiguous and made.numel < 65536 and fill_constant(<DType>made.dtype, made.data, made.numel, value, value):
        return 0
    return fill(made, value)


# ---- empty, zeros, ones, full ----------------------------------------------------------------------------------------

def empty(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
          memory_format=None):
    """A tensor of the given sizes whose elements are whatever the memory held.

    Args:
        size: the sizes, one by one or as a sequence; RuntimeError if one is negative or the total overflows.
        out: a tensor to resize and return instead of a new one.
        dtype, device: of the result; the default dtype and the CPU if not given.
        requires_grad: whether the result is a leaf that collects its gradient.
        memory_format: the order of the elements in memory, row-major if not given.

    >>> import dynagrad
    >>> dynagrad.empty(2, 3).shape
    torch.Size([2, 3])
    """
    cdef TensorBase made = allocate("empty", _sizes("empty", args, size), out, dtype, layout, device, default_dtype)
    cdef TensorBase laid
    if memory_format is not None and made.numel:
        laid = new_in(memory_format, made.dtype, made.ndim, made.shape)
        set_geometry(made, laid.ndim, laid.shape, laid.strides)
    return finish(made, out, requires_grad)


cdef TensorBase _filled(str op, tuple args, object size, object out, object dtype, object layout, object device,
                        object requires_grad, int value):
    cdef TensorBase made = allocate(op, _sizes(op, args, size), out, dtype, layout, device, default_dtype)
    _fill_whole(made, value)
    return finish(made, out, requires_grad)


def zeros(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of zeros; arguments as for `empty`.

    >>> import dynagrad
    >>> dynagrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled("zeros", args, size, out, dtype, layout, device, requires_grad, 0)


def ones(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of ones; arguments as for `empty`.

    >>> import dynagrad
    >>> dynagrad.ones(2, dtype=dynagrad.int64)
    tensor([1, 1])
    """
    return _filled("ones", args, size, out, dtype, layout, device, requires_grad, 1)


cdef TensorBase _fill_with(str op, str argument, TensorBase made, object value):
    if not is_number(value) and not (isinstance(value, TensorBase) and (<TensorBase>value).ndim == 0
                                     and not requires_grad(<TensorBase>value)):
        raise TypeError(f"{op}(): argument {argument} must be Number, not {type(value).__name__}")
    fill(made, value)
    return made


cdef int _value_dtype(object value) except -1:
    if isinstance(value, TensorBase):
        return (<TensorBase>value).dtype
    return scalar_dtype(value) if is_number(value) else <int>default_dtype


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of the given size with ``fill_value`` everywhere, whose kind decides the dtype if none is given.

    >>> import dynagrad
    >>> dynagrad.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    cdef int inferred = _value_dtype(fill_value) if out is None else (<TensorBase?>out).dtype
    cdef TensorBase made = allocate("full", (size,), out, dtype, layout, device, inferred)
    return finish(_fill_with("full", "'fill_value' (position 2)", made, fill_value), out, requires_grad)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A 0-d tensor that holds the number ``s``, in the default dtype if none is given.

    >>> import dynagrad
    >>> dynagrad.scalar_tensor(2)
    tensor(2.)
    """
    cdef TensorBase made = allocate("scalar_tensor", ((),), None, dtype, layout, device, default_dtype)
    return finish(_fill_with("scalar_tensor", "'s' (position 1)", made, s), None, requires_grad)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Uninitialised memory with the given sizes and strides, in elements.

    >>> import dynagrad
    >>> dynagrad.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int64_t extent = 1
    cdef int i
    cdef int ndim = parse_size("empty_strided", (size,), shape)
    if parse_size("empty_strided", (stride,), strides, "stride") != ndim:
        raise RuntimeError(f"dimensionality of sizes ({ndim}) must match dimensionality of strides ({len(stride)})")
    _check_place("empty_strided", layout, device)
    for i in range(ndim):
        if shape[i] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {shape[i]}: {list(size)}")
        if strides[i] < 0:
            raise RuntimeError(f"empty_strided: strides must not be negative, got {list(stride)}")
        if shape[i] > 1 and strides[i] > (<int64_t>0x7fffffffffff - extent) // (shape[i] - 1):
            raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
        extent = 0 if shape[i] == 0 or extent == 0 else extent + (shape[i] - 1) * strides[i]
    cdef int code = _dtype("empty_strided", dtype, default_dtype)
    cdef TensorBase made = new_tensor(code, 1, &extent)
    set_geometry(made, ndim, shape, strides)
    return finish(made, None, requires_grad)


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Uninitialised memory whose dimensions lie in the given order, the outermost first, without gaps.

    Raises RuntimeError unless ``physical_layout`` names every dimension of ``size`` once.

    >>> import dynagrad
    >>> dynagrad.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    cdef int64_t step = 1
    cdef int ndim = len(size)
    if len(physical_layout) != ndim:
        raise RuntimeError("Number of dimensions in size does not match the length of the physical_layout; i.e. "
                           f"len(size) = {ndim} is not equal to len(physical_layout) = {len(physical_layout)}")
    for i, d in enumerate(physical_layout):
        if not 0 <= d < ndim:
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {ndim - 1}, but got {d} at index {i}).  "
                               "NB: negative dims not currently supported; file an issue if you want it.")
        if d in physical_layout[:i]:
            raise RuntimeError("Duplicate dim not allowed")
    strides = [1] * ndim
    for d in reversed(physical_layout):
        strides[d] = step
        step *= max(size[d], 1)
    return empty_strided(size, strides, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


# ---- like another tensor ---------------------------------------------------------------------------------------------

def empty_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
               pin_memory=False):
    """Uninitialised memory with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.empty_like(dynagrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return finish(allocate_like("empty_like", input, dtype, layout, device, memory_format), None, requires_grad)


def zeros_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
               pin_memory=False):
    """Zeros with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.zeros_like(dynagrad.ones(2))
    tensor([0., 0.])
    """
    cdef TensorBase made = allocate_like("zeros_like", input, dtype, layout, device, memory_format)
    _fill_whole(made, 0)
    return finish(made, None, requires_grad)


def ones_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
              pin_memory=False):
    """Ones with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.ones_like(dynagrad.arange(2))
    tensor([1, 1])
    """
    cdef TensorBase made = allocate_like("ones_like", input, dtype, layout, device, memory_format)
    _fill_whole(made, 1)
    return finish(made, None, requires_grad)


def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
              pin_memory=False):
    """``fill_value`` everywhere, with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.full_like(dynagrad.zeros(2), 7)
    tensor([7., 7.])
    """
    cdef TensorBase made = allocate_like("full_like", input, dtype, layout, device, memory_format)
    return finish(_fill_with("full_like", "'fill_value' (position 2)", made, fill_value), None, requires_grad)


cdef TensorBase _new(str op, TensorBase t, tuple args, object size, object dtype, object layout, object device):
    return allocate(op, _sizes(op, args, size), None, dtype, layout, device, t.dtype)


def new_empty(TensorBase self not None, *args, size=None, dtype=None, layout=None, device=None, requires_grad=False,
              pin_memory=False):
    """Uninitialised memory of the given sizes, with the tensor's dtype if none is given."""
    return finish(_new("new_empty", self, args, size, dtype, layout, device), None, requires_grad)


def new_zeros(TensorBase self not None, *args, size=None, dtype=None, layout=None, device=None, requires_grad=False,
              pin_memory=False):
    """Zeros of the given sizes, with the tensor's dtype if none is given."""
    cdef TensorBase made = _new("new_zeros", self, args, size, dtype, layout, device)
    _fill_whole(made, 0)
    return finish(made, None, requires_grad)


def new_ones(TensorBase self not None, *args, size=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """Ones of the given sizes, with the tensor's dtype if none is given."""
    cdef TensorBase made = _new("new_ones", self, args, size, dtype, layout, device)
    _fill_whole(made, 1)
    return finish(made, None, requires_grad)


def new_full(TensorBase self not None, size, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """``fill_value`` everywhere in the given sizes, with the tensor's dtype if none is given."""
    cdef TensorBase made = _new("new_full", self, (), size, dtype, layout, device)
    return finish(_fill_with("new_full", "'fill_value' (position 2)", made, fill_value), None, requires_grad)


def new_empty_strided(TensorBase self not None, size, stride, *, dtype=None, layout=None, device=None,
                      requires_grad=False, pin_memory=False):
    """Uninitialised memory of the given sizes and strides, with the tensor's dtype if none is given."""
    return empty_strided(size, stride, dtype=dtype_object(self.dtype) if dtype is None else dtype, layout=layout,
                         device=device, requires_grad=requires_grad)


# ---- ranges ----------------------------------------------------------------------------------------------------------

cdef object _number(str op, str argument, object value):
    """A Python number from a number or a 0-d tensor."""
    if type(value) is float:
        return value
    if type(value) is int:
        check_scalar(value)
        return value
    if isinstance(value, TensorBase):
        if (<TensorBase>value).ndim:
            raise RuntimeError(f"{op} only supports 0-dimension start and end tensors, but got {argument} with "
                               f"{(<TensorBase>value).ndim} dimension(s).")
        if requires_grad(<TensorBase>value):
            raise TypeError(f"{op}(): argument '{argument}' must be Number, not Tensor")
        return value.item()
    if not is_number(value):
        raise TypeError(f"{op}(): argument '{argument}' must be Number, not {type(value).__name__}")
    scalar_dtype(value)
    return value


cdef int64_t _range_count(object start, object end, object step, int dtype) except -1:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if type(start) is not int and not isfinite(start) or type(end) is not int and not isfinite(end):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0) != (end > start) and end != start:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: {start} -> {end} in steps of {step}")
    if dtype == I64:
        for each in (start, end, step):
            check_element(each, I64)
        start, end, step = int(start), int(end), int(step)
        count = -((start - end) // step) if step else math.inf
    else:
        count = math.ceil((float(end) - float(start)) / float(step))
    if not 0 <= count < 2 ** 62:
        raise RuntimeError(f"invalid size, possible overflow? {start} -> {end} in steps of {step}")
    return count


cdef TensorBase _line(str op, int64_t n, object out, object dtype, object layout, object device, int inferred):
    """Memory for ``n`` numbers in a row."""
    if isinstance(out, TensorBase) and op == "arange" and (<TensorBase>out).numel not in (0, n):
        warnings.warn(f"The number of elements in the out tensor of shape {list(shape_tuple(<TensorBase>out))} is "
                      f"{(<TensorBase>out).numel} which does not match the computed number of elements {n}. Note that this may "
                      "occur as a result of rounding error. The out tensor will be resized to a tensor of shape "
                      f"({n},).", stacklevel=1)
    cdef TensorBase made = allocate(op, (n,), out, dtype, layout, device, inferred, True)
    if out is not None:
        prepare(made, False, False)
    return made


cdef TensorBase _work(TensorBase made, int dtype):
    """``made`` if a loop of the given dtype can write straight to it, else memory of that dtype."""
    return made if made.dtype == dtype and made.contiguous else new_tensor(dtype, made.ndim, made.shape)


cdef tuple _range_arguments(tuple args, object start, object end, object step):
    """The three numbers of a range, from where they may stand in a call."""
    cdef Py_ssize_t n = len(args)
    if n == 1 and end is None:
        end = args[0]
    elif n > 0 and start is None:
        start = args[0]
        if n > 1 and end is None:
            end = args[1]
        elif n > 1:
            n = 4
        if n == 3 and step is None:
            step = args[2]
        elif n == 3:
            n = 4
    elif n > 0:
        n = 4
    if n > 3 or end is None:
        raise TypeError(f"arange() received an invalid combination of arguments: {args}; expected (end), (start, end) or "
                        "(start, end, step)")
    return (0 if start is None else _number("arange", "start", start), _number("arange", "end", end),
            1 if step is None else _number("arange", "step", step))


def arange(*args, start=None, end=None, step=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
           pin_memory=False):
    """The numbers from ``start`` (0) up to but without ``end``, ``step`` (1) apart.

    Called as ``arange(end)``, ``arange(start, end)`` or ``arange(start, end, step)``. The dtype is int64 if all are
    integers, else the default one. Raises RuntimeError if the step is zero, has the wrong sign, or a bound is not finite.

    >>> import dynagrad
    >>> dynagrad.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    start, end, step = _range_arguments(args, start, end, step)
    cdef bint whole = scalar_dtype(start) <= I64 and scalar_dtype(end) <= I64 and scalar_dtype(step) <= I64
    cdef int inferred = I64 if whole else <int>default_dtype
    cdef int code = (<TensorBase?>out).dtype if out is not None and dtype is None else _dtype("arange", dtype, inferred)
    if code == BOOL:
        raise NotImplementedError("\"arange\" not implemented for 'Bool'")
    cdef int64_t n = _range_count(start, end, step, code)
    cdef TensorBase made = _line("arange", n, out, dtype, layout, device, code)
    cdef int loop_dtype = code if code in (F32, F64, I64) else F32 if is_float(code) else I64
    cdef TensorBase work = _work(made, loop_dtype)
    if n == 0:
        return finish(made, out, requires_grad)
    cdef int64_t first = int(start) if loop_dtype == I64 else 0
    cdef int64_t stride = int(step) if loop_dtype == I64 else 0
    dg_arange(<DType>loop_dtype, work.data, n, start, step, first, stride)
    if work is not made:
        copy_into(made, work)
    return finish(made, out, requires_grad)


cdef int64_t _steps(str op, object steps) except -1:
    cdef int64_t n
    if steps is None:
        raise TypeError(f"{op}() missing 1 required positional arguments: \"steps\"")
    whole_number(op, "steps", steps, &n)
    if n < 0:
        raise RuntimeError("number of steps must be non-negative")
    return n


def linspace(start, end, steps=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """``steps`` numbers at equal distances, the first ``start`` and the last ``end``.

    >>> import dynagrad
    >>> dynagrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    cdef int64_t n = _steps("linspace", steps)
    cdef double first = _number("linspace", "start", start)
    cdef double last = _number("linspace", "end", end)
    cdef TensorBase made = _line("linspace", n, out, dtype, layout, device, default_dtype)
    cdef TensorBase work = _work(made, F32 if is_float(made.dtype) and made.dtype != F64 else F64)
    if not is_float(made.dtype):
        first, last = <double><int64_t>first, <double><int64_t>last
    dg_linspace(<DType>work.dtype, work.data, n, first, last)
    if work is not made:
        copy_into(made, work)
    return finish(made, out, requires_grad)


def logspace(start, end, steps=None, base=10.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """``base`` to the power of the numbers that `linspace` gives.

    >>> import dynagrad
    >>> dynagrad.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    cdef int64_t n = _steps("logspace", steps)
    cdef double first = _number("logspace", "start", start)
    cdef double last = _number("logspace", "end", end)
    cdef TensorBase made = _line("logspace", n, out, dtype, layout, device, default_dtype)
    cdef TensorBase work = _work(made, F32 if is_float(made.dtype) and made.dtype != F64 else F64)
    if not is_float(made.dtype):                        # the exponents run between whole numbers
        first, last = trunc(first), trunc(last)
    dg_linspace(<DType>work.dtype, work.data, n, first, last)
    power_of(<DType>work.dtype, work.data, n, base)
    if work is not made:
        copy_into(made, work)
    return finish(made, out, requires_grad)


# ---- eye -------------------------------------------------------------------------------------------------------------

def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Ones on the diagonal of an ``n`` by ``m`` matrix (square if ``m`` is not given), zeros elsewhere.

    >>> import dynagrad
    >>> dynagrad.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    cdef int64_t rows, columns
    cdef int64_t shape[1]
    cdef int64_t strides[1]
    whole_number("eye", "n", n, &rows)
    columns = rows
    if m is not None:
        whole_number("eye", "m", m, &columns)
    if rows < 0 or columns < 0:
        raise RuntimeError(f"{'n' if rows < 0 else 'm'} must be greater or equal to 0, got {min(rows, columns)}")
    cdef TensorBase made = allocate("eye", (rows, columns), out, dtype, layout, device, default_dtype)
    _fill_whole(made, 0)
    shape[0], strides[0] = min(rows, columns), made.strides[0] + made.strides[1]
    if not fill_diagonal(<DType>made.dtype, made.data, shape[0], strides[0], itemsizes[made.dtype]):
        fill(new_alias(made, 1, shape, strides, 0), 1)
    return finish(made, out, requires_grad)


def _complex(real, imag, *, out=None):
    """Not there yet: raises NotImplementedError.

    >>> import dynagrad
    >>> dynagrad.complex(dynagrad.ones(1), dynagrad.ones(1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    NotImplementedError: dynagrad has no complex tensors yet; ...
    """
    raise NotImplementedError("dynagrad has no complex tensors yet; keep the real and imaginary parts in two tensors")


for _op in (empty, zeros, ones, full, scalar_tensor, empty_strided, empty_like, zeros_like, ones_like, full_like, arange,
            linspace, logspace, eye):
    register(Card(_op.__name__, _op, None, "create", method=False))
for _op in (new_empty, new_zeros, new_ones, new_full, new_empty_strided):
    register(Card(_op.__name__, _op, None, "create", function=False))
register(Card("empty_permuted", empty_permuted, None, "create", method=False, samples="database"))
register(Card("complex", _complex, None, "create", method=False))
