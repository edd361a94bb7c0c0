"""torch.cuda without CUDA: it answers as PyTorch built without CUDA, or refuses in its words."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

import dynagrad
from dynagrad import cuda

ANSWERS = [
    ("is_available", False),
    ("is_initialized", False),
    ("device_count", 0),
    ("is_bf16_supported", False),
    ("empty_cache", None),
    ("memory_allocated", 0),
    ("max_memory_allocated", 0),
    ("memory_reserved", 0),
    ("max_memory_reserved", 0),
    ("memory_stats", {}),
    ("seed_all", None),
    ("get_rng_state_all", []),
    ("get_arch_list", []),
]
NEED_A_DEVICE = [
    "current_device",
    "current_stream",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "init",
    "initial_seed",
    "mem_get_info",
    "synchronize",
]


@pytest.mark.parametrize(("name", "answer"), ANSWERS)
def test_what_needs_no_device_answers(name: str, answer: object) -> None:
    assert getattr(cuda, name)() == answer


@pytest.mark.parametrize("name", NEED_A_DEVICE)
def test_what_needs_a_device_says_so(name: str) -> None:
    with pytest.raises(AssertionError, match=r"^Torch not compiled with CUDA enabled$"):
        getattr(cuda, name)()


def test_devices_streams_and_events() -> None:
    cuda.manual_seed(1)
    cuda.manual_seed_all(1)
    cuda.set_device(-1)
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        cuda.set_device("cuda:0")
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.device("cpu")
    with pytest.raises(RuntimeError, match="without CUDA support"), cuda.device(0):
        pass
    with cuda.device(-1), cuda.stream(None):
        pass
    with pytest.raises(RuntimeError, match="requires CUDA support"):
        cuda.Stream()
    with pytest.raises(RuntimeError, match="dummy base class Event"):
        cuda.Event(enable_timing=True)
    with pytest.raises(AttributeError, match="has no attribute 'warp'"):
        cuda.warp  # noqa: B018


def test_amp_of_cuda_is_switched_off_with_two_warnings() -> None:
    for name in ("autocast", "GradScaler"):
        with (
            pytest.warns(UserWarning, match="CUDA is not available"),
            pytest.warns(FutureWarning, match=rf"torch\.cuda\.amp\.{name}\(args"),
        ):
            getattr(cuda.amp, name)()
    with pytest.warns(FutureWarning, match="device_type='cuda'"):
        forward = cuda.amp.custom_fwd(lambda ctx, x: (ctx._fwd_used_autocast, x))
    assert forward(types.SimpleNamespace(), 3) == (False, 3)
    with pytest.warns(FutureWarning, match="device_type='cuda'"):
        backward = cuda.amp.custom_bwd(lambda ctx, g: g)
    assert backward(types.SimpleNamespace(_fwd_used_autocast=False, _dtype=None), 3) == 3


SCRIPT = """
from torch.cuda.amp import autocast, GradScaler
import torch
import torch.cuda
scaler = GradScaler(enabled=torch.cuda.is_available())
with autocast(enabled=False):
    print(scaler.scale(torch.ones(1)).item(), torch.cuda.amp.autocast is autocast)
"""


def test_a_script_imports_it_from_torch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", "-m", "dynagrad", "run", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1.0 True\n"


@pytest.mark.parity
def test_answers_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    if torch.version.cuda is not None:
        pytest.skip("this PyTorch has CUDA")
    for name, answer in ANSWERS:
        assert getattr(torch.cuda, name)() == answer, name
    for name in NEED_A_DEVICE:
        with pytest.raises(AssertionError, match="not compiled with CUDA"):
            getattr(torch.cuda, name)()


def test_programs_may_catch_what_accelerators_raise():
    assert dynagrad.cuda.OutOfMemoryError is dynagrad.OutOfMemoryError
    assert issubclass(dynagrad.cuda.OutOfMemoryError, RuntimeError)
    assert repr(dynagrad.OutOfMemoryError) == "<class 'torch.OutOfMemoryError'>"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (cuda.CUDAGraph, RuntimeError),
        (lambda: dynagrad.cuda.graph(None), RuntimeError),
        (cuda.graph_pool_handle, RuntimeError),
        (cuda.is_current_stream_capturing, RuntimeError),
        (lambda: dynagrad.cuda.nvtx.range_push("step"), RuntimeError),
        (lambda: dynagrad.cuda.set_per_process_memory_fraction(0.5), AssertionError),
        (lambda: dynagrad.cuda.can_device_access_peer(0, 1), AssertionError),
    ],
)
def test_what_needs_a_device_raises_pytorchs_kind_of_error(call, kind):
    with pytest.raises(kind):
        call()


def test_the_device_of_a_tensor_is_a_region_where_nothing_changes():
    with dynagrad.cuda.device_of(dynagrad.ones(1)):
        assert dynagrad.ones(1).device.type == "cpu"
