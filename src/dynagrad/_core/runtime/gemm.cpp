#include "gemm.hpp"

#include <algorithm>

#include "../kernels/matmul.hpp"
#include "blas.hpp"
#include "threads.hpp"

namespace dg {
namespace {

// Above this size OpenBLAS uses its own threads; below it, a batch may be shared out among ours.
constexpr double blas_splits_above = 262144;
constexpr int64_t own_grain = 32768;   // multiply-adds worth a thread

template <class T>
MatmulArgs<T> arguments(const Gemm& g, const T* a, const T* b, T* c) {
    return {g.m, g.n, g.k, a, g.trans_a ? 1 : g.lda, g.trans_a ? g.lda : 1,
            b, g.trans_b ? 1 : g.ldb, g.trans_b ? g.ldb : 1, c, g.ldc, T(g.alpha), T(g.beta)};
}

// Our own loops, shared out by rows of c.
template <class T>
void own_gemm(const MatmulArgs<T>& whole) {
    const int64_t row_work = std::max<int64_t>(1, whole.n * whole.k);
    if (row_work * whole.m <= own_grain) return matmul(whole);
    const auto body = [](int64_t begin, int64_t end, void* context) {
        MatmulArgs<T> part = *static_cast<const MatmulArgs<T>*>(context);
        part.a += begin * part.a_row;
        part.c += begin * part.c_row;
        part.m = end - begin;
        matmul(part);
    };
    MatmulArgs<T> copy = whole;
    parallel_for(whole.m, std::max<int64_t>(1, own_grain / row_work), body, &copy);
}

template <class T>
bool blas_gemm(const Gemm& g, const T* a, const T* b, T* c) {
    const Blas<T>* lib = blas<T>();
    if (!lib) return false;
    const auto trans = [](bool t) { return t ? blas_trans : blas_no_trans; };
    lib->gemm(blas_row_major, trans(g.trans_a), trans(g.trans_b), g.m, g.n, g.k, T(g.alpha), a, g.lda, b, g.ldb,
              T(g.beta), c, g.ldc);
    return true;
}

template <class T>
void gemm_typed(const Gemm& g, const T* a, const T* b, T* c) {
    if constexpr (!std::is_same_v<T, int64_t>)
        if (double(g.m) * double(g.n) * double(g.k) >= blas_threshold && blas_gemm(g, a, b, c)) return;
    own_gemm(arguments(g, a, b, c));
}

template <class T>
struct Batch {
    Gemm g;
    const T* a;
    const T* b;
    T* c;
    int64_t a_stride, b_stride, c_stride;

    static void run(int64_t begin, int64_t end, void* context) {
        const Batch& batch = *static_cast<const Batch*>(context);
        for (int64_t i = begin; i < end; ++i)
            gemm_typed(batch.g, batch.a + i * batch.a_stride, batch.b + i * batch.b_stride, batch.c + i * batch.c_stride);
    }
};

template <class T>
void batch_typed(const Gemm& g, int64_t n, const void* a, int64_t a_stride, const void* b, int64_t b_stride, void* c,
                 int64_t c_stride) {
    Batch<T> batch{g,        static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(c),
                   a_stride, b_stride,                 c_stride};
    const double work = double(g.m) * double(g.n) * double(g.k);
    if (g.type != I64 && work > blas_splits_above) return Batch<T>::run(0, n, &batch);
    parallel_for(n, std::max<int64_t>(1, int64_t(double(own_grain) / std::max(work, 1.0))), Batch<T>::run, &batch);
}

template <class T>
void gemv_typed(bool trans, int64_t m, int64_t n, T alpha, const T* a, int64_t lda, const T* x, int64_t x_step, T beta,
                T* y, int64_t y_step) {
    if constexpr (!std::is_same_v<T, int64_t>)
        if (double(m) * double(n) >= blas_threshold)
            if (const Blas<T>* lib = blas<T>())
                return lib->gemv(blas_row_major, trans ? blas_trans : blas_no_trans, m, n, alpha, a, lda, x, x_step, beta,
                                 y, y_step);
    const int64_t rows = trans ? n : m, columns = trans ? m : n;
    own_gemm(MatmulArgs<T>{rows, 1, columns, a, trans ? 1 : lda, trans ? lda : 1, x, x_step, 1, y, y_step, alpha, beta});
}

template <class T>
T dot_typed(int64_t n, const T* x, int64_t x_step, const T* y, int64_t y_step) {
    if constexpr (!std::is_same_v<T, int64_t>)
        if (n > 256 && x_step > 0 && y_step > 0)
            if (const Blas<T>* lib = blas<T>()) return lib->dot(n, x, x_step, y, y_step);
    return dot(n, x, x_step, y, y_step);
}

template <class T, class F>
void as(F f) {
    f(static_cast<T*>(nullptr));
}

template <class F>
void dispatch(DType type, F f) {
    if (type == F32) as<float>(f);
    else if (type == F64) as<double>(f);
    else as<int64_t>(f);
}

}  // namespace

void gemm(const Gemm& g, const void* a, const void* b, void* c) {
    dispatch(g.type, [&]<class T>(T*) {
        gemm_typed(g, static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(c));
    });
}

void gemm_batch(const Gemm& g, int64_t batch, const void* a, int64_t a_stride, const void* b, int64_t b_stride, void* c,
                int64_t c_stride) {
    dispatch(g.type, [&]<class T>(T*) { batch_typed<T>(g, batch, a, a_stride, b, b_stride, c, c_stride); });
}

void gemv(DType type, bool trans, int64_t m, int64_t n, double alpha, const void* a, int64_t lda, const void* x,
          int64_t x_step, double beta, void* y, int64_t y_step) {
    dispatch(type, [&]<class T>(T*) {
        gemv_typed(trans, m, n, T(alpha), static_cast<const T*>(a), lda, static_cast<const T*>(x), x_step, T(beta),
                   static_cast<T*>(y), y_step);
    });
}

void dot(DType type, int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out) {
    dispatch(type, [&]<class T>(T*) {
        *static_cast<T*>(out) = dot_typed(n, static_cast<const T*>(x), x_step, static_cast<const T*>(y), y_step);
    });
}

}  // namespace dg
