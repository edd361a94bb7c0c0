"""``dynagrad run``: runs a PyTorch script on dynagrad, as ``python`` would run it.

The script sees what ``python`` shows it: ``sys.argv``, ``sys.path[0]``, ``__main__``, its own traceback and exit code.
``binding`` gives it the names of PyTorch; ``report`` shows what it raises; ``filming`` records it where asked.
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from .binding import bind
from .filming import Film, take_options
from .page import page
from .report import CannotRunError, report_from


def main(arguments: Sequence[str]) -> int:
    """Runs the program that ``arguments`` name; what it raises, SystemExit included, passes through."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_page(), end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    try:
        film, rest = take_options(arguments)
        _dispatch(film, *rest)
    except CannotRunError as error:
        print(f"dynagrad run: {error}", file=sys.stderr)
        return 2
    return 0


def _dispatch(film: Film, first: str, *rest: str) -> None:
    if first in ("-m", "-c") and not rest:
        raise CannotRunError(f"{first} needs an argument\nSee: dynagrad run --help")
    if first.startswith("-") and first not in ("-", "-m", "-c"):
        raise CannotRunError(
            f"no option {first!r}; the program's own options follow its name\nSee: dynagrad run --help"
        )
    bind()
    if first == "-m":
        run_module(rest[0], rest[1:], film)
    elif first == "-c":
        run_text(rest[0], "<string>", ["-c", *rest[1:]], film)
    elif first == "-":
        run_text(sys.stdin.buffer.read(), "<stdin>", ["-", *rest], film)
    else:
        run_script(first, rest, film)


def help_page() -> str:
    """What ``dynagrad run --help`` prints."""
    return page(
        "dynagrad run: run a PyTorch program on dynagrad, unmodified",
        (
            "Usage",
            [
                ("dynagrad run script.py [arguments]", "a file, or a folder with a __main__.py"),
                ("dynagrad run -m module [arguments]", "a module, as python -m finds it"),
                ("dynagrad run -c code [arguments]", "code from the command line"),
                ("dynagrad run - [arguments]", "code from standard input"),
            ],
        ),
        (
            "Options, right after the program's name or before it",
            [
                ("--record lab.html", "records the program, and writes a page that plays it; .json, .txt, … also go"),
                ("--open", "opens the page in the browser afterwards"),
                ("--", "ends these options: what follows is the program's"),
            ],
        ),
        (
            "What it does",
            [
                "For this process alone, torch, torch.* and torchviz are dynagrad's modules.",
                "What dynagrad lacks is an ImportError or an AttributeError that names it.",
                "The program's traceback and exit code are its own.",
            ],
        ),
    )


def run_script(path: str, arguments: Sequence[str], film: Film) -> None:
    """Runs a file, or the ``__main__.py`` of a folder."""
    file = os.path.abspath(os.path.join(path, "__main__.py") if os.path.isdir(path) else path)
    try:
        with io.open_code(file) as stream:
            source = stream.read()
    except OSError as error:
        raise CannotRunError(f"can't open file {file!r}: {error.strerror}") from None
    program = ModuleType("__main__")
    program.__file__ = file
    program.__loader__ = SourceFileLoader("__main__", file)
    _enter([path, *arguments], os.path.dirname(os.path.realpath(file)))
    _execute(program, lambda: _compiled(source, file), film)


def run_text(source: str | bytes, name: str, argv: Sequence[str], film: Film) -> None:
    """Runs code that comes from no file: from the command line or from standard input."""
    _enter(argv, "")
    _execute(ModuleType("__main__"), lambda: _compiled(source, name), film)


def run_module(name: str, arguments: Sequence[str], film: Film) -> None:
    """Runs a module found on ``sys.path``, or the ``__main__`` of a package."""
    _enter(["-m", *arguments], os.getcwd())
    program = ModuleType("__main__")
    _execute(program, lambda: _module_code(name, program), film)


def _enter(argv: Sequence[str], folder: str) -> None:
    sys.argv[:] = argv
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _execute(program: ModuleType, code: Callable[[], CodeType], film: Film) -> None:
    sys.modules["__main__"] = program
    program.__dict__["__builtins__"] = builtins
    try:
        compiled = code()
        with film.of(compiled):
            exec(compiled, program.__dict__)  # noqa: S102 - running the user's program is what this is for
    except (SystemExit, CannotRunError):
        raise
    except BaseException:
        report_from(_execute.__code__)
        raise


def _compiled(source: str | bytes, name: str) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def _module_code(name: str, program: ModuleType) -> CodeType:
    spec = _found(name)
    if spec.submodule_search_locations is not None:
        name = f"{name}.__main__"
        spec = _found(name)
    code = spec.loader.get_code(name) if spec.loader is not None and hasattr(spec.loader, "get_code") else None
    if not isinstance(code, CodeType):
        raise CannotRunError(f"module {name!r} has no Python code")
    program.__spec__, program.__loader__, program.__package__ = spec, spec.loader, spec.parent
    program.__file__ = sys.argv[0] = spec.origin or name
    return code


def _found(name: str) -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    if spec is None:
        raise CannotRunError(f"no module named {name!r}")
    return spec
