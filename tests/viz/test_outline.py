"""What the syntax of a source says about its conditions."""

from __future__ import annotations

from dynagrad.viz.loops import Outline

TEXT = """\
if a: x = 1
else: x = 2
def f(y):
    if y:
        return (
1)
    elif x:
        y = 2
    # else
    else:
        # not yet
        if z:
            y = 3

        y = 4
match x:
    case 1 | 2:
        pass
    case _:
        pass
"""


def arms(line: int) -> list[int | None]:
    return [arm.head for arm in Outline(TEXT).arms if arm.first <= line <= arm.last]


def test_arms_know_their_heads_and_what_they_hold() -> None:
    assert [arms(line) for line in (1, 2)] == [[1], [2]]
    assert arms(6) == [None, 4]
    assert arms(8) == [None, 7]
    assert arms(13) == [None, 10, 12]
    assert arms(15) == [None, 10]
    assert [arms(line) for line in (18, 20)] == [[17], [19]]
    assert arms(16) == []


def test_what_is_no_python_has_no_arms() -> None:
    outline = Outline("%time\nif a:\n    b\n")
    assert (outline.parsed, outline.arms) == (False, [])
    assert Outline("").parsed
