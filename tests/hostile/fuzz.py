"""Calls every public function and method with arguments that make no sense, and reports what went wrong.

A program of its own: ``python -m tests.hostile.fuzz SEED ROUNDS [NAME …]`` prints the answers that no library should
give, one a line. The calls are made in a child; when that crashes, the call is named and another child goes on with the rest.
"""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import io
import os
import random
import resource
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import dynagrad

ROOM = 4 << 30  # bytes that a call may ask for: more is refused at once, and not taken from the machine
NOTE = 2000  # bytes of a call that are kept
LONGEST = 60  # seconds for one call

# What would end or slow the fuzzer itself.
LEFT_OUT = {
    "__deepcopy__",  # takes a memo from copy.deepcopy, from nobody else
    "dsplit",  # makes as many views as it is asked for
    "hsplit",
    "tensor_split",
    "vsplit",
    "enable_grad",  # decorates the classes that it is given
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "NamedTuple",
    "Size",
    "saved_tensors_hooks",
    "push_pack_hooks",
    "forbid_pack_hooks",
    "pop_pack_hooks",
    "disable_saved_tensors_hooks",
    "compile",
    "fork_rng",
    "gradcheck",
    "gradgradcheck",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "save",
    "seed",
    "set_cache_limit",
    "set_default_device",
    "set_default_dtype",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_printoptions",
    "share_memory_",
}
MODULES = (
    "",
    "autograd",
    "autograd.forward_ad",
    "autograd.functional",
    "autograd.graph",
    "cuda",
    "fft",
    "linalg",
    "memory",
    "nn.functional",
    "nn.init",
    "nn.utils",
    "random",
    "special",
    "viz",
)
# Messages that show an accident inside, whatever their type.
ACCIDENTS = (
    "'NoneType' object has no",
    "'NoneType' object is not",
    "object of type 'NoneType'",
    "_core.tensor",
    "referenced before assignment",
    "cannot access local variable",
    "must be str, not NoneType",
)
# And those of a composite that found out late: the type is not always PyTorch's. Shown under FUZZ_STRICT=1.
SLIPS = (
    "object has no attribute",
    "list index out of range",
    "tuple index out of range",
    "not enough values to unpack",
    "too many values to unpack",
    "math domain error",
)
STRICT = os.environ.get("FUZZ_STRICT") == "1"
# Assertions and KeyErrors that PyTorch raises, too.
PYTORCHS = (
    "Torch not compiled with CUDA enabled",
    "Expected strategy to be either",
    "float division by zero",
    "Expected gradient function to be set",
)
NEVER = (SystemError, AssertionError, UnboundLocalError, NameError, ZeroDivisionError, RecursionError, KeyError)


class Hostile:
    """Answers every protocol with an error of its own."""

    def _refuse(self, *_: object) -> Any:
        raise Refused

    __index__ = __float__ = __int__ = __len__ = __iter__ = __bool__ = __getitem__ = __array__ = _refuse
    __add__ = __radd__ = __eq__ = __lt__ = __complex__ = __call__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


class Refused(Exception):  # noqa: N818  # not an error of ours
    """What a Hostile raises."""


class Whole(int):
    """An int of another class."""


