"""``dynagrad run``: what a script sees, what it finds under PyTorch's names, and how it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest


def dynagrad(*arguments, cwd=None, text="", **options):
    command = [sys.executable, "-m", "dynagrad", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, check=False, **options)


def python(*arguments, cwd=None, text=""):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, input=text, capture_output=True, text=True, check=False
    )


@pytest.fixture
def script(tmp_path):
    def write(source, name="script.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


def output_of(path, *arguments):
    done = dynagrad("run", path, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_modules_are_the_same_objects(script):
    path = script("""
        import dynagrad
        import torch, torch.autograd, torchviz
        import torch.nn as nn
        from torch import nn as nn_again, tensor
        from torch.autograd import Function
        from torch.nn import init
        from torchviz import make_dot
        from torchviz.dot import make_dot as make_dot_again
        print(torch is dynagrad, nn is nn_again is dynagrad.nn, init is dynagrad.nn.init is torch.nn.init)
        print(Function is dynagrad.autograd.Function, tensor is dynagrad.tensor)
        print(torchviz is dynagrad.viz, make_dot is make_dot_again is dynagrad.viz.make_dot)
        print(torch.__name__, torch.__spec__.name, nn.__spec__.name)
    """)
    assert output_of(path) == ["True True True", "True True", "True True", "dynagrad dynagrad dynagrad.nn"]


def test_the_version_is_that_of_the_pytorch_it_speaks(script):
    path = script("""
        import torch
        print(torch.__version__.split("+")[0], "dynagrad" in torch.__version__, torch.__version__ >= "2")
    """)
    assert output_of(path) == ["2.13.0 True True"]


def test_nothing_is_bound_outside_run():
    code = "import dynagrad, sys; print('torch' in sys.modules, '+' in dynagrad.__version__)"
    assert python("-c", code).stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import torch.no_such_part", "ModuleNotFoundError: dynagrad has no torch.no_such_part yet"),
        ("import torch.no.such", "ModuleNotFoundError: dynagrad has no torch.no yet"),
        ("from torch import no_such_part", "ImportError: cannot import name 'no_such_part' from 'dynagrad'"),
        ("import torch; torch.no_such_part", "AttributeError: module 'dynagrad' has no attribute 'no_such_part'"),
        ("import torch; torch.ones(1).no_such_part", "AttributeError: 'Tensor' object has no attribute 'no_such_part'"),
    ],
)
def test_what_is_missing_is_named(script, code, error):
    done = dynagrad("run", script(code))
    assert done.returncode == 1
    assert error in done.stderr
    assert "cli" not in done.stderr


def test_a_public_name_is_not_hidden_by_a_file_of_that_name(script):
    path = script("""
        import torch
        try:
            import torch.tensor
        except ModuleNotFoundError as error:
            print(error)
        print(torch.tensor(1.0))
    """)
    assert output_of(path) == ["dynagrad has no torch.tensor yet", "tensor(1.)"]


def test_a_missing_part_can_be_asked_for(script):
    path = script("""
        import torch
        try:
            import torch.no_such_part
        except ImportError as error:
            print(error.name)
        print(hasattr(torch, "no_such_part"), getattr(torch, "no_such_part", 3))
    """)
    assert output_of(path) == ["torch.no_such_part", "False 3"]


def test_an_error_inside_an_imported_module_is_its_own(script):
    script("import no_such_thing", name="torch_user.py")
    done = dynagrad("run", script("import torch_user"))
    assert "No module named 'no_such_thing'" in done.stderr


SURROUNDINGS = """
    import sys, os
    print(sys.argv, os.path.realpath(sys.path[0]), __name__, __spec__, type(__loader__).__name__, __doc__)
    print(__file__ if "__file__" in globals() else None, sys.modules["__main__"].__dict__ is globals(), __builtins__)
