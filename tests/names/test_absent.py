"""Devices that are not there, switches that are kept, and what programs ask for before they compute."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest

import dynagrad as torch
from dynagrad.torch_version import TorchVersion

ABSENT = {
    "accelerator": (RuntimeError, "Cannot access accelerator device when none is available", "synchronize"),
    "mps": (RuntimeError, r"Cannot execute deviceSynchronize\(\) without MPS backend", "synchronize"),
    "xpu": (AssertionError, "Torch not compiled with XPU enabled", "synchronize"),
    "mtia": (RuntimeError, r"Cannot execute getCurrentDevice\(\) without MTIA backend", "synchronize"),
}


@pytest.mark.parametrize("name", ABSENT)
def test_devices_that_are_not_there(name) -> None:
    module = getattr(torch, name)
    kind, message, call = ABSENT[name]
    assert (module.is_available(), module.device_count()) == (False, 0)
    with pytest.raises(kind, match=message):
        getattr(module, call)()
    for each in module.__all__:
        assert callable(getattr(module, each)), each


def test_the_cpu_is_there() -> None:
    assert (torch.cpu.is_available(), torch.cpu.device_count(), torch.cpu.current_device()) == (True, 1, "cpu")
    stream = torch.cpu.Stream()
    with torch.cpu.stream(stream):
        assert torch.cpu.current_stream() is stream
    with torch.cpu.stream(None):
        assert torch.cpu.current_stream() is not stream
    assert stream.record_event().query()
    torch.cpu.synchronize()


def test_distribution_is_not_there() -> None:
    dist = torch.distributed
    assert not dist.is_available()
    assert not dist.is_initialized()
    for call in (dist.get_rank, dist.get_world_size, dist.barrier, lambda: dist.all_reduce(torch.ones(1))):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            call()
    with pytest.raises(RuntimeError, match="Distributed package doesn't have NCCL built in"):
        dist.init_process_group("nccl")
    with pytest.raises(ValueError, match="process group"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    model = torch.nn.DataParallel(torch.nn.Linear(2, 1), device_ids=None)
    x = torch.ones(3, 2)
    assert torch.equal(model(x), model.module(x))
    assert torch.equal(torch.nn.parallel.data_parallel(model.module, x), model(x))
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(NotImplementedError, match="several GPUs"):
        torch.nn.parallel.scatter(x, [0, 1])


def test_switches_of_backends() -> None:
    backends = torch.backends
    backends.cuda.matmul.allow_tf32 = True
    assert backends.cuda.matmul.allow_tf32
    backends.cuda.matmul.allow_tf32 = False
    assert not any(
        getattr(backends, name).is_available() for name in ("mkl", "mkldnn", "openmp", "nnpack", "opt_einsum")
    )
    with backends.cudnn.flags(enabled=False, benchmark=True):
        assert (backends.cudnn.enabled, backends.cudnn.benchmark) == (False, True)
    assert (backends.cudnn.enabled, backends.cudnn.benchmark) == (True, False)
    with backends.mkldnn.flags(enabled=False):
        assert not backends.mkldnn.enabled
    assert backends.mkldnn.enabled
    backends.mha.set_fastpath_enabled(False)
    assert not backends.mha.get_fastpath_enabled()
    backends.mha.set_fastpath_enabled(True)
    with pytest.raises(AssertionError, match="CUDA"):
        _ = backends.cuda.cufft_plan_cache.size


def test_kernels_of_attention() -> None:
    from dynagrad.nn.attention import SDPBackend, sdpa_kernel

    q = torch.ones(1, 2, 4)
    attend = torch.nn.functional.scaled_dot_product_attention
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION]):
        attend(q, q, q)
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION), pytest.raises(RuntimeError, match="No viable backend"):
            attend(q, q, q)
        assert torch.backends.cuda.math_sdp_enabled()
        assert not torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    with pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend"), sdpa_kernel(3):
        pass


def test_settings_are_kept() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode("error")
    assert torch.get_deterministic_debug_mode() == 2
    torch.set_deterministic_debug_mode(0)
    assert not torch.are_deterministic_algorithms_enabled()
    for wrong, kind in (("x", RuntimeError), (7, RuntimeError), (2.0, TypeError)):
        with pytest.raises(kind, match="debug_mode"):
            torch.set_deterministic_debug_mode(wrong)
    with pytest.raises(TypeError, match=r"argument 'mode' \(position 1\) must be bool, not int"):
        torch.use_deterministic_algorithms(3)
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    torch.set_warn_always(True)
    assert torch.is_warn_always_enabled()
    torch.set_warn_always(False)
    assert torch.set_flush_denormal(False) is False
    torch.set_num_interop_threads(2)
    assert torch.get_num_interop_threads() == 2
    torch.set_num_interop_threads(1)
    with pytest.raises(RuntimeError, match="positive integer"):
        torch.set_num_interop_threads(0)
    assert torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.parametrize(
    ("a", "b"),
    [("1.9", "1.10"), ("2.13.0rc1", "2.13"), ("2.13.0.dev1", "2.13.0a1"), ("2.13", "2.13.1"), ("2.13", "2.13+cpu"),
     ("2.13", "2.13.post1"), ("2.13a1", "2.13b1")],
)  # fmt: skip
def test_versions(a, b) -> None:
    assert TorchVersion(a) < b
    assert TorchVersion(b) > a
    assert TorchVersion(a) <= TorchVersion(b) != TorchVersion(a)
    assert not TorchVersion(b) <= a


def test_a_version_is_a_string_and_tuples_compare() -> None:
    version = TorchVersion("2.13.0+cpu")
    assert isinstance(version, str)
    assert version.split("+")[0] == "2.13.0"
    assert (2, 14) > version >= (2, 13)
    assert TorchVersion("2.13") == "2.13.0"
    assert TorchVersion("parrot") != "2.13"


def test_swapped_tensors() -> None:
    a, b = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.zeros(3))
    a.grad, a.mark = torch.ones(2), 3
    alias = a
    torch.utils.swap_tensors(a, b)
    assert alias is a
    assert (a.shape, b.shape, b.mark, a.grad) == ((3,), (2,), 3, None)
    assert b.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="history"):
        torch.utils.swap_tensors(torch.ones(1), torch.ones(1, requires_grad=True) * 2)
    with pytest.raises(RuntimeError, match="two classes"):
        torch.utils.swap_tensors(torch.ones(1), a)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    (tmp_path / "hubconf.py").write_text(
        textwrap.dedent("""
        dependencies = ["torch"]
        from helper_of_the_hub import size
        import dynagrad

        def model(scale=1):
            "A vector."
            return scale * dynagrad.ones(size)
        """)
    )
    (tmp_path / "helper_of_the_hub.py").write_text("size = 3")
    yield tmp_path
    sys.modules.pop("helper_of_the_hub", None)


def test_models_of_a_folder(hub) -> None:
    path = list(sys.path)
    assert torch.hub.load(str(hub), "model", source="local", scale=2).tolist() == [2, 2, 2]
    assert torch.hub.list(str(hub)) == ["model"]
    assert torch.hub.help(str(hub), "model") == "A vector."
    assert sys.path == path
    with pytest.raises(RuntimeError, match="Cannot find callable other in hubconf"):
        torch.hub.load(str(hub), "other", source="local")
    with pytest.raises(NotImplementedError, match="source='local'"):
        torch.hub.load("pytorch/vision", "resnet18")
    with pytest.raises(ValueError, match='Unknown source: "z"'):
        torch.hub.load(str(hub), "model", source="z")
    with pytest.raises(FileNotFoundError, match=r"hubconf\.py"):
        torch.hub.load(str(hub / "nowhere"), "model", source="local")
    (hub / "hubconf.py").write_text("dependencies = ['no_such_package']")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package"):
        torch.hub.load(str(hub), "model", source="local")


def test_weights_of_an_address(hub, capsys) -> None:
    torch.save({"w": torch.ones(2)}, hub / "weights.pt")
    url = (hub / "weights.pt").as_uri()
    assert torch.hub.load_state_dict_from_url(url, progress=False)["w"].tolist() == [1, 1]
    kept = os.path.join(torch.hub.get_dir(), "checkpoints", "weights.pt")
    assert os.path.exists(kept)
    assert "Downloading" in capsys.readouterr().err
    (hub / "weights.pt").unlink()
    assert torch.utils.model_zoo.load_url(url)["w"].tolist() == [1, 1]  # from the cache
    assert capsys.readouterr().err == ""
    (hub / "other-00000000.pt").write_bytes(b"x")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        torch.hub.load_state_dict_from_url((hub / "other-00000000.pt").as_uri(), check_hash=True)
    assert os.listdir(os.path.dirname(kept)) == ["weights.pt"]


def test_what_is_compiled_against_pytorch() -> None:
    for call in (torch.utils.cpp_extension.load, torch.utils.cpp_extension.load_inline):
        with pytest.raises(NotImplementedError, match="C\\+\\+ library"):
            call("name", ["x.cpp"])
    assert torch.utils.cpp_extension.CUDA_HOME is None


def test_dlpack_and_types() -> None:
    from dynagrad.utils.dlpack import DLDeviceType, from_dlpack, to_dlpack

    x = torch.ones(2)
    assert from_dlpack(to_dlpack(x)).data_ptr() == x.data_ptr()
    assert x.__dlpack_device__()[0] == DLDeviceType.kDLCPU
    assert isinstance(3, torch.types.Number)
    assert "OpenBLAS" in torch.__config__.show()
    assert "dynagrad version" in torch.utils.collect_env.get_pretty_env_info()


def test_what_is_said_once_a_process_is_said_every_time_if_that_is_asked_for() -> None:
    x = torch.ones(1, requires_grad=True)
    torch.set_warn_always(True)
    try:
        for _ in range(2):
            with pytest.warns(UserWarning, match=r"Using backward\(\) with create_graph=True"):
                (x * x).sum().backward(create_graph=True)
            x.grad = None
    finally:
        torch.set_warn_always(False)


def test_libraries_have_their_assertion() -> None:
    torch._assert(True, "fine")
    with pytest.raises(AssertionError, match="not fine"):
        torch._assert(torch.tensor(False), "not fine")
