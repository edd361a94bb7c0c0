"""``ops``: a test for each op of a list, and for each dtype that the op takes.

An op is described by an object like PyTorch's OpInfo: its names, its dtypes, its decorators. The descriptions are the
suite's own; PyTorch's list of them, ``op_db``, does not exist here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.common_dtype import COMPUTABLE, get_all_dtypes
from dynagrad.testing._internal.device.naming import _update_param_kwargs
from dynagrad.testing._internal.utils.parametrize import Test, Variant, _copied, _TestParametrizer


class OpDTypes(Enum):
    """Which dtypes a test of an op is for: all that the op takes, all that it does not, with gradients, one, none."""

    supported = 0
    unsupported = 1
    supported_backward = 2
    unsupported_backward = 3
    any_one = 4
    none = 5
    any_common_cpu_cuda_one = 6


ANY_DTYPE_ORDER = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
)


class ops(_TestParametrizer):
    """A test that takes ``op`` and ``dtype``, made for each op of a list and each of its dtypes.

    Args:
        op_list: descriptions of ops, with ``name``, ``formatted_name``, ``supported_dtypes(device_type)``,
            ``supported_backward_dtypes(device_type)`` and ``get_decorators(class_name, test_name, device_type, dtype,
            arguments)``.
        dtypes: an `OpDTypes`, or the dtypes themselves.
        allowed_dtypes: what they are cut down to.
        skip_if_dynamo: whether PyTorch's compiler is not to see the tests. There is none here.

    Raises:
        RuntimeError: when the tests are made, outside of ``instantiate_device_type_tests``.
        ValueError: then, too, if there are no ops.
    """

    def __init__(
        self,
        op_list: Iterable[Any],
        *,
        dtypes: OpDTypes | Sequence[torch.dtype] = OpDTypes.supported,
        allowed_dtypes: Sequence[torch.dtype] | None = None,
        skip_if_dynamo: bool = True,
    ) -> None:
        self.op_list = list(op_list)
        self.opinfo_dtypes = dtypes
        self.allowed_dtypes = None if allowed_dtypes is None else set(allowed_dtypes)
        self.skip_if_dynamo = skip_if_dynamo

    def _parametrize_test(self, test: Test, generic_cls: Any, device_cls: Any) -> Iterator[Variant]:
        if device_cls is None:
            raise RuntimeError(
                "The @ops decorator is only intended to be used in a device-specific context; use it with "
                "instantiate_device_type_tests() instead of instantiate_parametrized_tests()"
            )
        if not self.op_list:
            raise ValueError(
                "An empty op_list was passed to @ops. Note that this may result from reuse of a generator."
            )
        for op in self.op_list:
            for dtype in self._dtypes(op, device_cls.device_type):
                arguments = {"op": op}
                _update_param_kwargs(arguments, "dtype", dtype)
                of_op = partial(op.get_decorators, generic_cls.__name__, test.__name__, device_cls.device_type, dtype)
                yield _copied(test), op.formatted_name, arguments, of_op

    def _dtypes(self, op: Any, device_type: str) -> Iterable[torch.dtype | None]:
        asked = self.opinfo_dtypes
        found: set[Any]
        if not isinstance(asked, OpDTypes):
            found = set(asked)
        elif asked is OpDTypes.none:
            found = {None}
        else:
            forward = set(op.supported_dtypes(device_type))
            if asked is OpDTypes.supported:
                found = forward
            elif asked is OpDTypes.unsupported:
                found = set(get_all_dtypes()) - forward
            elif asked is OpDTypes.any_common_cpu_cuda_one:
                found = _first(set(op.dtypes) & set(op.dtypesIfCUDA))
            else:
                backward = set(op.supported_backward_dtypes(device_type))
                if asked is OpDTypes.supported_backward:
                    found = backward
                elif asked is OpDTypes.unsupported_backward:
                    found = set(get_all_dtypes()) - backward
                else:
                    found = _first((forward & backward) or forward)
        if self.allowed_dtypes is not None:
            found &= self.allowed_dtypes
        return sorted((dtype for dtype in found if dtype is None or dtype in COMPUTABLE), key=str)


def _first(found: set[torch.dtype]) -> set[torch.dtype]:
    return set([dtype for dtype in ANY_DTYPE_ORDER if dtype in found][:1])