"""


def test_a_script_sees_what_python_shows_it(script, tmp_path):
    path = script(SURROUNDINGS)
    assert output_of(path, "-x", "--help") == python(path, "-x", "--help").stdout.splitlines()
    relative = dynagrad("run", "script.py", "a", cwd=tmp_path)
    assert relative.stdout == python("script.py", "a", cwd=tmp_path).stdout


def test_standard_input_and_the_command_line(tmp_path):
    code = "import sys; print(sys.argv, sys.path[0] == '', __name__)"
    ours = dynagrad("run", "-", "a", "-b", text=code, cwd=tmp_path)
    assert ours.stdout == python("-", "a", "-b", text=code, cwd=tmp_path).stdout
    ours = dynagrad("run", "-c", code, "a", "-b", cwd=tmp_path)
    assert ours.stdout == python("-c", code, "a", "-b", cwd=tmp_path).stdout


def test_a_module_a_package_and_a_folder(script, tmp_path):
    code = "import sys, torch; print(sys.argv[1:], __name__, __package__, os.path.realpath(sys.path[0]))"
    script("import os\n" + code, name="alone.py")
    script("", name="package/__init__.py")
    script("import os\n" + code, name="package/__main__.py")
    here = os.path.realpath(tmp_path)
    assert dynagrad("run", "-m", "alone", "x", cwd=tmp_path).stdout == f"['x'] __main__  {here}\n"
    assert dynagrad("run", "-m", "package", cwd=tmp_path).stdout == f"[] __main__ package {here}\n"
    assert dynagrad("run", "package", cwd=tmp_path).stdout == f"[] __main__ None {here}{os.sep}package\n"


def test_a_class_of_the_script_pickles(script):
    path = script("""
        import pickle
        class Point:
            pass
        print(type(pickle.loads(pickle.dumps(Point()))) is Point)
    """)
    assert output_of(path) == ["True"]


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return 1 / 0\nf()",
        "x = (\n",
        "def f():\n  return 1\n return 2",
        "raise SystemExit(7)",
        "raise SystemExit('said')",
        "import sys; sys.exit()",
        "class Odd(BaseException): pass\nraise Odd('x')",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('k')",
        "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__, a[2].tb_lineno)\n1 / 0",
        "import atexit; atexit.register(print, 'last'); 1 / 0",
        "raise KeyboardInterrupt",
        "# -*- coding: latin-1 -*-\nraise ValueError('x')",
    ],
)
def test_a_script_ends_as_under_python(script, code):
    path = script(code)
    ours, theirs = dynagrad("run", path), python(path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_an_interrupt_ends_the_process_as_under_python(script):
    path = script("""
        import time, torch
        print("ready", flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen(
        [sys.executable, "-m", "dynagrad", "run", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "ready\n"
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGINT
    assert said.endswith("KeyboardInterrupt\n")
    assert "cli" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "can't open file"),
        (["."], "__main__.py"),
        (["-m", "no_such_module"], "no module named 'no_such_module'"),
        (["-m", "no.such.module"], "no module named 'no.such.module'"),
        (["-m", "sys"], "module 'sys' has no Python code"),
        (["-m"], "-m needs an argument"),
        (["--fast", "script.py"], "no option '--fast'"),
        ([], "Usage"),
    ],
)
def test_what_cannot_be_run_is_exit_code_2_and_one_clear_line(tmp_path, arguments, message):
    done = dynagrad("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_no_plotting_library_is_touched(script):
    path = script("import sys, os, torch; print('matplotlib' in sys.modules, os.environ.get('MPLBACKEND'))")
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    assert dynagrad("run", path, env=environment).stdout == "False None\n"


def test_a_picture_drawn_by_a_script(script, tmp_path):
    path = script("""
        import torch
        from torchviz import make_dot
        w = torch.ones(3, 2, requires_grad=True)
        make_dot(w.tanh().sum(), params={"w": w}).save("graph.gv")
    """)
    done = dynagrad("run", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "TanhBackward0" in Path(tmp_path, "graph.gv").read_text(encoding="utf-8")
