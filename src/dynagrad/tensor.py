"""class Tensor: the public face of the native tensor. Its methods come from the cards of the ops.

The text of a tensor is in `printing`; attributes, operators and protocols are native (`_core/base.pyx`).
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

from dynagrad._core.base import NativeTensor, inherit_operators, set_attribute
from dynagrad._core.card import methods
from dynagrad._core.intercept import disabled_torch_function, notice_classes
from dynagrad._core.ops.data import alias_of, as_subclass, constructed
from dynagrad._core.ops.exchange import attributes, from_numpy, packed, unpacked
from dynagrad._core.tensor import share_layout, use_classes
from dynagrad._core.types import BY_NAME, dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self


def _size(given: Any, place: int) -> int:
    try:
        return index(given)
    except TypeError:
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {place} is '{type(given).__name__}')") from None


class Size(tuple[int, ...]):
    """The shape of a tensor.

    >>> import dynagrad
    >>> dynagrad.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Self:
        """A shape of the given integers. TypeError for what is none."""
        return tuple.__new__(cls, [each if type(each) is int else _size(each, i) for i, each in enumerate(sizes)])

    def numel(self) -> int:
        """The product of the sizes."""
        total = 1
        for size in self:
            total *= size
        return total

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]  # a Size stays one
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return Size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: int) -> Size:  # type: ignore[override]  # a Size stays one
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__  # type: ignore[assignment]  # a Size stays one

    def __getitem__(self, index: Any) -> Any:  # int or Size, by the type of the index
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)


def _watch() -> None:
    """Has classes with a ``__torch_function__`` take part from now on."""
    from dynagrad.overrides import watch

    watch()


class _OfSubclasses:
    """``__torch_function__`` as subclasses of Tensor inherit it. Plain tensors have none: PyTorch itself would ask them."""

    def __get__(self, _instance: Tensor | None, owner: type) -> Callable[..., Any]:
        if owner is Tensor:
            raise AttributeError("plain tensors have no __torch_function__")
        from functools import partial

        from dynagrad.overrides import default_torch_function

        return partial(default_torch_function, owner)


class Tensor(NativeTensor):
    """A multi-dimensional array of one dtype that can take part in a graph."""

    __slots__ = ()

    __array_priority__ = 1000

    def __new__(cls, *data: Any, device: object = None) -> Self:
        """Uninitialised memory of the sizes given, or a copy of the sequence given, in the default dtype; a tensor's view."""
        if len(data) == 1 and isinstance(data[0], NativeTensor) and device is None:
            return as_subclass(data[0], cls)
        return alias_of(constructed(cls.__name__, data, None, device), cls)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        share_layout(cls)
        inherit_operators(cls)
        if cls.__torch_function__ is not disabled_torch_function:
            _watch()

    __torch_function__ = _OfSubclasses()

    if not TYPE_CHECKING:  # a checker knows it of the native class
        __setattr__ = set_attribute
    as_subclass = as_subclass

    @staticmethod
    def _make_subclass(cls: type, data: Tensor, require_grad: bool = False) -> Tensor:  # noqa: PLW0211  # Python's name for it
        """The memory of ``data``, without its history, as an object of a subclass."""
        return alias_of(data, cls, require_grad)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from dynagrad.printing import tensor_text

        return tensor_text(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        if self.dim() == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __array_wrap__(self, array: Any, context: object = None, return_scalar: bool = False) -> Any:
        return from_numpy(array) if hasattr(array, "shape") else array

    def __reduce_ex__(self, protocol: int) -> tuple[Any, ...]:  # type: ignore[override]  # nothing else is passed
        import pickle

        data, *rest = packed(self)
        payload = pickle.PickleBuffer(data) if protocol >= 5 else bytes(data)
        return unpacked, (type(self), payload, *rest, self.requires_grad), user_attributes(self) or None

    def __setstate__(self, state: dict[str, Any]) -> None:
        if not isinstance(state, dict):
            raise TypeError(f"the state of a tensor is a dict of its attributes, not {type(state).__name__}")
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def real(self) -> Tensor:
        """The real part: the tensor itself."""
        return self

    @real.setter
    def real(self, value: Any) -> None:
        self.copy_(value)

    @property
    def imag(self) -> Tensor:
        """RuntimeError: real numbers have no imaginary part."""
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")

    def untyped_storage(self) -> Any:
        """The block of bytes that this tensor shows, which its views share."""
        from dynagrad.storage import storage_of

        return storage_of(self)

    def storage(self) -> Any:
        """The block of memory that this tensor shows, as elements of its dtype."""
        from dynagrad.storage import TypedStorage

        return TypedStorage(self.untyped_storage(), self.dtype)

    _typed_storage = storage

    @property
    def _grad(self) -> Tensor | None:
        """``grad`` under the name that may be set without asking whose it is."""
        return self.grad

    @_grad.setter
    def _grad(self, value: Tensor | None) -> None:
        self.grad = value

    def share_memory_(self) -> Self:
        """Moves the memory to where processes share it: those forked later, and those that this tensor is sent to.

        RuntimeError if other tensors show the memory, which would stay behind.
        """
        from dynagrad.shared import share

        share(self)
        return self

    def is_shared(self) -> bool:
        """Whether the memory is shared between processes."""
        from dynagrad.shared import is_shared

        return is_shared(self)

    def __rdiv__(self, other: Any) -> Tensor:
        """Python 2's name of division by a tensor, which PyTorch still has."""
        return self.reciprocal() * other

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self.dim() else self

    def __copy__(self) -> Self:
        made = alias_of(self, type(self), self.requires_grad)
        made.__setstate__(user_attributes(self))
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                f"moment. This one was made by {self.grad_fn.name()}; take tensor.detach() first to copy its values."
            )
        import copy

        made = memo[id(self)] = alias_of(_over_a_copy(self, memo), type(self), self.requires_grad)
        if self.grad is not None:
            made.grad = copy.deepcopy(self.grad, memo)
        made.__setstate__(copy.deepcopy(user_attributes(self), memo))
        return made