class Liar:
    """Says that it is longer than it is."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> int:
        if i > 1:
            raise IndexError(i)
        return i


class Changing(list):
    """Empties itself when it is looked at."""

    def __iter__(self) -> Iterator[Any]:
        self.clear()
        return super().__iter__()

    def __getitem__(self, i: Any) -> Any:
        if len(self) > 1:
            self.pop()
        return super().__getitem__(i)


class Plain(dynagrad.Tensor):
    """A subclass of Tensor."""


def shrinking(t: Any) -> Any:
    """An int that shrinks a tensor when it is asked for its value."""

    class Shrinking:
        def __index__(self) -> int:
            with contextlib.suppress(Exception):
                t.resize_(0)
            return 1

    return Shrinking()


SHAPES = ((), (0,), (1,), (3,), (2, 3), (3, 3), (0, 3), (2, 0, 3), (2, 3, 4), (1,) * 9, (1,) * 64, (2, 1, 3))


def tensors(draw: random.Random) -> Any:
    """One tensor out of many kinds."""
    torch = dynagrad
    dtype = draw.choice(
        [torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8, torch.float16, torch.bfloat16]
    )
    shape = draw.choice(
        [(), (0,), (1,), (3,), (2, 3), (3, 3), (0, 3), (2, 0, 3), (2, 3, 4), (1,) * 9, (1,) * 64, (2, 1, 3)]
    )
    made = torch.zeros(shape, dtype=dtype)
    kind = draw.randrange(12)
    if kind == 0 and dtype.is_floating_point:
        return made.requires_grad_()
    if kind == 1 and dtype.is_floating_point:
        return made.requires_grad_() * 2
    if kind == 2:
        return made.expand(2, *shape) if len(shape) < 64 else made
    if kind == 3 and len(shape) > 1:
        return made.transpose(0, -1)
    if kind == 4 and dtype is torch.float32:
        return Plain(made)
    if kind == 5:
        with torch.inference_mode():
            return torch.zeros(shape, dtype=dtype)
    if kind == 6 and dtype.is_floating_point:
        return made.fill_(float("nan"))
    if kind == 7 and len(shape) == 1 and shape[0]:
        return made.as_strided((2, 2), (0, 0))
    return made


CONSTANTS = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    -7,
    64,
    65,
    2**31,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**400,
    0.0,
    0.5,
    -2.5,
    1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    1j,
    "",
    "mean",
    "sum",
    "ij,jk->ik",
    "...",
    "\ud800",
    b"\x00\x01\x02\x03",
    (),
    (0,),
    (1, 2),
    (-1,),
    (0, 0),
    (2, -3),
    (2**40, 2**40),
    (1,) * 65,
    ("a", None),
    (float("nan"),),
    [],
    [1, 2],
    [[1, 2], [3]],
    [None],
    [0, 5, -9],
    {},
    {"a": 1},
    set(),
    range(3),
    slice(None),
    slice(1, None, 2),
    slice(None, None, -1),
    slice(2**70, None),
    Ellipsis,
    NotImplemented,
    int,
    float,
    object,
    print,
    dynagrad,
    dynagrad.Tensor,
    dynagrad.float32,
    dynagrad.int64,
    dynagrad.bool,
    dynagrad.strided,
    dynagrad.preserve_format,
)


def value(draw: random.Random, have: list[Any]) -> Any:
    """One argument."""
    kind = draw.randrange(20)
    if kind < 8:
        made = tensors(draw)
        have.append(made)
        return made
    if kind < 9 and have:
        return draw.choice(have)
    if kind < 10 and have:
        t = draw.choice(have)
        return t.detach() if isinstance(t, dynagrad.Tensor) else t
    if kind < 11:
        return [value(draw, have) for _ in range(draw.randrange(4))]
    if kind < 12:
        return tuple(tensors(draw) for _ in range(draw.randrange(4)))
    if kind == 12:
        return draw.choice(
            [
                Hostile(),
                Whole(2),
                Liar(),
                Changing([1, 2, 3]),
                shrinking(have[0] if have else None),
                np.zeros((2, 3)),
                np.array([object()]),
                np.float64(2),
                np.array(3),
                np.zeros((2, 2), dtype="U3"),
                dynagrad.Generator(),
                dynagrad.device("cpu"),
                memoryview(b"abcd"),
                iter([1, 2]),
                lambda *a: None,
            ]
        )
    return draw.choice(CONSTANTS)


def keywords(draw: random.Random, function: Callable[..., Any], have: list[Any]) -> dict[str, Any]:
    """Some keyword arguments by the names that the function takes."""
    if draw.randrange(3):
        return {}
    try:
        names = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    names = (names[1:] or ["dim"]) + ["out"]
    return {name: value(draw, have) for name in draw.sample(names, min(len(names), draw.randrange(1, 3)))}


def callables() -> dict[str, Callable[..., Any]]:
    """Every public function, class and method, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in MODULES:
        holder: Any = dynagrad
        for part in filter(None, module.split(".")):
            holder = getattr(holder, part, None)
        for name in getattr(holder, "__all__", dir(holder)) if holder is not None else ():
            thing = getattr(holder, name)
            if callable(thing) and not name.startswith("_") and name not in LEFT_OUT:
                found[f"{module}.{name}".lstrip(".")] = thing
    for name in dir(dynagrad.Tensor):
        thing = getattr(dynagrad.Tensor, name, None)  # what only subclasses have is listed too
        special = name.startswith("__") and name not in vars(object) and name != "__class_getitem__"
        if callable(thing) and name not in LEFT_OUT and (not name.startswith("_") or special):
            found[f"Tensor.{name}"] = thing
        elif isinstance(inspect.getattr_static(dynagrad.Tensor, name), property) or inspect.isdatadescriptor(thing):
            found[f"Tensor.{name}="] = lambda t, v, name=name: setattr(t, name, v)
    return found


