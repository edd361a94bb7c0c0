// Row-wise normalisers on contiguous [rows, n] memory, and their derivatives. Sums run through the folds of `reduce.hpp`.
// The largest element is taken out of each row first; a row of -inf therefore gives NaN in the softmaxes (-inf - -inf)
// and -inf in logsumexp, which takes out 0 instead of an infinite maximum.
#pragma once
#include <cstdint>
#include <cstring>

#include "reduce.hpp"
#include "table.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

template <class T>
static inline T row_fold_max(const T* x, int64_t n) {
    return fold_row<Fold_amax<T>>(reinterpret_cast<const char*>(x), sizeof(T), n, T());
}
template <class T>
static inline T row_fold_sum(const T* x, int64_t n) {
    return fold_row<Fold_sum<T>>(reinterpret_cast<const char*>(x), sizeof(T), n, T());
}

constexpr int64_t exp_block = 512;

// The sum of exp(x - top) of one row; `keep` stores the terms too. Blocks stay in the nearest cache between the loops.
template <class T, bool keep>
static T sum_of_exp(T* out, const T* x, int64_t n, T top) {
    T terms[exp_block], total = 0;
    for (int64_t start = 0; start < n; start += exp_block) {
        const int64_t count = n - start < exp_block ? n - start : exp_block;
        T* to = keep ? out + start : terms;
        for (int64_t j = 0; j < count; ++j) to[j] = vm::exp<T>(x[start + j] - top);
        total += row_fold_sum(to, count);
    }
    return total;
}

// As many short rows as fill a block: their exponentials are taken in one loop, so rows of ten still use whole vectors.
template <class T>
struct RowGroup {
    T terms[exp_block], tops[exp_block], totals[exp_block];

    static int64_t rows_of(int64_t n) { return n ? exp_block / n : exp_block; }

    void fill(const T* x, int64_t rows, int64_t n) {
        for (int64_t i = 0; i < rows; ++i) {
            tops[i] = fold_row_block<Fold_amax<T>>(x + i * n, n, T());
            for (int64_t j = 0; j < n; ++j) terms[i * n + j] = x[i * n + j] - tops[i];
        }
        for (int64_t j = 0; j < rows * n; ++j) terms[j] = vm::exp<T>(terms[j]);
        for (int64_t i = 0; i < rows; ++i) totals[i] = fold_row_block<Fold_sum<T>>(terms + i * n, n, T());
    }
};

template <class T>
static void softmax_short_rows(T* y, const T* x, int64_t rows, int64_t n) {
    RowGroup<T> group;
    for (int64_t start = 0; start < rows; start += group.rows_of(n)) {
        const int64_t count = rows - start < group.rows_of(n) ? rows - start : group.rows_of(n);
        group.fill(x + start * n, count, n);
        for (int64_t i = 0; i < count; ++i)
            for (int64_t j = 0; j < n; ++j) y[(start + i) * n + j] = group.terms[i * n + j] / group.totals[i];
    }
}

template <class T>
static void softmax_rows(char* out, const char* in, int64_t rows, int64_t n) {
    T* y = reinterpret_cast<T*>(out);
    const T* x = reinterpret_cast<const T*>(in);
    if (n <= exp_block / 2) return softmax_short_rows(y, x, rows, n);
    for (int64_t i = 0; i < rows; ++i, x += n, y += n) {
        const T total = sum_of_exp<T, true>(y, x, n, row_fold_max(x, n));
        for (int64_t j = 0; j < n; ++j) y[j] = y[j] / total;
    }
}

template <class T>
static inline void log_softmax_row(T* y, const T* x, int64_t n, T top, T total) {
    const T log_total = vm::log<T>(total);
    for (int64_t j = 0; j < n; ++j) y[j] = (x[j] - top) - log_total;
}

template <class T>
static void log_softmax_short_rows(T* y, const T* x, int64_t rows, int64_t n) {
    RowGroup<T> group;
    for (int64_t start = 0; start < rows; start += group.rows_of(n)) {
        const int64_t count = rows - start < group.rows_of(n) ? rows - start : group.rows_of(n);
        group.fill(x + start * n, count, n);
        for (int64_t i = 0; i < count; ++i)
            log_softmax_row(y + (start + i) * n, x + (start + i) * n, n, group.tops[i], group.totals[i]);
    }
}

template <class T>
static void log_softmax_rows(char* out, const char* in, int64_t rows, int64_t n) {
    T* y = reinterpret_cast<T*>(out);
    const T* x = reinterpret_cast<const T*>(in);
    if (n <= exp_block / 2) return log_softmax_short_rows(y, x, rows, n);
    for (int64_t i = 0; i < rows; ++i, x += n, y += n) {
        const T top = row_fold_max(x, n);
        log_softmax_row(y, x, n, top, sum_of_exp<T, false>(nullptr, x, n, top));
    }
}

template <class T>
static void logsumexp_rows(char* out, const char* in, int64_t rows, int64_t n) {
    T* y = reinterpret_cast<T*>(out);
    const T* x = reinterpret_cast<const T*>(in);
    for (int64_t i = 0; i < rows; ++i, x += n) {
        const T top = row_fold_max(x, n);
        const T taken = __builtin_isinf(top) ? T(0) : top;
        y[i] = vm::log<T>(sum_of_exp<T, false>(nullptr, x, n, taken)) + taken;
    }
}

// dx = y (g - sum(g y))
template <class T>
static void softmax_backward_rows(char* out, const char* grad, const char* result, int64_t rows, int64_t n) {
    T* dx = reinterpret_cast<T*>(out);
    const T* g = reinterpret_cast<const T*>(grad);
    const T* y = reinterpret_cast<const T*>(result);
    T terms[exp_block];
    for (int64_t i = 0; i < rows; ++i, dx += n, g += n, y += n) {
        T total = 0;
        for (int64_t start = 0; start < n; start += exp_block) {
            const int64_t count = n - start < exp_block ? n - start : exp_block;
            for (int64_t j = 0; j < count; ++j) terms[j] = g[start + j] * y[start + j];
            total += row_fold_sum(terms, count);
        }
        for (int64_t j = 0; j < n; ++j) dx[j] = (g[j] - total) * y[j];
    }
}

// dx = g - exp(y) sum(g)
template <class T>
static void log_softmax_backward_rows(char* out, const char* grad, const char* result, int64_t rows, int64_t n) {
    T* dx = reinterpret_cast<T*>(out);
    const T* g = reinterpret_cast<const T*>(grad);
    const T* y = reinterpret_cast<const T*>(result);
    for (int64_t i = 0; i < rows; ++i, dx += n, g += n, y += n) {
        const T total = row_fold_sum(g, n);
        for (int64_t j = 0; j < n; ++j) dx[j] = g[j] - vm::exp<T>(y[j]) * total;
    }
}

static inline void fill_softmax(Kernels& k) {
#define DG_ROW(name)                               \
    k.name[C_F32] = name##_rows<float>;            \
    k.name[C_F64] = name##_rows<double>;
    DG_ROW(softmax)
    DG_ROW(log_softmax)
    DG_ROW(logsumexp)
    DG_ROW(softmax_backward)
    DG_ROW(log_softmax_backward)
#undef DG_ROW
}

}  // namespace DG_ISA
}  // namespace dg
