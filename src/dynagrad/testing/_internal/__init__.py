"""What suites written for PyTorch import from ``torch.testing._internal``: for them, and for nobody else.

PyTorch keeps this namespace for its own tests and changes it at will; the suites of functorch, torchvision, tensordict and
others import it all the same. Here is the part of PyTorch 2.13's that means something on a CPU, without its compilers
and without other devices. New tests want ``dynagrad.testing`` and pytest.

``common_utils``, ``common_device_type``, ``common_dtype`` and ``common_cuda`` have PyTorch's names and list names only
(the last two hold what they list); ``utils/`` and ``device/`` hold what the first two list. PyTorch's databases of
samples for ops and modules (``common_methods_invocations``, ``opinfo``, ``common_modules``, ``common_nn``) do not exist
here: whoever imports them is told so.
"""

from typing import Never

_SAMPLES = "PyTorch's database of sample inputs for its own ops, modules and optimisers is a part of PyTorch"
_COMPILER = "it tests PyTorch's compilers, which dynagrad does not have"
_DEVICE = "it tests devices, numbers or processes that dynagrad does not have"
# Modules of PyTorch's that are not here, and why; `dynagrad run` says it, too.
ABSENT = {
    **dict.fromkeys(
        (
            "autograd_function_db",
            "common_methods_invocations",
            "common_modules",
            "common_nn",
            "common_optimizers",
            "custom_op_db",
            "hop_db",
            "opinfo",
        ),
        _SAMPLES,
    ),
    **dict.fromkeys(
        ("common_jit", "inductor_utils", "jit_metaprogramming_utils", "jit_utils", "triton_utils"), _COMPILER
    ),
    **dict.fromkeys(
        (
            "common_distributed",
            "common_fsdp",
            "common_mkldnn",
            "common_mps",
            "common_quantization",
            "common_quantized",
            "common_xpu",
            "distributed",
        ),
        _DEVICE,
    ),
}


def __getattr__(name: str) -> Never:
    # `from torch.testing._internal import opinfo`, which would else be told that there is no such name.
    if name in ABSENT:
        raise ModuleNotFoundError(f"dynagrad has no torch.testing._internal.{name}: {ABSENT[name]}", name=name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
