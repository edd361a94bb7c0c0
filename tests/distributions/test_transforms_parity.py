"""Transforms, constraints and their registries against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dynagrad

theirs = pytest.importorskip("torch")

pytestmark = pytest.mark.parity
LIBRARIES = (theirs, dynagrad)

NUMBERS = [[-2.0, -0.1, 0.4, 3.0, 1.1, -0.7], [0.3, 0.2, -1.5, 0.9, -0.4, 2.2]]
INPUTS = {
    "number": NUMBERS,
    "positive": [[0.1, 0.9, 2.0, 5.0, 1.1, 0.7], [0.3, 0.2, 1.5, 0.9, 0.4, 2.2]],
    "matrix": [[[0.5, 0.2], [0.3, -0.4]], [[1.0, 0.0], [2.0, 0.1]]],
}
MADE = [
    ("D.ExpTransform()", "number"),
    ("D.PowerTransform(torch.tensor(2.5, dtype=torch.float64))", "positive"),
    ("D.PowerTransform(torch.tensor(-1.0, dtype=torch.float64))", "positive"),
    ("D.SigmoidTransform()", "number"),
    ("D.SoftplusTransform()", "number"),
    ("D.TanhTransform()", "number"),
    ("D.AbsTransform()", "number"),
    ("D.AffineTransform(1.0, -2.0)", "number"),
    ("D.AffineTransform(torch.tensor([1.0]).double(), 3, event_dim=1)", "number"),
    ("D.AffineTransform(0, torch.arange(1.0, 7.0).double(), event_dim=1)", "number"),
    ("D.SoftmaxTransform()", "number"),
    ("D.StickBreakingTransform()", "number"),
    ("D.CorrCholeskyTransform()", "number"),
    ("D.LowerCholeskyTransform()", "matrix"),
    ("D.PositiveDefiniteTransform()", "matrix"),
    ("D.CumulativeDistributionTransform(D.Normal(0.5, 2.0))", "number"),
    ("D.IndependentTransform(D.ExpTransform(), 1)", "number"),
    ("D.ReshapeTransform((6,), (2, 3))", "number"),
    ("D.identity_transform", "number"),
    ("D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.TanhTransform()])", "number"),
    ("D.ComposeTransform([D.ExpTransform(), D.StickBreakingTransform()])", "number"),
    ("D.ComposeTransform([D.StickBreakingTransform(), D.AffineTransform(0.0, 2.0)])", "number"),
    ("D.ComposeTransform([D.ReshapeTransform((6,), (2, 3)), D.ExpTransform(), D.ReshapeTransform((3,), (3, 1))])", "number"),
    ("D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[2, 4])", "number"),
    ("D.CatTransform([D.IndependentTransform(D.ExpTransform(), 1), D.StickBreakingTransform().inv.inv], dim=0)", "number"),
    ("D.StackTransform([D.ExpTransform(), D.TanhTransform()], dim=0)", "number"),
    ("D.StackTransform([D.ExpTransform() for _ in range(6)], dim=-1)", "number"),
]  # fmt: skip


def attempt(function: Any) -> Any:
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - whatever it is, both must raise it
        return type(error).__name__, str(error)


def assert_same(expected: Any, found: Any) -> None:
    if isinstance(expected, theirs.Tensor):
        assert tuple(expected.shape) == tuple(found.shape)
        np.testing.assert_allclose(np.array(found.tolist()), np.array(expected.tolist()), rtol=1e-8, atol=1e-8)
    elif isinstance(expected, tuple) and isinstance(expected[0], int):
        assert tuple(found) == tuple(expected)
    else:
        assert found == expected


@pytest.mark.parametrize(("code", "kind"), MADE, ids=[code for code, _ in MADE])
def test_a_transform_is_pytorchs(code: str, kind: str) -> None:
    found = []
    for torch in LIBRARIES:
        t = eval(code, {"torch": torch, "D": torch.distributions})  # noqa: S307
        x = torch.tensor(INPUTS[kind], dtype=torch.float64, requires_grad=True)
        y = attempt(lambda t=t, x=x: t(x))
        said = [repr(t), t.bijective, attempt(lambda t=t: t.event_dim), attempt(lambda t=t: t.sign), y]
        said += [attempt(lambda t=t, end=end: repr(getattr(t, end))) for end in ("domain", "codomain")]
        if isinstance(y, torch.Tensor):
            said.append(attempt(lambda t=t, y=y: t.inv(y)))
            change = attempt(lambda t=t, x=x, y=y: t.log_abs_det_jacobian(x, y))
            said += [change, attempt(lambda t=t, x=x, y=y: t.inv.log_abs_det_jacobian(y, x))]
            said += [attempt(lambda t=t, x=x: tuple(t.forward_shape(x.shape)))]
            said += [attempt(lambda t=t, y=y: tuple(t.inverse_shape(y.shape)))]
            total = y.sum() + (change.sum() if isinstance(change, torch.Tensor) else 0)
            total.backward()
            said.append(x.grad)
        found.append(said)
    for expected, ours in zip(*found, strict=True):
        assert_same(expected, ours)


EQUALITIES = [
    "D.ExpTransform() == D.ExpTransform()",
    "D.ExpTransform() == D.TanhTransform()",
    "D.ExpTransform().inv == D.ExpTransform().inv",
    "D.AffineTransform(1, 2) == D.AffineTransform(1.0, 2.0)",
    "D.AffineTransform(1, 2) == D.AffineTransform(1.0, torch.tensor([2.0, 2.0]))",
    "D.AffineTransform(1, 2) == D.AffineTransform(1.0, torch.tensor([2.0, 3.0]))",
    "D.PowerTransform(torch.tensor(2.0)) == D.PowerTransform(torch.tensor(2.0))",
    "D.ComposeTransform([D.ExpTransform()]) == D.ComposeTransform([D.ExpTransform()])",
    "D.ComposeTransform([D.ExpTransform()]) == D.ExpTransform()",
    "D.StickBreakingTransform() == D.StickBreakingTransform()",
    "D.CorrCholeskyTransform() == D.CorrCholeskyTransform()",
    "D.identity_transform == D.ComposeTransform([])",
    "D.TanhTransform(cache_size=1) == D.TanhTransform()",
]


@pytest.mark.parametrize("code", EQUALITIES)
def test_equality_is_pytorchs(code: str) -> None:
    expected, found = (
        eval(code, {"torch": torch, "D": torch.distributions})  # noqa: S307
        for torch in LIBRARIES
    )
    assert found == expected


CONSTRAINTS = [
    "C.boolean", "C.one_hot", "C.nonnegative_integer", "C.positive_integer", "C.integer_interval(-1, 2)", "C.real",
    "C.real_vector", "C.positive", "C.nonnegative", "C.greater_than(0.5)", "C.greater_than_eq(0.5)", "C.less_than(0.5)",
    "C.unit_interval", "C.interval(-1.0, 0.5)", "C.half_open_interval(-1.0, 1.0)", "C.simplex", "C.multinomial(3)",
    "C.lower_triangular", "C.lower_cholesky", "C.corr_cholesky", "C.square", "C.symmetric", "C.positive_semidefinite",
    "C.positive_definite", "C.independent(C.positive, 1)", "C.independent(C.positive, 2)", "C.dependent",
    "C.cat([C.positive, C.real], dim=-1)", "C.cat([C.positive, C.real], dim=-1, lengths=[2, 1])",
    "C.stack([C.positive, C.real, C.real], dim=-1)", "C.MixtureSameFamilyConstraint(C.positive)",
]  # fmt: skip
VALUES = [
    [[0.0, 1.0, 0.0], [0.5, 0.25, 0.25]],
    [[-1.0, 0.5, float("nan")], [2.0, 1.0, 0.0]],
    [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]],
    [[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 3.0]],
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
    [[[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]],
]


@pytest.mark.parametrize("code", CONSTRAINTS)
def test_a_constraint_is_pytorchs(code: str) -> None:
    for value in VALUES:
        found = []
        for torch in LIBRARIES:
            c = eval(code, {"C": torch.distributions.constraints})  # noqa: S307
            x = torch.tensor(value, dtype=torch.float64)
            said = [repr(c) if "at 0x" not in repr(c) else "", attempt(lambda c=c: c.event_dim)]
            said += [attempt(lambda c=c: c.is_discrete), attempt(lambda c=c, x=x: c.check(x))]
            found.append(said)
        for expected, ours in zip(*found, strict=True):
            if isinstance(expected, tuple) and expected[0] in ("_LinAlgError", "LinAlgError"):
                continue
            assert_same(expected, ours)


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("code", CONSTRAINTS)
def test_registries_give_pytorchs_transforms(registry: str, code: str) -> None:
    expected, found = (
        attempt(
            lambda torch=torch: repr(
                getattr(torch.distributions, registry)(eval(code, {"C": torch.distributions.constraints}))  # noqa: S307
            )
        )
        for torch in LIBRARIES
    )
    assert found == expected
