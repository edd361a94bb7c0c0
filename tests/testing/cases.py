"""Pairs of values for ``assert_close``, made of whichever library is handed in."""

from __future__ import annotations

import collections

import numpy as np

nan, inf = float("nan"), float("inf")


def comparisons(lib):
    """(actual, expected, options), by name."""
    x, ones = lib.tensor, lib.ones
    parameter = lib.nn.Parameter
    return {
        "close": (x([1.0, 2.0]), x([1.0, 2.0 + 1e-6]), {}),
        "one element": (x([1.0, 2.0, 3.0]), x([1.0, 2.0, 3.5]), {}),
        "scalar tensors": (x(1.0), x(2.0), {}),
        "integers": (1, 2, {}),
        "floats": (1.0, 2.0, {}),
        "types of numbers": (1, 1.0, {}),
        "types of numbers, unchecked": (1, 1.0, {"check_dtype": False}),
        "complex": (1 + 2j, 1 + 3j, {}),
        "booleans": (True, False, {}),
        "none": (None, 1, {}),
        "both none": (None, None, {}),
        "integer tensors": (x([1, 2]), x([1, 3]), {}),
        "large integers": (x([2**40]), x([2**40 + 3]), {}),
        "unsigned": (x([255], dtype=lib.uint8), x([0], dtype=lib.uint8), {}),
        "boolean tensors": (x([True, True]), x([False, True]), {}),
        "dtype": (x([1, 2]), x([1, 2], dtype=lib.int32), {}),
        "dtype, unchecked": (x([1, 2]), x([1.0, 2.0]), {"check_dtype": False}),
        "dtype, unchecked, apart": (x([1, 2]), x([1.0, 2.5]), {"check_dtype": False}),
        "widest tolerance": (x([1.0]), x([1.0001], dtype=lib.float64), {"check_dtype": False}),
        "shape": (x([[1.0, 2.0]]), x([1.0, 2.0]), {}),
        "stride": (ones(2, 3), ones(3, 2).t(), {"check_stride": True}),
        "stride, unchecked": (ones(2, 3), ones(3, 2).t(), {}),
        "device, layout": (ones(2), ones(2), {"check_device": False, "check_layout": False}),
        "nan": (x([nan]), x([nan]), {}),
        "equal nan": (x([nan]), x([nan]), {"equal_nan": True}),
        "nan of numbers": (nan, nan, {}),
        "infinities": (x([inf, 1.0, 2.0]), x([1.0, -inf, 2.0]), {}),
        "equal infinities": (x([inf, -inf]), x([inf, -inf]), {}),
        "around zero": (x([0.0, 1.0]), x([1.0, 0.0]), {}),
        "half": (x([1.0]).half(), x([1.1]).half(), {}),
        "bfloat16": (x([1.0]).bfloat16(), x([1.1]).bfloat16(), {}),
        "double": (ones(3, dtype=lib.float64), ones(3, dtype=lib.float64) * 1.1, {}),
        "many dimensions": (lib.zeros(2, 3, 4), lib.zeros(2, 3, 4).index_fill(1, x([1]), 3.0), {}),
        "empty": (lib.zeros(0), lib.zeros(0), {}),
        "leaf": (x([1.0], requires_grad=True), x([2.0]), {}),
        "sequences": ([x([1.0]), x([2.0])], [x([1.0]), x([3.0])], {}),
        "list and tuple": ((1,), [1], {}),
        "range": (range(3), [0, 1, 2], {}),
        "lengths": ([1], [1, 2], {}),
        "mappings": ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, {}),
        "keys": ({"a": 1, "c": 2}, {"b": 1, "c": 2}, {}),
        "keys of two kinds": ({1: x([1.0]), "a": 2}, {1: x([2.0]), "a": 2}, {}),
        "ordered": (collections.OrderedDict(a=1), {"a": 1}, {}),
        "only atol": (x([1.0]), x([2.0]), {"atol": 0}),
        "only rtol": (1.0, 2.0, {"rtol": 0}),
        "exact": (x([1.0]), x([2.0]), {"rtol": 0, "atol": 0}),
        "exact number": (1.0, 2.0, {"rtol": 0, "atol": 0}),
        "absolute": (x([1.0]), x([2.0]), {"rtol": 0, "atol": 1}),
        "message": (x([1.0]), x([2.0]), {"msg": "not so"}),
        "message of a message": ([x([1.0])], [x([2.0])], {"msg": lambda text: f"<{text}>"}),
        "arrays": (np.ones(2), np.zeros(2), {}),
        "equal arrays": (np.ones(2), np.ones(2), {}),
        "array and tensor": (np.ones(2), ones(2), {}),
        "array of texts": (np.array(["a"]), np.array(["a"]), {}),
        "numpy's numbers": (np.float64(1), 2.0, {}),
        "numpy's booleans": (np.bool_(True), False, {}),
        "subclass": (parameter(ones(2)), ones(2), {}),
        "subclass, not allowed": (parameter(ones(2)), ones(2), {"allow_subclasses": False}),
        "texts": ("a", "a", {}),
        "tensor and number": (x([1.0]), 1.0, {}),
        "nothing to compare": (object, 3, {}),
    }


def outcome(function, *args, **options):
    """What a call does: its result, or its error's type and text, without the name of the library."""
    try:
        return function(*args, **options)
    except Exception as error:  # noqa: BLE001  # whatever is raised is compared
        text = str(error).replace("dynagrad.tensor.Tensor", "torch.Tensor").replace("dynagrad.", "torch.")
        return f"{type(error).__name__}: {text}"
