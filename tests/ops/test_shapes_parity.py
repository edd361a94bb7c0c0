"""Shapes that broadcast give PyTorch's; of those that do not it is said in its words."""

import pytest

import dynagrad

theirs = pytest.importorskip("torch")

pytestmark = pytest.mark.parity
SHAPES = [
    "(2, 1), (3,)",
    "(5, 1, 4), (3, 1), 4",
    "()",
    "",
    "(0,), (1,)",
    "(0,), (2,)",
    "[2, 3], [3, 3]",
    "3, (2, 3)",
    "2, (2, 3)",
    "(2, 3), 2",
    "(2,), (3,)",
    "torch.Size([2]), torch.Size([3])",
    "(-1,), (2,)",
    "(-1,)",
    "-1",
    "(1,), (-3,)",
    "(2,), (-3,)",
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_broadcast_shapes(shapes):
    found = []
    for torch in (theirs, dynagrad):
        try:
            found.append(repr(eval(f"torch.broadcast_shapes({shapes})", {"torch": torch})))  # noqa: S307
        except (RuntimeError, ValueError) as error:
            found.append(f"{type(error).__name__}: {error}")
    assert found[0] in found[1]
