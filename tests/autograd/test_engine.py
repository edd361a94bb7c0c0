"""What programs see of the engine: hooks that see None, inputs=, calls of nodes, deep nests of backward, anomalies, grad_dtype."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import dynagrad as torch
from dynagrad import _C
from dynagrad.autograd import Function


def ones(*size: int) -> torch.Tensor:
    return torch.ones(size, requires_grad=True)


def function(forward: Any, backward: Any, name: str = "Custom") -> Any:
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


GivesNone = function(lambda _ctx, x: x * 2, lambda _ctx, _g: None)


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_hooks_see_none_where_no_gradient_arrives() -> None:
    seen: list[Any] = []
    x = ones(1)
    h = x * 2
    h.register_hook(lambda g: seen.append(("tensor", g)))
    h.grad_fn.register_prehook(lambda g: seen.append(("pre", g)))
    h.grad_fn.register_hook(lambda g_in, g_out: seen.append(("post", g_in, g_out)))
    x.register_hook(lambda g: seen.append(("leaf", g)))
    GivesNone.apply(h).backward()
    assert seen == [("tensor", None), ("pre", (None,)), ("post", (None, None), (None,)), ("leaf", None)]
    assert x.grad is None


def test_a_hook_sees_that_another_output_alone_received_a_gradient() -> None:
    first, second = ones(2).unbind()
    seen: list[Any] = []
    first.register_hook(seen.append)
    second.backward()
    assert seen == [None]


def test_none_is_not_replaced_by_a_gradient() -> None:
    x = ones(1)
    x.register_hook(lambda _g: torch.ones(1))
    with pytest.raises(RuntimeError, match="can't replace a None gradient with a non-None value"):
        GivesNone.apply(x).backward()


def test_a_post_accumulate_hook_returns_nothing_or_the_leaf() -> None:
    x = ones(2)
    handle = x.register_post_accumulate_grad_hook(lambda leaf: leaf.sub_(leaf.grad))
    x.sum().backward()
    handle.remove()
    x.register_post_accumulate_grad_hook(lambda leaf: leaf.grad)
    with pytest.raises(RuntimeError, match="hooks should return None"):
        x.sum().backward()


def test_backward_runs_the_nodes_of_its_inputs_and_no_further() -> None:
    log: list[str] = []
    a = ones(1)
    b = a.clone()
    b.grad_fn.register_prehook(lambda _g: log.append("pre"))
    b.grad_fn.register_hook(lambda _i, _o: log.append("post"))
    a.register_hook(lambda _g: log.append("leaf"))
    (b * 3).backward(inputs=(b,))
    assert log == ["pre", "post"]
    assert b.grad.item() == 3
    assert a.grad is None


def test_backward_to_leaves_runs_the_hooks_of_their_nodes() -> None:
    log: list[str] = []
    a, b = ones(1), ones(1)
    out = a * b
    for number, (node, _) in enumerate(out.grad_fn.next_functions):
        node.register_hook(lambda _i, _o, number=number: log.append(f"post {number}"))
    out.backward(inputs=(b,))
    assert log == ["post 1"]
    assert a.grad is None


def test_hooks_of_a_tensor_are_a_dict() -> None:
    x = ones(2)
    assert x._backward_hooks is None
    x.register_hook(lambda g: g * 2)
    assert len(x._backward_hooks) == 1
    x._backward_hooks = {}
    x.sum().backward()
    assert x.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="Deletion of _backwards_hooks not allowed"):
        del x._backward_hooks


# ---- nodes -----------------------------------------------------------------------------------------------------------


def test_a_node_that_is_called_wants_a_gradient_for_each_output() -> None:
    x = ones(2)
    node = (x * 3).grad_fn
    assert node(torch.ones(2))[0].tolist() == [3, 3]
    assert node(None) == (None, None)
    for wrong in ((), (torch.ones(2), torch.ones(2))):
        with pytest.raises(TypeError, match=rf"expected 1 arguments, got {len(wrong)} instead"):
            node(*wrong)
    with pytest.raises(TypeError, match="argument 0 is not a Variable"):
        node(1)
    leaf = node.next_functions[0][0]
    assert leaf.name() == "torch::autograd::AccumulateGrad"
    assert leaf(torch.ones(2)) == ()
    assert x.grad.tolist() == [1, 1]


def test_a_node_says_what_its_outputs_look_like() -> None:
    (like,) = (ones(2, 3) * 2).grad_fn._input_metadata
    assert (like.shape, like.dtype, like.is_nested_tensor) == ((2, 3), torch.float32, False)
    variance, _ = torch.var_mean(ones(3, 3), dim=0)
    assert [each.shape for each in variance.grad_fn._input_metadata] == [(3,), (3,)]


def test_the_node_that_runs_is_known_while_it_runs() -> None:
    y = ones(2) * 2
    seen: list[Any] = []
    y.register_hook(lambda _g: seen.append(_C._current_autograd_node()))
    y.sum().backward()
    assert seen == [y.grad_fn]
    assert _C._current_autograd_node() is None


def test_undefined_gradients_and_delayed_errors() -> None:
    seen: list[Any] = []
    x = ones(1)
    watched = function(lambda _ctx, x: x.clone(), lambda _ctx, g: seen.append(g.tolist()))
    _C._functions.UndefinedGrad()(watched.apply(x)).backward()
    assert seen == [[0]]
    late = _C._functions.DelayedError("not yet", 1)(x * 2)
    with pytest.raises(RuntimeError, match="not yet"):
        late.backward()


# ---- what backward is given ------------------------------------------------------------------------------------------


def test_gradients_of_other_dtypes_are_converted() -> None:
    x = ones(2)
    (x * 2).backward(torch.ones(2, dtype=torch.int64))
    assert x.grad.dtype == torch.float32
    assert x.grad.tolist() == [2, 2]


def test_what_is_wrong_with_the_arguments_of_grad_is_said_in_pytorchs_order() -> None:
    x = torch.ones(1)
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        torch.autograd.grad(x * 2, x)
    with pytest.raises(RuntimeError, match="interpret the first dimension of each grad_output as the batch"):
        torch.autograd.grad(ones(2, 2).clone(), (ones(2, 2),), (torch.ones(2, 2),), is_grads_batched=True)
    y = ones(2).clone()
    edge = torch.autograd.graph.get_gradient_edge(y)
    with pytest.raises(RuntimeError, match="materialize_grads cannot be used when the given input is a GradientEdge"):
        torch.autograd.grad(ones(1), (edge,), materialize_grads=True)


def test_gradients_that_are_made_up_can_be_differentiated_again() -> None:
    x, a = ones(), ones()
    first = torch.autograd.grad(x * a, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, create_graph=True, materialize_grads=True)
    assert second.requires_grad
    assert second.item() == 0
    assert torch.autograd.grad(second, x, materialize_grads=True)[0].item() == 0


def test_backward_with_create_graph_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from dynagrad._core import gradients

    monkeypatch.setattr(gradients, "_warned", set())
    x = ones(2)
    with pytest.warns(UserWarning, match="will create a reference cycle"):
        (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward(create_graph=True)
    x.grad = None


def test_the_dtype_of_a_gradient_is_the_leafs_to_say() -> None:
    widens = function(lambda _ctx, x: x * 2, lambda _ctx, g: g.to(torch.float64))
    x = ones(2)
    assert x.grad_dtype == torch.float32
    x.grad_dtype = None
    widens.apply(x).sum().backward()
    assert x.grad.dtype == torch.float64
    with pytest.raises(RuntimeError, match="Cannot set grad_dtype to 'Half' because there is already a gradient"):
        x.grad_dtype = torch.float16
    x.grad = None
    x.grad_dtype = torch.float16
    widens.apply(x).sum().backward()
    assert x.grad.dtype == torch.float16
    with pytest.raises(
        RuntimeError, match="attempting to assign a gradient with dtype 'float' to a tensor with grad_dtype 'Half'"
    ):
        x.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match="grad_dtype can only be accessed on leaf tensors"):
        _ = (x * 2).grad_dtype


def test_a_leaf_with_gaps_gets_a_row_major_gradient() -> None:
    x = torch.ones(2, 3, 2).select(2, 1).t().requires_grad_()
    (x * torch.ones(3, 2)).sum().backward()
    assert x.grad.stride() == (2, 1)


# ---- how deep --------------------------------------------------------------------------------------------------------


def test_backward_inside_backward_goes_as_deep_as_it_likes() -> None:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            ctx.x = x.detach().requires_grad_() - 1
        return ctx.x.detach()

    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        if ctx.x >= 0:
            with torch.enable_grad():
                Nest.apply(ctx.x).sum().backward()
        return g

    Nest = function(forward, backward)  # a class
    x = torch.tensor(500.0, requires_grad=True)
    Nest.apply(x).backward()
    assert x.grad.item() == 1


def test_an_error_in_a_deep_nest_arrives_as_it_is() -> None:
    def backward(_ctx: Any, g: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        if left[0] == 0:
            raise KeyError("at the bottom")
        with torch.enable_grad():
            Nest.apply(ones(1)).backward()
        return g

    left = [150]
    Nest = function(lambda _ctx, x: x.clone(), backward)  # a class
    with pytest.raises(KeyError, match="at the bottom"):
        Nest.apply(ones(1)).backward()
    assert torch.is_grad_enabled()
    assert _C._current_autograd_node() is None


# ---- anomalies -------------------------------------------------------------------------------------------------------


def fail_in_anomaly_mode() -> str:
    with torch.autograd.set_detect_anomaly(True):
        d = ones(5) + 1
        e = d**2
        d += 1
        try:
            e.sum().backward()
        except RuntimeError as error:
            return str(error)
    return ""


def test_anomaly_mode_names_the_node_that_failed_and_its_line() -> None:
    with pytest.warns(UserWarning, match=r"Error detected in PowBackward0. Traceback of forward call(.|\n)*e = d\*\*2"):
        text = fail_in_anomaly_mode()
    assert "which is output 0 of Add, is at version 1" in text


def test_anomaly_mode_writes_to_stderr_where_warnings_are_errors(capsys: pytest.CaptureFixture[str]) -> None:
    y = torch.zeros(1, requires_grad=True).sqrt() * 0
    with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan values in its 0th output"):
        y.backward()
    assert "Error detected in SqrtBackward0" in capsys.readouterr().err


# ---- saved tensors ---------------------------------------------------------------------------------------------------


def test_a_tensor_that_was_detached_in_place_after_it_was_saved() -> None:
    x = ones(2).clone()
    y = x.sin()
    x.detach_()
    with pytest.raises(RuntimeError, match="saved tensor that has been detached in-place"):
        y.sum().backward()
    x = ones(2).clone()
    y = x.exp()
    x.detach_()
    y.sum().backward()


def test_hooks_on_one_saved_tensor() -> None:
    x = ones(2)
    y = x * x
    saved = y.grad_fn._raw_saved_self
    assert saved.data is x
    assert saved.unpack_hook is None
    saved.register_hooks(lambda t: 2 * t, lambda t: t)
    assert y.grad_fn._saved_self.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="hooks have already been set"):
        saved.register_hooks(lambda t: t, lambda t: t)
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="after it has been freed"):
        saved.register_hooks(lambda t: t, lambda t: t)


def test_hooks_on_one_saved_tensor_are_checked() -> None:
    y = ones(2).exp()
    saved = y.grad_fn._raw_saved_result
    with pytest.raises(TypeError, match="incompatible function arguments"):
        saved.register_hooks(1, 1)
    with pytest.raises(RuntimeError, match="pack hook is modifying its input in place"):
        saved.register_hooks(lambda t: t.mul_(2), lambda t: t)
    with pytest.raises(RuntimeError, match="Trying to create a SavedTensor object from Python is forbidden"):
        torch.autograd.SavedTensor()
    saved.register_hooks(lambda t: t, lambda t: t)
    assert y.grad_fn._saved_result.grad_fn is y.grad_fn


def test_saved_tensors_of_a_function_one_by_one() -> None:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, None)
        return x.clone()

    y = function(forward, lambda _ctx, g: g).apply(ones(2))
    first, second = y.grad_fn._raw_saved_tensors
    first.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="with value None is forbidden"):
        second.register_hooks(lambda t: t, lambda t: t)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        _ = y.grad_fn._raw_saved_tensors


def test_saved_tensors_that_may_be_asked_for_once() -> None:
    class Once(Function):
        clear_saved_tensors_on_access = True

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
            (x,) = ctx.saved_tensors
            gone = weakref.ref(x)
            del x
            assert gone() is None
            with pytest.raises(RuntimeError, match="can only be accessed once"):
                _ = ctx.saved_tensors
            return g

    Once.apply(ones(3).clone()).sum().backward()


def test_the_old_name_of_saved_tensors() -> None:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * 2

    y = function(forward, lambda ctx, g: g * len(ctx.saved_variables)).apply(ones(2))
    with pytest.warns(DeprecationWarning, match="saved_variables"):
        y.sum().backward()


# ---- views and writes ------------------------------------------------------------------------------------------------


def test_the_result_of_a_write_through_a_view_is_differentiated_twice() -> None:
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    y = (x * 3).view(2)
    y.sigmoid_()
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    s = torch.sigmoid(3 * x.detach())
    expected = 9 * s * (1 - s) * (1 - 2 * s)
    assert torch.allclose(gg, expected)


def test_a_function_that_saves_the_view_it_wrote_to_leaves_nothing_behind() -> None:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    def run() -> weakref.ref[torch.Tensor]:
        x = ones(1).clone()
        x = x.view_as(x)
        function(forward, lambda _ctx, g: g).apply(x)
        return weakref.ref(x)

    assert run()() is None


def test_a_cycle_through_a_ctx_is_collected() -> None:
    def forward(ctx: Any, x: torch.Tensor, notes: dict[str, Any]) -> torch.Tensor:
        ctx.notes = notes
        return x.clone()

    def run() -> weakref.ref[torch.Tensor]:
        notes: dict[str, Any] = {}
        notes["out"] = function(forward, lambda _ctx, g: (g, None)).apply(ones(1), notes)
        return weakref.ref(notes["out"])

    out = run()
    gc.collect()
    assert out() is None


def test_an_input_returned_unrecorded_is_detached() -> None:
    x = ones(2)
    with torch.no_grad():
        y = function(lambda _ctx, x: x, lambda _ctx, g: g).apply(x)
    assert (y.requires_grad, y._is_view(), y is x, y.data_ptr() == x.data_ptr()) == (False, False, False, True)


def test_a_pure_view_may_be_written_to() -> None:
    ran: list[int] = []

    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx._is_pure_view = True
        return x.narrow(0, 0, 2)

    def backward(_ctx: Any, g: torch.Tensor) -> torch.Tensor:
        ran.append(1)
        return g

    x = ones(2)
    y = function(forward, backward).apply(x.clone())
    y += 3
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert not ran


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda base: base.unbind()[0],
            "Output 0 of Unbind is a view and is being modified inplace. This view is the output",
        ),
        (lambda base: base.view(1, 2).unbind()[0].view(2), "Output 0 of View is a view and is being modified inplace."),
        (
            lambda base: function(lambda _ctx, x: x[:], lambda _ctx, g: g).apply(base),
            "Output 0 of Custom is a view and is being modified inplace. This view was created inside a custom Function",
        ),
        (
            lambda base: _without(torch.no_grad, base),
            "A view was created in no_grad mode and is being modified inplace with",
        ),
        (
            lambda base: _without(torch.no_grad, base)[:],
            "Output 0 of Slice is a view of a view which was created in no_grad mode and is being modified inplace with",
        ),
        (
            lambda base: _without(torch.inference_mode, base),
            "created in inference mode and is being modified inplace in normal",
        ),
    ],
)
def test_what_is_said_of_a_write_to_a_fragile_view(make: Any, text: str) -> None:
    view = make(ones(2).clone())
    with pytest.raises(RuntimeError) as error:
        view.add_(1)
    assert text in str(error.value)


def _without(mode: Any, base: torch.Tensor) -> torch.Tensor:
    with mode():
        return base[:]


def test_a_view_in_inference_mode_is_one() -> None:
    base = ones(4).clone()
    with torch.inference_mode():
        view = base.view(2, 2)
        assert view._is_view()
        assert view.requires_grad
        assert not view.is_inference()
    with torch.inference_mode():
        made = torch.ones(2)
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = made._version


def test_data_that_is_replaced_leaves_the_count_with_the_views() -> None:
    x = torch.zeros(1, 2)
    view = x[:]
    x.data = torch.zeros(2, 3)
    x.add_(1)
    view.add_(1)
    assert x._version == view._version == 2


# ---- attributes ------------------------------------------------------------------------------------------------------


def test_attributes_that_are_not_to_be_deleted() -> None:
    x = ones(2)
    for name, text in (("data", "Deleting tensor data is not allowed"), ("_grad_fn", "Detach tensor instead")):
        with pytest.raises(RuntimeError, match=text):
            delattr(x, name)
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        x.requires_grad = None
    with pytest.raises(
        TypeError, match=r"requires_grad_\(\): argument 'requires_grad' \(position 1\) must be bool, not int"
    ):
        x.requires_grad_(1)
    with pytest.raises(TypeError, match=r"ones\(\): argument 'requires_grad' must be bool, not int"):
        torch.ones(2, requires_grad=1)
    with pytest.warns(UserWarning, match="volatile was removed"):
        assert x.volatile is False
    with pytest.raises(TypeError, match="does not support deleting items"):
        del x[0]


def test_an_error_names_the_function_that_is_called() -> None:
    a, b = ones(2), torch.zeros(2)
    with pytest.raises(RuntimeError, match=r"^mul\(\): functions with out=\.\.\. arguments don't support"):
        torch.mul(a, 2, out=b)
    with pytest.raises(RuntimeError, match=r"^cat\(\): functions with out="):
        torch.cat(
            [a, a],
            out=torch.zeros(4),
        )
    with pytest.raises(TypeError, match=r"^sin\(\): argument 'input' \(position 1\) must be Tensor, not int"):
        torch.sin(1)
