// Convolution as products of taps and shifted images: nothing is unrolled into columns. A padded channel is walked as
// one line, so that a tap is a constant distance; what falls between the rows is computed and thrown away.
#pragma once
#include "image.hpp"
#include "isa.hpp"

namespace dg {
namespace DG_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, max_rows = 8, max_vectors = 3, gradient_rows = 6, gradient_vectors = 4;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, max_rows = 6, max_vectors = 2, gradient_rows = 6, gradient_vectors = 2;
#else
constexpr int vector_bytes = 16, max_rows = 6, max_vectors = 2, gradient_rows = 6, gradient_vectors = 2;
#endif

template <class T>
constexpr int lanes_of = vector_bytes / int(sizeof(T));

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T loose __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};

template <class T>
DG_INLINE typename Vector<T>::type load(const T* p) { return *reinterpret_cast<const typename Vector<T>::loose*>(p); }

template <class T>
DG_INLINE void store(T* p, typename Vector<T>::type v) { *reinterpret_cast<typename Vector<T>::loose*>(p) = v; }

// ---- weights -----------------------------------------------------------------------------------------------------------
// Blocks of max_rows rows (fewer in the last), each as [k][row].
template <class T>
void pack_rows(const void* w, int64_t m, int64_t k, int64_t row_stride, const int64_t* places, void* out) {
    const T* in = static_cast<const T*>(w);
    T* to = static_cast<T*>(out);
    for (int64_t m0 = 0; m0 < m; m0 += max_rows) {
        const int64_t rows = m - m0 < max_rows ? m - m0 : max_rows;
        for (int64_t j = 0; j < k; ++j)
            for (int64_t r = 0; r < rows; ++r) *to++ = in[(m0 + r) * row_stride + places[j]];
    }
}

// ---- the work area -----------------------------------------------------------------------------------------------------
template <class T>
DG_INLINE void fill_zero(T* out, int64_t n) { __builtin_memset(out, 0, uint64_t(n) * sizeof(T)); }

// Element e of a row is in[e * step + first], or zero outside of the row's n elements.
template <class T>
DG_INLINE void spread_row(T* out, int64_t extent, const T* in, int64_t n, int64_t first, int64_t step) {
    int64_t begin = first >= 0 ? 0 : (-first + step - 1) / step;
    int64_t end = n > first ? (n - first + step - 1) / step : 0;
    if (begin > extent) begin = extent;
    if (end > extent) end = extent;
    if (end < begin) end = begin;
    for (int64_t e = 0; e < begin; ++e) out[e] = T(0);
    if (step == 1)
        __builtin_memcpy(out + begin, in + begin + first, uint64_t(end - begin) * sizeof(T));
    else
        for (int64_t e = begin; e < end; ++e) out[e] = in[e * step + first];
    for (int64_t e = end; e < extent; ++e) out[e] = T(0);
}

template <class T>
void spread(const Spread& s) {
    for (int64_t c = 0; c < s.channels; ++c) {
        const T* in = static_cast<const T*>(s.in) + c * s.in_channel;
        T* out = static_cast<T*>(s.out) + c * s.out_channel;
        for (int64_t a = 0; a < s.n_phases[0]; ++a)
            for (int64_t b = 0; b < s.n_phases[1]; ++b)
                for (int64_t d = 0; d < s.n_phases[2]; ++d)
                    for (int64_t e0 = 0; e0 < s.extent[0]; ++e0) {
                        const int64_t i0 = e0 * s.step[0] + s.phases[0][a] - s.before[0];
                        for (int64_t e1 = 0; e1 < s.extent[1]; ++e1, out += s.extent[2]) {
                            const int64_t i1 = e1 * s.step[1] + s.phases[1][b] - s.before[1];
                            if (i0 < 0 || i0 >= s.size[0] || i1 < 0 || i1 >= s.size[1])
                                fill_zero(out, s.extent[2]);
                            else
                                spread_row(out, s.extent[2], in + (i0 * s.size[1] + i1) * s.size[2], s.size[2],
                                           s.phases[2][d] - s.before[2], s.step[2]);
                        }
                    }
    }
}

// ---- products ----------------------------------------------------------------------------------------------------------
template <class T, int Rows, int Vectors>
DG_OUTLINE void tap_tile(const T* __restrict a, const T* __restrict in, const int64_t* __restrict offsets, int64_t k,
                         T* __restrict out, int64_t out_row) {
    using V = typename Vector<T>::type;
    constexpr int lanes = lanes_of<T>;
    V sum[Rows][Vectors];
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) sum[r][v] = V{};
    for (int64_t j = 0; j < k; ++j, a += Rows) {
        const T* b = in + offsets[j];
        V x[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) x[v] = load(b + v * lanes);
#pragma GCC unroll 32
        for (int r = 0; r < Rows; ++r) {
            const V w = a[r] - V{};
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) sum[r][v] += w * x[v];
        }
    }
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) store(out + r * out_row + v * lanes, sum[r][v]);
}

