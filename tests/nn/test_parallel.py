"""Modules for several devices, on the one that there is; the switches of libraries that are not there."""

from __future__ import annotations

import pytest

import dynagrad as torch
from dynagrad.nn.attention import SDPBackend, sdpa_kernel


def test_data_parallel_is_its_module_under_another_name():
    inner = torch.nn.Linear(2, 1)
    model = torch.nn.DataParallel(inner, device_ids=[0, 1])
    x = torch.ones(3, 2)
    assert model.module is inner
    assert torch.equal(model(x), inner(x))
    model(x).sum().backward()
    assert inner.weight.grad is not None
    other = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), inner(x))


def test_what_needs_devices_or_processes_says_so():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="device type could not be determined"):
        torch.nn.parallel.data_parallel(torch.nn.ReLU(), torch.ones(1))


def test_the_choice_of_kernels_lasts_as_long_as_the_block():
    x = torch.rand(1, 2, 3, 4)
    free = torch.nn.functional.scaled_dot_product_attention(x, x, x)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        assert torch.backends.cuda.flash_sdp_enabled()
        assert not torch.backends.cuda.mem_efficient_sdp_enabled()
        assert torch.equal(torch.nn.functional.scaled_dot_product_attention(x, x, x), free)
    assert torch.backends.cuda.mem_efficient_sdp_enabled()
    with pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend"), sdpa_kernel(["math"]):
        pass


def test_switches_keep_what_they_know():
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = True
    assert matmul.allow_tf32
    matmul.allow_tf32 = before
    with pytest.raises(AttributeError, match="Unknown attribute fast"):
        matmul.fast = True
    with torch.backends.cudnn.flags(enabled=False, deterministic=True):
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.enabled
    assert not torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("name", ["mkl", "mkldnn", "openmp", "nnpack", "opt_einsum", "cusparselt", "kleidiai", "mps"])
def test_a_library_that_is_not_there_says_so(name):
    assert getattr(torch.backends, name).is_available() is False


def test_an_unknown_backend_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'tpu'"):
        _ = torch.backends.tpu
