"""Tensors and samples that tests look at: their indices, copies with gaps, the first of several."""

from __future__ import annotations

import inspect
import io
import itertools
import math
import unittest
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, Self
from unittest.mock import MagicMock

import dynagrad as torch


def noncontiguous_like(t: torch.Tensor) -> torch.Tensor:
    """A tensor of the same values with gaps between its elements, which hold NaN, True or 12; ``t`` itself if it has gaps.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import noncontiguous_like
    >>> noncontiguous_like(torch.ones(2, 3)).stride()
    (6, 2)
    """
    if not t.is_contiguous():
        return t
    gap = math.nan if t.dtype.is_floating_point else True if t.dtype == torch.bool else 12
    memory = t.new_full((*t.shape, 2), gap)
    memory[..., 1] = t.detach()
    return memory[..., 1].requires_grad_(t.requires_grad)


def iter_indices(tensor: torch.Tensor) -> Iterable[Any]:
    """The indices of a tensor's elements: numbers for one dimension, tuples for more, none for none.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import iter_indices
    >>> list(iter_indices(torch.ones(2, 2)))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    if tensor.dim() < 2:
        return range(tensor.size(0) if tensor.dim() else 0)
    return itertools.product(*map(range, tensor.size()))


def is_iterable(obj: Any) -> bool:
    """Whether ``iter`` takes an object.

    >>> from dynagrad.testing._internal.common_utils import is_iterable
    >>> is_iterable("ab"), is_iterable(3)
    (True, False)
    """
    try:
        iter(obj)
    except TypeError:
        return False
    return True


def is_iterable_of_tensors(iterable: Any, include_empty: bool = False) -> bool:
    """Whether an object has a length and gives tensors only; a tensor is not one. ``include_empty`` speaks for none.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import is_iterable_of_tensors
    >>> is_iterable_of_tensors([torch.ones(1)]), is_iterable_of_tensors(torch.ones(1)), is_iterable_of_tensors([])
    (True, False, False)
    """
    if isinstance(iterable, torch.Tensor):
        return False
    try:
        return all(isinstance(each, torch.Tensor) for each in iterable) if len(iterable) else include_empty
    except TypeError:
        return False


def get_tensors_from(args: Iterable[Any], kwargs: dict[str, Any]) -> set[torch.Tensor]:
    """The tensors among arguments.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import get_tensors_from
    >>> len(get_tensors_from([torch.ones(1), 3], {"x": torch.ones(1)}))
    2
    """
    return {value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)}


def clone_input_helper(input: Any) -> Any:
    """Copies of the tensors in a sequence, as a tuple; anything else as it is.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import clone_input_helper
    >>> clone_input_helper([torch.ones(1), 3])
    (tensor([1.]), 3)
    """
    if isinstance(input, torch.Tensor):
        return input.clone()
    if isinstance(input, Sequence) and not isinstance(input, str):
        return tuple(map(clone_input_helper, input))
    return input


def first_sample(self: unittest.TestCase, samples: Iterable[Any]) -> Any:  # noqa: ARG001  # PyTorch's signature
    """The first of several; skips the test if there is none.

    >>> from dynagrad.testing._internal.common_utils import first_sample
    >>> first_sample(None, (n * n for n in range(3, 5)))
    9
    """
    for sample in samples:
        return sample
    raise unittest.SkipTest("Skipped! Need at least 1 sample input")


def get_function_arglist(func: Callable[..., Any]) -> list[str]:
    """The names of a function's positional arguments.

    >>> from dynagrad.testing._internal.common_utils import get_function_arglist
    >>> get_function_arglist(lambda a, b=1, *, c: a)
    ['a', 'b']
    """
    return inspect.getfullargspec(func).args


def mock_wrapper(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that tells a mock, its attribute ``mock``, what it is called with.

    >>> from dynagrad.testing._internal.common_utils import mock_wrapper
    >>> upper = mock_wrapper(str.upper)
    >>> upper("a"), upper.mock.call_count
    ('A', 1)
    """
    mock = MagicMock()

    @wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        mock(*args, **kwargs)
        return method(self, *args, **kwargs)

    wrapper.mock = mock  # type: ignore[attr-defined]
    return wrapper


def coalescedonoff(f: Callable[..., None]) -> Callable[..., None]:
    """A test that runs twice, with ``coalesced=True`` and ``coalesced=False``.

    >>> from dynagrad.testing._internal.common_utils import coalescedonoff
    >>> coalescedonoff(lambda self, coalesced: print(coalesced))(None)
    True
    False
    """

    @wraps(f)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        for coalesced in (True, False):
            f(self, *args, **kwargs, coalesced=coalesced)

    return wrapper


class BytesIOContext(io.BytesIO):
    """A file in memory whose ``with`` leaves it open.

    >>> from dynagrad.testing._internal.common_utils import BytesIOContext
    >>> with BytesIOContext(b"abc") as file:
    ...     pass
    >>> file.read()
    b'abc'
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It stays open."""


class NoTest:
    """Stands for `TestCase` in a suite that has nothing to test here: pytest passes it by.

    >>> from dynagrad.testing._internal.common_utils import NoTest
    >>> NoTest.__test__
    False
    """

    __test__ = False


def find_library_location(lib_name: str) -> Path:
    """Where a shared library of PyTorch's own tests lies.

    Raises:
        FileNotFoundError: always: those libraries are built against PyTorch, and cannot be loaded into dynagrad.

    >>> from dynagrad.testing._internal.common_utils import find_library_location
    >>> find_library_location("libtorchbind_test.so")
    Traceback (most recent call last):
    ...
    FileNotFoundError: dynagrad has no libtorchbind_test.so: the C++ libraries of PyTorch's tests extend PyTorch itself
    """
    _refuse_library(lib_name)


def _refuse_library(name: str) -> NoReturn:
    raise FileNotFoundError(f"dynagrad has no {name}: the C++ libraries of PyTorch's tests extend PyTorch itself")


def chunk_list(lst: Sequence[Any], nchunks: int) -> list[Sequence[Any]]:
    """``nchunks`` parts of a list, dealt out like cards.

    >>> from dynagrad.testing._internal.common_utils import chunk_list
    >>> chunk_list([1, 2, 3, 4, 5], 2)
    [[1, 3, 5], [2, 4]]
    """
    return [lst[first::nchunks] for first in range(nchunks)]
