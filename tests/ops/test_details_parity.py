"""Single calls beside PyTorch's: results of every kind, and refusals by their type and first sentence.

What all ops have in common is compared in `test_parity`; here is what only some calls show.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

NAMES = """
    x = torch.tensor([[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]]); v = torch.tensor([1.5, 2.5, 0.0])
    t = torch.tensor([0.0, 1e-200, 0.7], dtype=torch.float64, requires_grad=True)
    n = torch.arange(6).reshape(2, 3); b = torch.tensor([True, False, True]); d = x.double()
    i32 = lambda *size: torch.zeros(size, dtype=torch.int32); f64 = lambda *size: torch.zeros(size, dtype=torch.float64)
    f32 = lambda *size: torch.zeros(size); i64 = lambda *size: torch.zeros(size, dtype=torch.int64)
    bools = lambda *size: torch.zeros(size, dtype=torch.bool); u8 = lambda *size: torch.zeros(size, dtype=torch.uint8)
"""

# Refused with PyTorch's type of error: a position is not known where a dimension is read, overloads are not listed, and
# two overflows are one check here.
IN_OTHER_WORDS = """
    x.topk(1, True) | x.sum(True) | x.transpose(True, 0) | x.cumsum(True) | x.max(True) | torch.softmax(x, True)
    x.sum(1.0) | x.flip(True) | x.sort(True) | x.select(True, 0) | x.argmax((0, 1)) | x.median((0, 1)) | x.transpose(0, True)
    x.addmm(2, 3, 4, x) | x.addmm(x, x, x, x) | x.addmm(2, x[:, :2], x, beta=2)
    torch.empty(()).resize_([2, 4, 2**29, 2**29]) | torch.empty((), dtype=torch.float64).resize_([2, 4, 2**29, 2**29])
    torch.empty([8, 8, 2**29, 2**29]) | torch.empty([8, 8, 2**29, 2**29, 0])
    torch.ones(1).expand(8, 8, 2**29, 2**29) | torch.ones(1).as_strided([8, 8, 2**29, 2**29], [0] * 4)
"""

OUT = """
    torch.sum(v, 0, out=i32()) | torch.sum(v, 0, out=f64()) | torch.sum(n, 1, out=f32(2)) | torch.sum(v, 0, out=f32(), dtype=torch.float64)
    torch.prod(v, 0, out=i32()) | torch.prod(n, 1, out=f32(2)) | torch.prod(v, 0, out=f32(), dtype=torch.float64)
    torch.nansum(v, 0, out=f64()) | torch.nansum(n, 1, out=i32(2)) | torch.nansum(v, 0, out=f32(), dtype=torch.float64)
    torch.cumsum(v, 0, out=i32(3)) | torch.cumsum(v, 0, out=f64(3)) | torch.cumsum(v, 0, out=f32(3), dtype=torch.float64)
    torch.cumprod(v, 0, out=i32(3)) | torch.cumprod(n, 1, out=f32(2, 3)) | torch.cumprod(v, 0, out=f32(3), dtype=torch.float64)
    torch.all(x, dim=0, out=f32(3)) | torch.any(x, dim=0, out=i32(3)) | torch.all(x, out=i32())
    torch.all(x, dim=0, out=bools(3)) | torch.any(n, dim=0, out=u8(3)) | torch.any(n.to(torch.uint8), dim=0, out=bools(3))
    torch.amax(x, 0, out=f64(3)) | torch.amin(x, 0, out=i32(3)) | torch.amax(x, 0, out=f32(3))
    torch.argmax(x, 0, out=i32(3)) | torch.argmin(x, 0, out=f32(3)) | torch.argmax(x, 0, out=i64(3))
    torch.max(x, 0, out=(i32(3), i64(3))) | torch.max(x, 0, out=(f32(3), f32(3))) | torch.min(x, 0, out=(f32(3), i32(3)))
    torch.min(x, 0, out=(f32(3), i64(3))) | torch.aminmax(x, dim=0, out=(f32(3), f64(3)))
    torch.quantile(x, 0.5, out=f64()) | torch.nanquantile(d, 0.5, out=f32()) | torch.quantile(x, 0.5, out=f32())
    torch.nonzero(n, out=f32(5, 2)) | torch.nonzero(n, as_tuple=True, out=i64(5, 2)) | torch.nonzero(n, as_tuple=False, out=i64(5, 2))
    torch.zeros(2, dtype=torch.int64, out=f32(2)) | torch.arange(3, out=f32(3))
