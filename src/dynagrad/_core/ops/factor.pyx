# cython: wraparound=True
"""Factorisations: Cholesky, LU, QR, of symmetric matrices and singular values; value and derivative of each op.

LAPACK computes them (`lapack`). What is made of them, such as `linalg.pinv` or `linalg.matrix_rank`, is in
composite/decompositions.py, with the cards of all. Sources of the derivatives: Murray, Differentiation of the Cholesky
decomposition (2016); Walter and Lehmann, Algorithmic differentiation of linear algebra functions (2010); Giles, Collected
matrix derivative results for forward and reverse mode algorithmic differentiation (2008).
"""
import cython

from dynagrad._core.card import CARDS
from dynagrad._core.shown import flag
from dynagrad._core.ops.lapack import LinAlgError

from libc.stdint cimport int32_t, int64_t

from dynagrad._core.graph cimport (
    Node, Output, attach_many, begin1, begin2, output_of, reserve_saved, save, save_result, settle, unpack, wants_grad)
from dynagrad._core.ops.lapack cimport (
    batch_of, check_matrices, cholesky_values, eigh_values, lu_values, new_plain, order_values, q_values, qr_values, raise_at,
    svd_values, triangular_values)
from dynagrad._core.tensor cimport TensorBase, shape_tuple


cdef object saved_of(Node node, int i):
    """A saved tensor as a Python object, whose shape is a tuple."""
    return unpack(node, i)


cdef Node _begun(type node_class, TensorBase A, int saved):
    """A node with an edge to A where one is wanted."""
    cdef Node node
    if not wants_grad(A):
        return None
    node = node_class.__new__(node_class)
    begin1(node, A)
    reserve_saved(node, saved)
    return node


cdef int _settled(Node node, TensorBase A, list results) except -1:
    if node is not None:
        attach_many(node, results)
        return 0
    for result in results:
        if result is not None:
            settle(None, result, A, None, None, False)
    return 0


cdef object _plus(object a, object b):
    """The sum of two gradients of which either may be None."""
    return b if a is None else a if b is None else a + b


cdef object _diagonal_halved(object X):
    return X - X.diagonal(0, -2, -1).diag_embed() * 0.5


cdef object _skew(object X):
    return X - X.mT


# ---- triangular systems ----------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgSolveTriangularBackward0(Node):
    _saves = ("self", "result")
    _keeps = ("upper", "left", "unitriangular")

    cdef object vjp(self, TensorBase g):
        """A X = B: gB = A^-T g, gA = -gB X^T, of which the triangle counts."""
        upper, left, unit = self.params
        A, X = saved_of(self, 0), saved_of(self, 1)
        gB = solve_triangular(A.mT, g, upper=not upper, left=left, unitriangular=unit)
        gA = -(gB @ X.mT) if left else -(X.mT @ gB)
        return (gA.triu(int(unit)) if upper else gA.tril(-int(unit))), gB


def solve_triangular(TensorBase A not None, TensorBase B not None, *, bint upper, bint left=True, bint unitriangular=False):
    """X with A X = B, or X A = B where ``left`` is False, for triangular A. The batches broadcast."""
    cdef Node node = None
    cdef TensorBase X
    if wants_grad(A) or wants_grad(B):
        node = LinalgSolveTriangularBackward0.__new__(LinalgSolveTriangularBackward0)
        _begin_both(node, A, B)
        node.params = (upper, left, unitriangular)
        save(node, 0, A)
    wide_A, wide_B = same_batch(A, B)
    X = triangular_values(wide_A, wide_B, upper, left, unitriangular)
    settle(node, X, A, B, None, False)
    if node is not None:
        save_result(node, 1, X)
    return X


cdef int _begin_both(Node node, TensorBase A, TensorBase B) except -1:
    begin2(node, A, B)
    return reserve_saved(node, 2)


cdef tuple same_batch(TensorBase A, TensorBase B):
    """Both with the batch to which their batches broadcast, without histories."""
    if batch_of(A) == batch_of(B):
        return A.detach(), B.detach()
    batch = tuple(CARDS["broadcast_shapes"].op(batch_of(A), batch_of(B)))
    return A.detach().expand(batch + shape_tuple(A)[-2:]), B.detach().expand(batch + shape_tuple(B)[-2:])


