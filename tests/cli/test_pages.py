"""The ``dynagrad`` command itself: help, version, info, and what it says to words that it does not know."""

import re

import pytest

from dynagrad.cli import COMMANDS, main


def said(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command(capsys, arguments):
    code, out, err = said(capsys, *arguments)
    assert (code, err) == (0, "")
    assert all(re.search(rf"^  {command} +\w", out, re.MULTILINE) for command in COMMANDS)
    assert max(map(len, out.splitlines())) <= 100


def test_help_of_run(capsys):
    assert "dynagrad run script.py" in said(capsys, "run", "--help")[1]


def test_the_version(capsys):
    import dynagrad

    assert said(capsys, "--version") == (0, f"dynagrad {dynagrad.__version__}\n", "")


def test_info_names_what_is_installed(capsys):
    code, out, _ = said(capsys, "info")
    assert code == 0
    assert {"dynagrad", "Python", "kernels", "threads", "NumPy"} <= {line.split("  ")[0] for line in out.splitlines()}


def test_an_unknown_word(capsys, tmp_path, monkeypatch):
    code, out, err = said(capsys, "rnu")
    assert (code, out) == (2, "")
    assert "did you mean 'run'?" in err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    assert "dynagrad run train.py" in said(capsys, "train.py")[2]
