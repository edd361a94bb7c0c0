# cython: wraparound=True
"""Linear systems, inverses, determinants and least squares; value and derivative of each op.

The factorisations are in `factor`, the calls of LAPACK in `lapack`; the public functions and their cards in
composite/linear_systems.py. Source of the derivatives: Giles, Collected matrix derivative results (2008), 2.2 and 2.3.
"""
import cython

from dynagrad._core.card import CARDS
from dynagrad._core.shown import flag
from dynagrad._core.ops.factor import pinv_gradient

from libc.stdint cimport int64_t

from dynagrad._core.graph cimport (
    Node, attach_many, begin1, begin2, grad_enabled, needs, reserve_saved, save, save_result, settle, unpack, wants_grad)
from dynagrad._core.ops.factor cimport same_batch
from dynagrad._core.ops.lapack cimport (
    batch_of, check_matrices, lstsq_values, lu_solve_values, lu_values, new_columns, raise_at, triangular_values)
from dynagrad._core.tensor cimport TensorBase, shape_tuple
from dynagrad._core.types cimport F32


cdef object saved_of(Node node, int i):
    """A saved tensor as a Python object, whose shape is a tuple."""
    return unpack(node, i)


cdef Node _begun(type node_class, TensorBase A, TensorBase B, int saved):
    cdef Node node
    if not (wants_grad(A) or (B is not None and wants_grad(B))):
        return None
    node = node_class.__new__(node_class)
    if B is None:
        begin1(node, A)
    else:
        begin2(node, A, B)
    reserve_saved(node, saved)
    return node


cdef object _outer(object gB, object X, bint vector):
    """The gradient of A where A X = B: -gB X^T"""
    return -(gB.unsqueeze(-1) * X.unsqueeze(-2)) if vector else -(gB @ X.mT)


# ---- solve -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgSolveExBackward0(Node):
    _saves = ("A", "result", "LU", "pivots")
    _keeps = ("left", "")                               # and whether B is a batch of vectors

    cdef object vjp_many(self, list gradients):
        """A X = B: gB = A^-T g, gA = -gB X^T"""
        g = gradients[0]
        if g is None:
            return None, None
        left, vector = self.params
        A, X = saved_of(self, 0), saved_of(self, 1)
        if grad_enabled() or vector and not left:
            gB, _ = solve_ex(A.mT, g, left, False, "linalg.solve", vector)
        else:
            columns = g.unsqueeze(-1) if vector else g if left else g.mT
            columns = lu_solve(saved_of(self, 2), saved_of(self, 3), columns, True, True)
            gB = columns.squeeze(-1) if vector else columns if left else columns.mT
        gA = None
        if needs(self, 0):
            gA = _outer(gB, X, vector) if left or vector else -(X.mT @ gB)
        return gA, gB


cdef tuple _solved(TensorBase A, TensorBase B, bint left):
    """(X, L and U in one, pivots, info), values alone."""
    if not left:
        X, LU, pivots, info = _solved(A.mT, B.mT, True)
        return X.mT, LU, pivots, info
    wide_A, wide_B = same_batch(A, B)
    factors = lu_values(A.detach())
    LU, pivots = factors[:2]
    if batch_of(LU) != batch_of(wide_A):
        LU = (<object>LU).expand(shape_tuple(wide_A))
        pivots = (<object>pivots).expand(batch_of(wide_A) + shape_tuple(pivots)[-1:])
    return lu_solve_values(LU, pivots, wide_B, False), *factors