"""

DIMENSIONS = """
    x.amax(dim=None) | x.amin(dim=None, keepdim=True) | torch.amax(x, None)
    torch.take_along_dim(x, n.clamp(max=1), dim=-3) | torch.take_along_dim(x, n.clamp(max=1), dim=2)
    torch.take_along_dim(x, n.int(), 0) | torch.take_along_dim(x, n.clamp(max=1), 0)
    x.flip() | torch.flip(x, []) | x.flip(()) | x.flip(0, 1) | x.flip(0, 0)
    x.narrow(0, torch.tensor(0.0), 1) | x.narrow(0, torch.tensor([0]), 1) | x.narrow(0, torch.tensor(True), 1)
    x.narrow(0, torch.tensor(1), 1) | x.narrow(1, torch.tensor(-1, dtype=torch.int32), 1)
    torch.tensor_split(v, torch.tensor(1.1)) | torch.tensor_split(v, torch.tensor([[1]])) | torch.tensor_split(v, torch.tensor([1, 2]))
    torch.tensor_split(v, torch.tensor(2)) | torch.tensor_split(v, torch.tensor([1], dtype=torch.int32))
    f32(360).resize_as_(f32(4, 3, 2, 5, 3).contiguous(memory_format=torch.channels_last_3d), memory_format=torch.preserve_format).stride()
    f32(36).resize_as_(f32(2, 3, 2, 3).contiguous(memory_format=torch.channels_last), memory_format=torch.preserve_format).stride()
    torch.unique(x, dim=5) | torch.block_diag(x[None]) | x[None].H | torch.where(x, 1, 0) | x.take(v) | torch.renorm(x, 0, 0, 1)
    v.fliplr() | torch.tensor(1).flipud()
"""

COUNTS = """
    torch.bincount(v) | torch.bincount(b) | torch.bincount(torch.tensor([-1])) | torch.bincount(n) | torch.bincount(n[1])
    torch.bincount(torch.tensor([], dtype=torch.float32)) | torch.bincount(torch.tensor([], dtype=torch.int64))
    torch.histc(v, 4, 0, inf) | torch.histc(torch.tensor([1.0, inf]), 4) | torch.histc(v, 4, 2, 1) | torch.histc(v, 0) | torch.histc(v, 5)
    torch.histogramdd(f32(3, 0), []) | torch.histogramdd(f32(0, 2), [2, 3]) | torch.histogramdd(x.T, [2, 3])
    n.masked_fill(n > 9, 0).index_put((n > 2,), torch.tensor([1.0, 2])) | n.clone().index_put_((n > 2,), torch.tensor([7, 8, 9]))
"""

NORMS = """
    torch.linalg.vector_norm(v, dtype=torch.int32) | torch.linalg.vector_norm(d, dtype=torch.float32)
    torch.linalg.vector_norm(v.bfloat16(), dtype=torch.float16) | torch.linalg.vector_norm(v, dtype=torch.float64)
    torch.linalg.vector_norm(n) | torch.linalg.vector_norm(n, dtype=torch.float32) | torch.linalg.norm(v, dtype=torch.int32)
    torch.linalg.norm(d, dtype=torch.float32) | torch.norm(v, dtype=torch.int32) | torch.norm(n) | torch.norm(v, dtype=torch.float64)
    torch.linalg.matrix_norm(d, dtype=torch.float32) | torch.linalg.matrix_norm(x, dtype=torch.int32) | torch.linalg.matrix_norm(n)
    torch.linalg.matrix_norm(x, 2, dtype=torch.int64) | torch.linalg.matrix_norm(x, 1, dtype=torch.float64)
    x.long().mean() | torch.dot(v, n[0])
"""

PRODUCTS = """
    torch.addr(n[:, :2], n[0, :2], n[0, :2], beta=2.0) | torch.addr(n[:, :2], n[0, :2], n[0, :2], alpha=1.0)
    torch.addr(n[:, :2], n[0, :2], n[0, :2], beta=True) | torch.addr(x[:, :2], v[:2], v[:2], alpha=False)
    torch.addr(x[:, :2] > 0, b[:2], b[1:], beta=False) | torch.addr(n[:, :2], n[0, :2], n[0, :2], out=f32(2, 2))
    torch.addmm(2, x, 3, x[:, :2], x) | torch.addmm(2, x, x[:, :2], x) | x.addmm(2, 3, x[:, :2], x) | x.clone().addmm_(2, x[:, :2], x)
    x.clone().addmm_(torch.tensor(2.0), 3, x[:, :2], x)
    torch.addmv(0.5, v[:2], x, v) | v[:2].addmv(2, 3, x, v) | v[:2].clone().addmv_(2, x, v) | torch.addr(2, x, 3, v[:2], v)
    x.addr(2, v[:2], v) | x.clone().addr_(2, 3, v[:2], v) | torch.baddbmm(2, x[None], 3, x[None, :, :2], x[None])
    x[None].baddbmm(2, x[None, :, :2], x[None]) | x[None].clone().baddbmm_(2, 3, x[None, :, :2], x[None])
    torch.addbmm(2, x, x[None, :, :2], x[None]) | x.addbmm(2, 3, x[None, :, :2], x[None]) | x.clone().addbmm_(2, x[None, :, :2], x[None])
    torch.linalg.cond(f32(2, 2), "nuc") | torch.linalg.cond(f32(3, 2, 2), "nuc") | torch.linalg.cond(torch.eye(2) * v[:2], "nuc")
    torch.linalg.svdvals(torch.full((2, 2), nan)) | torch.linalg.svd(torch.full((3, 2, 2), nan)) | torch.add(x1=x, x2=v) | torch.sub(v, x2=x)