def text_of(thing: Any) -> str:
    """A short description that never fails."""
    if isinstance(thing, dynagrad.Tensor):
        return f"T{tuple(thing.shape)}:{str(thing.dtype)[6:]}{'g' if thing.requires_grad else ''}@{id(thing) % 9973}"
    if isinstance(thing, (list, tuple)) and not isinstance(thing, Changing):
        inner = ", ".join(map(text_of, thing))
        return f"[{inner}]" if isinstance(thing, list) else f"({inner},)"
    text = type(thing).__name__ if type(thing).__module__ == __name__ else repr(thing)
    return text if len(text) < 80 else text[:80] + "…"


def judge(name: str, error: BaseException) -> bool:
    """Whether the answer is one that a user should never see."""
    message = str(error)
    if name.startswith(("nn.", "autograd.", "viz.")) and isinstance(error, AttributeError):
        return False  # in Python, as in PyTorch
    if isinstance(error, NEVER):
        return not message.startswith(PYTORCHS)
    return any(accident in message for accident in (*ACCIDENTS, *(SLIPS if STRICT else ())))


def use(thing: Any) -> None:
    """Looks at a result: a wild pointer shows when it is read."""
    for each in thing if isinstance(thing, (tuple, list)) else (thing,):
        if isinstance(each, dynagrad.Tensor) and each.numel() < 100_000:
            each.detach().clone()
            if each.grad_fn is not None:
                with contextlib.suppress(RuntimeError):
                    each.sum().backward()


def attempt(name: str, function: Callable[..., Any], draw: random.Random, log: int) -> str:
    """One call with drawn arguments; what is wrong with the answer, or nothing."""
    have: list[Any] = [tensors(draw)] if name.startswith("Tensor.") else []
    arguments = [*have, *(value(draw, have) for _ in range(draw.randrange(4)))]
    named = {} if name.endswith("=") else keywords(draw, function, have)
    call = f"{name}({', '.join([*map(text_of, arguments), *(f'{k}={text_of(v)}' for k, v in named.items())])})"
    os.pwrite(log, call.encode("utf-8", "replace").ljust(NOTE)[:NOTE], 0)
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            use(function(*arguments, **named))
    except Refused:
        pass
    except BaseException as error:  # noqa: BLE001  # whatever comes is looked at
        if judge(name, error):
            return f"{type(error).__name__}: {str(error)[:150]!r}  {call}".replace("\n", " ")
    finally:
        dynagrad.set_grad_enabled(True)
    return ""


def try_all(names: list[str], seed: str, rounds: int, log: int) -> None:
    """The child's part: calls the functions one after the other, and prints one bad answer of each kind."""
    found = callables()
    for name in names:
        draw = random.Random(f"{seed} {name}")
        answers = (attempt(name, found[name], draw, log) for _ in range(rounds))
        for answer in {each.split("  ")[0]: each for each in answers if each}.values():
            print(answer.encode("utf-8", "replace").decode("utf-8"), flush=True)
    faulthandler.cancel_dump_traceback_later()


def main() -> int:
    seed, rounds, *chosen = sys.argv[1:]
    if os.environ.get("FUZZ_ROOM", "1") == "1":
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    faulthandler.enable()
    warnings.simplefilter("ignore")
    names = chosen or list(callables())
    with tempfile.TemporaryFile() as log:
        while names:
            child = os.fork()
            if not child:
                try_all(names, seed, int(rounds), log.fileno())
                sys.stdout.flush()
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            if not status:
                break
            call = os.pread(log.fileno(), NOTE, 0).decode("utf-8", "replace").strip()
            print(f"CRASH with status {status}: {call}", flush=True)
            crashed = next(name for name in sorted(names, key=len, reverse=True) if call.startswith(f"{name}("))
            names = names[names.index(crashed) + 1 :]
    return 0


if __name__ == "__main__":
    sys.exit(main())