def solve_ex(TensorBase A not None, TensorBase B not None, bint left, bint check_errors, str name, bint vector):
    """(X, info) with A X = B or X A = B; with ``vector`` B is a batch of vectors."""
    cdef Node node = _begun(LinalgSolveExBackward0, A, B, 4)
    cdef TensorBase X, LU, pivots, info
    values = B.detach()
    X, LU, pivots, info = _solved(A.detach(), (<object>values).unsqueeze(-1) if vector else values, left)
    if check_errors:
        raise_at(info, name, "The solver failed because the input matrix is singular.")
    if vector:
        X = (<object>X).squeeze(-1)
    if node is None:
        settle(None, X, A, B, None, False)
        return X, info
    attach_many(node, [X, info])
    node.params = (left, vector)
    save(node, 0, A)
    save_result(node, 1, X, 0)
    save(node, 2, LU)
    save(node, 3, pivots)
    return X, info


@cython.final
cdef class LinalgInvExBackward0(Node):
    _saves = ("inverse",)

    cdef object vjp_many(self, list gradients):         # d(A^-1) = -A^-1 dA A^-1
        g = gradients[0]
        if g is None:
            return (None,)
        X = saved_of(self, 0).mT
        return (-(X @ g @ X),)


def inv_ex(TensorBase A not None, bint check_errors, str name):
    """(inverse, info)"""
    cdef Node node
    cdef TensorBase X, info, identity
    check_matrices(A, name, True)
    node = _begun(LinalgInvExBackward0, A, None, 1)
    identity = new_columns(A.dtype, batch_of(A), A.shape[A.ndim - 1], A.shape[A.ndim - 1])
    (<object>identity).zero_().diagonal(0, -2, -1).fill_(1)
    LU, pivots, info = lu_values(A)
    if check_errors:
        raise_at(info, name, "The diagonal element {} is zero, the inversion could not be completed because the input "
                             "matrix is singular.")
    X = lu_solve_values(LU, pivots, identity, False)
    if node is None:
        settle(None, X, A, None, None, False)
        return X, info
    attach_many(node, [X, info])
    save_result(node, 0, X, 0)
    return X, info


@cython.final
cdef class LinalgLuSolveBackward0(Node):
    _saves = ("LU", "pivots", "result")
    _keeps = ("left", "adjoint")

    cdef object vjp(self, TensorBase g):
        """Through L and U as two triangular systems; P^T L U X = B and its like."""
        from dynagrad._core.ops.factor import permutation_matrix, solve_triangular

        left, adjoint = self.params
        LU, pivots, X = saved_of(self, 0), saved_of(self, 1), saved_of(self, 2)
        n = LU.shape[-1]
        gB = lu_solve(LU, pivots, g, left, not adjoint)
        if not needs(self, 0):
            return None, gB
        if not left:
            X, gB_columns, adjoint = X.mT, gB.mT, not adjoint
        else:
            gB_columns = gB
        P = permutation_matrix(pivots, n, LU)
        low, high = LU.tril(-1), LU.triu()
        ones = low.new_zeros(tuple(low.shape))
        ones.diagonal(0, -2, -1).fill_(1)
        L = low + ones
        # of the matrix A = P L U: gA, hence gL and gU
        gA = -(gB_columns @ X.mT)
        if adjoint:
            gA = gA.mT
        gL, gU = P.mT @ gA @ high.mT, L.mT @ (P.mT @ gA)
        return gL.tril(-1) + gU.triu(), gB


def lu_solve(TensorBase LU not None, TensorBase pivots not None, TensorBase B not None, bint left=True, bint adjoint=False):
    """X with op(P L U) X = B, or X op(P L U) = B."""
    cdef Node node = _begun(LinalgLuSolveBackward0, LU, B, 3)
    cdef TensorBase X
    values = B.detach()
    wide_LU, wide_B = same_batch(LU, values if left else (<object>values).mT)
    places = (<object>pivots).expand(batch_of(wide_LU) + shape_tuple(pivots)[-1:])
    X = lu_solve_values(wide_LU, places, wide_B, adjoint if left else not adjoint)
    if not left:
        X = (<object>X).mT
    settle(node, X, LU, B, None, False)
    if node is not None:
        node.params = (left, adjoint)
        save(node, 0, LU)
        save(node, 1, pivots)
        save_result(node, 2, X)
    return X


