"""The CUDA backend, which is not built: its switches are kept, and those of attention's kernels count everywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)

attention = SimpleNamespace(flash=True, mem_efficient=True, math=True, cudnn=True)


def is_built() -> bool:
    """False: this build has no CUDA."""
    return False


class _NoPlans:
    """The cache of plans of CUDA's Fourier transforms: AssertionError for all that is asked of it."""

    @property
    def size(self) -> int:
        """How many plans there are."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    max_size = size

    def clear(self) -> None:
        """Forgets them."""
        raise AssertionError("Torch not compiled with CUDA enabled")


cufft_plan_cache = _NoPlans()


def flash_sdp_enabled() -> bool:
    """Whether attention may use the kernel that keeps no matrix of weights."""
    return bool(attention.flash)


def enable_flash_sdp(enabled: bool) -> None:
    """Sets it."""
    attention.flash = enabled


def mem_efficient_sdp_enabled() -> bool:
    """Whether attention may use the memory-efficient kernel, which only GPUs have."""
    return bool(attention.mem_efficient)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Sets it."""
    attention.mem_efficient = enabled


def math_sdp_enabled() -> bool:
    """Whether attention may be computed as it is written."""
    return bool(attention.math)


def enable_math_sdp(enabled: bool) -> None:
    """Sets it."""
    attention.math = enabled


def cudnn_sdp_enabled() -> bool:
    """Whether attention may use cuDNN's kernel, which only GPUs have."""
    return bool(attention.cudnn)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Sets it."""
    attention.cudnn = enabled


def is_flash_attention_available() -> bool:
    """False: no GPU has it here."""
    return False


def check_attention() -> None:
    """RuntimeError where neither of the two ways in which a CPU computes attention is allowed."""
    if not attention.math and not attention.flash:
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the "
            "math kernel and the fused kernels."
        )


def preferred_linalg_library(backend: Any = None) -> Any:  # noqa: ARG001  # of a device that is not there
    """``default``: LAPACK, on the CPU."""
    return "default"


preferred_blas_library = preferred_linalg_library
