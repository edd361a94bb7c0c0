"""Functions of functions, and of modules, under PyTorch's names: derivatives, and maps over a batch, which combine freely.

    grad, vjp, jvp, Jacobians     transforms, jacobians
    vmap                          vectorize, batched, rules
    modules as functions          modules
"""

from dynagrad.func.vectorize import vmap
from dynagrad.nn.utils.stateless import functional_call

__all__ = ["functional_call", "vmap"]
