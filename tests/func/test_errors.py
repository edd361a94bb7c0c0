"""What cannot be done inside of a transform is an error with PyTorch's words."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dynagrad._core.intercept import listening

import dynagrad as torch
from dynagrad.autograd import forward_ad
from dynagrad.func import functionalize, grad, jacfwd, jacrev, jvp, linearize, stack_module_state, vjp, vmap

X = torch.arange(12.0).reshape(3, 4)
P = torch.ones(4)


def written(v: Any) -> Any:
    made = torch.zeros(4)
    made[0] = v[0]
    return made


ITEM = "vmap: It looks like you're calling .item() on a Tensor."
FLOW = "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow."
INPLACE = "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other`"
RANDOM = "vmap: called random operation while in randomness error mode."
STORAGE = "Cannot access data pointer of Tensor that doesn't have storage"

CASES: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "item": (RuntimeError, ITEM, lambda: vmap(lambda v: v.sum().item())(X)),
    "float": (RuntimeError, ITEM, lambda: vmap(lambda v: float(v.sum()))(X)),
    "int": (RuntimeError, ITEM, lambda: vmap(lambda v: int(v.sum()))(X)),
    "index": (RuntimeError, ITEM, lambda: vmap(lambda v: [1, 2, 3][v[0].long()])(X)),
    "contains": (RuntimeError, ITEM, lambda: vmap(lambda v: 1.0 in v)(X)),
    "bool": (RuntimeError, FLOW, lambda: vmap(lambda v: v if v.sum() > 0 else -v)(X)),
    "tolist": (RuntimeError, STORAGE, lambda: vmap(lambda v: v.tolist())(X)),
    "numpy": (RuntimeError, STORAGE, lambda: vmap(lambda v: v.numpy())(X)),
    "asarray": (RuntimeError, STORAGE, lambda: vmap(np.asarray)(X)),
    "memoryview": (BufferError, "has no memory of its own", lambda: vmap(memoryview)(X)),
    "parameter": (
        RuntimeError,
        "You are attempting to call Tensor.requires_grad_()",
        lambda: vmap(torch.nn.Parameter)(X),
    ),
    "pickle": (RuntimeError, STORAGE, lambda: vmap(pickle.dumps)(X)),
    "data": (RuntimeError, "accessing `data` under vmap transform is not allowed", lambda: vmap(lambda v: v.data)(X)),
    "in place": (RuntimeError, INPLACE, lambda: vmap(lambda v: torch.ones(4).mul_(v))(X)),
    "copy": (RuntimeError, INPLACE, lambda: vmap(lambda v: torch.ones(4).copy_(v))(X)),
    "setitem": (RuntimeError, INPLACE, lambda: vmap(written)(X)),
    "nonzero": (
        RuntimeError,
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::nonzero",
        lambda: vmap(lambda v: v.nonzero())(X),
    ),
    "mask": (
        RuntimeError,
        "Attempting to batch over indexing with a boolean mask.",
        lambda: vmap(lambda v: v[v > 0])(X),
    ),
    "out": (
        RuntimeError,
        "the fallback path doesn't work on out= or view ops",
        lambda: vmap(lambda v: torch.add(v, v, out=torch.empty(4)))(X),
    ),
    "equal": (
        RuntimeError,
        "Batching rule not implemented for aten::equal",
        lambda: vmap(lambda v: torch.equal(v, v))(X),
    ),
    "allclose": (
        RuntimeError,
        "vmap over torch.allclose isn't supported",
        lambda: vmap(lambda v: torch.allclose(v, v))(X),
    ),
    "rand": (RuntimeError, RANDOM, lambda: vmap(lambda v: v + torch.rand(4))(X)),
    "dropout": (RuntimeError, RANDOM, lambda: vmap(torch.nn.functional.dropout)(X)),
    "rand_like": (RuntimeError, RANDOM, lambda: vmap(torch.rand_like)(X)),
    "normal_": (
        RuntimeError,
        "vmap: Cannot ask for different inplace randomness on an unbatched tensor.",
        lambda: vmap(lambda v: torch.zeros(4).normal_() + v, randomness="different")(X),
    ),
    "bernoulli": (
        RuntimeError,
        "Vmap does not currently support same randomness with a batched tensor input.",
        lambda: vmap(torch.bernoulli, randomness="same")(X / 12),
    ),
    "randomness": (
        RuntimeError,
        "Only allowed values for randomness are 'error', 'different', or 'same'. Got x",
        lambda: vmap(torch.sin, randomness="x")(X),
    ),
    "no inputs": (ValueError, "vmap(<lambda>)(<inputs>): got no inputs.", vmap(lambda v: v)),
    "no dims": (
        ValueError,
        "expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs",
        lambda: vmap(lambda v: v, in_dims=None)(X),
    ),
    "nothing mapped": (
        ValueError,
        "vmap: Expected at least one Tensor to vmap over",
        lambda: vmap(lambda v: v, in_dims=(None,))(X),
    ),
    "structure": (
        ValueError,
        "in_dims is not compatible with the structure of `inputs`. in_dims has structure TreeSpec",
        lambda: vmap(lambda v: v, in_dims=(0, 0))(X),
    ),
    "range": (ValueError, "Got in_dim=2 for some input", lambda: vmap(lambda v: v, in_dims=2)(X)),
    "number": (ValueError, "We cannot vmap over non-Tensor arguments", lambda: vmap(lambda v, w: v)(X, 2)),
    "sizes": (
        ValueError,
        "to have the same size in the mapped dimension, got sizes [3, 4]",
        lambda: vmap(lambda v, w: v)(X, X.T),
    ),
    "result": (ValueError, "must only return Tensors, got type <class 'int'>", lambda: vmap(lambda v: 3)(X)),
    "batched result": (
        ValueError,
        "can not return a BatchedTensor when out_dim is None",
        lambda: vmap(lambda v: v, out_dims=None)(X),
    ),
    "out structure": (
        ValueError,
        "out_dims is not compatible with the structure of `outputs`.",
        lambda: vmap(lambda v: (v, v), out_dims=(0, 0, 0))(X),
    ),
    "out kind": (
        ValueError,
        "`out_dims` must be an int, None or a python collection",
        lambda: vmap(lambda v: v, out_dims="a")(X),
    ),
    "out range": (IndexError, "Dimension out of range", lambda: vmap(lambda v: v, out_dims=5)(X)),
    "chunk": (
        ValueError,
        "vmap: chunk_size should be None or greater than 0. (got 0)",
        lambda: vmap(torch.sin, chunk_size=0),
    ),
    "shapes of one example": (
        RuntimeError,
        "size of tensor a (4) must match the size of tensor b (3)",
        lambda: vmap(lambda v: v + torch.ones(3))(X),
    ),
    "backward": (
        RuntimeError,
        "backward() called inside a functorch transform.",
        lambda: vmap(lambda v: v.sum().backward())(X.clone().requires_grad_()),
    ),
    "requires_grad_": (
        RuntimeError,
        "You are attempting to call Tensor.requires_grad_()",
        lambda: vmap(lambda v: v.requires_grad_())(X),
    ),
    "grad of a matrix": (
        RuntimeError,
        "to return a scalar Tensor, got tensor with 2 dims. Maybe you wanted to use the vjp or jacrev APIs instead?",
        lambda: grad(lambda v: v)(X),
    ),
    "grad of a number": (RuntimeError, "to return a Tensor, got <class 'float'>", lambda: grad(lambda v: 3.0)(X)),
    "grad of integers": (
        RuntimeError,
        "only Tensors of floating point dtype can require gradients",
        lambda: grad(lambda v: v.sum())(torch.arange(3)),
    ),
    "aux": (
        RuntimeError,
        "output of function f should be a tuple: (output, aux) if has_aux is True",
        lambda: grad(lambda v: v.sum(), has_aux=True)(X),
    ),
    "argnum": (RuntimeError, "Got argnum=2, but only 1 positional inputs", lambda: grad(torch.sum, argnums=2)(X)),
    "argnums": (
        RuntimeError,
        "argnums elements must be unique, got (0, 0)",
        lambda: jacrev(torch.sin, argnums=(0, 0))(X),
    ),
    "argnums kind": (RuntimeError, "argnums must be int or Tuple[int, ...]", lambda: jacrev(torch.sin, argnums="s")(X)),
    "no argnums": (RuntimeError, "argnums must be non-empty", lambda: jacrev(torch.sin, argnums=())(X)),
    "leaf": (
        RuntimeError,
        "a leaf Variable that requires grad is being used in an in-place operation",
        lambda: grad(lambda v: v.mul_(2).sum())(X),
    ),
    "vjp of a mask": (RuntimeError, "All outputs of f must be floating-point", lambda: vjp(lambda v: v > 0, X)),
    "vjp of nothing": (RuntimeError, "non-empty output", lambda: vjp(lambda v: (), X)),
    "vjp of a number": (RuntimeError, "to return only tensors, got unsupported type", lambda: vjp(lambda v: 3, X)),
    "cotangents": (
        RuntimeError,
        "cotangents: *, primal output: (*, *)",
        lambda: vjp(lambda v: (v, v), X)[1](X),
    ),
    "cotangent": (RuntimeError, "Mismatch in shape: grad_output[0]", lambda: vjp(lambda v: v * 2, X)[1](P)),
    "primals": (RuntimeError, "Expected primals to be a tuple.", lambda: jvp(torch.sin, X, X)),
    "tangents": (RuntimeError, "to have the same python structure", lambda: jvp(torch.sin, (X,), (X, X))),
    "tangent": (RuntimeError, "a forward gradient that has a different size", lambda: jvp(torch.sin, (X,), (P,))),
    "strict": (
        RuntimeError,
        "The output of f is independent of the inputs. This is not allowed with strict=True.",
        lambda: jvp(lambda v: P, (X,), (X,), strict=True),
    ),
    "jacrev chunk": (
        ValueError,
        "jacrev: `chunk_size` should be greater than 0.",
        lambda: jacrev(torch.sin, chunk_size=0)(X),
    ),
    "jacfwd draws": (RuntimeError, RANDOM, lambda: jacfwd(lambda v: v * torch.rand(4))(P)),
    "linearize": (RuntimeError, "doesn't match the shape", lambda: linearize(torch.sin, X)[1](P)),
    "functionalize": (NotImplementedError, "no tracer", lambda: functionalize(torch.sin)),
    "no models": (RuntimeError, "Expected at least one model, got 0.", lambda: stack_module_state([])),
    "classes": (
        RuntimeError,
        "Expected all models to be of the same class.",
        lambda: stack_module_state([torch.nn.Linear(1, 1), torch.nn.Identity()]),
    ),
    "modes": (
        RuntimeError,
        "Expected all models to have the same training/eval mode.",
        lambda: stack_module_state([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).eval()]),
    ),
    "batch norm": (
        RuntimeError,
        "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place",
        lambda: vmap(torch.nn.BatchNorm1d(4))(X.expand(2, 3, 4)),
    ),
    "no dual level": (
        RuntimeError,
        "Trying to create a dual Tensor for forward AD but no level exists",
        lambda: forward_ad.make_dual(P, P),
    ),
    "no level to exit": (RuntimeError, "Dual level must be a positive number.", forward_ad.exit_dual_level),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_says_what_pytorch_says(name: str) -> None:
    kind, message, call = CASES[name]
    with pytest.raises(kind) as raised:
        call()
    assert message in str(raised.value)


def test_a_tensor_that_escaped_is_an_error_and_not_one_example() -> None:
    kept: list[Any] = []
    vmap(lambda v: (kept.append(v), v * 2)[1])(X)
    with pytest.raises(RuntimeError, match="a vmap that has ended"):
        kept[0] + 1
    kept.clear()


def test_ops_are_told_to_nobody_once_the_tensors_are_gone() -> None:
    vmap(torch.sin)(X)
    with pytest.raises(RuntimeError):
        vmap(lambda v: v.item())(X)
    gc.collect()
    assert listening(to_all=True) == 0


def test_an_op_without_a_rule_warns_and_loops() -> None:
    with pytest.warns(UserWarning, match="we have not yet implemented the batching rule for aten::put"):
        found = vmap(lambda v: v.put(torch.tensor([0, 2]), torch.ones(2)))(X)
    assert found.tolist() == torch.stack([v.put(torch.tensor([0, 2]), torch.ones(2)) for v in X]).tolist()
