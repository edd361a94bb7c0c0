"""Windows, ranges, symbols, settings and the attributes of tensors of other kinds beside PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

WINDOWS: list[tuple[str, tuple[Any, ...]]] = [
    (name, args)
    for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
    for args in ((0,), (1,), (2,), (7,), (8, False), (1, False), (9, True))
]
WINDOWS += [
    ("hamming_window", (6, True, 0.5)),
    ("hamming_window", (6, False, 0.5, 0.3)),
    ("kaiser_window", (6, True, 3.0)),
]


def same(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.requires_grad is theirs.requires_grad
    np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "args"), WINDOWS)
def test_windows_are_pytorchs(name: str, args: tuple[Any, ...], dtype: str | None) -> None:
    found = []
    for lib in (dg, torch):
        options = {} if dtype is None else {"dtype": getattr(lib, dtype), "requires_grad": True}
        found.append(getattr(lib, name)(*args, **options))
    coarse = 2e-2 if dtype in ("float16", "bfloat16") else 1e-5  # PyTorch works in the narrow dtype
    same(*found, rtol=coarse, atol=coarse if dtype in ("float16", "bfloat16") else 1e-6)


RANGES: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1, 4), {}), ((0, 1, 0.3), {}), ((0, 1, 0.25), {"dtype": "float64"}), ((3, 0, -1), {"dtype": "int64"}), ((3, 3), {}),
    ((1, 2), {"requires_grad": True}), ((0.5, 4.5, 2), {"dtype": "float16"}), ((0, 2), {"step": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("args", "kwargs"), RANGES)
def test_ranges_are_pytorchs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    found = []
    for lib in (dg, torch):
        options = {key: getattr(lib, value) if key == "dtype" else value for key, value in kwargs.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(lib.range(*args, **options))
    same(*found)


def test_norms_and_reflectors_by_their_old_names() -> None:
    found = []
    for lib in (dg, torch):
        matrix = lib.arange(1.0, 13.0, dtype=lib.float64).reshape(4, 3) % 5
        a, tau = lib.geqrf(matrix)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frobenius = [lib.frobenius_norm(matrix, *args) for args in (((0, 1),), (1, True), ([],))]
            nuclear = [lib.nuclear_norm(matrix, *args) for args in ((), (True,), ((0, 1),))]
        found.append([*frobenius, *nuclear, lib.orgqr(a, tau), a.orgqr(tau)])
    for ours, theirs in zip(*found, strict=True):
        same(ours, theirs, 1e-9, 1e-12)


def x(lib: Any) -> Any:
    return lib.ones(2, 3)


def set_to(a: Any) -> list[bool]:
    return [a.is_set_to(a), a.is_set_to(a.view(3, 2)), a.is_set_to(a.clone()), a.is_set_to(a[:])]


SAYINGS: dict[str, Any] = {
    "real": lambda lib: x(lib).real.tolist(), "is_shared": lambda lib: x(lib).is_shared(),
    "dims": lambda lib: (x(lib).sparse_dim(), x(lib).dense_dim()), "to_dense": lambda lib: x(lib).to_dense().tolist(),
    "dim_order": lambda lib: (x(lib).dim_order(), x(lib).t().dim_order(), lib.ones(2, 1, 3).dim_order(), lib.ones(1).expand(3, 3).dim_order()),
    "is_set_to": lambda lib: set_to(x(lib)),
    "flags": lambda lib: [getattr(x(lib), name) for name in ("is_ipu", "is_maia", "is_mkldnn", "is_mtia", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu")],
    "map2_": lambda lib: x(lib).map2_(x(lib) * 2, lib.ones(3), lambda a, b, c: a + b * c).tolist(),
    "hardshrink": lambda lib: (x(lib) * 0.3).hardshrink().tolist(), "prelu": lambda lib: (-x(lib)).prelu(lib.ones(3) / 2).tolist(),
    "module_load": lambda lib: x(lib).module_load(lib.zeros(2, 3)).tolist(), "is_distributed": lambda lib: lib.is_distributed(x(lib)),
    "is_signed": lambda lib: [lib.is_signed(x(lib)), lib.is_signed(x(lib).bool()), lib.is_signed(x(lib).to(lib.uint8))],
    "asked": lambda lib: (lib.is_conj(x(lib)), lib.is_neg(x(lib)), lib.get_device(x(lib)), lib.is_storage(3), lib.is_storage(x(lib).untyped_storage())),
    "settings": lambda lib: (lib.init_num_threads(), lib.set_anomaly_enabled(False), lib.is_vulkan_available(), lib.has_lapack),
    "symbols": lambda lib: (lib.sym_float(3), lib.sym_int(3.7), lib.sym_max(3, 2.0), lib.sym_min(1.0, 2), lib.sym_not(True), lib.sym_ite(True, 1, 2), lib.sym_sqrt(4), lib.sym_sum([1, 2]), isinstance(3, lib.SymInt)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAYINGS))
def test_what_is_said_is_what_pytorch_says(name: str) -> None:
    ours, theirs = (SAYINGS[name](lib) for lib in (dg, torch))
    assert ours == theirs


REFUSALS: dict[str, Any] = {
    "window": lambda lib: lib.hann_window(-1), "window dtype": lambda lib: lib.hann_window(3, dtype=lib.int64),
    "kaiser": lambda lib: lib.kaiser_window(-2), "range step": lambda lib: lib.range(1, 2, 0), "range sign": lambda lib: lib.range(1, 2, -1),
    "range inf": lambda lib: lib.range(0, float("inf")), "eig": lambda lib: lib.eig(x(lib)), "symeig": lambda lib: x(lib).symeig(),
    "solve": lambda lib: x(lib).solve(x(lib)), "matrix_rank": lambda lib: lib.matrix_rank(x(lib)), "lstsq": lambda lib: x(lib).lstsq(x(lib)),
    "imag": lambda lib: lib.imag(x(lib)), "imag of": lambda lib: x(lib).imag, "reinforce": lambda lib: x(lib).reinforce(1),
    "coalesce": lambda lib: x(lib).coalesce(), "values": lambda lib: x(lib).values(), "crow": lambda lib: x(lib).crow_indices(),
    "ccol": lambda lib: x(lib).ccol_indices(), "frobenius": lambda lib: lib.frobenius_norm(lib.ones(1, 1, 1), (0, 1, 2)),
    "is_signed": lambda lib: lib.is_signed(3),
    "anomaly": lambda lib: lib.set_anomaly_enabled(1), "cuda": lambda lib: x(lib).cuda(), "dim_order": lambda lib: lib.ones(2, 1, 3).dim_order(ambiguity_check=True),
    "map2_": lambda lib: x(lib).requires_grad_().map2_(x(lib), x(lib), lambda a, _b, _c: a),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refusals_are_pytorchs(name: str) -> None:
    refusals = []
    for lib in (dg, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises((RuntimeError, TypeError, AssertionError)) as refusal:
                REFUSALS[name](lib)
        refusals.append(refusal)
    assert refusals[0].type is refusals[1].type
    sentence = str(refusals[1].value).splitlines()[0].partition("TensorOptions")[0].split(". L, _")[0]
    beginning = sentence.partition(" rather than")[0] if name == "eig" else sentence.partition(". `torch.linalg.s")[0]
    assert beginning.partition(" `torch.linalg.eig` ")[0] in str(refusals[0].value)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda lib: lib.range(0, 1), "torch.range is deprecated and will be removed"),
        (lambda lib: x(lib).resize(3, 2), "non-inplace resize is deprecated"),
        (lambda lib: x(lib).resize_as(lib.ones(6)), "non-inplace resize_as is deprecated"),
        (lambda lib: x(lib).volatile, r"volatile was removed \(Variable.volatile is always False\)"),
    ],
)
def test_warnings_are_pytorchs(call: Any, text: str) -> None:
    for lib in (dg, torch):
        if lib is torch and "range" in text:
            continue  # which PyTorch gives once in a process
        with pytest.warns(UserWarning, match=text):
            call(lib)
