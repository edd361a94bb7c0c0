// LAPACK over batches of matrices, through the OpenBLAS that blas.hpp opens. Every matrix lies column by column, a matrix of
// m rows and n columns in m * n elements, and the next of the batch follows. `type` is F32 or F64. Each call returns false
// when the library lacks the routine; what LAPACK says of each matrix goes to `info`, an int32 a matrix.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// P L U: L below the diagonal, U on and above it; pivots count from 1.
bool lu_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, int32_t* pivots, int32_t* info);
// b = inverse of op(P L U) times b, for `columns` columns.
bool lu_solve(DType type, bool trans, int64_t batch, int64_t n, int64_t columns, void* lu, int32_t* pivots, void* b);
bool cholesky(DType type, bool upper, int64_t batch, int64_t n, void* a, int32_t* info);
// b = inverse of op(a) times b, or b times it; b is m by n.
bool triangular_solve(DType type, bool left, bool upper, bool trans, bool unit, int64_t batch, int64_t m, int64_t n,
                      const void* a, void* b);
// R on and above the diagonal, the reflectors below it, min(m, n) factors in tau.
bool qr_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, void* tau);
// The first n columns of the product of k reflectors, in place of them; a is m by n.
bool reflectors_to_q(DType type, int64_t batch, int64_t m, int64_t n, int64_t k, void* a, void* tau);
// Eigenvalues in rising order; the vectors, if asked for, in place of a.
bool symmetric_eigen(DType type, bool vectors, bool upper, int64_t batch, int64_t n, void* a, void* values, int32_t* info);
// job: 'N' values only, 'S' thin, 'A' full. a is destroyed.
bool singular_values(DType type, char job, int64_t batch, int64_t m, int64_t n, void* a, void* s, void* u, void* vt,
                     int32_t* info);
// Least squares. driver: 'l' gels, 'y' gelsy, 'd' gelsd, 's' gelss. b has max(m, n) rows; s min(m, n) numbers or null.
bool least_squares(DType type, char driver, int64_t batch, int64_t m, int64_t n, int64_t columns, void* a, void* b,
                   double rcond, void* s, int64_t* rank, int32_t* info);
// L D L^T of the lower triangle, by Bunch and Kaufman; and its solution.
bool symmetric_factor(DType type, int64_t batch, int64_t n, void* a, int32_t* pivots, int32_t* info);
bool symmetric_solve(DType type, int64_t batch, int64_t n, int64_t columns, void* ld, int32_t* pivots, void* b);

// The order of the rows after the exchanges that k pivots, counted from 1, say one after another: n numbers a batch.
void pivots_to_order(int64_t batch, int64_t n, int64_t k, const int32_t* pivots, int64_t* order);

}  // namespace dg
