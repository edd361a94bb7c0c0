"""Layers and what they are made of: for now the initialisers of their parameters.

The arithmetic of layers is in the ops of the core; optimisers are in `optim`.
"""

from dynagrad.nn import init

__all__ = ["init"]
