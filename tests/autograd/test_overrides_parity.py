"""What classes with a ``__torch_function__`` are told, beside PyTorch: which function, of which types."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad

pytestmark = pytest.mark.parity

# On a tensor t, an object d that is none, and a tensor s of a subclass.
CALLS = """
torch.add(d, 1) | torch.add(t, d) | torch.add(t, other=d) | torch.add(t, t, out=d) | torch.cat([t, d]) | t.add(d) | t.add_(d)
t + d | d + t | t - d | t * d | t / d | t % d | t @ d | t < d | t == d | t[d] | torch.mm(d, d) | torch.reshape(t, (d, 1))
F.relu(d) | F.linear(t, d) | F.cross_entropy(d, t) | F.softmax(d, 0) | F.pad(d, (1, 1)) | F.interpolate(d, 2) | F.one_hot(d)
torch.nn.Linear(2, 2)(d) | torch.where(t > 0, d, t) | torch.split(d, 1) | torch.unique(d) | torch.numel(d) | torch.is_complex(d)
torch.is_tensor(d) | torch.block_diag(t, d) | torch.tensordot(t, d) | torch.nn.init.constant_(d, 1) | F.dropout(d) | torch.norm(d)
s.shape | s.size() | s.dim() | s.grad | s.requires_grad | s.dtype | s.T | s.numel() | s.stride() | len(s) | s[0, 0].item()
float(s[0, 0]) | bool(s[0, 0] > 0) | s.is_leaf | s.grad_fn | s._version | s.data | s.tolist() | s.detach() | s.sum() | s.long()
s + 1 | 1 + s | 2 - s | s / 2 | s % 2 | -s | abs(s) | s < 1 | s[0] | s.unbind() | s.max(0) | s.to(torch.float64) | s.type()
s.new_zeros(2) | s.view(4) | F.relu(s) | torch.relu(s) | torch.ones_like(s) | torch.isnan(s) | torch.equal(s, s) | s.is_cuda
"""


def told(torch: Any) -> dict[str, list[tuple[str, list[str]]]]:
    """Call -> the names of the functions told, with the names of the types, by a library."""
    log: list[tuple[str, list[str]]] = []

    def note(func: Any, types: Any) -> None:
        kinds = [kind.__name__ for kind in types if kind is not torch.Tensor]
        log.append((func.__name__, kinds))

    class Duck:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            note(func, types)
            return 7

    class Sub(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            note(func, types)
            return super().__torch_function__(func, types, args, kwargs)

    t = torch.ones(2, 2)
    names = {"torch": torch, "F": torch.nn.functional, "t": t, "d": Duck(), "s": t.as_subclass(Sub)}
    found = {}
    for call in CALLS.replace("\n", "|").split("|"):
        if call.strip():
            log.clear()
            eval(call.strip(), names)  # noqa: S307  # of the lines above
            found[call.strip()] = list(log)
    return found


def test_classes_are_told_the_same() -> None:
    import torch

    theirs, ours = told(torch), told(dynagrad)
    assert {call: heard for call, heard in ours.items() if heard != theirs[call]} == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_functions_that_pytorch_lets_be_overridden_can_be_here() -> None:
    import inspect

    import torch

    import dynagrad.overrides  # as attributes of the library

    class Duck:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return -1

    apart = {"torch.sym_not", "torch.sym_ite"} | {
        f"torch.sym_{name}" for name in ("float", "max", "min", "sum", "sqrt")
    }
    missed = []
    count = 0
    for theirs, override in torch.overrides.get_testing_overrides().items():
        name = torch.overrides.resolve_name(theirs) or ""
        if name.startswith("torch.Tensor") or name in apart or not name.startswith("torch."):
            continue
        ours: Any = dynagrad
        for part in name.split(".")[1:]:
            ours = getattr(ours, part, None)
        if ours is None:
            continue
        needed = [each for each in inspect.signature(override).parameters.values() if each.default is each.empty]
        args = [(Duck(),) if each.name == "tensors" else Duck() for each in needed if each.kind < each.KEYWORD_ONLY]
        options = {each.name: Duck() for each in needed if each.kind is each.KEYWORD_ONLY}
        count += 1
        try:
            answer = ours(*args, **options)
        except (AttributeError, RuntimeError, TypeError) as error:
            answer = error
        if not (isinstance(answer, int) and answer == -1):
            missed.append((name, answer))
    assert missed == []
    assert count > 500
