"""``FileCheck`` beside PyTorch's: what passes, and the sentence of what does not."""

from __future__ import annotations

import pytest

from dynagrad.testing import FileCheck

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

TEXT = "alpha beta\ngamma delta\nbeta omega\n"
MARKED = "def f(x):\n    return x.foo(1)\n           ~~~~~~~~ <--- HERE\n"
CHECKS = [
    ("alpha", [("check", "alpha"), ("check", "nope")]),
    ("thrice", [("check", "beta")] * 3),
    ("not", [("check_not", "gamma")]),
    ("not between", [("check", "alpha"), ("check_not", "gamma"), ("check", "omega")]),
    ("not beyond", [("check", "alpha"), ("check_not", "omega"), ("check", "gamma")]),
    ("next", [("check", "alpha"), ("check_next", "gamma")]),
    ("next but one", [("check", "alpha"), ("check_next", "omega")]),
    ("same, not next", [("check", "alpha"), ("check_next", "beta")]),
    ("same", [("check", "alpha"), ("check_same", "beta")]),
    ("next, not same", [("check", "alpha"), ("check_same", "gamma")]),
    ("count", [("check_count", "beta", 2)]),
    ("too few", [("check_count", "beta", 3)]),
    ("too many", [("check_count", "beta", 1, True)]),
    ("none", [("check_count", "beta", 0, True)]),
    ("any order", [("check_dag", "omega"), ("check_dag", "alpha")]),
    ("not in any order", [("check_dag", "omega"), ("check_dag", "zeta")]),
    ("after all", [("check_dag", "gamma"), ("check_dag", "alpha"), ("check", "omega"), ("check", "x")]),
    ("not after all", [("check_dag", "alpha"), ("check_not", "beta"), ("check_dag", "omega")]),
    ("several not", [("check_not", "zeta"), ("check_not", "beta")]),
    ("pattern", [("check_regex", "b.ta o")]),
    ("no pattern", [("check_regex", "b.ta z")]),
    ("nothing", []),
]
MARKS = ["x.foo(1)", "x.foo", "def", "zz"]
COMMANDS = [
    "# CHECK: alpha\n# CHECK-NEXT: gamma\n",
    "# CHECK: alpha\n# CHECK-NOT: delta\n",
    "# CHECK-COUNT-2: beta\n",
    "# CHECK-COUNT-EXACTLY-1: beta\n",
    "# CHECK-FOO: alpha\n",
    "no commands",
]


def said(kind, checks, *texts):
    """The first line of the error, or ''."""
    checker = kind()
    for name, *arguments in checks:
        checker = getattr(checker, name)(*arguments)
    try:
        checker.run(*texts)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""


@pytest.mark.parametrize(("name", "checks"), CHECKS)
def test_checks(name, checks):
    assert said(FileCheck, checks, TEXT) == said(torch.testing.FileCheck, checks, TEXT)


@pytest.mark.parametrize("marked", MARKS)
def test_marks(marked):
    checks = [("check_source_highlighted", marked)]
    assert said(FileCheck, checks, MARKED) == said(torch.testing.FileCheck, checks, MARKED)


@pytest.mark.parametrize("commands", COMMANDS)
def test_commands(commands):
    assert said(FileCheck, [], commands, TEXT) == said(torch.testing.FileCheck, [], commands, TEXT)


def test_the_place_is_shown():
    for kind in (FileCheck, torch.testing.FileCheck):
        with pytest.raises(RuntimeError) as caught:
            kind().check_not("delta").run(TEXT)
        assert "gamma delta\n      ~~~~~ <--- HERE\nbeta omega\n" in str(caught.value)
