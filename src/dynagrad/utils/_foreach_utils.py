"""How optimisers sort lists of tensors before they call ``torch._foreach_*``; private in PyTorch, and used all the same."""

from __future__ import annotations

from typing import Any

from dynagrad.tensor import Tensor

Groups = dict[tuple[Any, Any], tuple[list[list[Tensor | None]], list[int]]]


def _group_tensors_by_device_and_dtype(tensorlistlist: list[list[Tensor | None]], with_indices: bool = False) -> Groups:
    """Sorts the columns of several lists of equal lengths by the device and the dtype of the tensors in the first.

    Returns, for each pair of device and dtype, the lists of what stands at its places, and those places if asked for.

    >>> import dynagrad as torch
    >>> from dynagrad.utils._foreach_utils import _group_tensors_by_device_and_dtype
    >>> x, n = torch.ones(1), torch.arange(2)
    >>> list(_group_tensors_by_device_and_dtype([[x, n, x]], True).values())
    [([[tensor([1.]), tensor([1.])]], [0, 2]), ([[tensor([0, 1])]], [1])]
    """
    groups: Groups = {}
    for place, column in enumerate(zip(*tensorlistlist, strict=True)):
        first = column[0]
        if first is None:
            raise RuntimeError("the first list says the device and dtype of each column, and holds no None")
        rows, places = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for row, each in zip(rows, column, strict=True):
            row.append(each)
        if with_indices:
            places.append(place)
    return groups


def _get_foreach_kernels_supported_devices() -> list[str]:
    """Where ``_foreach_*`` is one kernel: on no device that there is here."""
    return ["cuda", "xpu", "mtia"]


def _get_fused_kernels_supported_devices() -> list[str]:
    """Where the steps of whole optimisers are native."""
    return ["cpu"]


def _device_has_foreach_support(device: Any) -> bool:
    """Whether ``_foreach_*`` can be called for tensors on a device."""
    return device.type in (*_get_foreach_kernels_supported_devices(), "cpu")


def _has_foreach_support(tensors: list[Tensor], device: Any) -> bool:
    """Whether ``_foreach_*`` can be called for these tensors: no subclass among them, and all on a supported device."""
    return _device_has_foreach_support(device) and all(each is None or type(each) is Tensor for each in tensors)