class _TypedTensor(type):
    """The old names of tensors of one dtype, such as ``FloatTensor``: constructors, and answers to isinstance."""

    dtype: dtype

    def __call__(cls, *data: Any, device: object = None) -> Tensor:
        return constructed(cls.__name__, data, cls.dtype, device)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.dtype


def _typed_tensor(name: str, dtype_name: str) -> _TypedTensor:
    doc = f"A tensor of {dtype_name}, by its old name: a constructor, and an answer to isinstance."
    return _TypedTensor(name, (), {"dtype": BY_NAME[dtype_name], "__doc__": doc})


def _over_a_copy(tensor: Tensor, memo: dict[Any, Any]) -> NativeTensor:
    """A tensor like this one over a copy of its storage; tensors that share a storage share its copy."""
    from dynagrad._core.ops.storage import over_bytes, storage_id, whole_storage

    key = "storage", storage_id(tensor)
    if key not in memo:
        whole = whole_storage(tensor)
        memo[key] = whole.clone(), whole  # which keeps the number of the storage taken
    layout = tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    return over_bytes(memo[key][0], tensor.dtype, *layout, False)


def user_attributes(tensor: Tensor) -> dict[str, Any]:
    """What the user hung on a tensor."""
    return {**attributes(tensor), **getattr(tensor, "__dict__", {})}


def take_methods() -> None:
    """Gives Tensor the methods of all cards; called again once the composites have filed theirs."""
    for name, method in methods().items():
        if name not in vars(Tensor):
            setattr(Tensor, name, method)


take_methods()
Tensor.__module__ = "dynagrad"
inherit_operators(Tensor)
use_classes(Tensor, Size)

BoolTensor = _typed_tensor("BoolTensor", "bool")
ByteTensor = _typed_tensor("ByteTensor", "uint8")
CharTensor = _typed_tensor("CharTensor", "int8")
ShortTensor = _typed_tensor("ShortTensor", "int16")
IntTensor = _typed_tensor("IntTensor", "int32")
LongTensor = _typed_tensor("LongTensor", "int64")
HalfTensor = _typed_tensor("HalfTensor", "float16")
BFloat16Tensor = _typed_tensor("BFloat16Tensor", "bfloat16")
FloatTensor = _typed_tensor("FloatTensor", "float32")
DoubleTensor = _typed_tensor("DoubleTensor", "float64")

notice_classes(_watch)
