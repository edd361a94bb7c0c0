"""What ``FileCheck`` says of its own use."""

from __future__ import annotations

import gc

import pytest

from dynagrad.testing import FileCheck


def test_one_that_never_ran_says_so(capsys):
    FileCheck().check("a").check_count("b", 2)
    gc.collect()
    assert capsys.readouterr().out == (
        "You have not run this instance of FileCheck!\nFileCheck checks:\n\tCHECK: a\n\tCHECK-COUNT-2: b\n"
    )


def test_what_is_no_check_is_refused(capsys):
    with pytest.raises(RuntimeError, match="Count == 0 && !exactly doesn't do anything"):
        FileCheck().check_count("a", 0)
    with pytest.raises(TypeError):
        FileCheck().check_count("a", -1)
    with pytest.raises(TypeError):
        FileCheck().check(3)
    with pytest.raises(TypeError):
        FileCheck().check("a").run(3)
    capsys.readouterr()