template <class T>
using TapTile = void (*)(const T*, const T*, const int64_t*, int64_t, T*, int64_t);

template <class T, int Vectors>
DG_INLINE TapTile<T> tap_tile_of(int64_t rows) {
    switch (rows) {
        case 1: return tap_tile<T, 1, Vectors>;
        case 2: return tap_tile<T, 2, Vectors>;
        case 3: return tap_tile<T, 3, Vectors>;
        case 4: return tap_tile<T, 4, Vectors>;
        case 5: return tap_tile<T, 5, Vectors>;
#if defined(__AVX512F__)
        case 6: return tap_tile<T, 6, Vectors>;
        case 7: return tap_tile<T, 7, Vectors>;
#endif
        default: return tap_tile<T, max_rows, Vectors>;
    }
}

// A row of the result: n adjacent elements and the bias. The last vector overlaps the one before.
template <class T>
DG_INLINE void emit_row(T* __restrict out, const T* __restrict in, int64_t n, T bias) {
    constexpr int64_t lanes = lanes_of<T>;
    if (n < lanes) {
        for (int64_t i = 0; i < n; ++i) out[i] = in[i] + bias;
        return;
    }
    for (int64_t i = 0; i + lanes <= n; i += lanes) store(out + i, load(in + i) + bias);
    if (n % lanes) store(out + n - lanes, load(in + n - lanes) + bias);
}

constexpr int64_t buffer_length = 512;    // places that one row of the buffer holds

template <class T>
struct Piece {
    int64_t plane, row, rows, column, columns;    // of the grid
};

template <class T>
void emit(const TapProduct& t, const Piece<T>& p, int64_t m0, int64_t rows, const T* buffer) {
    const T* bias = static_cast<const T*>(t.bias);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < p.rows; ++o) {
            T* out = static_cast<T*>(t.out) + (m0 + r) * t.out_m + p.plane * t.out_step[0] +
                     (p.row + o) * t.out_step[1] + p.column * t.out_step[2];
            const T* in = buffer + r * buffer_length + o * t.extent[2];
            const T b = bias ? bias[m0 + r] : T(0);
            if (t.out_step[2] == 1)
                emit_row(out, in, p.columns, b);
            else
                for (int64_t i = 0; i < p.columns; ++i) out[i * t.out_step[2]] = in[i] + b;
        }
}

template <class T>
void product_of_piece(const TapProduct& t, const Piece<T>& p) {
    constexpr int64_t lanes = lanes_of<T>;
    alignas(64) T buffer[max_rows * buffer_length];
    const int64_t span = (p.rows - 1) * t.extent[2] + p.columns;
    const T* in = static_cast<const T*>(t.in) + (p.plane * t.extent[1] + p.row) * t.extent[2] + p.column;
    for (int64_t m0 = 0; m0 < t.m; m0 += max_rows) {
        const int64_t rows = t.m - m0 < max_rows ? t.m - m0 : max_rows;
        const T* a = static_cast<const T*>(t.a) + m0 * t.k;
        int64_t at = 0;
        for (const TapTile<T> tile = tap_tile_of<T, max_vectors>(rows); span - at > (max_vectors - 1) * lanes;
             at += max_vectors * lanes)
            tile(a, in + at, t.offsets, t.k, buffer + at, buffer_length);
        if (span - at > lanes)
            tap_tile_of<T, 2>(rows)(a, in + at, t.offsets, t.k, buffer + at, buffer_length);
        else if (span > at)
            tap_tile_of<T, 1>(rows)(a, in + at, t.offsets, t.k, buffer + at, buffer_length);
        emit(t, p, m0, rows, buffer);
    }
}

// Pieces are whole rows as long as a piece of the work area stays in the first-level cache.
template <class T>
void tap_product(const TapProduct& t) {
    constexpr int64_t most = buffer_length - max_vectors * lanes_of<T>;
    int64_t places = 32768 / int64_t(sizeof(T)) / (t.channels > 0 ? t.channels : 1);
    places = places < 6 * lanes_of<T> ? 6 * lanes_of<T> : places > most ? most : places;
    const int64_t columns = t.grid[2] > most ? most : t.grid[2];
    int64_t rows = columns < t.grid[2] ? 1 : places / (t.extent[2] > 0 ? t.extent[2] : 1);
    while (rows > 1 && (rows - 1) * t.extent[2] + columns > most) --rows;
    if (rows < 1) rows = 1;
    for (int64_t plane = 0; plane < t.grid[0]; ++plane)
        for (int64_t row = 0; row < t.grid[1]; row += rows)
            for (int64_t column = 0; column < t.grid[2]; column += columns) {
                const int64_t left = t.grid[1] - row, wide = t.grid[2] - column;
                product_of_piece<T>(t, {plane, row, left < rows ? left : rows, column, wide < columns ? wide : columns});
            }
}

