"""Every operator of PyTorch's OpInfo database is where docs/compatibility.md says that it is.

One list, the page: an operator listed as agreeing must agree on every sample, and one that isn't listed so must not.
"""

from __future__ import annotations

import importlib.util
from functools import cache

import pytest

from tests.compat import table

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None or importlib.util.find_spec("expecttest") is None,
        reason="needs torch and expecttest, which its operator database imports",
    ),
    pytest.mark.filterwarnings("ignore"),  # PyTorch's test suite warns as it is imported
]
LISTED = table.listed()
REMAKE = "make the page anew with: python -m tests.compat"


@cache
def database():
    from tests.compat import operators

    return operators.database()


def test_the_page_lists_the_database():
    assert set(LISTED) == set(database()), REMAKE


@pytest.mark.parametrize("name", sorted(LISTED))
def test_operator(name):
    from tests.compat import operators

    found = operators.examine(name, database()[name])
    if LISTED[name] == "agrees":
        assert found.status == "agrees", f"{found.agreed} of {found.tried}: {found.missing} {dict(found.differences)}"
    else:
        assert found.status != "agrees", f"{name} agrees now; {REMAKE}"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("exp", lambda x: x.exp() * 1.0001),
        ("exp", lambda x: x.detach().exp()),
        ("exp", lambda x: x.exp() + 2 * (x - x.detach())),
        ("exp", lambda x: x.exp().unsqueeze(0)),
        ("exp", lambda x: x.double().exp()),
        ("max/reduction_with_dim", lambda x, *a, **k: (x.max(*a, **k)[0], x.max(*a, **k)[1] + 1)),
    ],
    ids=["value", "no history", "gradient", "shape", "dtype", "second part"],
)
def test_a_wrong_operator_is_found(monkeypatch, name, wrong):
    import dynagrad
    from tests.compat import operators

    monkeypatch.setattr(dynagrad, name.partition("/")[0], wrong)
    assert operators.examine(name, database()[name]).status == "partly"
