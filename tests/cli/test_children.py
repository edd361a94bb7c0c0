"""Processes that a program under ``dynagrad run`` starts find ``torch`` there, too."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import sys
    import torch
    {imports}

    def work(queue, x):
        import dynagrad
        queue.put((torch is dynagrad, torch.__version__.split("+")[0], x.sum().item()))

    if __name__ == "__main__":
        context = multiprocessing.get_context({method!r})
        queue = context.Queue()
        process = context.Process(target=work, args=(queue, torch.ones(3)))
        process.start()
        print(*queue.get(timeout=60))
        process.join()
        print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("imports", ["import multiprocessing", "import torch.multiprocessing as multiprocessing"])
def test_a_process_that_starts_anew(tmp_path, method, imports):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM).format(method=method, imports=imports), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "dynagrad", "run", path], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "2.13.0", "3.0", "0"], done.stderr


def test_a_module_that_was_imported_before(tmp_path):
    code = """
        import multiprocessing.spawn, multiprocessing.forkserver
        from dynagrad.cli.binding import bind
        bind()
        bind()
        import pickle
        print("dynagrad" in multiprocessing.spawn.get_preparation_data("me"))
        print(multiprocessing.forkserver._forkserver._preload_modules)
        pickle.loads(pickle.dumps(multiprocessing.spawn.get_preparation_data("me")["dynagrad"]))
        import torch
        print(torch.__version__ >= (2, 13), torch.__version__.count("dynagrad"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["True", "['dynagrad.cli.bound']", "True 1"], done.stderr


def test_processes_of_an_unbound_program_stay_unbound():
    code = (
        "import multiprocessing.spawn, dynagrad; print('dynagrad' in multiprocessing.spawn.get_preparation_data('me'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False"], done.stderr
