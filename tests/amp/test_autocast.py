"""Autocast on the CPU: what it casts and what it leaves, whom it holds for, and that it is gone afterwards."""

from __future__ import annotations

import threading

import pytest
from dynagrad._core.intercept import listening

import dynagrad as torch

F = torch.nn.functional
x = torch.arange(9.0).reshape(3, 3) / 7


def test_products_are_lowered_losses_are_not_and_the_rest_follows() -> None:
    with torch.autocast("cpu"):
        low = x @ x
        assert low.dtype is torch.bfloat16
        assert (x + x).dtype is torch.float32
        assert low.exp().dtype is torch.bfloat16
        assert F.mse_loss(low, x).dtype is torch.float32
        assert F.cross_entropy(low, torch.tensor([0, 1, 2])).dtype is torch.float32
        assert torch.cat([x, low]).dtype is torch.float32
        assert low.prod().dtype is torch.float32
        assert (x.double() @ x.double()).dtype is torch.float64
        assert torch.linalg.inv(low + torch.eye(3)).dtype is torch.float32
        assert torch.mm(x, x, out=torch.zeros(3, 3)).dtype is torch.float32
        assert torch.zeros(3, 3).addmm_(x, x).dtype is torch.float32
    assert (x @ x).dtype is torch.float32
    assert torch.equal(low, (x.bfloat16() @ x.bfloat16()))


def test_regions_nest() -> None:
    with torch.autocast("cpu"):
        with torch.autocast("cpu", enabled=False):
            assert (x @ x).dtype is torch.float32
            assert not torch.is_autocast_enabled("cpu")
        with torch.autocast("cpu", dtype=torch.float16):
            assert (x @ x).dtype is torch.float16
            assert torch.get_autocast_dtype("cpu") is torch.float16
        assert (x @ x).dtype is torch.bfloat16
    assert not torch.is_autocast_enabled("cpu")


def test_one_object_may_be_entered_again() -> None:
    region = torch.autocast("cpu")
    with region, region:
        assert (x @ x).dtype is torch.bfloat16
    assert (x @ x).dtype is torch.float32

    @region
    def recursive(n):
        return [(x @ x).dtype, *(recursive(n - 1) if n else [])]

    assert recursive(2) == [torch.bfloat16] * 3


def test_nobody_listens_outside() -> None:
    before = listening()
    with torch.autocast("cpu"):
        assert listening() == before + 1
    assert listening() == before
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        1 / 0  # noqa: B018
    assert listening() == before
    with torch.autocast("cpu", enabled=False):
        assert listening() == before


def test_it_holds_for_the_thread_alone() -> None:
    seen = []
    with torch.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append((x @ x).dtype))
        thread.start()
        thread.join()
    assert seen == [torch.float32]


def test_layers_and_gradients() -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(2, 3)
    )
    with torch.autocast("cpu"):
        out = model(torch.randn(4, 1, 3, 3))
        assert out.dtype is torch.bfloat16
        loss = F.cross_entropy(out, torch.tensor([0, 1, 2, 0]))
    loss.backward()
    assert all(p.grad.dtype is torch.float32 for p in model.parameters())
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_recurrent_layers_as_pytorch() -> None:
    steps = torch.randn(2, 1, 3)
    with torch.autocast("cpu"):
        assert torch.nn.LSTM(3, 3)(steps)[0].dtype is torch.bfloat16
        assert torch.nn.GRU(3, 3)(steps)[0].dtype is torch.float32
        assert torch.nn.RNN(3, 3)(steps)[0].dtype is torch.bfloat16
        assert torch.nn.LSTMCell(3, 3)(x)[0].dtype is torch.float32
        assert torch.nn.GRUCell(3, 3)(x).dtype is torch.float32
        assert torch.nn.MultiheadAttention(3, 1)(steps, steps, steps)[0].dtype is torch.bfloat16


def test_a_parameter_is_cast_once_in_a_region_until_it_is_written_to() -> None:
    w = x.clone().requires_grad_()
    with torch.autocast("cpu"):
        a, b = x @ w, x @ w
        assert a.grad_fn.next_functions[1][0] is b.grad_fn.next_functions[1][0]
        with torch.no_grad():
            w.mul_(2)
        assert torch.equal((x @ w).float(), (x.bfloat16() @ w.detach().bfloat16()).float())
        with torch.autocast("cpu", cache_enabled=False):
            a, b = x @ w, x @ w
            assert a.grad_fn.next_functions[1][0] is not b.grad_fn.next_functions[1][0]
        with torch.no_grad():
            x @ w
        assert (x @ w).requires_grad


def test_custom_functions_run_backward_as_forward() -> None:
    seen = []

    class Double(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a):
            seen.append((a @ a).dtype)
            return a * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append((x @ x).dtype)
            return g * 2

    class Plain(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, a):
            seen.append((a.dtype, (a @ a).dtype))
            return a * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append((x @ x).dtype)
            return g * 2

    with torch.autocast("cpu"):
        a = Double.apply(x.clone().requires_grad_())
        b = Plain.apply((x @ x).requires_grad_())
    a.sum().backward()
    b.sum().backward()
    low, full = torch.bfloat16, torch.float32
    assert seen == [low, (full, full), low, full]


def test_switches() -> None:
    torch.set_autocast_enabled("cpu", True)
    assert (x @ x).dtype is torch.bfloat16
    torch.set_autocast_enabled("cpu", False)
    assert (x @ x).dtype is torch.float32
    torch.set_autocast_dtype("cpu", torch.float16)
    with torch.autocast("cpu"):
        assert (x @ x).dtype is torch.float16
    torch.set_autocast_dtype("cpu", torch.bfloat16)
    assert (torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()) == (1, 0)
    torch.set_autocast_cache_enabled(False)
    assert not torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(True)
    torch.clear_autocast_cache()
    with pytest.warns(DeprecationWarning, match="is_autocast_cpu_enabled\\(\\) is deprecated"):
        assert not torch.is_autocast_cpu_enabled()
    with pytest.raises(TypeError, match=r"must be torch.dtype, not int"):
        torch.set_autocast_dtype("cpu", 3)


def test_what_is_not_there() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"), torch.autocast("cuda"):
        assert (x @ x).dtype is torch.float32
    with pytest.warns(UserWarning, match="target dtype is not supported"), torch.autocast("cpu", torch.float32):
        assert (x @ x).dtype is torch.float32
    with torch.autocast("mps"):
        assert (x @ x).dtype is torch.float32
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        torch.autocast(3)
    with pytest.raises(RuntimeError, match="Expected one of cpu"):
        torch.autocast("nope")
    with (
        pytest.warns(FutureWarning, match=r"Please use `torch.amp.autocast\('cpu', args...\)`"),
        torch.cpu.amp.autocast(),
    ):
        assert (x @ x).dtype is torch.bfloat16


def test_a_mode_sees_the_linear_of_a_layer() -> None:
    class Names(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    seen: list[str] = []
    with Names():
        torch.nn.Linear(2, 2)(torch.ones(1, 2))
    assert "linear" in seen
