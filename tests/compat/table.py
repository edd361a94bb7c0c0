"""The table in docs/compatibility.md: written from verdicts, and read back as the list of what must agree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.compat.operators import Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- written by python -m tests.compat -->\n", "<!-- end -->\n"
TITLES = {
    "agrees": "Agree on every sample",
    "partly": "Agree on some samples",
    "differs": "There, but agree on no sample",
    "missing": "Missing",
    "not real": "Without a sample of a real dtype on the CPU",
}
FAMILIES = ("nn.functional.", "linalg.", "special.", "fft.", "masked.", "signal.windows.")


def listed() -> dict[str, str]:
    """The status of each operator, as the page has it."""
    text = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    found: dict[str, str] = {}
    for status, title in TITLES.items():
        section = text.partition(f"### {title}\n")[2].partition("\n### ")[0]
        names = (line.split("|")[1] if line.startswith("| `") else line for line in section.splitlines())
        found |= dict.fromkeys((name for line in names for name in re.findall(r"`([^`]+)`", line)), status)
    return found


def write(verdicts: list[Verdict]) -> None:
    """Puts the verdicts in the place of those on the page; what is written around them stays."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(_lines(verdicts)) + "\n" + END + after, encoding="utf-8")


def summary(verdicts: list[Verdict]) -> str:
    """How many operators agree, in a line."""
    agree = sum(verdict.status == "agrees" for verdict in verdicts)
    return f"{agree} of {len(verdicts)} entries agree on every sample ({100 * agree / len(verdicts):.1f} %)"


def _lines(verdicts: list[Verdict]) -> list[str]:
    counts = Counter(verdict.status for verdict in verdicts)
    lines = ["| | entries | of the database |", "|---|---|---|"]
    lines += [f"| {TITLES[s]} | {counts[s]} | {100 * counts[s] / len(verdicts):.1f} % |" for s in TITLES]
    tried, agreed = sum(v.tried for v in verdicts), sum(v.agreed for v in verdicts)
    lines += [f"| Samples in all | {agreed:,} of {tried:,} agree | |", ""]
    for status, title in TITLES.items():
        chosen = sorted((v for v in verdicts if v.status == status), key=lambda v: v.name)
        if chosen:
            lines += [f"### {title}", ""]
            lines += _in_detail(chosen) if status in {"partly", "differs"} else _by_family(chosen)
            lines.append("")
    return lines


def _in_detail(verdicts: list[Verdict]) -> list[str]:
    lines = ["| operator | samples that agree | what differs |", "|---|---|---|"]
    for verdict in verdicts:
        most = "; ".join(text for text, _ in verdict.differences.most_common(2))
        lines.append(f"| `{verdict.name}` | {verdict.agreed} of {verdict.tried} | {_plain(most)} |")
    return lines


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("`", "'").replace("<", "(").replace(">", ")")


def _by_family(verdicts: list[Verdict]) -> list[str]:
    names = [verdict.name for verdict in verdicts]
    families = {family: [name for name in names if name.startswith(family)] for family in FAMILIES}
    own = [name for name in names if not name.startswith(FAMILIES)]
    groups = [group for group in (own, *families.values()) if group]
    return [line for group in groups for line in (", ".join(f"`{name}`" for name in group), "")][:-1]
