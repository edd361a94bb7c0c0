// OpenBLAS, found at run time: the copy that NumPy's wheels carry, or one of its kind. Integers are 64 bits wide.
#pragma once
#include <cstdint>

namespace dg {

using BlasInt = int64_t;
enum { blas_row_major = 101, blas_no_trans = 111, blas_trans = 112 };

template <class T>
struct Blas {
    void (*gemm)(int order, int trans_a, int trans_b, BlasInt m, BlasInt n, BlasInt k, T alpha, const T* a, BlasInt lda,
                 const T* b, BlasInt ldb, T beta, T* c, BlasInt ldc);
    void (*gemv)(int order, int trans, BlasInt m, BlasInt n, T alpha, const T* a, BlasInt lda, const T* x, BlasInt incx,
                 T beta, T* y, BlasInt incy);
    T (*dot)(BlasInt n, const T* x, BlasInt incx, const T* y, BlasInt incy);
};

// Opens the library at `path`. False when it cannot be opened or lacks a symbol; then our own loops go on serving every
// product. A later call after a success changes nothing. Call it with the GIL held.
bool blas_load(const char* path);
bool blas_loaded();

// A BLAS or LAPACK routine by its Fortran name ("sgetrf_"), null when absent.
void* blas_symbol(const char* name);

// The routines, null before blas_load. OpenBLAS is told num_threads() first where that differs from what it uses: the
// setting is then NumPy's too, as the library is.
template <class T>
const Blas<T>* blas();

}  // namespace dg
