"""PyTorch's code generator, by whose name programs set its options."""

from dynagrad._inductor import config

__all__ = ["config"]
