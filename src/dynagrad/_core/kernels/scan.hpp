// Cumulative operations along one strided axis. A float32 sum or product is carried in float64 and rounded at each
// element, as PyTorch's is; integers wrap.
#pragma once
#include <cstdint>

#include "table.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

template <class T> struct CarryOf { using type = double; };
template <> struct CarryOf<int64_t> { using type = uint64_t; };

template <class T>
static inline T read_at(const char* base, int64_t stride, int64_t j) {
    return *reinterpret_cast<const T*>(base + j * stride);
}
template <class T>
static inline void write_at(char* base, int64_t stride, int64_t j, T value) {
    *reinterpret_cast<T*>(base + j * stride) = value;
}

template <class T>
static void scan_sum(char* out, int64_t out_stride, const char* in, int64_t in_stride, int64_t n) {
    typename CarryOf<T>::type carry = 0;
    for (int64_t j = 0; j < n; ++j) {
        carry += read_at<T>(in, in_stride, j);
        write_at<T>(out, out_stride, j, static_cast<T>(carry));
    }
}

template <class T>
static void scan_prod(char* out, int64_t out_stride, const char* in, int64_t in_stride, int64_t n) {
    typename CarryOf<T>::type carry = 1;
    for (int64_t j = 0; j < n; ++j) {
        carry *= read_at<T>(in, in_stride, j);
        write_at<T>(out, out_stride, j, static_cast<T>(carry));
    }
}

// log(exp(a) + exp(b)) from the larger end; equal infinities are their own sum.
static inline double log_add_exp(double a, double b) {
    const double low = a < b ? a : b, high = a < b ? b : a;
    if (a != a || b != b) return a + b;
    return low == high && __builtin_isinf(low) ? low : high + vm::log1p<double>(vm::exp<double>(low - high));
}

template <class T>
static void scan_logsumexp(char* out, int64_t out_stride, const char* in, int64_t in_stride, int64_t n) {
    double carry = -__builtin_inf();
    for (int64_t j = 0; j < n; ++j) {
        carry = log_add_exp(carry, read_at<T>(in, in_stride, j));
        write_at<T>(out, out_stride, j, static_cast<T>(carry));
    }
}

// The running extreme and the last position at which it was met; once a NaN is met the latest NaN stays.
template <class T, bool Max>
static void scan_extreme(char* out, int64_t out_stride, char* index, int64_t index_stride, const char* in,
                         int64_t in_stride, int64_t n) {
    if (n == 0) return;
    T best = read_at<T>(in, in_stride, 0);
    int64_t position = 0;
    for (int64_t j = 0; j < n; ++j) {
        const T x = read_at<T>(in, in_stride, j);
        if (x != x || (best == best && (Max ? x >= best : x <= best))) best = x, position = j;
        write_at<T>(out, out_stride, j, best);
        write_at<int64_t>(index, index_stride, j, position);
    }
}

static inline void fill_scan(Kernels& k) {
#define DG_ROW(compute, T)                                  \
    k.cumsum[compute] = scan_sum<T>;                        \
    k.cumprod[compute] = scan_prod<T>;                      \
    k.cummax[compute] = scan_extreme<T, true>;              \
    k.cummin[compute] = scan_extreme<T, false>;
    DG_ROW(C_I64, int64_t)
    DG_ROW(C_F32, float)
    DG_ROW(C_F64, double)
#undef DG_ROW
    k.logcumsumexp[C_F32] = scan_logsumexp<float>;
    k.logcumsumexp[C_F64] = scan_logsumexp<double>;
}

}  // namespace DG_ISA
}  // namespace dg
