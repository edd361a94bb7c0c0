"""What computes, as scripts ask for it. The switches of accelerators are on their modules and say that there is none."""

from dynagrad.backends import cpu, cuda, cudnn, mps

__all__ = ["cpu", "cuda", "cudnn", "mps"]
