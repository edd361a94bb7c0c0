"""The names of ``torch.testing._internal.common_utils``, for suites written for PyTorch; ``utils`` holds what they mean.

Here are those of PyTorch 2.13's that mean something on a CPU without a compiler, and a few that it dropped since 1.13.
"""

from __future__ import annotations

from typing import Any

from dynagrad.testing import FileCheck, make_tensor
from dynagrad.testing._comparison import BooleanPair, NonePair, NumberPair, Pair, TensorLikePair, not_close_error_metas
from dynagrad.testing._internal.common_dtype import get_all_dtypes
from dynagrad.testing._internal.utils import options
from dynagrad.testing._internal.utils.case import TestCase, TestCaseBase
from dynagrad.testing._internal.utils.creation import do_test_dtypes, do_test_empty_full
from dynagrad.testing._internal.utils.disabled import (
    check_if_enable,
    maybe_load_json,
    print_repro_on_failure,
    remove_device_and_dtype_suffixes,
)
from dynagrad.testing._internal.utils.dtypes import (
    bytes_to_scalar,
    dtype2prec_DONTUSE,
    dtype_abbrs,
    dtype_name,
    has_corresponding_torch_dtype,
    numpy_to_torch,
    numpy_to_torch_dtype,
    torch_to_numpy,
)
from dynagrad.testing._internal.utils.gradients import (
    GRADCHECK_NONDET_TOL,
    _assertGradAndGradgradChecks,
    compare_equal_outs_and_grads,
    gradcheck,
    gradgradcheck,
    outs_and_grads,
)
from dynagrad.testing._internal.utils.guards import (
    AlwaysWarnTypedStorageRemoval,
    CudaSyncGuard,
    DeterministicGuard,
    TemporaryDirectoryName,
    TemporaryFileName,
    disable_gc,
    patch_test_members,
    recover_orig_fp32_precision,
    set_cwd,
    set_default_dtype,
    set_default_tensor_type,
    set_rng_seed,
    set_warn_always_context,
    skip_exception_type,
    suppress_warnings,
    wrapDeterministicFlagAPITest,
)
from dynagrad.testing._internal.utils.lazy import LazyVal, make_lazy_class
from dynagrad.testing._internal.utils.matrices import (
    make_fullrank_matrices_with_distinct_singular_values,
    make_symmetric_matrices,
    make_symmetric_pd_matrices,
    random_hermitian_matrix,
    random_hermitian_pd_matrix,
    random_hermitian_psd_matrix,
    random_lowrank_matrix,
    random_matrix,
    random_matrix_with_scaled_reduction_dim,
    random_square_matrix_of_rank,
    random_symmetric_matrix,
    random_symmetric_pd_matrix,
    random_symmetric_psd_matrix,
    random_well_conditioned_matrix,
)
from dynagrad.testing._internal.utils.pairs import (
    ObjectPair,
    RelaxedBooleanPair,
    RelaxedNumberPair,
    SetPair,
    StringPair,
    TensorOrArrayPair,
    TypedStoragePair,
    TypePair,
    UnittestPair,
)
from dynagrad.testing._internal.utils.parametrize import (
    _TestParametrizer,
    compose_parametrize_fns,
    decorateIf,
    instantiate_parametrized_tests,
    parametrize,
    reparametrize,
    subtest,
)
from dynagrad.testing._internal.utils.processes import (
    ADDRESS_IN_USE,
    CONNECT_TIMEOUT,
    download_file,
    find_free_port,
    retry,
    retry_on_connect_failures,
    run_concurrently,
    shell,
    wait_for_process,
)
from dynagrad.testing._internal.utils.run import (
    discover_test_cases_recursively,
    get_test_names,
    lint_test_case_extension,
    load_tests,
    parse_cmd_line_args,
    raise_on_run_directly,
    run_tests,
)
from dynagrad.testing._internal.utils.settings import *  # noqa: F403  # a list of names, all of them wanted
from dynagrad.testing._internal.utils.settings import check_module_exists as _check_module_exists
from dynagrad.testing._internal.utils.skips import *  # noqa: F403  # likewise
from dynagrad.testing._internal.utils.values import (
    BytesIOContext,
    NoTest,
    chunk_list,
    clone_input_helper,
    coalescedonoff,
    find_library_location,
    first_sample,
    get_function_arglist,
    get_tensors_from,
    is_iterable,
    is_iterable_of_tensors,
    iter_indices,
    mock_wrapper,
    noncontiguous_like,
)
from dynagrad.testing._utils import freeze_rng_state


def __getattr__(name: str) -> Any:
    """What only a program with NumPy has, and what the command line said last."""
    if name == "numpy_to_torch_dtype_dict":
        return dict(numpy_to_torch())
    if name == "torch_to_numpy_dtype_dict":
        return dict(torch_to_numpy())
    if (name.isupper() or name.endswith("_dict")) and name in vars(options):
        return getattr(options, name)
    raise AttributeError(f"dynagrad has no {__name__.replace('dynagrad', 'torch', 1)}.{name}")