"""

FUNCTIONS = """
    torch.ldexp(v.half(), n[0]) | torch.ldexp(v * 1e-30, torch.tensor([130])) | torch.ldexp(d * 1e-300, torch.tensor([1030]))
    torch.ldexp(n, n) | torch.ldexp(d, torch.tensor([-1070, 3, 60])) | torch.ldexp(v, x) | torch.ldexp(v.half(), torch.tensor([17]))
    torch.special.xlog1py(v.half(), n) | torch.special.xlog1py(2, d.abs() * 1e-10) | torch.special.xlog1py(d, 3) | torch.special.xlog1py(n, 0.1)
    torch.frexp(v, out=(f64(3), i32(3))) | torch.frexp(v, out=(f32(3), i64(3))) | torch.frexp(v.half(), out=(f32(3), i32(3)))
    torch.autograd.grad(torch.sinc(t).sum(), t)
    torch.i0(d * 4e307) | torch.special.i1(d * 4e307) | torch.special.i0e(d.abs() * 4e307) | torch.norm(x, "nuc", dtype=torch.float64)
    torch.i0(v / 0) | torch.special.i1(v / 0) | torch.special.i0e(v / 0) | torch.special.bessel_j0(v / 0) | torch.special.airy_ai(v / 0)
    torch.nn.functional.hardshrink(v.bfloat16() / 5, 0.3) | torch.nn.functional.hardshrink(v.half() / 5, 0.3)
    torch.nextafter(v.half(), x.half()) | torch.nextafter(v.bfloat16(), x.bfloat16()) | torch.nextafter(n, n) | torch.nextafter(v, x) - v
    torch.nextafter(torch.tensor([inf, -inf, 0, -0.0, nan, 65504, 1, 1, -1, 2**-14, 2**-24, -(2**-24)]).half(), torch.tensor([0, 0, 1, -1, 1, inf, 2, 0, 0, 0, 0, 0]).half())
    torch.nextafter(torch.tensor([inf, -inf, 0, -0.0, 3.3895e38, 1, 1, -1, 2**-126]).bfloat16(), torch.tensor([0, 0, 1, -1, inf, 2, 0, 0, 0]).bfloat16())
    torch.logaddexp2(f64(3), torch.tensor([-100.0, -60, 4], dtype=torch.float64)) * 1e30 | torch.logaddexp2(n, n) | torch.logaddexp2(v, x)
    torch.lcm(n.to(torch.int8), torch.tensor(127, dtype=torch.int8)) | torch.gcd(d, n) | torch.lcm(n, n + 4) | torch.gcd(v.half(), n)
    n.softmax(1) | n.softmax(0) | n.log_softmax(-1) | n.logcumsumexp(0) | v & n | v << n | torch.isclose(v, n)
    torch.gather(x, 1, n.clamp(max=2), out=f64(2, 3)) | torch.scatter(x, 1, n[:, :1].clamp(max=2), x, out=f64(2, 3))
    torch.sort(x, out=(f64(2, 3), i64(2, 3))) | torch.topk(x, 2, out=(f32(2, 2), i32(2, 2))) | torch.softmax(x, 1, out=f64(2, 3))
    torch.index_select(x, 1, n[0], out=f64(2, 3)) | torch.index_add(x, 1, n[0], x, out=f64(2, 3))
