"""Programs that ask to be compiled run as they are; what would need a compiled program says so."""

from __future__ import annotations

import typing
import warnings
from typing import Any, Final

import pytest

import dynagrad as torch

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def double(x):
    return 2 * x


def test_scripting_is_the_identity() -> None:
    class Net(torch.nn.Module):
        size: Final[int] = 2

        @torch.jit.export
        def helper(self, x):
            return x + 1

        @torch.jit.ignore
        def ignored(self, x):
            return x

        @torch.jit.unused
        def unused(self, x):
            return x

        def forward(self, x):
            return self.helper(x) if not torch.jit.is_scripting() else x

    net = Net()
    assert torch.jit.script(net) is net
    assert torch.jit.script(double) is double
    assert torch.jit.script(Net) is Net
    assert net(torch.ones(1)).item() == 2
    assert torch.jit.ignore(drop=True)(double) is torch.jit.script_if_tracing(double) is double
    assert torch.jit.freeze(net.eval()) is torch.jit.optimize_for_inference(net) is net
    assert torch.jit.annotate(list[int], []) == []
    assert not torch.jit.is_tracing()
    with torch.jit.optimized_execution(False), torch.jit.strict_fusion():
        assert torch.jit.wait(torch.jit.fork(double, torch.ones(1))).item() == 2
    with pytest.raises(TypeError, match="built-in class"):
        torch.jit.script(3)
    with pytest.raises(RuntimeError, match="must be a bool or a function"):
        torch.jit.ignore(3)
    with pytest.raises(RuntimeError, match="eval mode"):
        torch.jit.freeze(net.train())
    with pytest.raises(RuntimeError, match="applied to a class"):
        torch.jit.interface(double)
    with pytest.warns(DeprecationWarning, match=r"`torch.jit.script` is deprecated"):
        torch.jit.script(double)


def test_a_script_module_keeps_values_of_attributes() -> None:
    class Old(torch.jit.ScriptModule):
        __constants__ = ("n",)

        def __init__(self) -> None:
            super().__init__()
            self.n = torch.jit.Attribute(3, int)

        @torch.jit.script_method
        def forward(self, x):
            return x * self.n

    old = Old()
    assert old(torch.ones(1)).item() == 3
    assert isinstance(old, torch.nn.Module)


def test_tracing_runs_the_examples() -> None:
    calls = []

    def f(x, y):
        calls.append(1)
        return x + y

    assert torch.jit.trace(f, (torch.ones(1), torch.ones(1)), check_trace=False) is f
    assert len(calls) == 1
    assert torch.jit.trace(f, example_kwarg_inputs={"x": torch.ones(1), "y": torch.ones(1)}) is f
    with pytest.raises(RuntimeError, match="should not be both not None"):
        torch.jit.trace(f, (1, 2), example_kwarg_inputs={})
    with pytest.raises(TypeError):
        torch.jit.trace(f, torch.ones(1))
    with pytest.warns(torch.jit.TracerWarning, match="Output nr 1. of the traced function does not match"):
        torch.jit.trace(lambda x: x + torch.rand(2), torch.ones(2))


def test_tracing_leaves_buffers_and_the_stream_as_one_run_does() -> None:
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm1d(2)
    x = torch.randn(4, 2)
    state = torch.get_rng_state()
    assert torch.jit.trace(norm, x) is norm
    assert norm.num_batches_tracked.item() == 1
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.jit.trace_module(norm.eval(), {"forward": x}) is norm
    with pytest.raises(AttributeError, match="expected a dictionary"):
        torch.jit.trace_module(norm, x)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ([1], list[int], True), ([1], list[str], False), ({"a": 1}, dict[str, int], True), ((1, "a"), tuple[int, str], True),
        ((1, 2), tuple[int], False), (None, typing.Optional[int], True), (3, typing.Union[int, str], True),  # noqa: UP007, UP045 (3, int | None, True),
        ([[1]], list[list[int]], True), (1, (int, str), True), (1.0, (int, str), False),
    ],
)  # fmt: skip
def test_types_of_values(value: Any, kind: Any, expected: bool) -> None:
    assert torch.jit.isinstance(value, kind) is expected


