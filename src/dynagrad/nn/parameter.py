"""Parameter and Buffer: tensors that a Module registers when they are assigned to it; and those not yet of any shape."""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.intercept import disabled_torch_function
from dynagrad._core.ops.data import alias_of

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class _MarkedTensor(type(Tensor)):  # type: ignore[misc]  # the metaclass of Tensor is type
    """Answers isinstance also for tensors of another class that carry the mark."""

    _mark: str

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls in (Parameter, Buffer) and isinstance(instance, Tensor) and getattr(instance, cls._mark, False)


class Parameter(Tensor, metaclass=_MarkedTensor):
    """A tensor that is a parameter of the module to which it is assigned.

    Args:
        data: its values; the memory is shared. An empty tensor if not given.
        requires_grad: whether it collects gradients.

    >>> import dynagrad
    >>> dynagrad.nn.Parameter(dynagrad.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()
    __torch_function__ = staticmethod(disabled_torch_function)
    _mark = "_is_param"

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = dynagrad.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return alias_of(data, cls, requires_grad)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter data must be a tensor, but got {type(data).__name__}")
        made = data.detach().requires_grad_(requires_grad)
        if type(made) is not type(data):
            return alias_of(data, cls, requires_grad)
        made._is_param = True
        return made  # type: ignore[return-value]  # the mark makes it a Parameter to isinstance

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]  # mypy drops names of special methods' arguments
        return "Parameter containing:\n" + super().__repr__(tensor_contents=tensor_contents)  # type: ignore[call-arg]  # likewise

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    _printed_as = "tensor"


class Buffer(Tensor, metaclass=_MarkedTensor):
    """A tensor that is a buffer of the module to which it is assigned: state that is not trained.

    Args:
        data: its values; the memory is shared. An empty tensor if not given.
        persistent: whether it is part of the module's ``state_dict``.
    """

    __slots__ = ()
    __torch_function__ = staticmethod(disabled_torch_function)
    _mark = "_is_buffer"
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = dynagrad.empty(0)
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


class UninitializedTensorMixin:
    """What a tensor does whose shape is not known until its module sees an input."""

    cls_to_become: type
    data: Tensor
    _allowed = frozenset({"materialize", "requires_grad", "dtype", "device", "is_leaf", "grad"})

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Becomes a tensor of this shape, with uninitialised values."""
        self.data = dynagrad.empty(shape, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]  # __repr__ has no contents to be given
    """A parameter of a shape not known yet; ``materialize(shape)`` makes it an ordinary one."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        return alias_of(dynagrad.empty(0, dtype=dtype), cls, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]  # likewise
    """A buffer of a shape not known yet; ``materialize(shape)`` makes it an ordinary one."""

    __slots__ = ()
    __torch_function__ = staticmethod(disabled_torch_function)
    cls_to_become = Buffer  # an object cannot turn into one of the native class Tensor
    persistent: bool

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> UninitializedBuffer:
        made = alias_of(dynagrad.empty(0, dtype=dtype), cls, requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(param: Any) -> bool:
    """Whether the parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
