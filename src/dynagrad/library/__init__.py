"""Operators of programs' own: Python functions with a name, a schema and, if wanted, a derivative.

``custom`` holds the operators, ``schema`` their signatures as PyTorch writes them, ``namespaces`` where `ops` finds them. Kernels for other devices and for tensors without memory are taken and never asked for.
"""

from dynagrad.library.custom import (
    CustomOpDef,
    Library,
    custom_op,
    define,
    impl,
    register_autograd,
    register_fake,
    register_kernel,
)
from dynagrad.library.schema import infer_schema

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "impl",
    "infer_schema",
    "register_autograd",
    "register_fake",
    "register_kernel",
]