def test_types_of_containers_say_what_they_hold() -> None:
    with pytest.raises(RuntimeError, match="without a contained type"):
        torch.jit.isinstance([1], list)
    with pytest.warns(UserWarning, match="inner type of a container is lost"):
        assert torch.jit.isinstance([], list[int])


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.jit.save(torch.nn.Linear(1, 1), "x"),
        lambda: torch.jit.load(__file__),
        lambda: torch.jit.CompilationUnit("def f(): pass"),
        lambda: torch.jit.export_opnames(None),
        lambda: torch.export.export(torch.nn.Linear(1, 1), ()),
        lambda: torch.export.load("x"),
        lambda: torch.fx.symbolic_trace(double),
        lambda: torch.fx.GraphModule(None, None),
        lambda: torch._dynamo.explain(double),
        lambda: torch.compile(double, backend=lambda graph, inputs: graph),
        lambda: torch.compiler.load_compiled_function(None),
    ],
)
def test_what_needs_a_compiled_program_says_so(call) -> None:
    with pytest.raises(NotImplementedError, match="dynagrad"):
        call()


def test_compiling_is_the_identity() -> None:
    net = torch.nn.Linear(1, 1)
    assert torch.compile(net, fullgraph=True, dynamic=None, backend="inductor", mode="reduce-overhead") is net
    assert torch.compile(options={"trace": True})(double) is double
    net.compile()

    @torch.compiler.disable(recursive=False, reason="why not")
    def f(x):
        assert not torch.compiler.is_compiling()
        return x

    assert f(3) == 3
    torch._dynamo.reset()
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.graph_break()
    assert torch._dynamo.config.suppress_errors
    torch._dynamo.config.suppress_errors = False
    assert torch._dynamo.optimize("eager")(double) is torch._dynamo.run(double) is double
    with torch.compiler.set_stance("force_eager"):
        assert torch.compiler.set_stance("default")(double) is double
    for wrong, message in (
        (lambda: torch.compile(double, mode="default", options={}), "Either mode or options"),
        (lambda: torch.compile(double, mode="fast"), "Unrecognized mode=fast"),
        (lambda: torch.compile(double, backend="nope"), "Invalid backend: 'nope'"),
        (lambda: torch.compiler.set_stance("fast"), "stance"),
    ):
        with pytest.raises(RuntimeError, match=message):
            wrong()
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(3)
    torch.compiler.set_default_backend("eager")
    assert torch.compiler.get_default_backend() == "eager"
    torch.compiler.set_default_backend(None)


def test_futures() -> None:
    future = torch.futures.Future()
    seen = []
    future.add_done_callback(lambda done: seen.append(done.value()))
    later = future.then(lambda done: done.value() + 1)
    broken = future.then(lambda done: 1 / 0)
    with pytest.raises(RuntimeError, match="not completed"):
        future.value()
    future.set_result(3)
    assert (seen, later.wait(), future.done()) == ([3], 4, True)
    with pytest.raises(RuntimeError, match="Got the following error when running the callback: ZeroDivisionError"):
        broken.wait()
    with pytest.raises(RuntimeError, match="only be marked completed once"):
        future.set_result(4)
    failed = torch.futures.Future()
    failed.set_exception(KeyError("mine"))
    assert torch.futures.wait_all([future, later]) == [3, 4]
    with pytest.raises(KeyError, match="mine"):
        torch.futures.wait_all([future, failed])
    with pytest.raises(AssertionError, match="not an Exception"):
        torch.futures.Future().set_exception(3)
    assert torch.futures.collect_all([]).wait() == []


def test_importing_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.fx.wrap("len") == "len"
        assert not hasattr(torch.export, "Dim")
        assert not isinstance(torch.nn.Identity(), torch.fx.GraphModule)
