// layer_norm and rms_norm of contiguous rows, and their derivatives. A row is read from the nearest cache after its first
// pass; sums run in several lanes, and from block to block in double: the error does not grow with the row.
#pragma once
#include <cstdint>

#include "isa.hpp"
#include "layers.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

template <class T>
struct Lanes {
    static constexpr int width = 64 / int(sizeof(T));
    typedef T V __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
};

// The sum over a row of term(i); `wide(i)` gives 64 bytes of terms from i on.
template <class T, class Wide, class One>
static DG_INLINE T sum_terms(int64_t n, Wide wide, One one) {
    using V = typename Lanes<T>::V;
    constexpr int w = Lanes<T>::width;
    constexpr int64_t block = 128 * w;
    double total = 0;
    int64_t i = 0;
    while (i + 2 * w <= n) {
        const int64_t end = n - i > block ? i + block : n;
        V a = {}, b = {};
        for (; i + 2 * w <= end; i += 2 * w) {
            a += wide(i);
            b += wide(i + w);
        }
        a += b;
        for (int k = 0; k < w; ++k) total += a[k];
    }
    for (; i < n; ++i) total += one(i);
    return T(total);
}

template <class T>
static DG_INLINE typename Lanes<T>::V load(const T* x) {
    return *reinterpret_cast<const typename Lanes<T>::V*>(x);
}

template <class T>
static void norm_rows(const NormRows* job, int64_t begin, int64_t end) {
    const int64_t n = job->n;
    const T* w = reinterpret_cast<const T*>(job->weight);
    const T* b = reinterpret_cast<const T*>(job->bias);
    for (int64_t row = begin; row < end; ++row) {
        const T* x = reinterpret_cast<const T*>(job->x) + row * n;
        T* y = reinterpret_cast<T*>(job->y) + row * n;
        T mean = 0;
        if (job->centred)
            mean = sum_terms<T>(n, [=](int64_t i) { return load(x + i); }, [=](int64_t i) { return x[i]; }) / T(n);
        const T squares = sum_terms<T>(
            n,
            [=](int64_t i) {
                const auto d = load(x + i) - mean;
                return d * d;
            },
            [=](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
        const T rstd = T(1) / vm::sqrt(squares / T(n) + T(job->eps));
        if (w && b) {
            DG_VECTOR
            for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * w[i] + b[i];
        } else if (w) {
            DG_VECTOR
            for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * w[i];
        } else {
            DG_VECTOR
            for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd + (b ? b[i] : T(0));
        }
        if (job->centred) reinterpret_cast<T*>(job->mean)[row] = mean;
        reinterpret_cast<T*>(job->rstd)[row] = rstd;
    }
}

// With h = (x - mean) rstd and v = g w:  dx = rstd (v - mean(v) - h mean(v h)), the second term only where centred.
template <class T, bool weighted>
static DG_INLINE void norm_row_dx(T* dx, const T* g, const T* x, const T* w, int64_t n, T mean, T rstd, bool centred) {
    if (centred && n == 1) {  // alone, it is its own mean: v - mean(v), fused to one rounding, would leave v's rounding error
        dx[0] = T(0) * (rstd * g[0]);
        return;
    }
    auto v = [=](int64_t i) {
        if constexpr (weighted) return load(g + i) * load(w + i);
        else return load(g + i);
    };
    auto one = [=](int64_t i) {
        if constexpr (weighted) return g[i] * w[i];
        else return g[i];
    };
    const T sum_v = centred ? sum_terms<T>(n, v, one) : T(0);
    const T sum_vh = sum_terms<T>(
        n, [=](int64_t i) { return v(i) * (load(x + i) - mean); }, [=](int64_t i) { return one(i) * (x[i] - mean); });
    const T a = sum_v / T(n), c = sum_vh * rstd * rstd / T(n);
    DG_VECTOR
    for (int64_t i = 0; i < n; ++i) dx[i] = rstd * (one(i) - a - (x[i] - mean) * c);
}

template <class T>
static void norm_rows_backward(const NormRowsBackward* job, int64_t begin, int64_t end) {
    const int64_t n = job->n;
    const T* w = reinterpret_cast<const T*>(job->weight);
    T* dw = reinterpret_cast<T*>(job->dweight);
    T* db = reinterpret_cast<T*>(job->dbias);
    for (int64_t row = begin; row < end; ++row) {
        const T* x = reinterpret_cast<const T*>(job->x) + row * n;
        const T* g = reinterpret_cast<const T*>(job->g) + row * n;
        const T mean = job->centred ? reinterpret_cast<const T*>(job->mean)[row] : T(0);
        const T rstd = reinterpret_cast<const T*>(job->rstd)[row];
        if (job->dx) {
            T* dx = reinterpret_cast<T*>(job->dx) + row * n;
            if (w)
                norm_row_dx<T, true>(dx, g, x, w, n, mean, rstd, job->centred);
            else
                norm_row_dx<T, false>(dx, g, x, w, n, mean, rstd, job->centred);
        }
        if (dw) {
            DG_VECTOR
            for (int64_t i = 0; i < n; ++i) dw[i] += g[i] * ((x[i] - mean) * rstd);
        }
        if (db) {
            DG_VECTOR
            for (int64_t i = 0; i < n; ++i) db[i] += g[i];
        }
    }
}

}  // namespace DG_ISA
}  // namespace dg
