"""Assertions on tensors that functions like ``empty`` and ``full`` make, with every way to say dtype and device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dynagrad as torch

_SIZES = torch.Size([2, 3])


def do_test_dtypes(self: Any, dtypes: Iterable[torch.dtype], layout: Any, device: Any) -> None:
    """Asserts that ``zeros`` makes tensors of dtypes (float16 excepted), of a layout, on a device.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import TestCase, do_test_dtypes
    >>> do_test_dtypes(TestCase(), [torch.int64], torch.strided, torch.device("cpu"))
    """
    for dtype in dtypes:
        if dtype != torch.float16:
            made = torch.zeros(_SIZES, dtype=dtype, layout=layout, device=device)
            self.assertIs(dtype, made.dtype)
            self.assertIs(layout, made.layout)
            self.assertEqual(device, made.device)


def do_test_empty_full(self: Any, dtypes: Iterable[torch.dtype], layout: Any, device: Any) -> None:
    """Asserts what ``empty``, ``full``, their ``..._like`` and ``new_...`` forms make, with and without ``out``.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import TestCase, do_test_empty_full
    >>> do_test_empty_full(TestCase(), [torch.int64, torch.float32], torch.strided, torch.device("cpu"))
    """

    def check(made: torch.Tensor, dtype: torch.dtype, value: float | None, requires_grad: bool = False) -> None:
        self.assertEqual(_SIZES, made.shape)
        self.assertIs(dtype, made.dtype)
        self.assertIs(layout, made.layout)
        self.assertEqual(made.requires_grad, requires_grad)
        if value is not None:
            self.assertEqual(made, torch.zeros(_SIZES, dtype=dtype).fill_(value))

    place = {"layout": layout, "device": device}
    check(torch.empty(_SIZES), torch.get_default_dtype(), None)
    check(torch.full(_SIZES, -5.0), torch.get_default_dtype(), -5.0)
    for dtype in dtypes:
        for grad in {dtype.is_floating_point, False}:
            other = {"dtype": torch.int64, "requires_grad": False}
            empty = torch.empty(_SIZES, dtype=dtype, requires_grad=grad, **place)
            check(empty, dtype, None, grad)
            check(torch.empty(_SIZES, out=empty.new(), requires_grad=grad, **place), dtype, None, grad)
            check(empty.new_empty(_SIZES), dtype, None)
            check(empty.new_empty(_SIZES, device=device, **other), torch.int64, None)
            check(torch.empty_like(empty), dtype, None)
            check(torch.empty_like(empty, **other, **place), torch.int64, None)
            if dtype is torch.float16:
                continue
            full = torch.full(_SIZES, 3, dtype=dtype, requires_grad=grad, **place)
            check(full, dtype, 3, grad)
            check(torch.full(_SIZES, 5, out=full.new(), requires_grad=grad, **place), dtype, 5, grad)
            check(full.new_full(_SIZES, 4), dtype, 4)
            check(full.new_full(_SIZES, 6, device=device, **other), torch.int64, 6)
            check(torch.full_like(full, 7), dtype, 7)
            check(torch.full_like(full, 8, **other, **place), torch.int64, 8)
