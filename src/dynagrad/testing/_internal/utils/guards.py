"""What holds for the length of a block or of a test: dtypes, warnings, determinism, folders, the garbage collector."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import tempfile
import unittest
import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Self
from unittest import mock

import dynagrad as torch
from dynagrad.testing._internal.utils.settings import IS_WINDOWS, SEED, TEST_NUMPY


def set_rng_seed(seed: int | None = None) -> None:
    """Seeds Python's generator, ours and NumPy's, by 1234 unless another number is given.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import set_rng_seed
    >>> set_rng_seed(3)
    >>> torch.initial_seed()
    3
    """
    seed = SEED if seed is None else seed
    torch.manual_seed(seed)
    random.seed(seed)
    if TEST_NUMPY:
        import numpy as np

        np.random.seed(seed)  # noqa: NPY002  # the generator that tests of that age draw from


@contextlib.contextmanager
def set_default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Inside of it, another default dtype.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import set_default_dtype
    >>> with set_default_dtype(torch.float64):
    ...     torch.tensor(1.0).dtype
    torch.float64
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def set_default_tensor_type(tensor_type: Any) -> Iterator[None]:
    """Inside of it, another default tensor type, whose name says the dtype.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import set_default_tensor_type
    >>> with set_default_tensor_type("torch.DoubleTensor"):
    ...     torch.tensor(1.0).dtype
    torch.float64
    """
    before = torch.tensor([]).type()
    _silently_default(tensor_type)
    try:
        yield
    finally:
        _silently_default(before)


def _silently_default(tensor_type: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it is deprecated, which the suite knows
        torch.set_default_tensor_type(tensor_type)


@contextlib.contextmanager
def set_warn_always_context(new_val: bool) -> Iterator[None]:
    """Inside of it, warnings that are given once are given always, or not.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import set_warn_always_context
    >>> with set_warn_always_context(True):
    ...     torch.is_warn_always_enabled()
    True
    """
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(new_val)
    try:
        yield
    finally:
        torch.set_warn_always(before)


@contextlib.contextmanager
def set_cwd(path: str) -> Iterator[None]:
    """Inside of it, another working folder.

    >>> import os, tempfile
    >>> from dynagrad.testing._internal.common_utils import set_cwd
    >>> with tempfile.TemporaryDirectory() as folder, set_cwd(folder):
    ...     os.path.samefile(os.getcwd(), folder)
    True
    """
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def disable_gc() -> Iterator[None]:
    """Inside of it, the garbage collector rests.

    >>> import gc
    >>> from dynagrad.testing._internal.common_utils import disable_gc
    >>> with disable_gc():
    ...     gc.isenabled()
    False
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextlib.contextmanager
def TemporaryFileName(*args: Any, **kwargs: Any) -> Iterator[str]:
    """The name of a file that exists inside of the block. Arguments are ``tempfile.NamedTemporaryFile``'s.

    >>> import os
    >>> from dynagrad.testing._internal.common_utils import TemporaryFileName
    >>> with TemporaryFileName(suffix=".pt") as name:
    ...     os.path.exists(name), name.endswith(".pt")
    (True, True)
    """
    if not IS_WINDOWS:
        with tempfile.NamedTemporaryFile(*args, **kwargs) as file:
            yield file.name
        return
    # Windows does not open a file a second time: it is closed first, and removed by hand.
    if kwargs.setdefault("delete", False):
        raise UserWarning("only TemporaryFileName with delete=False is supported on Windows.")
    with tempfile.NamedTemporaryFile(*args, **kwargs) as file:
        pass
    try:
        yield file.name
    finally:
        os.unlink(file.name)


@contextlib.contextmanager
def TemporaryDirectoryName(suffix: str | None = None) -> Iterator[str]:
    """The name of a folder that exists inside of the block.

    >>> import os
    >>> from dynagrad.testing._internal.common_utils import TemporaryDirectoryName
    >>> with TemporaryDirectoryName() as name:
    ...     os.path.isdir(name)
    True
    """
    with tempfile.TemporaryDirectory(suffix=suffix) as folder:
        yield folder


@contextlib.contextmanager
def skip_exception_type(exc_type: type[BaseException]) -> Iterator[None]:
    """Inside of it, an exception of a type skips the test.

    >>> from dynagrad.testing._internal.common_utils import skip_exception_type
    >>> with skip_exception_type(NotImplementedError):
    ...     raise NotImplementedError("no loop for it")
    Traceback (most recent call last):
    ...
    unittest.case.SkipTest: not implemented: no loop for it
    """
    try:
        yield
    except exc_type as error:
        raise unittest.SkipTest(f"not implemented: {error}") from error


