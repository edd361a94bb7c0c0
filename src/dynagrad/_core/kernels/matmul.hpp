// Matrix products of our own: for small sizes, where calling BLAS costs more than the arithmetic, and for int64.
// Any strides, in elements. No blocking for caches: large floating-point products belong to BLAS.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace dg {

template <class T>
struct MatmulArgs {
    int64_t m, n, k;
    const T* a;
    int64_t a_row, a_col;
    const T* b;
    int64_t b_row, b_col;
    T* c;
    int64_t c_row;           // c's columns are adjacent
    T alpha, beta;           // c = alpha a b + beta c; with beta 0, c is not read
};

// Integers wrap, so they are multiplied unsigned.
template <class T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;

template <class T, class W>
inline void matmul_store(const MatmulArgs<T>& g, T& out, W sum) {
    const W value = W(g.alpha) * sum;
    out = T(g.beta == T(0) ? value : value + W(g.beta) * W(out));
}

// An I by J tile of c, at (i, j), held in registers.
template <int I, int J, class T>
inline void matmul_tile(const MatmulArgs<T>& g, int64_t i, int64_t j) {
    using W = Wrapping<T>;
    W sum[I][J] = {};
    const T* a = g.a + i * g.a_row;
    const T* b = g.b + j * g.b_col;
    for (int64_t p = 0; p < g.k; ++p, a += g.a_col, b += g.b_row)
        for (int r = 0; r < I; ++r)
            for (int s = 0; s < J; ++s) sum[r][s] += W(a[r * g.a_row]) * W(b[s * g.b_col]);
    for (int r = 0; r < I; ++r)
        for (int s = 0; s < J; ++s) matmul_store(g, g.c[(i + r) * g.c_row + j + s], sum[r][s]);
}

// The same, J vectors of 16 bytes wide, where the rows of b lie in order.
template <int I, int J, class T>
inline void matmul_vector_tile(const MatmulArgs<T>& g, int64_t i, int64_t j) {
    using W = Wrapping<T>;
    typedef W Vector __attribute__((vector_size(16)));
    Vector sum[I][J] = {}, row[J];
    const T* a = g.a + i * g.a_row;
    const T* b = g.b + j;
    for (int64_t p = 0; p < g.k; ++p, a += g.a_col, b += g.b_row) {
        std::memcpy(row, b, sizeof row);
        for (int r = 0; r < I; ++r)
            for (int s = 0; s < J; ++s) sum[r][s] += W(a[r * g.a_row]) * row[s];
    }
    for (int r = 0; r < I; ++r) {
        T* out = g.c + (i + r) * g.c_row + j;
        if (g.beta != T(0)) std::memcpy(row, out, sizeof row);
        for (int s = 0; s < J; ++s) {
            const Vector value = W(g.alpha) * sum[r][s];
            sum[r][s] = g.beta == T(0) ? value : value + W(g.beta) * row[s];
        }
        std::memcpy(out, sum[r], sizeof row);
    }
}

template <int I, class T>
inline void matmul_rows(const MatmulArgs<T>& g, int64_t i) {
    constexpr int width = 16 / sizeof(T);
    int64_t j = 0;
    if (g.b_col == 1 && g.n >= width) {
        for (; j + 2 * width <= g.n; j += 2 * width) matmul_vector_tile<I, 2>(g, i, j);
        for (; j + width <= g.n; j += width) matmul_vector_tile<I, 1>(g, i, j);
    }
    for (; j + 3 <= g.n; j += 3) matmul_tile<I, 3>(g, i, j);
    for (; j < g.n; ++j) matmul_tile<I, 1>(g, i, j);
}

template <class T>
void matmul(const MatmulArgs<T>& g) {
    int64_t i = 0;
    for (; i + 4 <= g.m; i += 4) matmul_rows<4>(g, i);
    switch (g.m - i) {
        case 3: return matmul_rows<3>(g, i);
        case 2: return matmul_rows<2>(g, i);
        case 1: return matmul_rows<1>(g, i);
    }
}

// Four chains of additions hide the latency of one.
template <class T>
T dot(int64_t n, const T* x, int64_t x_step, const T* y, int64_t y_step) {
    using W = Wrapping<T>;
    W sum[4] = {};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int c = 0; c < 4; ++c) sum[c] += W(x[(i + c) * x_step]) * W(y[(i + c) * y_step]);
    for (; i < n; ++i) sum[0] += W(x[i * x_step]) * W(y[i * y_step]);
    return T((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace dg
