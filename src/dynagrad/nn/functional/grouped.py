"""grouped_mm: products of several matrices whose rows, columns or inner dimensions lie one behind another."""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import says_what_is_no_tensor

__all__ = ["grouped_mm"]


@says_what_is_no_tensor
def grouped_mm(
    mat_a: Tensor, mat_b: Tensor, *, offs: Tensor | None = None, bias: Tensor | None = None, out_dtype: Any = None
) -> Tensor:
    """The products of the groups of two matrices, as for the experts of a mixture.

    Args:
        mat_a, mat_b: ``[G, m, k]`` and ``[G, k, n]``, without ``offs``; or with them one of
            ``[M, k]`` and ``[G, k, n]``: groups of rows, which give ``[M, n]``;
            ``[G, m, k]`` and ``[k, N]``: groups of columns, which give ``[m, N]``;
            ``[m, K]`` and ``[K, n]``: groups of the inner dimension, which give ``[G, m, n]``.
        offs: int32 ``[G]``: where each group ends. What lies behind the last group gives zeros.
        bias: None; RuntimeError otherwise, as in PyTorch.
        out_dtype: that of ``mat_a``; RuntimeError for others.

    >>> import dynagrad as torch
    >>> rows, experts = torch.ones(3, 2), torch.tensor([[[1.0], [1.0]], [[2.0], [2.0]]])
    >>> torch.nn.functional.grouped_mm(rows, experts, offs=torch.tensor([1, 3], dtype=torch.int32)).flatten()
    tensor([2., 4., 4.])
    """
    _check(mat_a, mat_b, offs, bias, out_dtype)
    if offs is None:
        return dynagrad.bmm(mat_a, mat_b)
    ends = offs.tolist()
    parts = list(zip([0, *ends[:-1]], ends, strict=True))
    if mat_a.dim() == 2 and mat_b.dim() == 2:
        return dynagrad.stack([mat_a[:, start:end] @ mat_b[start:end] for start, end in parts])
    if mat_a.dim() == 2:
        made = [mat_a[start:end] @ mat_b[i] for i, (start, end) in enumerate(parts)]
        rest = mat_a.new_zeros((mat_a.shape[0] - ends[-1], mat_b.shape[-1]))
        return dynagrad.cat([*made, rest], 0)
    made = [mat_a[i] @ mat_b[:, start:end] for i, (start, end) in enumerate(parts)]
    rest = mat_a.new_zeros((mat_a.shape[1], mat_b.shape[-1] - ends[-1]))
    return dynagrad.cat([*made, rest], 1)


def _check(a: Tensor, b: Tensor, offs: Tensor | None, bias: Tensor | None, out_dtype: Any) -> None:
    for name, matrix in (("mat_a", a), ("mat_b", b)):
        if matrix.dtype not in (dynagrad.float32, dynagrad.bfloat16, dynagrad.float16):
            raise RuntimeError(f"Expected {name} to be Float32, BFloat16 or Float16 matrix, got {matrix.dtype}")
        if matrix.dim() not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d")
    _check_groups(a, b, offs)
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype not in (None, a.dtype):
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")


def _check_groups(a: Tensor, b: Tensor, offs: Tensor | None) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError("contraction dimension of mat_a and mat_b must match")
    if (offs is None) != (a.dim() == 3 and b.dim() == 3):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if offs is not None and (offs.dim() != 1 or offs.dtype is not dynagrad.int32):
        raise RuntimeError("Offsets have to be int32" if offs.dim() == 1 else "offs has to be 1D")
    groups = [each.shape[0] for each in (a, b) if each.dim() == 3] + ([] if offs is None else [offs.shape[0]])
    if len(set(groups)) > 1:
        raise RuntimeError(f"matrix batch sizes have to match: there are {groups} of them")