// ---- the gradient of the taps ------------------------------------------------------------------------------------------
// A square of lanes by lanes elements, turned over.
template <class T>
DG_INLINE void turn_block(const T* in, int64_t in_row, T* out, int64_t out_row, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; ++c)
        for (int64_t r = 0; r < rows; ++r) out[c * out_row + r] = in[r * in_row + c];
}

template <class T>
void grid_rows(const GridRows& s) {
    constexpr int64_t block = 16;
    const int64_t line = s.extent[2], plane = s.extent[1] * line, channel = s.grid[0] * s.grid[1] * s.grid[2];
    const T* g = static_cast<const T*>(s.g);
    T* out = static_cast<T*>(s.out);
    if (s.width > s.m || line > s.grid[2] || plane > s.grid[1] * line) fill_zero(out, (s.end - s.begin) * s.width);
    for (int64_t p = s.begin; p < s.end;) {
        const int64_t o0 = p / plane, o1 = p % plane / line, o2 = p % line;
        int64_t n = (o1 < s.grid[1] ? s.grid[2] : 0) - o2;
        if (o1 >= s.grid[1] || n <= 0) {
            p += line - o2;
            continue;
        }
        if (n > s.end - p) n = s.end - p;
        const T* from = g + (o0 * s.grid[1] + o1) * s.grid[2] + o2;
        for (int64_t c = 0; c < n; c += block)
            for (int64_t m = 0; m < s.m; m += block)
                turn_block(from + m * channel + c, channel, out + (p - s.begin + c) * s.width + m, s.width,
                           s.m - m < block ? s.m - m : block, n - c < block ? n - c : block);
        p += n;
    }
}

template <class T, int Rows, int Vectors>
DG_OUTLINE void gradient_tile(const T* __restrict in, const int64_t* __restrict offsets, const T* __restrict g,
                              int64_t n, T* __restrict sum, int64_t width) {
    using V = typename Vector<T>::type;
    constexpr int lanes = lanes_of<T>;
    const T* row[Rows];
    V total[Rows][Vectors];
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
        row[r] = in + offsets[r];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) total[r][v] = load(sum + r * width + v * lanes);
    }
    for (int64_t p = 0; p < n; ++p, g += width) {
        V x[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) x[v] = load(g + v * lanes);
#pragma GCC unroll 32
        for (int r = 0; r < Rows; ++r) {
            const V w = row[r][p] - V{};
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) total[r][v] += w * x[v];
        }
    }
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) store(sum + r * width + v * lanes, total[r][v]);
}

template <class T, int Vectors>
DG_INLINE void gradient_columns(const TapGradient& t, int64_t column) {
    const T* g = static_cast<const T*>(t.g) + column;
    T* sum = static_cast<T*>(t.sum) + column;
    const T* in = static_cast<const T*>(t.in);
    int64_t k = 0;
    for (; k + gradient_rows <= t.k; k += gradient_rows)
        gradient_tile<T, gradient_rows, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
    switch (t.k - k) {
        case 5: return gradient_tile<T, 5, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
        case 4: return gradient_tile<T, 4, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
        case 3: return gradient_tile<T, 3, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
        case 2: return gradient_tile<T, 2, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
        case 1: return gradient_tile<T, 1, Vectors>(in, t.offsets + k, g, t.n, sum + k * t.width, t.width);
    }
}

template <class T>
void tap_gradient(const TapGradient& t) {
    constexpr int64_t lanes = lanes_of<T>;
    int64_t column = 0;
    for (; column + gradient_vectors * lanes <= t.width; column += gradient_vectors * lanes)
        gradient_columns<T, gradient_vectors>(t, column);
    switch ((t.width - column) / lanes) {
#if defined(__AVX512F__)
        case 3: return gradient_columns<T, 3>(t, column);
        case 2: return gradient_columns<T, 2>(t, column);
#endif
        case 1: return gradient_columns<T, 1>(t, column);
    }
}

template <class T>
ConvKernels conv_kernels() {
    return {lanes_of<T>, max_rows, pack_rows<T>, spread<T>, tap_product<T>, grid_rows<T>, tap_gradient<T>};
}

}  // namespace DG_ISA
}  // namespace dg