"""

NUMBERS = """
    torch.add(v, v, alpha=torch.tensor(2.0, requires_grad=True)) | torch.full((2,), torch.tensor(2.0, requires_grad=True))
    torch.add(v, v, alpha=torch.tensor(2.0)) | torch.full((2,), torch.tensor(2.0)) | torch.polygamma(1.5, v)
    torch.add(b, b, out=f32(3)) | torch.pow(2, torch.tensor(17, dtype=torch.uint8), out=i64()) | torch.eq(v, v, out=f32(3))
    torch.add(torch.tensor([200], dtype=torch.uint8), torch.tensor([100], dtype=torch.uint8), out=i64(1))
    torch.add(torch.tensor([2048.0]).half(), torch.tensor([1.0]).half(), out=f32(1))
    torch.exp(v.half(), out=f32(3)) | torch.exp(v, out=f64(3)) | torch.isnan(v, out=f32(3))
    torch.mode(x, 0, out=(i64(3), i64(3))) | torch.mode(x, 0, out=(f32(3), f32(3))) | torch.kthvalue(x, 1, 0, out=(f64(3), i64(3)))
    torch.kthvalue(x, 1, 0, out=(f32(3), f32(3))) | torch.cummax(v, 0, out=(f64(3), i64(3))) | torch.cummin(v, 0, out=(f32(3), i32(3)))
    torch.isclose(torch.tensor([0, -1, -128], dtype=torch.int8), torch.tensor([-128, 127, 0], dtype=torch.int8))
    torch.isclose(u8(1), u8(1) - 1) | torch.allclose(i64(1), i64(1) - 2**62) | torch.isclose(i64(1) + 2**40, i64(1) + 2**40 + 10**6)
    torch.trapezoid(f32(3, 2), f32(4)) | torch.cumulative_trapezoid(f32(3, 2), f32(3)) | torch.trapezoid(x, v)
    torch.nn.functional.hardshrink(n) | torch.nn.functional.gelu(n) | torch.nn.functional.mish(n) | torch.floor(b) | torch.ceil(b)
"""

HISTOGRAMS = """
    torch.histogram(n, 1) | torch.histogram(v, d[0]) | torch.histogram(v, 1, weight=d[0]) | torch.histogram(v, 1, out=(f64(1), f32(2)))
    torch.histogram(x, x) | torch.histogram(v, f32(0)) | torch.histogram(v, -1) | torch.histogram(v, 2, weight=f32(1))
    torch.histogram(v, 2, range=(1, 0)) | torch.histogram(v * nan, 2) | torch.histogram(v, 2, range=(0.0, inf)) | torch.histogram(v, 2, range=(0.0,))
    torch.histogramdd(x, [1, 2]) | torch.histogramdd(n, [1, 2, 3]) | torch.histogramdd(f32(3, 0), 1, density=True) | torch.histogramdd(f32(), 2)
    torch.histogramdd(x, [1, 2, 2], range=[0.0, 1.0]) | torch.histogramdd(x, 2, weight=f32(3)) | torch.histogram(v, 2, weight=v, density=True)
    torch.histc(n, 2) | torch.quantile(v, torch.tensor([0.5, 1.1])) | torch.quantile(v, 1.1) | torch.quantile(v, torch.tensor(-1.0))
    torch.searchsorted(n[0], 2, sorter=v) | torch.searchsorted(n[0], 2, sorter=n[1]) | torch.searchsorted(n[0], 2, sorter=n[0, :2])
    torch.bucketize(v, x) | torch.searchsorted(n[1], 4, sorter=n[0])
"""

MATRICES = """
    torch.linalg.solve(x[:, :2], v) | torch.linalg.solve(x[:, :2], f32(4, 2)) | torch.linalg.solve(x[:, :2], x, left=False)
    torch.linalg.solve(d[:, :2], v[:2]) | torch.linalg.solve(x[:, :2], v[:2]) | torch.linalg.solve_triangular(x[:, :2], v[:2], upper=True)
    torch.linalg.matrix_power(x, 2) | torch.matrix_power(x[:, :2], 1.5) | torch.linalg.tensorinv(torch.eye(4), ind=0)
    torch.linalg.vander(v[:1]) | torch.linalg.vander(v[0]) | torch.linalg.vander(n[0], N=2) | torch.linalg.norm(x[None], 2, dim=(0, 1, 2))
    torch.linalg.cond(x[:, :2], 3) | torch.linalg.cond(x, 1) | torch.linalg.cond(x, "fro") | torch.linalg.cond(f32(0, 0)) | torch.linalg.cond(f32(2, 0, 0), 2)
    torch.linalg.matrix_norm(v) | torch.linalg.matrix_norm(x, 1, (0, 2)) | torch.tensordot(x[:, :2], x[:, :2], dims=([0, 0], [0, 1]))
    torch.tensordot(x, x, dims=([5], [0])) | torch.tensordot(x, x, dims=([-1], [1])) | torch.renorm(x, 2, 5, 1.0)
    torch.addbmm(x, f32(2, 2, 3), f32(3, 3, 3)) | torch.baddbmm(x, f32(2, 2, 3), f32(3, 3, 3))
    torch.linalg.lu_solve(*torch.linalg.lu_factor(x[:, :2]), v[:2]) | torch.segment_reduce(v, "sum", lengths=n[0], axis=3)
