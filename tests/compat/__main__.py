"""Runs PyTorch's operator database and writes docs/compatibility.md: ``python -m tests.compat [name …]``.

With names, only those are run and what differs is printed; a name may end in ``*``. The page stays as it is.
"""

from __future__ import annotations

import fnmatch
import sys

import torch

import dynagrad
from tests.compat import operators, table


def main(patterns: list[str]) -> None:
    """Examines the operators that the patterns choose, or all of them, and then writes the page."""
    torch.set_num_threads(1)
    dynagrad.set_num_threads(1)
    chosen = {
        name: info
        for name, info in operators.database().items()
        if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    verdicts = []
    for name, info in chosen.items():
        verdict = operators.examine(name, info)
        verdicts.append(verdict)
        if verdict.status not in {"agrees", "not real"}:
            print(f"{verdict.status:8} {name:40} {verdict.agreed} of {verdict.tried} {verdict.missing}")
            for text, count in verdict.differences.most_common(10 if patterns else 2):
                print(f"{count:16} × {text}")
    print(table.summary(verdicts))
    if not patterns:
        table.write(verdicts)


if __name__ == "__main__":
    main(sys.argv[1:])