class DeterministicGuard:
    """Inside of it, ``use_deterministic_algorithms`` as given.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import DeterministicGuard
    >>> with DeterministicGuard(True, warn_only=True):
    ...     torch.are_deterministic_algorithms_enabled()
    True
    """

    def __init__(self, deterministic: bool, *, warn_only: bool = False, fill_uninitialized_memory: bool = True) -> None:
        self.deterministic = deterministic
        self.warn_only = warn_only
        self.fill_uninitialized_memory = fill_uninitialized_memory

    @classmethod
    def _current_state(cls) -> DeterministicGuard:
        from dynagrad.utils import deterministic

        return cls(
            torch.are_deterministic_algorithms_enabled(),
            warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
            fill_uninitialized_memory=deterministic.fill_uninitialized_memory,
        )

    def _update(self) -> None:
        from dynagrad.utils import deterministic

        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)
        deterministic.fill_uninitialized_memory = self.fill_uninitialized_memory

    def __enter__(self) -> None:
        self._restore = self._current_state()
        self._update()

    def __exit__(self, *_: object) -> None:
        self._restore._update()


class AlwaysWarnTypedStorageRemoval:
    """Inside of it, PyTorch warns at each use of a TypedStorage that the class will go, or at the first use only.

    dynagrad's TypedStorage never warns, so that there is nothing to switch; the argument is checked.

    >>> from dynagrad.testing._internal.common_utils import AlwaysWarnTypedStorageRemoval
    >>> with AlwaysWarnTypedStorageRemoval(True) as guard:
    ...     guard.always_warn
    True
    """

    def __init__(self, always_warn: bool) -> None:
        if not isinstance(always_warn, bool):
            raise AssertionError(f"expected always_warn to be bool, got {type(always_warn)}")
        self.always_warn = always_warn

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was switched."""


class CudaSyncGuard:
    """Inside of it, CUDA warns of calls that wait for a GPU.

    Raises:
        RuntimeError: on entering: there is none.

    >>> from dynagrad.testing._internal.common_utils import CudaSyncGuard
    >>> with CudaSyncGuard("warn"):
    ...     pass
    Traceback (most recent call last):
    ...
    RuntimeError: CudaSyncGuard: dynagrad has no CUDA
    """

    def __init__(self, sync_debug_mode: int | str) -> None:
        self.mode = sync_debug_mode

    def __enter__(self) -> Self:
        raise RuntimeError("CudaSyncGuard: dynagrad has no CUDA")

    def __exit__(self, *_: object) -> None:
        """Nothing was entered."""


def wrapDeterministicFlagAPITest(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Puts back, after a test, the determinism that it switched, and the variable that cuBLAS wants for it.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import wrapDeterministicFlagAPITest
    >>> wrapDeterministicFlagAPITest(lambda: torch.use_deterministic_algorithms(True))()
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        now = DeterministicGuard._current_state()
        with now, mock.patch.dict(os.environ, {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}):
            fn(*args, **kwargs)

    return wrapper


def suppress_warnings(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A test without its warnings.

    >>> import warnings
    >>> from dynagrad.testing._internal.common_utils import suppress_warnings
    >>> suppress_warnings(lambda: warnings.warn("loud"))()
    """

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fn(*args, **kwargs)

    return wrapper


def patch_test_members(updates: dict[str, Any]) -> Callable[[Any], Any]:
    """A test during which some attributes of its object have other values.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_utils import patch_test_members
    >>> case = SimpleNamespace(size=1)
    >>> patch_test_members({"size": 5})(lambda self: self.size)(case), case.size
    (5, 1)
    """

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            before = {name: getattr(self, name) for name in updates}
            vars(self).update(updates)
            try:
                return fn(self, *args, **kwargs)
            finally:
                vars(self).update(before)

        return wrapper

    return decorator


def recover_orig_fp32_precision(fn: Any) -> Any:
    """A test, or a class of them, after which products of float32 are as precise as before.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import recover_orig_fp32_precision
    >>> recover_orig_fp32_precision(lambda: torch.set_float32_matmul_precision("medium"))()
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    if isinstance(fn, type):
        for name, test in list(vars(fn).items()):
            if name.startswith("test") and callable(test):
                setattr(fn, name, recover_orig_fp32_precision(test))
        return fn

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        before = torch.get_float32_matmul_precision()
        try:
            return fn(*args, **kwargs)
        finally:
            torch.set_float32_matmul_precision(before)

    return wrapper
