"""Functions of functions, and of modules, under PyTorch's names: derivatives, and maps over a batch, which combine freely.

- ``vmap``: `vectorize`, `batched` and the `rules` of the ops;
- derivatives: `transforms`, `jacobians`, which stand on the `tape`;
- modules as functions of their parameters: `modules`.
"""

from dynagrad.func.jacobians import hessian, jacfwd, jacrev
from dynagrad.func.modules import (
    debug_unwrap,
    functionalize,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from dynagrad.func.transforms import grad, grad_and_value, jvp, linearize, vjp
from dynagrad.func.vectorize import vmap
from dynagrad.nn.utils.stateless import functional_call

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
