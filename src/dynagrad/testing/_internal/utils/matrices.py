"""Random matrices with properties: symmetric, definite, of a rank, with known singular values.

They take PyTorch's arguments and draw PyTorch's numbers, as far as both compute a decomposition alike: the signs of
singular vectors are a library's own. Tensors here are real, so that hermitian matrices are the symmetric ones.
"""

from __future__ import annotations

import math
from typing import Any

import dynagrad as torch
from dynagrad.testing._creation import make_tensor

_TINY = 1e-5  # added to a diagonal, it turns semi-definite into definite


def _normal(*shape: int, dtype: torch.dtype | None = None, device: Any = "cpu", **_: Any) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64 if dtype is None else dtype, device=device)


def _square(*shape: int, dtype: torch.dtype, device: Any) -> torch.Tensor:
    if shape[-1] != shape[-2]:
        raise AssertionError(f"expected square matrix, got shape[-1]={shape[-1]} != shape[-2]={shape[-2]}")
    return make_tensor(shape, dtype=dtype, device=device)


def _eye_like(matrix: torch.Tensor) -> torch.Tensor:
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def _with_singular_values(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The singular vectors of a matrix, with other values between them."""
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    return (u * values.unsqueeze(-2)) @ vh


def random_symmetric_matrix(l: int, *batches: int, **kwargs: Any) -> torch.Tensor:
    """``(*batches, l, l)`` of normal numbers, symmetric; float64 unless a ``dtype`` is given.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_symmetric_matrix
    >>> a = random_symmetric_matrix(3, 2)
    >>> a.shape, torch.equal(a, a.mT)
    (torch.Size([2, 3, 3]), True)
    """
    drawn = _normal(*batches, l, l, **kwargs)
    return (drawn + drawn.mT).div_(2)


def random_symmetric_psd_matrix(l: int, *batches: int, **kwargs: Any) -> torch.Tensor:
    """``(*batches, l, l)``, symmetric and without negative eigenvalues.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_symmetric_psd_matrix
    >>> (torch.linalg.eigvalsh(random_symmetric_psd_matrix(3)) > -1e-12).all()
    tensor(True)
    """
    drawn = _normal(*batches, l, l, **kwargs)
    return drawn @ drawn.mT


def random_symmetric_pd_matrix(matrix_size: int, *batch_dims: int, **kwargs: Any) -> torch.Tensor:
    """``(*batch_dims, matrix_size, matrix_size)``, symmetric and with positive eigenvalues.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_symmetric_pd_matrix
    >>> (torch.linalg.eigvalsh(random_symmetric_pd_matrix(3, 2)) > 0).all()
    tensor(True)
    """
    made = random_symmetric_psd_matrix(matrix_size, *batch_dims, **kwargs)
    return made + _eye_like(made) * _TINY


random_hermitian_matrix = random_symmetric_matrix
random_hermitian_psd_matrix = random_symmetric_psd_matrix


def random_hermitian_pd_matrix(matrix_size: int, *batch_dims: int, **kwargs: Any) -> torch.Tensor:
    """``(*batch_dims, matrix_size, matrix_size)``, symmetric, with eigenvalues of at least 1.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_hermitian_pd_matrix
    >>> a = random_hermitian_pd_matrix(3, dtype=torch.float64, device="cpu")
    >>> (torch.linalg.eigvalsh(a) > 1 - 1e-12).all()
    tensor(True)
    """
    made = random_symmetric_psd_matrix(matrix_size, *batch_dims, **kwargs)
    return made + _eye_like(made)


def make_symmetric_matrices(*shape: int, device: Any, dtype: torch.dtype) -> torch.Tensor:
    """Symmetric matrices of a shape, whose last two sizes are equal, with the numbers of ``make_tensor``.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import make_symmetric_matrices
    >>> a = make_symmetric_matrices(2, 3, 3, device="cpu", dtype=torch.float32)
    >>> torch.equal(a, a.mT)
    True
    """
    drawn = _square(*shape, dtype=dtype, device=device)
    return (drawn + drawn.mT).div_(2)


def make_symmetric_pd_matrices(*shape: int, device: Any, dtype: torch.dtype) -> torch.Tensor:
    """Symmetric matrices with positive eigenvalues, with the numbers of ``make_tensor``.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import make_symmetric_pd_matrices
    >>> a = make_symmetric_pd_matrices(3, 3, device="cpu", dtype=torch.float64)
    >>> (torch.linalg.eigvalsh(a) > 0).all()
    tensor(True)
    """
    drawn = _square(*shape, dtype=dtype, device=device)
    return drawn @ drawn.mT + _eye_like(drawn) * _TINY


def make_fullrank_matrices_with_distinct_singular_values(
    *shape: int, device: Any, dtype: torch.dtype, requires_grad: bool = False
) -> torch.Tensor:
    """Matrices whose singular values are apart, and within 2/3 and 3/2: 1 ± 1/2, 1 ∓ 1/3, ....

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import make_fullrank_matrices_with_distinct_singular_values as make
    >>> torch.linalg.svdvals(make(3, 2, device="cpu", dtype=torch.float64))
    tensor([1.5000, 0.6667], dtype=torch.float64)
    """
    with torch.no_grad():
        drawn = make_tensor(shape, dtype=dtype, device=device)
        step = torch.arange(2, min(shape[-2:]) + 2, dtype=dtype, device=device)
        step[1::2] *= -1
        made = _with_singular_values(drawn, step.reciprocal() + 1)
    return made.requires_grad_(requires_grad)


def random_well_conditioned_matrix(
    *shape: int, dtype: torch.dtype, device: Any, mean: float = 1.0, sigma: float = 0.001
) -> torch.Tensor:
    """Matrices whose singular values are normal numbers with a mean and a deviation.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_well_conditioned_matrix
    >>> a = random_well_conditioned_matrix(3, 4, dtype=torch.float64, device="cpu")
    >>> ((torch.linalg.svdvals(a) - 1).abs() < 0.01).all()
    tensor(True)
    """
    drawn = torch.rand(shape, dtype=dtype, device=device)
    values = _normal(*shape[:-2], min(shape[-2:]), dtype=dtype, device=device) * sigma + mean
    return _with_singular_values(drawn, values.sort(-1, descending=True).values)


def random_square_matrix_of_rank(
    l: int, rank: int, dtype: torch.dtype = torch.float64, device: Any = "cpu"
) -> torch.Tensor:
    """``(l, l)`` of a rank.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_square_matrix_of_rank
    >>> torch.linalg.matrix_rank(random_square_matrix_of_rank(4, 2))
    tensor(2)
    """
    if rank > l:
        raise AssertionError(f"rank must be <= l, got rank={rank}, l={l}")
    u, values, vh = torch.linalg.svd(_normal(l, l, dtype=dtype, device=device), full_matrices=False)
    values[:rank].masked_fill_(values[:rank] == 0, 1)
    values[rank:] = 0
    return (u * values.unsqueeze(-2)) @ vh


def random_matrix(rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> torch.Tensor:
    """``(*batch_dims, rows, columns)`` with singular values evenly spaced up to 1.

    Args:
        dtype, device: float64 on the CPU unless given.
        singular: whether the last of these values is 0, and of three or more the first, too.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_matrix
    >>> torch.linalg.svdvals(random_matrix(3, 3))
    tensor([1.0000, 0.6250, 0.2500], dtype=torch.float64)
    """
    drawn = _normal(*batch_dims, rows, columns, **kwargs)
    if not drawn.numel():
        return drawn
    count = min(rows, columns)
    values = torch.linspace(1 / (count + 1), 1, count, dtype=drawn.dtype, device=drawn.device)
    if kwargs.get("singular", False):
        values[-1] = 0
        if count > 2:
            values[0] = 0
    return _with_singular_values(drawn, values)


def random_matrix_with_scaled_reduction_dim(rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> torch.Tensor:
    """``(*batch_dims, rows, columns)`` of normal numbers, divided by √ of the size of ``reduction_dim``, -1 or -2.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_matrix_with_scaled_reduction_dim
    >>> random_matrix_with_scaled_reduction_dim(2, 3, requires_grad=True).requires_grad
    True
    """
    shape = (*batch_dims, rows, columns)
    made = _normal(*shape, **kwargs) / math.sqrt(shape[kwargs.get("reduction_dim", -1)])
    return made.requires_grad_(kwargs.get("requires_grad", False))


def random_lowrank_matrix(rank: int, rows: int, columns: int, *batch_dims: int, **kwargs: Any) -> torch.Tensor:
    """``(*batch_dims, rows, columns)`` of a rank.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import random_lowrank_matrix
    >>> torch.linalg.matrix_rank(random_lowrank_matrix(2, 5, 4))
    tensor(2)
    """
    left = random_matrix(rows, rank, *batch_dims, **kwargs)
    return left @ random_matrix(rank, columns, *batch_dims, **kwargs)
