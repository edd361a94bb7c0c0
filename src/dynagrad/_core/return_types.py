"""The named tuples that ops with several results return: ``max``, ``sort``, ``topk`` and their like."""

from __future__ import annotations

from operator import itemgetter
from typing import Any


class Results(tuple[Any, ...]):
    """A tuple whose items also have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        items = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{items})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self).__name__, tuple(self))


def _rebuild(name: str, items: tuple[Any, ...]) -> Results:
    made: Results = globals()[name](items)
    return made


def _results(name: str, *fields: str) -> type[Results]:
    items = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
    return type(name, (Results,), {"__slots__": (), "_fields": fields, "__module__": __name__, **items})


max = _results("max", "values", "indices")
min = _results("min", "values", "indices")
aminmax = _results("aminmax", "min", "max")
sort = _results("sort", "values", "indices")
topk = _results("topk", "values", "indices")
median = _results("median", "values", "indices")
nanmedian = _results("nanmedian", "values", "indices")
kthvalue = _results("kthvalue", "values", "indices")
mode = _results("mode", "values", "indices")
cummax = _results("cummax", "values", "indices")
cummin = _results("cummin", "values", "indices")

# ---- linear algebra ----
linalg_cholesky_ex = _results("linalg_cholesky_ex", "L", "info")
linalg_lu = _results("linalg_lu", "P", "L", "U")
lu_unpack = _results("lu_unpack", "P", "L", "U")
linalg_lu_factor = _results("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _results("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_ldl_factor = _results("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex = _results("linalg_ldl_factor_ex", "LD", "pivots", "info")
linalg_qr = _results("linalg_qr", "Q", "R")
qr = _results("qr", "Q", "R")
geqrf = _results("geqrf", "a", "tau")
linalg_eigh = _results("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_svd = _results("linalg_svd", "U", "S", "Vh")
svd = _results("svd", "U", "S", "V")
linalg_slogdet = _results("linalg_slogdet", "sign", "logabsdet")
slogdet = _results("slogdet", "sign", "logabsdet")
linalg_inv_ex = _results("linalg_inv_ex", "inverse", "info")
linalg_solve_ex = _results("linalg_solve_ex", "result", "info")
linalg_lstsq = _results("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
triangular_solve = _results("triangular_solve", "solution", "cloned_coefficient")
histogram = _results("histogram", "hist", "bin_edges")
histogramdd = _results("histogramdd", "hist", "bin_edges")
frexp = _results("frexp", "mantissa", "exponent")
