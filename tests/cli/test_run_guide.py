"""The commands in ``docs/guide/running-scripts.md`` print what the guide shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "running-scripts.md"
TEXT = GUIDE.read_text(encoding="utf-8")
SCRIPT = re.search(r"```python\n(import torch\n.*?)```", TEXT, re.DOTALL)[1]
COMMANDS = re.findall(r"```console\n\$ dynagrad (.*?)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("arguments", "output"), COMMANDS)
def test_a_command_prints_what_the_guide_shows(tmp_path, arguments, output):
    (tmp_path / "line.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "dynagrad", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == output
