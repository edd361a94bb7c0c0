"""The handle that every registration of a hook returns, under PyTorch's name."""

from dynagrad._core.graph import RemovableHandle

__all__ = ["RemovableHandle"]