"""

MASKED = """
    torch.masked.sum(x, []) | torch.masked.prod(x, dim=[]) | torch.masked.prod(x, dim=()) | torch.masked.amax(x, dim=2)
    torch.masked.amax(x, dim=-3) | torch.masked.mean(x, dim=(0, 0)) | torch.masked.var(x, dim=5) | torch.masked.norm(x, 2, 5)
    torch.masked.amin(x, 1, mask=b, dtype=torch.int32) | torch.masked.amax(n, 0, mask=~b & b, dtype=torch.float64)
    torch.masked.amax(b, 0, mask=b) | torch.masked.amax(b, 0) | torch.masked.argmin(b, mask=b) | torch.masked.logsumexp(n, 0, mask=~b)
    torch.masked.mean(n) | torch.masked.mean(x, dtype=torch.int32) | torch.masked.mean(n, 1, mask=b, dtype=torch.float32)
    torch.masked.median(n, 1, mask=b) | torch.masked.median(n, 1, mask=b & ~b) | torch.masked.median(x, 1, dtype=torch.float64)
    torch.masked.median(x, 1, keepdim=True, mask=b) | torch.masked.var(n, 1, mask=b) | torch.masked.std(x, 1, mask=b, dtype=torch.int32)
    torch.masked.var(x, 1, False, mask=b) | torch.masked.var(x, 1, correction=2) | torch.masked.std(x, 1, correction=0, mask=b)
    torch.masked.softmax(x, 1, mask=b) | torch.masked.softmax(n, 1, mask=b, dtype=torch.float64) | torch.masked.softmax(n, 1, mask=b)
    torch.masked.softmin(n, 1, mask=b, dtype=torch.float32) | torch.masked.log_softmax(n, 1, mask=b, dtype=torch.float32)
    torch.masked.cumsum(n, 1, mask=b) | torch.masked.cumprod(x, -1, mask=b, dtype=torch.float64) | torch.masked.cumsum(x, 7)
    torch.masked.norm(x, -inf, 1, mask=b) | torch.masked.norm(x, -1, 1, mask=b) | torch.masked.norm(n, 2, 1, dtype=torch.float32)
    torch.masked.normalize(x, 2, 1, mask=b) | torch.masked.logaddexp(x, -x, input_mask=b, dtype=torch.float64)
    torch.masked.sum(v, 0, mask=torch.ones(2, 3)) | torch.masked.sum(b, 0, mask=b) | torch.masked.prod(n.int(), 1, mask=b)
"""


def calls(text: str) -> list[str]:
    return [call.strip() for line in text.splitlines() if line.strip() for call in line.split(" | ")]


def outcome(lib: Any, call: str) -> Any:
    names: dict[str, Any] = {"torch": lib, "inf": math.inf, "nan": math.nan}
    exec("\n".join(line.strip() for line in NAMES.splitlines()), names)  # noqa: S102  # the text is this file's
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return eval(call, names)  # noqa: S307
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            return error


def compare(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, dynagrad.Tensor), ours
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-5, atol=1e-6)
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            compare(mine, other)
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    "call", calls(OUT + DIMENSIONS + COUNTS + NORMS + PRODUCTS + FUNCTIONS + NUMBERS + HISTOGRAMS + MATRICES + MASKED)
)
def test_a_call_is_answered_or_refused_alike(call: str) -> None:
    ours, theirs = outcome(dynagrad, call), outcome(torch, call)
    if not isinstance(theirs, Exception):
        assert not isinstance(ours, Exception), repr(ours)
        compare(ours, theirs)
        return
    assert type(ours).__name__.lstrip("_") == type(theirs).__name__.lstrip("_"), (
        f"{ours!r} where PyTorch raises {theirs!r}"
    )
    assert str(theirs).split("\n")[0] in str(ours)


@pytest.mark.parametrize("call", calls(IN_OTHER_WORDS))
def test_a_call_is_refused_with_the_same_type(call: str) -> None:
    ours, theirs = outcome(dynagrad, call), outcome(torch, call)
    assert type(ours) is type(theirs)
    assert isinstance(ours, Exception)
