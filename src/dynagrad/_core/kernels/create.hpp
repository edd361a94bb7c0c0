// Element loops of the ops that make tensors from numbers. `data` is contiguous memory of type T.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "table.hpp"

namespace dg {

// False, and nothing done, for the half types.
inline bool fill_constant(DType dtype, void* data, int64_t n, double real, int64_t whole) {
    switch (dtype) {
        case BOOL: std::fill_n(static_cast<uint8_t*>(data), n, uint8_t(whole != 0)); return true;
        case U8: case I8: std::fill_n(static_cast<uint8_t*>(data), n, uint8_t(whole)); return true;
        case I16: std::fill_n(static_cast<int16_t*>(data), n, int16_t(whole)); return true;
        case I32: std::fill_n(static_cast<int32_t*>(data), n, int32_t(whole)); return true;
        case I64: std::fill_n(static_cast<int64_t*>(data), n, whole); return true;
        case F32: std::fill_n(static_cast<float*>(data), n, float(real)); return true;
        case F64: std::fill_n(static_cast<double*>(data), n, real); return true;
        default: return false;
    }
}

// Ones at the first n elements, `step` elements apart.
inline bool fill_diagonal(DType dtype, void* data, int64_t n, int64_t step, int itemsize) {
    bool done = true;
    for (int64_t i = 0; i < n && done; ++i)
        done = fill_constant(dtype, static_cast<char*>(data) + i * step * itemsize, 1, 1, 1);
    return done;
}

inline void arange_loop(int64_t* data, int64_t n, int64_t start, int64_t step) {
    for (int64_t i = 0; i < n; ++i) data[i] = start + step * i;
}

// Rounded as PyTorch's loop over vectors of 32 bytes rounds: the first element of a vector is start + i step in T, the
// k-th is that plus k step; what is left over after pairs of vectors is computed alone.
template <class T> void arange_loop(T* data, int64_t n, double start, double step) {
    constexpr int64_t lanes = 32 / sizeof(T);
    int64_t i = 0;
    for (; i < n - n % (2 * lanes); i += lanes) {
        double first = T(std::fma(step, double(i), start));
        for (int64_t k = 0; k < lanes; ++k) data[i + k] = T(std::fma(step, double(k), first));
    }
    for (; i < n; ++i) data[i] = T(std::fma(step, double(i), start));
}

// In int64 or float64 arithmetic; the four-byte and eight-byte dtypes only.
inline void arange(DType dtype, void* data, int64_t n, double start, double step, int64_t first, int64_t stride) {
    if (dtype == I64) arange_loop(static_cast<int64_t*>(data), n, first, stride);
    else if (dtype == F64) arange_loop(static_cast<double*>(data), n, start, step);
    else arange_loop(static_cast<float*>(data), n, start, step);
}

// From both ends to the middle, so that the last element is exactly `end`.
template <class T> void linspace_loop(T* data, int64_t n, T start, T end) {
    T step = n > 1 ? (end - start) / T(n - 1) : T(0);
    for (int64_t i = 0; i < n; ++i)
        data[i] = i < n / 2 ? std::fma(step, T(i), start) : std::fma(-step, T(n - 1 - i), end);
    if (n == 1) data[0] = start;
}

inline void linspace(DType dtype, void* data, int64_t n, double start, double end) {
    if (dtype == F64) linspace_loop(static_cast<double*>(data), n, start, end);
    else linspace_loop(static_cast<float*>(data), n, float(start), float(end));
}

// base to the power of what is there.
template <class T> void power_loop(T* data, int64_t n, T base) {
    for (int64_t i = 0; i < n; ++i) data[i] = std::pow(base, data[i]);
}

inline void power_of(DType dtype, void* data, int64_t n, double base) {
    if (dtype == F64) power_loop(static_cast<double*>(data), n, base);
    else power_loop(static_cast<float*>(data), n, float(base));
}

// Visits the columns [first, last) of each row that are not above (lower) or not below the k-th diagonal.
template <class F> void triangle_rows(int64_t rows, int64_t columns, int64_t k, bool lower, F visit) {
    for (int64_t r = 0; r < rows; ++r) {
        int64_t edge = k >= columns ? columns : k <= -rows ? -rows : k;
        int64_t first = lower ? 0 : std::clamp<int64_t>(r + edge, 0, columns);
        int64_t last = lower ? std::clamp<int64_t>(r + edge + 1, 0, columns) : columns;
        visit(r, first, last);
    }
}

inline int64_t triangle_count(int64_t rows, int64_t columns, int64_t k, bool lower) {
    int64_t total = 0;
    triangle_rows(rows, columns, k, lower, [&](int64_t, int64_t first, int64_t last) { total += last - first; });
    return total;
}

// Zeroes the rest of each of `batch` row-major matrices.
inline void keep_triangle(char* data, int64_t batch, int64_t rows, int64_t columns, int64_t k, bool lower, int size) {
    for (int64_t i = 0; i < batch; ++i)
        triangle_rows(rows, columns, k, lower, [&](int64_t r, int64_t first, int64_t last) {
            char* row = data + (i * rows + r) * columns * size;
            std::memset(row, 0, size_t(first * size));
            std::memset(row + last * size, 0, size_t((columns - last) * size));
        });
}

// The row numbers of a triangle's elements in row-major order, then their column numbers.
inline void triangle_indices(int64_t* out, int64_t count, int64_t rows, int64_t columns, int64_t k, bool lower) {
    int64_t* column = out + count;
    triangle_rows(rows, columns, k, lower, [&](int64_t r, int64_t first, int64_t last) {
        for (int64_t c = first; c < last; ++c) {
            *out++ = r;
            *column++ = c;
        }
    });
}

}  // namespace dg
