"""The ``dynagrad`` command: picks the subcommand, each of which lives in a file of its own with a ``main(arguments)``.

A subcommand's module is imported only when it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from .page import page

COMMANDS = {
    "run": "run a PyTorch script on dynagrad, unmodified",
    "info": "show the version, the kernels, the threads and the extras",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; a script that it runs may raise ``SystemExit`` instead."""
    first, *rest = (sys.argv[1:] if arguments is None else arguments) or ("--help",)
    if first in COMMANDS:
        code: int = importlib.import_module(f".{first}", __name__).main(rest)
        return code
    if first in ("-h", "--help", "help"):
        print(help_page(), end="")
        return 0
    if first in ("-V", "--version", "version"):
        import dynagrad

        print(f"dynagrad {dynagrad.__version__}")
        return 0
    print(f"dynagrad: {_no_such_command(first)}\nSee: dynagrad --help", file=sys.stderr)
    return 2


def help_page() -> str:
    """What ``dynagrad --help`` prints."""
    return page(
        "dynagrad: tensors, define-by-run graphs, and pictures of them",
        ("Usage", ["dynagrad <command> [arguments]"]),
        ("Commands", list(COMMANDS.items())),
        ("Options", [("-h, --help", "show this page"), ("-V, --version", "show the version")]),
        (
            "Examples",
            [
                ("dynagrad run train.py --epochs 3", "import torch there means dynagrad"),
                ("dynagrad run -m package.module", "as python -m runs a module"),
                ("dynagrad <command> --help", "more about one command"),
            ],
        ),
    )


def _no_such_command(word: str) -> str:
    if os.path.exists(word):
        return f"{word!r} is a file, not a command; to run it: dynagrad run {word}"
    close = difflib.get_close_matches(word, COMMANDS, n=1)
    return f"no command {word!r}" + (f"; did you mean {close[0]!r}?" if close else "")