# ---- Cholesky --------------------------------------------------------------------------------------------------------

cdef class LinalgCholeskyExBackward0(Node):
    _saves = ("L",)
    _shows = {"upper": flag}

    cdef object vjp_many(self, list gradients):
        """gA = L^-T sym(L^T g) L^-1, where sym keeps the lower triangle, halves the diagonal and mirrors it (Murray, 3.3)."""
        L, g = saved_of(self, 0), gradients[0]
        if g is None:
            return (None,)
        if self.whole:
            L, g = L.mT, g.mT
        low = _diagonal_halved((L.mT @ g).tril())
        inner = (low + low.mT) * 0.5
        right = solve_triangular(L, inner, upper=False, left=False)
        return (solve_triangular(L.mT, right, upper=True),)


@cython.final
cdef class CholeskyBackward0(LinalgCholeskyExBackward0):        # of `cholesky`, the older name
    _saves = ("result",)


def cholesky_ex(TensorBase A not None, bint upper, bint check_errors, str name):
    """(L, info) with A = L L^T, or the transpose of L."""
    cdef Node node
    cdef TensorBase L, info
    check_matrices(A, name, True)
    node = _begun(CholeskyBackward0 if name == "cholesky" else LinalgCholeskyExBackward0, A, 1)
    L, info = cholesky_values(A, upper)
    if check_errors:
        raise_at(info, name, "The factorization could not be completed because the input is not positive-definite "
                             "(the leading minor of order {} is not positive-definite).")
    L.triu_() if upper else L.tril_()
    _settled(node, A, [L, info])
    if node is not None:
        node.whole = upper
        save_result(node, 0, L, 0)
    return L, info


# ---- LU --------------------------------------------------------------------------------------------------------------

def permutation_of(TensorBase pivots not None, int64_t n):
    """The order of the rows of P L U in L U, counted from 0."""
    return order_values(pivots, n)


def permutation_matrix(TensorBase pivots not None, int64_t n, TensorBase like not None):
    """P as a matrix of like's dtype."""
    order = permutation_of(pivots, n)
    P = like.new_zeros(shape_tuple(order) + (n,))
    return P.scatter_(-2, order.unsqueeze(-2), 1)


cdef object _lu_vjp(object P, object L, object U, object gL, object gU):
    """The gradient of A = P L U; P may be None for the identity. Square, wide and tall matrices differ."""
    m, n = L.shape[-2], U.shape[-1]
    k = min(m, n)
    L1, U1 = L.narrow(-2, 0, k), U.narrow(-1, 0, k)
    gL1 = None if gL is None else gL.narrow(-2, 0, k)
    gU1 = None if gU is None else gU.narrow(-1, 0, k)
    strict = None if gL is None else L1.mT @ gL1
    upper = None if gU is None else gU1 @ U1.mT
    if n > m and gU is not None:
        strict = _plus(strict, -(gU.narrow(-1, k, n - k) @ U.narrow(-1, k, n - k).mT))
    if m > n and gL is not None:
        upper = _plus(upper, -(L.narrow(-2, k, m - k).mT @ gL.narrow(-2, k, m - k)))
    inner = _plus(None if strict is None else strict.tril(-1), None if upper is None else upper.triu())
    inner = solve_triangular(U1.mT, inner, upper=False, left=False)
    gA = solve_triangular(L1.mT, inner, upper=True, unitriangular=True)
    if n > m:
        rest = gU.narrow(-1, k, n - k) if gU is not None else U.new_zeros(tuple(U.shape[:-1]) + (n - k,))
        gA = _joined(gA, solve_triangular(L1.mT, rest, upper=True, unitriangular=True), -1)
    elif m > n:
        rest = gL.narrow(-2, k, m - k) if gL is not None else L.new_zeros(tuple(L.shape[:-2]) + (m - k, n))
        gA = _joined(gA, solve_triangular(U1.mT, rest, upper=False, left=False), -2)
    return gA if P is None else P @ gA


cdef object _joined(object a, object b, int dim):
    return CARDS["cat"].op((a, b), dim)


