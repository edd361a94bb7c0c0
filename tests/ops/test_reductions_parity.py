"""Reductions, cumulative ops and order against PyTorch: values, dtypes, kinds of error, two orders of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

Op = Callable[[Any, Any], Any]
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-10}
FLOATS = tuple(TOLERANCE)
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", *FLOATS)
SHAPES: tuple[tuple[int, ...], ...] = ((4, 5), (3, 1), (2, 3, 4), (), (5,), (0, 3), (3, 0))


def first(found: Any) -> Any:
    return found[0] if isinstance(found, tuple) else found


def over_dims(name: str) -> dict[str, Op]:
    cases: dict[str, Op] = {f"{name}()": lambda lib, x: getattr(lib, name)(x)}
    for dim in (0, -1, (0, 1), 7):
        for keepdim in (False, True):
            cases[f"{name}({dim},{keepdim})"] = lambda _, x, d=dim, k=keepdim: getattr(x, name)(d, keepdim=k)
    return cases


def over_dim(name: str) -> dict[str, Op]:
    cases: dict[str, Op] = {f"{name}()": lambda lib, x: getattr(lib, name)(x)}
    for dim in (0, -1):
        cases[f"{name}({dim})"] = lambda _, x, d=dim: first(getattr(x, name)(d, keepdim=True))
    return cases


def along(name: str) -> dict[str, Op]:
    return {f"{name}({dim})": lambda _, x, d=dim: first(getattr(x, name)(d)) for dim in (0, -1)}


def norms() -> dict[str, Op]:
    cases: dict[str, Op] = {}
    for p in (0, 1, 2, 3, 1.5, 0.5, float("inf"), -float("inf")):
        cases[f"norm({p})"] = lambda _, x, p=p: x.norm(p)
        cases[f"norm({p},-1)"] = lambda _, x, p=p: x.norm(p, dim=-1)
    return cases


OPS: dict[str, Op] = {"aminmax": lambda lib, x: lib.aminmax(x).max, "sort": lambda _, x: x.sort(stable=True)[1]}
for _name in ("sum", "mean", "nansum", "amax", "amin", "var", "std", "any", "all"):
    OPS |= over_dims(_name)
for _name in ("prod", "max", "min", "median", "nanmedian"):
    OPS |= over_dim(_name)
for _name in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "softmax", "log_softmax", "logsumexp", "sort"):
    OPS |= along(_name)
OPS |= norms()
# norm(0) is constant: we give zeros where PyTorch says that its input was not used.
SMOOTH = [name for name in OPS if not name.startswith(("any", "all", "norm(0")) and name != "sort"]


def ours(t: Any) -> dg.Tensor:
    return dg.from_dlpack(t.detach().contiguous().clone())


def theirs(t: dg.Tensor) -> Any:
    return torch.from_dlpack(t.detach())


def check(actual: dg.Tensor, expected: Any, tolerance: float) -> None:
    assert str(actual.dtype) == str(expected.dtype)
    assert tuple(actual.shape) == tuple(expected.shape)
    torch.testing.assert_close(
        theirs(actual), expected.detach(), rtol=tolerance, atol=tolerance, equal_nan=True, check_stride=False
    )


def outcome(call: Callable[[], Any]) -> tuple[Any, type[Exception] | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(), None
    except Exception as error:  # noqa: BLE001 - which error is the question
        return None, type(error)


def inputs(dtype: str) -> list[Any]:
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    drawn = [torch.randn(shape) * 3 for shape in SHAPES]
    if dtype in FLOATS:
        drawn.append(torch.tensor([[1.0, float("nan"), 2.0], [-float("inf")] * 3]))
    return [(x > 0 if dtype == "bool" else x.abs() if dtype == "uint8" else x).to(kind) for x in drawn]


def empty_without_floats(name: str, x: Any) -> bool:
    """PyTorch looks at the dtype of these only when there are elements."""
    late = ("softmax", "log_softmax", "median", "nanmedian")
    return x.numel() == 0 and not x.is_floating_point() and name.startswith(late)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_and_errors(name: str, dtype: str) -> None:
    for x in inputs(dtype):
        if empty_without_floats(name, x):
            continue
        expected, their_error = outcome(lambda x=x: OPS[name](torch, x))
        actual, our_error = outcome(lambda x=x: OPS[name](dg, ours(x)))
        assert our_error is their_error, (tuple(x.shape), our_error, their_error)
        if their_error is None:
            check(actual, expected, TOLERANCE.get(dtype, 1e-5))


def derivatives(lib: Any, f: Op, x: Any) -> list[Any]:
    """The result, its gradient and the gradient of that, with weights that tell elements apart."""
    y = f(lib, x)
    found = [y]
    g = lib.autograd.grad((y * y.detach().cos()).sum(), x, create_graph=True)[0]
    found.append(g)
    if g.requires_grad:
        found.append(lib.autograd.grad((g * g.detach().sin()).sum(), x, allow_unused=True, materialize_grads=True)[0])
    return found


POINTS = {
    "matrix": torch.tensor([[0.3, -1.2, 2.0], [1.7, 0.4, -0.6]], dtype=torch.float64),
    "zeros": torch.tensor([[0.0, 2, 3], [4, 0, 0], [1, 5, 6]], dtype=torch.float64),
    "ties": torch.tensor([[1.0, 1, 3], [3, 3, 2]], dtype=torch.float64),
    "scalar": torch.tensor(1.5, dtype=torch.float64),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_of_gradients(name: str, point: str) -> None:
    if point == "scalar" and name.startswith("var"):
        pytest.skip("0/0: PyTorch's gradient is a constant NaN, ours a NaN that depends on the input")
    x = POINTS[point]
    expected, their_error = outcome(lambda: derivatives(torch, OPS[name], x.clone().requires_grad_()))
    actual, our_error = outcome(lambda: derivatives(dg, OPS[name], ours(x).requires_grad_()))
    assert (our_error is None) == (their_error is None), (our_error, their_error)
    if their_error is None:
        assert type(actual[0].grad_fn).__name__ == type(expected[0].grad_fn).__name__
        for ours_, theirs_ in zip(actual, expected, strict=True):
            check(ours_, theirs_, 1e-9)
