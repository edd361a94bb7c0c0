"""Comparison of tensors in tests, tensors to test with, and checks of printed text.

What PyTorch's own suite is written with is in ``_internal``; how the comparison works, in ``_comparison``.
"""

from dynagrad.testing import _utils as _utils
from dynagrad.testing._comparison import assert_allclose, assert_close
from dynagrad.testing._creation import make_tensor
from dynagrad.testing._filecheck import FileCheck

__all__ = ["FileCheck", "assert_allclose", "assert_close", "make_tensor"]
