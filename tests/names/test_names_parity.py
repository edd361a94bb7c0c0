"""Questions that programs ask before they compute: answers, kinds of errors and their sentences beside PyTorch's."""

from __future__ import annotations

import warnings

import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

QUESTIONS = """
    accelerator.is_available() | accelerator.device_count() | accelerator.current_accelerator()
    accelerator.synchronize() | accelerator.set_device_index(0) | accelerator.current_stream()
    accelerator.memory_allocated() | accelerator.device_index(0).__enter__() | accelerator.device_index(None).__enter__()
    mps.is_available() | mps.device_count() | mps.synchronize() | mps.empty_cache() | mps.seed() | mps.manual_seed(1)
    mps.current_allocated_memory() | mps.driver_allocated_memory() | mps.set_per_process_memory_fraction(0.5)
    xpu.is_available() | xpu.device_count() | xpu.is_initialized() | xpu.synchronize() | xpu.current_device() | xpu.init()
    xpu.memory_allocated() | xpu.memory_stats() | xpu.manual_seed(1) | xpu.seed() | xpu.empty_cache() | xpu.get_arch_list()
    xpu.Event() | xpu.is_bf16_supported() | xpu.get_device_name() | xpu.get_device_properties()
    mtia.is_available() | mtia.device_count() | mtia.is_initialized() | mtia.synchronize() | mtia.memory_allocated()
    mtia.memory_stats() | mtia.manual_seed(1) | mtia.init()
    cpu.is_available() | cpu.device_count() | cpu.current_device() | cpu.synchronize() | cpu.set_device("cpu")
    cpu.is_initialized()
    jit.is_scripting() | jit.is_tracing() | compiler.is_compiling() | compiler.is_exporting()
    compiler.get_default_backend() | jit.annotate(int, 3) | jit.isinstance([1], list[int]) | jit.isinstance([1], list)
    jit.isinstance({"a": 1}, dict[str, str]) | jit.isinstance((1, 2), tuple[int]) | jit.isinstance(3.0, (int, str))
    jit.script(3) | jit.interface(print) | jit.load("/nowhere") | compile(3) | compile(abs, mode="nope")
    compile(abs, mode="default", options={}) | compiler.set_stance("force_eager", force_backend="eager")
    compiler.allow_in_graph(3)
    distributed.is_initialized() | distributed.get_rank() | distributed.get_world_size() | distributed.all_reduce(ones(1))
    nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    backends.cudnn.is_available.__name__ | backends.cuda.is_built() | backends.cudnn.is_acceptable(ones(1))
    backends.cudnn.enabled | backends.cudnn.benchmark | backends.cudnn.deterministic | backends.cudnn.allow_tf32
    backends.cuda.matmul.allow_tf32 | backends.cuda.flash_sdp_enabled() | backends.cuda.math_sdp_enabled()
    backends.mkldnn.enabled | backends.mha.get_fastpath_enabled() | backends.cuda.cufft_plan_cache.size
    are_deterministic_algorithms_enabled() | is_deterministic_algorithms_warn_only_enabled()
    get_deterministic_debug_mode() | set_deterministic_debug_mode("x") | set_deterministic_debug_mode(7)
    set_deterministic_debug_mode(2.0) | use_deterministic_algorithms(3) | get_float32_matmul_precision()
    set_float32_matmul_precision("x") | set_num_interop_threads(0)
    profiler.schedule(wait=-1, warmup=0, active=1) | profiler.schedule(wait=0, warmup=0, active=0)
    [profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)(i).name for i in range(12)]
    [profiler.schedule(wait=2, warmup=1, active=1, skip_first_wait=1)(i).name for i in range(9)]
    profiler.profile(activities=[]) | profiler.profile().key_averages() | list(profiler.supported_activities())[0].name
    autograd.profiler.profile().table() | futures.Future().set_exception(3) | futures.collect_all([]).wait()
    hub.load("/nowhere", "x", source="z") | hub.load("/nowhere", "x", source="local")
    is_autocast_enabled() | is_autocast_enabled("cpu") | get_autocast_dtype("cpu") | get_autocast_dtype("cuda")
    is_autocast_cache_enabled() | amp.is_autocast_available("cpu") | amp.is_autocast_available("cuda") | autocast(3)
    set_autocast_dtype("cpu", 3) | utils.swap_tensors.__name__ | utils.dlpack.DLDeviceType.kDLCUDA.value
    utils.benchmark.select_unit(1e-5) | utils.benchmark.unit_to_english("us") | utils.benchmark.trim_sigfig(123.456, 2)
    utils.benchmark.Timer(3) | utils.benchmark.Timer("x").repeat()
    multiprocessing.get_all_sharing_strategies() | multiprocessing.get_sharing_strategy()
    [each.name for each in nn.attention.SDPBackend.__members__.values()] | nn.attention.sdpa_kernel(3).__enter__()
    ones(2).is_shared() | ones(2).share_memory_().is_shared() | ones(2).untyped_storage().is_shared()
"""
EACH = [question.strip() for line in QUESTIONS.splitlines() for question in line.split(" | ") if question.strip()]


def asked(lib, question):
    import importlib

    for name in ("utils.dlpack", "utils.benchmark", "nn.attention", "nn.parallel", "multiprocessing", "hub", "profiler",
                 "autograd.profiler", "futures", "jit", "compiler", "distributed"):  # fmt: skip
        importlib.import_module(f"{lib.__name__}.{name}")
    names = {name: getattr(lib, name, None) for name in question_names(question)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "value", str(eval(question, {k: v for k, v in names.items() if v is not None}))  # noqa: S307
        except Exception as error:  # noqa: BLE001
            return type(error), str(error).partition("\n")[0]


def question_names(question):
    import ast

    return {node.id for node in ast.walk(ast.parse(question)) if isinstance(node, ast.Name)} - {
        "abs", "print", "int", "list", "dict", "str", "tuple", "range",
    }  # fmt: skip


@pytest.mark.parametrize("question", EACH)
def test_answers(question) -> None:
    (kind, text), (their_kind, theirs) = asked(dynagrad, question), asked(torch, question)
    assert kind == their_kind, (text, theirs)
    if "object at" not in theirs:
        assert theirs.rstrip(".") in text or text in theirs
