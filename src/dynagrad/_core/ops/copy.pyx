"""Copies: clone, contiguous, conversion to another dtype, and the in-place copy_, fill_ and zero_."""
import cython

from dynagrad._core.card import Card, register
from dynagrad._core.types import TYPE_NAMES
from dynagrad._core.types import channels_last, channels_last_3d, contiguous_format, dtype as dtype_class, get_default_dtype, preserve_format

from dynagrad._core.graph import use_copy

from dynagrad._core.formats cimport lies_in, new_in, suggested
from dynagrad._core.graph cimport Node, begin1, begin_pair, needs, prepare, settle, wants_grad, wrote
from dynagrad._core.iterate cimport copy_into, copy_of, fill, output
from dynagrad._core.tensor cimport TensorBase, new_like, new_number, shape_tuple
from dynagrad._core.types cimport check_device, dtype_code, dtype_object, is_float, is_number


# ---- clone -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class CloneBackward0(Node):                        # d clone(a) = da
    cdef object vjp(self, TensorBase g):
        return g


cdef TensorBase _copied(TensorBase input, TensorBase result):
    """Gives a finished copy its history."""
    cdef Node node = None
    if wants_grad(input):
        node = CloneBackward0.__new__(CloneBackward0)
        begin1(node, input)
    settle(node, result, input, None, None, False)
    return result


cdef TensorBase clone(TensorBase input):
    return _copied(input, copy_of(input))


def _clone(TensorBase input not None, *, memory_format=preserve_format):
    """A copy in memory of its own, through which gradients flow.

    >>> import dynagrad
    >>> dynagrad.tensor([1., 2.]).clone()
    tensor([1., 2.])
    """
    if memory_format is preserve_format or memory_format is None:
        return clone(input)
    return _copied(input, _copy_in(input, memory_format))


cdef TensorBase _copy_in(TensorBase input, memory_format):
    cdef TensorBase made = new_in(memory_format, input.dtype, input.ndim, input.shape)
    copy_into(made, input)
    return made


register(Card("clone", _clone, CloneBackward0, "unary"))


def _copy_of_tensor(TensorBase t):
    return clone(t)


use_copy(_copy_of_tensor)


cdef TensorBase row_major(TensorBase input):
    """The tensor itself if it is contiguous, else a recorded copy that is."""
    return input if input.contiguous else _copied(input, _copy_in(input, contiguous_format))


cdef TensorBase laid_like(TensorBase made, TensorBase like):
    """A fresh result, which nothing has recorded yet, with its channels last if `like` has them there."""
    cdef object memory_format = suggested(like) if made.ndim == like.ndim else None
    return made if memory_format is None or lies_in(made, memory_format) else _copy_in(made, memory_format)


def _contiguous(TensorBase input not None, *, memory_format=contiguous_format):
    """The tensor itself if its elements lie in row-major order, or in another memory format, else such a copy.

    RuntimeError for ``channels_last`` and a rank other than 4, and for ``channels_last_3d`` and a rank other than 5.
    """
    if input.contiguous and memory_format is contiguous_format:
        return input
    return in_format(input, memory_format)


cdef TensorBase in_format(TensorBase input, memory_format):
    """The tensor itself if its elements lie in the format, else a recorded copy that does."""
    if memory_format is preserve_format or memory_format is None or lies_in(input, memory_format):
        return input
    return _copied(input, _copy_in(input, memory_format))


register(Card("contiguous", _contiguous, CloneBackward0, "unary", function=False))


# ---- conversion ------------------------------------------------------------------------------------------------------

@cython.final
cdef class ToCopyBackward0(Node):                       # the engine casts the gradient back
    cdef object vjp(self, TensorBase g):
        return g


cdef TensorBase to_dtype(TensorBase input, int dtype):
    cdef Node node = None
    cdef TensorBase result
    if input.dtype == dtype:
        return input
    result = new_like(input, dtype)
    copy_into(result, input)
    if wants_grad(input) and is_float(dtype):
        node = ToCopyBackward0.__new__(ToCopyBackward0)
        begin1(node, input)
    settle(node, result, input, None, None, False)
    return result


cdef TensorBase _moved_to(TensorBase input, memory_format):
    """As `in_format`, but what lies in several formats at once, being of one channel, is given the strides asked for."""
    if (memory_format is channels_last or memory_format is channels_last_3d) and suggested(input) is not memory_format:
        return _copied(input, _copy_in(input, memory_format))
    return in_format(input, memory_format)