cdef tuple _parts(object LU):
    """L with ones on the diagonal, and U."""
    m, n = LU.shape[-2], LU.shape[-1]
    k = min(m, n)
    L = LU.narrow(-1, 0, k).tril(-1)
    return L + _ones_on_diagonal(L), LU.narrow(-2, 0, k).triu()


cdef object _ones_on_diagonal(object L):
    ones = L.new_zeros(tuple(L.shape))
    ones.diagonal(0, -2, -1).fill_(1)
    return ones


@cython.final
cdef class LinalgLuFactorExBackward0(Node):
    _saves = ("LU", "pivots")
    _shows = {"pivot": flag}

    cdef object vjp_many(self, list gradients):
        g = gradients[0]
        if g is None:
            return (None,)
        LU, pivots = saved_of(self, 0), saved_of(self, 1)
        L, U = _parts(LU)
        k = U.shape[-2]
        P = permutation_matrix(pivots, L.shape[-2], LU) if self.whole else None
        return (_lu_vjp(P, L, U, g.narrow(-1, 0, k).tril(-1), g.narrow(-2, 0, k).triu()),)


def lu_factor_ex(TensorBase A not None, bint pivot, str name):
    """(L and U in one, pivots, info)"""
    cdef Node node
    cdef TensorBase LU, pivots, info
    check_matrices(A, name, False)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    node = _begun(LinalgLuFactorExBackward0, A, 2)
    LU, pivots, info = lu_values(A)
    _settled(node, A, [LU, pivots, info])
    if node is not None:
        node.whole = pivot
        save_result(node, 0, LU, 0)
        save(node, 1, pivots)
    return LU, pivots, info


@cython.final
cdef class LinalgLuBackward0(Node):
    _saves = ("P", "L", "U")
    _shows = {"pivot": flag}

    cdef object vjp_many(self, list gradients):
        gL, gU = gradients[1], gradients[2]
        if gL is None and gU is None:
            return (None,)
        L, U = saved_of(self, 1), saved_of(self, 2)
        return (_lu_vjp(saved_of(self, 0), L, U, None if gL is None else gL.tril(-1), None if gU is None else gU.triu()),)


def lu(TensorBase A not None, bint pivot):
    """(P, L, U) with A = P L U."""
    cdef Node node
    cdef TensorBase P, L, U
    check_matrices(A, "linalg.lu", False)
    if not pivot:
        raise RuntimeError("linalg.lu: LU without pivoting is not implemented on the CPU")
    node = _begun(LinalgLuBackward0, A, 3)
    values, pivots, _ = lu_values(A)
    L, U = _parts(values)
    P = permutation_matrix(pivots, L.shape[L.ndim - 2], values)
    if node is not None:
        node.whole = pivot
        save(node, 0, P)
    _settled(node, A, [P, L, U])
    if node is not None:
        P.grad_fn = None
        save_result(node, 1, L, 1)
        save_result(node, 2, U, 2)
    return P, L, U


# ---- QR --------------------------------------------------------------------------------------------------------------

cdef object _square_or_tall(object Q, object R, object gQ, object gR):
    """gA = (gQ + Q mirrored(triu(gR R^T - Q^T gQ))) R^-T, Walter and Lehmann, 3.2"""
    inner = _plus(None if gR is None else gR @ R.mT, None if gQ is None else -(Q.mT @ gQ)).triu()
    mirrored = inner + inner.mT - inner.diagonal(0, -2, -1).diag_embed()
    return solve_triangular(R.mT, _plus(gQ, Q @ mirrored), upper=False, left=False)


