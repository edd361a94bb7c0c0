"""The examples of ``docs/guide/recording.md`` do what the guide says."""

import doctest
import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "recording.md"


def test_the_guide_to_recording():
    examples = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, GUIDE.name, str(GUIDE), 0)
    assert len(test.examples) > 5
    said = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)
