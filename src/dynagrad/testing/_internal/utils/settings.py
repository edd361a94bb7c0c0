"""What a suite asks before it runs: where it is, what is installed, what its environment demands."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar

import dynagrad as torch


class TestEnvironment:
    """Flags and settings that come from environment variables, and which of them a failing run would need again.

    >>> from dynagrad.testing._internal.utils.settings import TestEnvironment
    >>> TestEnvironment.def_flag("RARELY", env_var="A_VARIABLE_THAT_NOBODY_SETS")
    False
    """

    __test__ = False
    repro_env_vars: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def def_flag(
        name: str,  # noqa: ARG004  # PyTorch's signature; the caller binds the name
        env_var: str | None = None,
        default: bool = False,
        include_in_repro: bool = True,
        enabled_fn: Callable[[str | None, bool], bool] | None = None,
        implied_by_fn: Callable[[], bool] = bool,
    ) -> bool:
        """Whether a flag is on.

        Args:
            env_var: the variable that says so: "1" turns it on, "0" off.
            default: what it is without the variable.
            include_in_repro: whether a deviation belongs in the command that repeats a failure.
            enabled_fn: reads the variable in another way, given its text and the default.
            implied_by_fn: whether something else turns it on where the variable is not set.
        """
        text = os.environ.get(env_var) if env_var else None
        if enabled_fn is not None:
            on = enabled_fn(text, default) if env_var else default
        else:
            on = (text != "0") if default else (text == "1")
        implied = text is None and implied_by_fn()
        on = on or implied
        if include_in_repro and env_var and on != default and not implied:
            TestEnvironment.repro_env_vars[env_var] = text
        return on

    @staticmethod
    def def_setting(
        name: str,  # noqa: ARG004  # likewise
        env_var: str | None = None,
        default: Any = None,
        include_in_repro: bool = True,
        parse_fn: Callable[[Any], Any] = lambda text: text,
    ) -> Any:
        """What ``parse_fn`` makes of a variable's text, or of the default, or of None for a variable that is not set."""
        value = parse_fn(os.environ.get(env_var) if env_var else default)
        if include_in_repro and env_var and value != default:
            TestEnvironment.repro_env_vars[env_var] = value
        return value

    @staticmethod
    def repro_env_var_prefix() -> str:
        """The variables, as they stand before a command."""
        return " ".join(f"{name}={value}" for name, value in TestEnvironment.repro_env_vars.items())


def check_module_exists(name: str) -> bool:
    """Whether a module could be imported.

    >>> from dynagrad.testing._internal.utils.settings import check_module_exists
    >>> check_module_exists("json"), check_module_exists("no.such.module")
    (True, False)
    """
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


_flag = TestEnvironment.def_flag

SEED = 1234
FILE_SCHEMA = "file:///" if sys.platform == "win32" else "file://"
IS_FILESYSTEM_UTF8_ENCODING = sys.getfilesystemencoding() == "utf-8"

# ---- where it runs ---------------------------------------------------------------------------------------------------
IS_LINUX = sys.platform == "linux"
IS_WINDOWS = sys.platform == "win32"
IS_MACOS = sys.platform == "darwin"
IS_PPC = platform.machine() == "ppc64le"
IS_X86 = platform.machine() in ("x86_64", "i386")
IS_ARM64 = platform.machine() in ("arm64", "aarch64", "ARM64")
IS_S390X = platform.machine() == "s390x"
IS_JETSON = False
MACOS_VERSION = float(".".join(platform.mac_ver()[0].split(".")[:2]) or -1)
IS_AVX512_VNNI_SUPPORTED = bool(torch.cpu.get_capabilities().get("avx512_vnni", False))
IS_CI = _flag("IS_CI", "CI", include_in_repro=False, enabled_fn=lambda text, _: bool(text))
IS_SANDCASTLE = _flag(
    "IS_SANDCASTLE",
    "SANDCASTLE",
    include_in_repro=False,
    implied_by_fn=lambda: os.environ.get("TW_JOB_USER") == "sandcastle",
)
IS_FBCODE = _flag("IS_FBCODE", "PYTORCH_TEST_FBCODE", include_in_repro=False)
IS_REMOTE_GPU = _flag("IS_REMOTE_GPU", "PYTORCH_TEST_REMOTE_GPU", include_in_repro=False)
IN_RE_WORKER = os.environ.get("INSIDE_RE_WORKER") is not None
DISABLE_RUNNING_SCRIPT_CHK = _flag(
    "DISABLE_RUNNING_SCRIPT_CHK", "PYTORCH_DISABLE_RUNNING_SCRIPT_CHK", include_in_repro=False
)
PRINT_REPRO_ON_FAILURE = _flag(
    "PRINT_REPRO_ON_FAILURE", "PYTORCH_PRINT_REPRO_ON_FAILURE", default=not IS_FBCODE, include_in_repro=False
)

