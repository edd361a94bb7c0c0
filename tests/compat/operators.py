"""One operator of PyTorch's OpInfo database beside dynagrad: every sample, forward and backward, every variant."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

import torch

import dynagrad
from tests.compat import compare, translate

DIFFERENTIATED = (torch.float64, torch.float32)
OTHERS = (torch.int64, torch.int32, torch.uint8, torch.bool)
VARIANT_CAP = 40  # samples of a method or an in-place form, evenly spread; the function gets all of them
# Their results are memory that nobody has written to: dtype and shape are compared.
UNWRITTEN = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"} | {
    "resize_",
    "resize_as_",
}

# Which of several equal elements they pick is left open by their documentation: what an index points at is compared.
# The number is the place of the argument ``dim`` after the input.
TIED = {"topk": 1, "kthvalue": 1, "mode": 0, "sort": 0, "argsort": 0}


class Verdict:
    """What became of an operator's samples: ``agreed`` of ``tried``, and how often each difference occurred."""

    def __init__(self, name: str) -> None:
        self.name, self.agreed, self.tried = name, 0, 0
        self.differences: Counter[str] = Counter()
        self.missing = ""

    @property
    def status(self) -> str:
        """ "agrees", "partly", "differs", "missing", or "not real" where no sample has a real dtype on the CPU."""
        if self.missing:
            return "missing"
        if not self.tried:
            return "not real"
        if self.agreed == self.tried:
            return "agrees"
        lacks = all("has no attribute" in text or text.startswith("no ") for text in self.differences)
        return "partly" if self.agreed else "missing" if lacks else "differs"

    def count(self, text: str) -> None:
        self.tried += 1
        self.agreed += not text
        if text:
            self.differences[text] += 1


def database() -> dict[str, Any]:
    """PyTorch's operators by name; the name of a variant of the samples follows after a slash."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {info.name + f"/{info.variant_test_name}" * bool(info.variant_test_name): info for info in op_db}


def examine(name: str, info: Any) -> Verdict:
    """Runs all samples of an operator."""
    verdict = Verdict(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in (*DIFFERENTIATED, *OTHERS):
            if dtype in info.dtypes and not verdict.missing:
                _examine_dtype(verdict, info, dtype)
    return verdict


def _examine_dtype(verdict: Verdict, info: Any, dtype: torch.dtype) -> None:
    back = dtype in DIFFERENTIATED and info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
    samples = _samples(info, dtype, back)
    for where, theirs in _variants(info):
        try:
            ours = _counterpart(info, where)
        except translate.Missing as error:
            if where == "function":
                verdict.missing = str(error)
                return
            verdict.count(f"no {where}" if where != "in place" else "no in-place form")
            continue
        if where != "function" and dtype is torch.float32:
            continue
        for sample in samples if where == "function" else _spread(samples, VARIANT_CAP):
            if where == "in place" and sample.broadcasts_input:
                continue
            text = _one(info, sample, theirs, ours, back, where)
            if text is not None:
                verdict.count(text and f"{translate.named(dtype)}: {text}" + f" ({where})" * (where != "function"))


def _samples(info: Any, dtype: torch.dtype, back: bool) -> list[Any]:
    torch.manual_seed(1)
    try:
        return list(info.sample_inputs("cpu", dtype, requires_grad=back))
    except Exception:  # noqa: BLE001  # this build of PyTorch cannot make them
        return []


def _spread(samples: list[Any], cap: int) -> list[Any]:
    step = max(1, -(-len(samples) // cap))
    return samples[::step]


def _variants(info: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    yield "function", info.op
    if callable(info.method_variant):
        yield "method", info.method_variant
    if callable(info.inplace_variant):
        yield "in place", info.inplace_variant


def _counterpart(info: Any, where: str) -> Callable[..., Any]:
    if where != "function":
        variant = info.method_variant if where == "method" else info.inplace_variant
        if isinstance(variant, partial):  # a function with inplace=True
            return partial(translate.at(info.name), *variant.args, **variant.keywords)
        return translate.own(variant) if type(variant) is FunctionType else getattr(dynagrad.Tensor, variant.__name__)
    name = info.name.removeprefix("torch.")
    try:
        public = info.op is translate.at(name, torch)
    except AttributeError:  # the test suite's own name
        public = False
    return translate.at(name) if public else translate.own(info.op)


class _Call:
    """A sample's arguments in one of the two libraries, and what the call gave."""

    def __init__(self, library: Any, arguments: Any, process: Callable[..., Any]) -> None:
        self.library, self.process = library, process
        self.input, self.args, self.kwargs = arguments
        self.leaves = [t for t in _tensors(arguments) if t.requires_grad]
        self.result: Any = None
        self.compared: Any = None

    def run(self, op: Callable[..., Any], where: str) -> None:
        self.library.manual_seed(7)
        first = self.input
        if where == "in place":
            first = first.clone()
        self.result = op(first, *self.args, **self.kwargs)
        self.compared = self.process(self.result)

    def gradients(self, weights: list[Any], outputs: list[int]) -> list[Any]:
        found = _tensors(self.compared)
        return list(self.library.autograd.grad([found[k] for k in outputs], self.leaves, weights, allow_unused=True))


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, (torch.Tensor, dynagrad.Tensor)):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return [t for part in value for t in _tensors(part)] if isinstance(value, (tuple, list)) else []


