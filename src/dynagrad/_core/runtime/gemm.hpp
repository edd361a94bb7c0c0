// Products of matrices, vectors and batches of matrices in float32, float64 and int64: by our own loops when small or
// integer, by OpenBLAS otherwise. All matrices are row-major; "ld" is the distance of two rows in elements.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// BLAS is loaded for the first product of this size (that takes some 20 to 60 ms); once it is there, it also serves the
// smaller ones that it does faster than our loops.
constexpr double load_threshold = 4096;
constexpr double blas_threshold = 512;

// Whether the caller should load BLAS before this product, if it is not there yet.
constexpr bool wants_blas(DType type, int64_t m, int64_t n, int64_t k) {
    return type != I64 && double(m) * double(n) * double(k) > load_threshold;
}

struct Gemm {
    DType type;               // F32, F64 or I64, of a, b and c
    bool trans_a, trans_b;    // a is [k, m] in memory, b is [n, k]
    int64_t m, n, k;
    double alpha, beta;       // c = alpha op(a) op(b) + beta c; with beta 0, c is not read
    int64_t lda, ldb, ldc;
};

void gemm(const Gemm& g, const void* a, const void* b, void* c);

// `batch` products; the strides are the distances of two matrices in elements, 0 where one is shared.
void gemm_batch(const Gemm& g, int64_t batch, const void* a, int64_t a_stride, const void* b, int64_t b_stride, void* c,
                int64_t c_stride);

// y = alpha op(a) x + beta y, a of shape [m, n] in memory. Steps are in elements and not 0.
void gemv(DType type, bool trans, int64_t m, int64_t n, double alpha, const void* a, int64_t lda, const void* x,
          int64_t x_step, double beta, void* y, int64_t y_step);

// out = sum of x[i] y[i]; out has the type of x and y. A step of 0 repeats an element.
void dot(DType type, int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out);

}  // namespace dg