# ---- what is installed -----------------------------------------------------------------------------------------------
TEST_NUMPY = check_module_exists("numpy")
TEST_SCIPY = check_module_exists("scipy")
TEST_NUMBA = check_module_exists("numba")
TEST_DILL = check_module_exists("dill")
TEST_FAIRSEQ = check_module_exists("fairseq")
TEST_TRANSFORMERS = check_module_exists("transformers")
TEST_LIBROSA = check_module_exists("librosa") and not IS_ARM64
TEST_OPT_EINSUM = check_module_exists("opt_einsum")
TEST_Z3 = check_module_exists("z3")

# ---- what the machine and the library have ---------------------------------------------------------------------------
TEST_MKL = torch.backends.mkl.is_available()
TEST_ONEDNN = torch.backends.mkldnn.is_available()
TEST_ACL = False
TEST_CUDA = torch.cuda.is_available()
TEST_MPS = torch.backends.mps.is_available()
TEST_XPU = torch.xpu.is_available()
TEST_HPU = False
TEST_ACCELERATOR = torch.accelerator.is_available()
TEST_MULTIACCELERATOR = torch.accelerator.device_count() > 1
ACCELERATOR_TYPE = None
TEST_PRIVATEUSE1 = False
TEST_CUDA_GRAPH = False
TEST_CUDA_CUDSS = False
TEST_CUDA_MEM_LEAK_CHECK = False
TEST_CUDA_PYTHON_BINDINGS = False
EXPANDABLE_SEGMENTS = False
NO_MULTIPROCESSING_SPAWN = False
NATIVE_DEVICES = ("cpu", "cuda", "xpu", "meta", "mps", "mtia", "privateuseone")
NOTEST_CPU = "cpu" in os.environ.get("PYTORCH_TESTING_DEVICE_EXCEPT_FOR", "").split(",")

# AMD's names of its GPUs.
MI200_ARCH, MI300_ARCH, MI350_ARCH = ("gfx90a",), ("gfx942",), ("gfx950",)
NAVI3_ARCH, NAVI4_ARCH = ("gfx1100", "gfx1101"), ("gfx1200", "gfx1201")
NAVI_ARCH = ("gfx1030", *NAVI3_ARCH, *NAVI4_ARCH)

# ---- what the run demands --------------------------------------------------------------------------------------------
TEST_WITH_SLOW = _flag("TEST_WITH_SLOW", "PYTORCH_TEST_WITH_SLOW")
TEST_SKIP_FAST = _flag("TEST_SKIP_FAST", "PYTORCH_TEST_SKIP_FAST")
TEST_WITH_ASAN = _flag("TEST_WITH_ASAN", "PYTORCH_TEST_WITH_ASAN")
TEST_WITH_DEV_DBG_ASAN = _flag("TEST_WITH_DEV_DBG_ASAN", "PYTORCH_TEST_WITH_DEV_DBG_ASAN")
TEST_WITH_TSAN = _flag("TEST_WITH_TSAN", "PYTORCH_TEST_WITH_TSAN")
TEST_WITH_UBSAN = _flag("TEST_WITH_UBSAN", "PYTORCH_TEST_WITH_UBSAN")
TEST_WITH_SLOW_GRADCHECK = _flag("TEST_WITH_SLOW_GRADCHECK", "PYTORCH_TEST_WITH_SLOW_GRADCHECK")
OPINFO_SAMPLE_INPUT_INDEX: int | None = TestEnvironment.def_setting(
    "OPINFO_SAMPLE_INPUT_INDEX",
    "PYTORCH_OPINFO_SAMPLE_INPUT_INDEX",
    include_in_repro=False,
    parse_fn=lambda text: None if text is None else int(text),
)
# There is no second compiler, device or tracer to run a suite with, whatever the environment says.
TEST_WITH_ROCM = False
TEST_WITH_MTIA = False
TEST_WITH_CROSSREF = False
TEST_WITH_TORCHDYNAMO = False
TEST_WITH_TORCHINDUCTOR = False
TEST_WITH_AOT_EAGER = False
TEST_WITHOUT_COMPILED_AUTOGRAD = False
TEST_WITH_TV = False
TEST_WITH_MIOPEN_SUGGEST_NHWC = False