def _one(info: Any, sample: Any, theirs: Any, ours: Any, back: bool, where: str) -> str | None:
    """How the libraries differ on a sample; nothing if they agree, None where PyTorch refuses it."""
    arguments = (sample.input, sample.args, sample.kwargs)
    expected = _Call(torch, translate.copies(arguments), sample.output_process_fn_grad)
    try:
        expected.run(theirs, where)
    except Exception:  # noqa: BLE001  # no kernel for this dtype, or no in-place form for this shape
        return None
    try:
        found = _Call(dynagrad, translate.Translator()(arguments), translate.own(sample.output_process_fn_grad))
        found.run(ours, where)
    except Exception as error:  # noqa: BLE001  # the difference is that it raises
        return _said(error)
    if info.name in UNWRITTEN:
        return _shapes(expected.compared, found.compared)
    if info.name in TIED and not sample.kwargs.get("stable"):
        expected.compared, found.compared = (_pointed(info, sample, call.compared) for call in (expected, found))
    text = compare.difference(expected.compared, found.compared)
    if text:
        text = compare.difference(expected.compared, found.compared, _exact(sample, theirs, where).compared)
    return text or (_back(sample, expected, found, theirs, where) if back else "")


def _pointed(info: Any, sample: Any, result: Any) -> Any:
    """The result with its indices replaced by what they point at in the input."""
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    index, source = parts[-1], sample.input.detach()
    if isinstance(index, dynagrad.Tensor):
        index = compare.to_torch(index)
    place = TIED[info.name]
    dim = sample.kwargs.get("dim", sample.args[place] if len(sample.args) > place else -1)
    whole = index if index.ndim == source.ndim else index.unsqueeze(dim)
    return [*parts[:-1], torch.tensor(index.shape), source.gather(dim, whole) if source.ndim else source]


def _said(error: Exception) -> str:
    line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {line[:100]}"


def _shapes(expected: Any, found: Any) -> str:
    traits = [[(str(t.dtype), tuple(t.shape), t.stride()) for t in _tensors(each)] for each in (expected, found)]
    return "" if traits[0] == traits[1] else f"{traits[1]} instead of {traits[0]}"


def _exact(sample: Any, op: Any, where: str) -> _Call:
    """The same call of PyTorch in float64; a call without a result if there is none."""
    arguments = _doubled((sample.input, sample.args, sample.kwargs), {})
    call = _Call(torch, arguments, sample.output_process_fn_grad)
    with contextlib.suppress(Exception):
        call.run(op, where)
    return call


def _doubled(value: Any, made: dict[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            finer = torch.float64 if value.dtype == torch.float32 else value.dtype
            made[id(value)] = value.detach().to(finer).requires_grad_(value.requires_grad)
        return made[id(value)]
    if isinstance(value, dict):
        return {key: _doubled(item, made) for key, item in value.items()}
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)(_doubled(item, made) for item in value)
    return torch.float64 if value is torch.float32 else value


def _back(sample: Any, expected: _Call, found: _Call, op: Any, where: str) -> str:
    theirs, ours = _tensors(expected.compared), _tensors(found.compared)
    asks = [t.requires_grad for t in theirs]
    if asks != [t.requires_grad for t in ours]:
        return "requires_grad differs"
    wanted = [k for k, each in enumerate(asks) if each and theirs[k].layout == torch.strided]
    if not wanted or not expected.leaves:
        return ""
    torch.manual_seed(3)
    weights = [torch.randn(theirs[k].shape, dtype=torch.float64) for k in wanted]
    rounded = [w.to(theirs[k].dtype) for w, k in zip(weights, wanted, strict=True)]
    try:
        expected_back = expected.gradients(rounded, wanted)
    except Exception:  # noqa: BLE001  # PyTorch has no derivative here
        return ""
    try:
        found_back = found.gradients([translate.to_dynagrad(w) for w in rounded], wanted)
    except Exception as error:  # noqa: BLE001  # the difference is that it raises
        return f"backward: {_said(error)}"
    text = compare.difference(expected_back, found_back)
    if text:
        exact, finer = _exact(sample, op, where), None
        with contextlib.suppress(Exception):
            finer = exact.gradients([w.double() for w in rounded], wanted)
        text = compare.difference(expected_back, found_back, finer)
    return text and f"gradient: {text}"