# ---- with a Cholesky factor ------------------------------------------------------------------------------------------

cdef object _factor_gradient(object L, object symmetric, bint upper):
    """The gradient of L where A = L L^T, or L^T L, gets the symmetric one."""
    return -(L @ symmetric) if upper else -(symmetric @ L)


@cython.final
cdef class CholeskySolveBackward0(Node):
    _saves = ("input2", "result", "self")
    _shows = {"upper": flag}

    cdef object vjp(self, TensorBase g):
        L, X = saved_of(self, 0), saved_of(self, 1)
        gB = cholesky_solve(g, L, self.whole)
        both = gB @ X.mT
        return gB, _factor_gradient(L, both + both.mT, self.whole) if needs(self, 1) else None


def cholesky_solve(TensorBase B not None, TensorBase L not None, bint upper):
    """X with L L^T X = B."""
    cdef Node node = _begun(CholeskySolveBackward0, B, L, 3)
    cdef TensorBase X
    wide_L, wide_B = same_batch(L, B)
    lower = wide_L.mT if upper else wide_L
    X = triangular_values(lower.mT, triangular_values(lower, wide_B, False, True, False), True, True, False)
    settle(node, X, B, L, None, False)
    if node is not None:
        node.whole = upper
        save(node, 0, L)
        save_result(node, 1, X)
        save(node, 2, B)
    return X


@cython.final
cdef class CholeskyInverseBackward0(Node):
    _saves = ("self", "result")
    _shows = {"upper": flag}

    cdef object vjp(self, TensorBase g):
        X = saved_of(self, 1)
        return (_factor_gradient(saved_of(self, 0), X @ (g + g.mT) @ X, self.whole),)


def cholesky_inverse(TensorBase L not None, bint upper):
    """The inverse of L L^T."""
    cdef Node node = _begun(CholeskyInverseBackward0, L, None, 2)
    cdef TensorBase X
    identity = L.new_zeros(shape_tuple(L))
    identity.diagonal(0, -2, -1).fill_(1)
    X = cholesky_solve(identity, L.detach(), upper)
    settle(node, X, L, None, None, False)
    if node is not None:
        node.whole = upper
        save(node, 0, L)
        save_result(node, 1, X)
    return X


# ---- determinants ----------------------------------------------------------------------------------------------------

cdef object _scaled_inverse(Node node, int first, object scale):
    """scale A^-T, from the saved factors where no graph is made, and from A where one is."""
    A = saved_of(node, first)
    sides = scale.unsqueeze(-1).expand(A.shape[:-1]).diag_embed()
    if grad_enabled():
        return solve_ex(A.mT, sides, True, False, "linalg.solve", False)[0]
    LU, pivots = saved_of(node, first + 1), saved_of(node, first + 2)
    diagonal = LU.diagonal(0, -2, -1)
    tiny = 1.1920928955078125e-07 if A.dtype.itemsize == 4 else 2.220446049250313e-16
    LU = LU + (diagonal == 0).to(LU.dtype).mul(tiny).diag_embed()
    return lu_solve(LU, pivots, sides, True, True)


@cython.final
cdef class LinalgDetBackward0(Node):                    # d det A = det A tr(A^-1 dA)
    _saves = ("A", "LU", "pivots", "result")

    cdef object vjp(self, TensorBase g):
        return (_scaled_inverse(self, 0, g * saved_of(self, 3)),)


@cython.final
cdef class LinalgSlogdetBackward0(Node):                # d ln |det A| = tr(A^-1 dA)
    _saves = ("A", "LU", "pivots", "sign")

    cdef object vjp_many(self, list gradients):
        g = gradients[1]
        return (None if g is None else _scaled_inverse(self, 0, g),)


cdef tuple _factored(TensorBase A):
    """(L and U in one, pivots, the sign of the permutation)"""
    LU, pivots, _ = lu_values(A)
    order = CARDS["arange"].op(1, A.shape[A.ndim - 1] + 1)
    exchanged = ((<object>pivots) != order).sum(-1)
    return LU, pivots, (1 - 2 * (exchanged % 2)).to((<object>A).dtype)


