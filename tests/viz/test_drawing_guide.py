"""The examples of ``docs/guide/drawing.md`` do what the guide says."""

import doctest
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "drawing.md"


def test_the_guide_to_drawing(tmp_path, monkeypatch):
    pytest.importorskip("pygraphviz")
    monkeypatch.chdir(tmp_path)
    examples = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, GUIDE.name, str(GUIDE), 0)
    assert test.examples
    said = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)