def _to(TensorBase self not None, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """The tensor with another dtype or device: itself if nothing changes and ``copy`` is not asked for.

    Takes ``to(dtype)``, ``to(device, dtype)`` or ``to(other)``; with ``memory_format`` the result lies in that format.
    Raises TypeError for anything else.

    >>> import dynagrad
    >>> dynagrad.tensor([1.5, 2.5]).to(dynagrad.int64)
    tensor([1, 2])
    """
    rest = list(args)
    if rest and isinstance(rest[0], TensorBase):
        dtype = dtype_object((<TensorBase>rest.pop(0)).dtype)
    elif rest and (isinstance(rest[0], (str, int)) or type(rest[0]).__name__ == "device" or rest[0] is None):
        device = rest.pop(0)
    if rest and not isinstance(rest[0], bool):
        dtype = rest.pop(0) if rest[0] is not None else (rest.pop(0), dtype)[1]
    if len(rest) > 2 or any(not isinstance(each, bool) for each in rest):
        raise TypeError(f"to() received an invalid combination of arguments: {args}")
    if len(rest) > 1:
        copy = rest[1]
    check_device(device)
    cdef TensorBase result = _moved_to(self if dtype is None else to_dtype(self, dtype_code(dtype)), memory_format)
    return clone(self) if copy and result is self else result


def _named_conversion(str name, int code):
    def convert(self, memory_format=None):
        return to_dtype(self, code) if memory_format is None else in_format(to_dtype(self, code), memory_format)
    convert.__name__ = name
    convert.__qualname__ = f"Tensor.{name}"
    convert.__doc__ = f"The tensor as {name}: itself if it has that dtype, else a converted copy."
    return convert


register(Card("to", _to, ToCopyBackward0, "copy", function=False))
for _name, _code in (("bool", 0), ("byte", 1), ("char", 2), ("short", 3), ("int", 4), ("long", 5), ("half", 6),
                     ("bfloat16", 7), ("float", 8), ("double", 9)):
    register(Card(_name, _named_conversion(_name, _code), ToCopyBackward0, "copy", function=False))


def _type(TensorBase self not None, dtype=None, non_blocking=False, memory_format=None):
    """The name of the tensor's type, such as ``torch.FloatTensor``, or the tensor converted to a dtype.

    The dtype may be given by such a name, and by the old class of tensors of that name.
    """
    if dtype is None:
        return f"torch.{TYPE_NAMES[self.dtype]}Tensor"
    if isinstance(dtype, str):
        name = dtype.removeprefix("torch.").removesuffix("Tensor")
        if name not in TYPE_NAMES:
            raise ValueError(f"invalid type: '{dtype}'")
        return in_format(to_dtype(self, TYPE_NAMES.index(name)), memory_format)
    code = dtype_code(_dtype_of_class(dtype) if isinstance(dtype, type) else dtype)
    return in_format(to_dtype(self, code), memory_format)


cdef object _dtype_of_class(object named):
    """The dtype that a class of tensors stands for, such as FloatTensor; ValueError for any other class."""
    if named.__name__ == "Tensor" and issubclass(named, TensorBase):
        return get_default_dtype()
    if getattr(named, "is_cuda", False) is True:
        raise RuntimeError("Cannot initialize CUDA: dynagrad computes on the CPU only for now")
    found = getattr(named, "dtype", None)
    if type(found) is not dtype_class:
        raise ValueError(f"invalid type: '{named.__name__}'")
    return found


def _type_as(TensorBase self not None, TensorBase other not None):
    """The tensor converted to the dtype of another."""
    return to_dtype(self, other.dtype)


def _cpu(TensorBase self not None, memory_format=None):
    """The tensor itself: it is on the CPU."""
    return self


register(Card("type", _type, None, "copy", function=False))
register(Card("type_as", _type_as, ToCopyBackward0, "copy", function=False))
register(Card("cpu", _cpu, None, "copy", function=False))


# ---- out= ------------------------------------------------------------------------------------------------------------

def deliver(TensorBase result not None, out):
    """The result of an op made of others: itself, or ``out``, resized if need be, with the result copied in."""
    cdef TensorBase target
    if out is None:
        return result
    prepare(out, False, wants_grad(result))
    target = output(out, result.dtype, result.ndim, result.shape)
    copy_into(target, result)
    wrote(target)
    return target


# ---- copy_, fill_, zero_ ---------------------------------------------------------------------------------------------

@cython.final
cdef class CopyBackwards(Node):                         # the old elements are gone; the source gets everything
    _namespace = "torch::autograd::"

    cdef object vjp(self, TensorBase g):
        return zeros_like(g) if needs(self, 0) else None, g if needs(self, 1) else None


cdef TensorBase zeros_like(TensorBase t):
    cdef TensorBase made = new_like(t, t.dtype)
    fill(made, 0)
    return made


cdef TensorBase copy_(TensorBase target, TensorBase source):
    cdef Node node = None
    cdef bint recording = wants_grad(target) or wants_grad(source)
    prepare(target, True, recording, target is source)
    if recording and is_float(target.dtype):
        node = CopyBackwards.__new__(CopyBackwards)
        begin_pair(node, target, source)
    if target is not source:
        copy_into(target, source)
    settle(node, target, target, source, target, True)
    return target


def _copy_(TensorBase self not None, src, non_blocking=False):
    """Writes the elements of ``src``, cast and broadcast, to the tensor itself."""
    if isinstance(src, TensorBase) and (<TensorBase>src).ndim > self.ndim:
        raise RuntimeError(f"output with shape {list(shape_tuple(self))} doesn't match the broadcast shape {list(src.shape)}")
    return copy_(self, src if isinstance(src, TensorBase) else new_number(src, 9))


register(Card("copy_", _copy_, CopyBackwards, "copy", function=False))


@cython.final
cdef class FillBackward0(Node):                         # of `fill`, which writes to a copy
    cdef object vjp(self, TensorBase g):
        return zeros_like(g)


@cython.final
cdef class FillBackward1(Node):
    cdef object vjp(self, TensorBase g):
        return zeros_like(g) if needs(self, 0) else None, g if needs(self, 1) else None


@cython.final
cdef class FillBackward2(Node):                         # filled with a number: nothing of the old elements is left
    cdef object vjp(self, TensorBase g):
        return zeros_like(g)


@cython.final
cdef class FillBackward3(Node):                         # filled with a 0-d tensor, which gets the sum
    cdef object vjp(self, TensorBase g):
        return zeros_like(g) if needs(self, 0) else None, g if needs(self, 1) else None


@cython.final
cdef class ZeroBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return zeros_like(g)


cdef TensorBase _fill(TensorBase target, object value, type node_class):
    cdef Node node = None
    cdef bint is_tensor = isinstance(value, TensorBase)
    cdef bint recording = wants_grad(target) or wants_grad(value)
    if is_tensor and (<TensorBase>value).ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    if not is_tensor and not is_number(value):
        raise TypeError(f"fill_(): argument 'value' must be Number, not {type(value).__name__}")
    prepare(target, True, recording, True)      # every element gets the same, so it may be hit twice
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        if is_tensor:
            begin_pair(node, target, value)
        else:
            begin1(node, target)
    fill(target, value)
    settle(node, target, target, None, target, True)
    return target


def _fill_(TensorBase self not None, value):
    """Writes one number, or a 0-d tensor's element, everywhere."""
    return _fill(self, value, FillBackward3 if isinstance(value, TensorBase) else FillBackward2)


def _filled(TensorBase input not None, value):
    """A tensor like the input, with one value everywhere.

    >>> import dynagrad
    >>> dynagrad.fill(dynagrad.zeros(2), 3)
    tensor([3., 3.])
    """
    cdef Node node = None
    cdef bint of_tensor = isinstance(value, TensorBase)
    cdef TensorBase made
    if wants_grad(input) or wants_grad(value):
        node = FillBackward1.__new__(FillBackward1) if of_tensor else FillBackward0.__new__(FillBackward0)
        if of_tensor:
            begin_pair(node, input, value)
        else:
            begin1(node, input)
    made = _fill(copy_of(input), (<TensorBase>value).detach() if of_tensor else value, FillBackward2)
    settle(node, made, input, value, None, False)
    return made


cdef TensorBase zero_(TensorBase target):
    return _fill(target, 0, ZeroBackward0)


def _zero_(TensorBase self not None):
    """Writes zero everywhere."""
    return zero_(self)


register(Card("fill", _filled, FillBackward0, "copy", method=False, samples="database"))
register(Card("fill_", _fill_, FillBackward2, "copy", function=False))
register(Card("zero_", _zero_, ZeroBackward0, "copy", function=False))