@cython.final
cdef class LinalgQrBackward0(Node):
    _saves = ("Q", "R")
    _keeps = ("mode",)

    cdef object vjp_many(self, list gradients):
        gQ, gR = gradients
        if gQ is None and gR is None:
            return (None,)
        if self.params[0] == "r":
            raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
                               "Please use linalg.qr(A, mode='reduced') if you are going to require grad")
        Q, R = saved_of(self, 0), saved_of(self, 1)
        m, n = Q.shape[-2], R.shape[-1]
        if self.params[0] == "complete" and m > n:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
        if m >= n:
            return (_square_or_tall(Q, R, gQ, gR),)
        # A = (A1 A2), A1 = Q R1 square, R2 = Q^T A2
        R1, R2 = R.narrow(-1, 0, m), R.narrow(-1, m, n - m)
        gR1 = None if gR is None else gR.narrow(-1, 0, m)
        gR2 = R2.new_zeros(tuple(R2.shape)) if gR is None else gR.narrow(-1, m, n - m)
        gQ = _plus(gQ, Q @ R2 @ gR2.mT)
        return (_joined(_square_or_tall(Q, R1, gQ, gR1), Q @ gR2, -1),)


def qr(TensorBase A not None, str mode, str name):
    """(Q, R) with A = Q R."""
    cdef Node node
    cdef TensorBase Q, R
    check_matrices(A, name, False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    m, n = shape_tuple(A)[-2:]
    k = min(m, n)
    node = _begun(LinalgQrBackward0, A, 2)
    values, tau = qr_values(A)
    rows = m if mode == "complete" else k
    R = values.narrow(-2, 0, rows).triu()
    Q = new_plain(A.dtype, (0,)) if mode == "r" else q_values(values, tau, rows)
    _settled(node, A, [Q, R])
    if node is not None:
        node.params = (mode,)
        save_result(node, 0, Q, 0)
        save_result(node, 1, R, 1)
    return Q, R


# ---- eigenvalues of symmetric matrices -------------------------------------------------------------------------------

@cython.final
cdef class LinalgEighBackward0(Node):
    _saves = ("eigenvalues", "eigenvectors")

    cdef object vjp_many(self, list gradients):
        """gA = V (diag(gL) + skew(V^T gV) / 2 E) V^T, E_ij = L_j - L_i off the diagonal (Giles, 3.1), a symmetric matrix"""
        gL, gV = gradients
        if gL is None and gV is None:
            return (None,)
        L, V = saved_of(self, 0), saved_of(self, 1)
        if gV is None:
            return ((V * gL.unsqueeze(-2)) @ V.mT,)
        gaps = L.unsqueeze(-2) - L.unsqueeze(-1) + _ones_on_diagonal(V)
        inner = _skew(V.mT @ gV) / (2 * gaps)
        if gL is not None:
            inner = inner + gL.diag_embed()
        return (V @ inner @ V.mT,)


def eigh(TensorBase A not None, str UPLO, bint vectors, str name):
    """(values in rising order, vectors) of symmetric A, of which one triangle is read."""
    cdef Node node
    cdef TensorBase L, V, info
    check_matrices(A, name, True)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    node = _begun(LinalgEighBackward0, A, 2)
    L, V, info = eigh_values(A, UPLO.upper() == "U", vectors or node is not None)
    raise_at(info, name, "The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                         "repeated eigenvalues (error code: {}).")
    _settled(node, A, [L, V])
    if node is not None:
        save_result(node, 0, L, 0)
        save_result(node, 1, V, 1)
    return L, V


# ---- singular values -------------------------------------------------------------------------------------------------

cdef object _svd_vjp(object U, object S, object Vh, object gU, object gS, object gVh):
    """U (skew(U^T gU) / E S + S skew(V^T gV) / E + diag(gS)) V^T, E_ij = S_j^2 - S_i^2, and what lies beyond U and V.

    Giles, 3.7; the terms beyond are those of J. Townsend, Differentiating the singular value decomposition (2016).
    """
    m, n, k = U.shape[-2], Vh.shape[-1], S.shape[-1]
    if gU is None and gVh is None:
        return (U * gS.unsqueeze(-2)) @ Vh
    rows, columns = S.unsqueeze(-1), S.unsqueeze(-2)
    gaps = (columns - rows) * (columns + rows)
    gaps = gaps + _ones_on_diagonal(gaps)
    inner = None if gU is None else _skew(U.mT @ gU) / gaps * S.unsqueeze(-2)
    if gVh is not None:
        inner = _plus(inner, S.unsqueeze(-1) * (_skew(Vh @ gVh.mT) / gaps))
    if gS is not None:
        inner = inner + gS.diag_embed()
    left = U @ inner
    if m > k and gU is not None:
        beyond = gU / S.unsqueeze(-2)
        left = left + (beyond - U @ (U.mT @ beyond))
    gA = left @ Vh
    if n > k and gVh is not None:
        beyond = gVh / S.unsqueeze(-1)
        gA = gA + U @ (beyond - (beyond @ Vh.mT) @ Vh)
    return gA


def _rank_of_svd(Node node):
    cdef Output* S = output_of(node, 1)
    return S.shape[S.ndim - 1]


@cython.final
cdef class LinalgSvdBackward0(Node):
    _saves = ("U", "S", "Vh")
    _shows = {"full_matrices": flag, "S_sym_argsize_minus_1": _rank_of_svd}

    cdef object vjp_many(self, list gradients):
        gU, gS, gVh = gradients
        if gU is None and gS is None and gVh is None:
            return (None,)
        U, S, Vh = saved_of(self, 0), saved_of(self, 1), saved_of(self, 2)
        k = S.shape[-1]
        if U.shape[-1] > k:
            U, gU = U.narrow(-1, 0, k), None if gU is None else gU.narrow(-1, 0, k)
        if Vh.shape[-2] > k:
            Vh, gVh = Vh.narrow(-2, 0, k), None if gVh is None else gVh.narrow(-2, 0, k)
        return (_svd_vjp(U, S, Vh, gU, gS, gVh),)


cdef int _refuse_not_finite(TensorBase info) except -1:
    """LAPACK calls the matrix, its fourth argument, illegal where it holds a NaN or an infinity."""
    cdef int64_t i
    for i in range(info.numel):
        if (<int32_t*>info.data)[i] == -4:
            where = f"(Batch element {i}): " if info.ndim else ""
            raise LinAlgError(f"linalg.svd: {where}The algorithm failed to converge because the input matrix contained "
                              "non-finite values.")
    return 0


def svd(TensorBase A not None, bint full_matrices, bint vectors, str name):
    """(U, S, Vh) with A = U diag(S) Vh and falling S. Without vectors U and Vh are None unless the derivative needs them."""
    cdef Node node
    cdef TensorBase U, S, Vh, info
    check_matrices(A, name, False)
    node = _begun(LinalgSvdBackward0, A, 3)
    U, S, Vh, info = svd_values(A, full_matrices and vectors, vectors or node is not None)
    _refuse_not_finite(info)
    raise_at(info, "linalg.svd", "The algorithm failed to converge because the input matrix is ill-conditioned or has too "
                                 "many repeated singular values (error code: {}).")
    _settled(node, A, [U, S, Vh])
    if node is not None:
        node.whole = full_matrices
        save_result(node, 0, U, 0)
        save_result(node, 1, S, 1)
        save_result(node, 2, Vh, 2)
    return U, S, Vh


# ---- the pseudoinverse -----------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgPinvBackward0(Node):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        A, P = saved_of(self, 0), saved_of(self, 1)
        return (pinv_vjp(A, P, g),)


cdef object pinv_vjp(object A, object P, object g):
    """d P = -P dA P + P P^T dA^T (1 - A P) + (1 - P A) dA^T P^T P

    Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems (1973).
    """
    gT, PT = g.mT, P.mT
    left = gT @ P @ PT
    right = PT @ P @ gT
    return (left - A @ (P @ left)) + (right - (right @ P) @ A) - PT @ g @ PT


def with_pinv_history(TensorBase A not None, TensorBase P not None):
    """Gives P, the pseudoinverse of A computed without a history, its derivative."""
    cdef Node node = _begun(LinalgPinvBackward0, A, 2)
    if node is not None:
        save(node, 0, A)
    settle(node, P, A, None, None, False)
    if node is not None:
        save_result(node, 1, P)
    return P


def pinv_gradient(A, P, g):
    """The gradient of a function of P = pinv(A) with respect to A, where g is that with respect to P."""
    return pinv_vjp(A, P, g)


def order_of_reflectors(TensorBase A not None, str name):
    """(R above the reflectors, tau), as LAPACK's geqrf gives them."""
    check_matrices(A, name, False, "input")
    return qr_values(A)