def det(TensorBase A not None):
    """The determinants of square matrices."""
    cdef Node node
    cdef TensorBase result
    check_matrices(A, "linalg.det", True)
    node = _begun(LinalgDetBackward0, A, None, 4)
    LU, pivots, sign = _factored(A)
    result = sign * LU.diagonal(0, -2, -1).prod(-1)
    if node is not None:
        _save_factors(node, A, LU, pivots)
    settle(node, result, A, None, None, False)
    if node is not None:
        save_result(node, 3, result)
    return result


cdef int _save_factors(Node node, TensorBase A, TensorBase LU, TensorBase pivots) except -1:
    save(node, 0, A)
    save(node, 1, LU)
    return save(node, 2, pivots)


def slogdet(TensorBase A not None):
    """(signs, logarithms of the magnitudes) of the determinants."""
    cdef Node node
    cdef TensorBase sign, logarithm
    check_matrices(A, "linalg.slogdet", True)
    node = _begun(LinalgSlogdetBackward0, A, None, 4)
    LU, pivots, parity = _factored(A)
    diagonal = LU.diagonal(0, -2, -1)
    sign = parity * diagonal.sgn().prod(-1)
    logarithm = diagonal.abs().log().sum(-1)
    if node is None:
        settle(None, logarithm, A, None, None, False)
        return sign, logarithm
    _save_factors(node, A, LU, pivots)
    attach_many(node, [sign, logarithm])
    save_result(node, 3, sign, 0)
    return sign, logarithm


# ---- least squares ---------------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgLstsqBackward0(Node):
    _saves = ("self", "b", "solution")

    cdef object vjp_many(self, list gradients):
        """X = pinv(A) B: gB = pinv(A)^T g, and A gets the gradient of the pseudoinverse for g B^T."""
        g, g_residuals = gradients[0], gradients[1]
        A, B = saved_of(self, 0), saved_of(self, 1)
        P = CARDS["linalg_pinv"].op(A)
        gA = gB = None
        if g is not None:
            gB = P.mT @ g
            gA = pinv_gradient(A, P, g @ B.mT)
        if g_residuals is not None and g_residuals.numel():
            # the residuals are |A X - B|^2, to which X contributes nothing: it is where they are least
            off = 2 * (A @ (P @ B) - B) * g_residuals.unsqueeze(-2)
            of_A = off @ (P @ B).mT
            gA, gB = of_A if gA is None else gA + of_A, -off if gB is None else gB - off
        return gA, gB


def lstsq(TensorBase A not None, TensorBase B not None, double rcond, str driver):
    """(X, residuals, ranks, singular values) of equal batches, with X the nearest to a solution of A X = B."""
    cdef Node node = _begun(LinalgLstsqBackward0, A, B, 3)
    cdef TensorBase X, residuals
    m, n = shape_tuple(A)[-2:]
    wide_A, wide_B = same_batch(A, B)
    values, ranks, S, info = lstsq_values(wide_A, wide_B, rcond, driver)
    raise_at(info, "torch.linalg.lstsq", "The least squares solution could not be computed because the input matrix does not "
                                         "have full rank (error code: {}).")
    X = values.narrow(-2, 0, n)
    full_rank = driver == "gels" or bool((ranks == n).all())
    if m > n and full_rank and driver != "gelsy":
        residuals = values.narrow(-2, n, m - n).square().sum(-2)
    else:
        residuals = values.new_empty((0,))
    if driver not in ("gelsd", "gelss"):
        S = values.new_empty((0,))
    if node is None:
        settle(None, X, A, B, None, False)
        return X, residuals, ranks, S
    attach_many(node, [X, residuals])
    save(node, 0, A)
    save(node, 1, B)
    save_result(node, 2, X, 0)
    return X, residuals, ranks, S
