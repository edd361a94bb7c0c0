// Separable linear maps (averages, interpolation, padding by what is there) and largest elements, plane by plane.
#pragma once
#include "image.hpp"
#include "isa.hpp"

namespace dg {
namespace DG_ISA {

// ---- separable maps ----------------------------------------------------------------------------------------------------
template <class T>
DG_OUTLINE void scaled_row(T* __restrict out, const T* __restrict in, T w, int64_t n) {
    for (int64_t i = 0; i < n; ++i) out[i] = w * in[i];
}

template <class T>
DG_OUTLINE void add_row(T* __restrict out, const T* __restrict in, T w, int64_t n) {
    for (int64_t i = 0; i < n; ++i) out[i] += w * in[i];
}

// [outer, in, inner] to [outer, out, inner]: whole rows at a time.
template <class T>
void map_rows(const AxisMap& m, const T* in, T* out, int64_t outer, int64_t inner) {
    const T* weight = static_cast<const T*>(m.weight);
    for (int64_t o = 0; o < outer; ++o, in += m.in * inner)
        for (int64_t r = 0; r < m.out; ++r, out += inner) {
            const int64_t begin = m.start[r], end = m.start[r + 1];
            if (begin == end)
                __builtin_memset(out, 0, uint64_t(inner) * sizeof(T));
            else if (!weight && end - begin == 1)
                __builtin_memcpy(out, in + m.index[begin] * inner, uint64_t(inner) * sizeof(T));
            else
                scaled_row(out, in + m.index[begin] * inner, weight ? weight[begin] : T(1), inner);
            for (int64_t j = begin + 1; j < end; ++j) add_row(out, in + m.index[j] * inner, weight ? weight[j] : T(1), inner);
        }
}

// The same for the last axis, where neighbours differ in their entries.
template <class T, bool Weighted>
void map_elements(const AxisMap& m, const T* in, T* out, int64_t outer) {
    const T* weight = static_cast<const T*>(m.weight);
    for (int64_t o = 0; o < outer; ++o, in += m.in, out += m.out)
        for (int64_t r = 0, j = 0; r < m.out; ++r) {
            T sum = T(0);
            for (const int64_t end = m.start[r + 1]; j < end; ++j)
                sum += Weighted ? weight[j] * in[m.index[j]] : in[m.index[j]];
            out[r] = sum;
        }
}

template <class T>
void divide_plane(const Resample& r, T* out, const T* in, int64_t n) {
    const T* divisor = static_cast<const T*>(r.divisor);
    const T factor = T(r.factor);
    if (divisor)
        for (int64_t i = 0; i < n; ++i) out[i] = in[i] / divisor[i];
    else
        for (int64_t i = 0; i < n; ++i) out[i] = in[i] / factor;
}

template <class T>
void resample(const Resample& r, int64_t begin, int64_t end, void* work) {
    const bool divides = r.divisor || r.factor != 1;
    T* rooms[2] = {static_cast<T*>(work), static_cast<T*>(work) + r.temporary};
    for (int64_t p = begin; p < end; ++p) {
        const T* from = static_cast<const T*>(r.in) + p * r.in_plane;
        T* out = static_cast<T*>(r.out) + p * r.out_plane;
        int64_t size[3] = {r.axis[0].in, r.axis[1].in, r.axis[2].in};
        int room = 0;
        if (divides && r.divide_first) {
            divide_plane(r, rooms[1], from, r.in_plane);
            from = rooms[1];
        }
        for (int a = 0; a < r.axes; ++a) {
            const int axis = r.order[a];
            const AxisMap& m = r.axis[axis];
            T* to = a + 1 == r.axes ? out : rooms[room];
            const int64_t outer = (axis > 0 ? size[0] : 1) * (axis > 1 ? size[1] : 1);
            const int64_t inner = (axis < 1 ? size[1] : 1) * (axis < 2 ? size[2] : 1);
            if (inner > 1)
                map_rows(m, from, to, outer, inner);
            else if (m.weight)
                map_elements<T, true>(m, from, to, outer);
            else
                map_elements<T, false>(m, from, to, outer);
            size[axis] = m.out;
            from = to;
            room ^= 1;
        }
        if (r.axes == 0) __builtin_memcpy(out, from, uint64_t(r.out_plane) * sizeof(T));
        if (divides && !r.divide_first) divide_plane(r, out, out, r.out_plane);
    }
}

// ---- largest elements --------------------------------------------------------------------------------------------------
constexpr int64_t max_block = 256;     // outputs of a row that are worked on together

DG_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
DG_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// One tap of the window for outputs begin..end of a row.
template <class T, class I, int Step>
DG_OUTLINE void max_tap(T* __restrict best, I* __restrict place, const T* __restrict in, int64_t n, int64_t step,
                        I first) {
    if (Step) step = Step;
    for (int64_t o = 0; o < n; ++o) {
        const T v = in[o * step];
        const bool take = (v > best[o]) | (v != v);
        best[o] = take ? v : best[o];
        place[o] = take ? I(first + I(o * step)) : place[o];
    }
}

template <class T, class I>
DG_INLINE void max_tap_of(T* best, I* place, const T* in, int64_t n, int64_t step, I first) {
    if (step == 1) max_tap<T, I, 1>(best, place, in, n, 1, first);
    else if (step == 2) max_tap<T, I, 2>(best, place, in, n, 2, first);
    else max_tap<T, I, 0>(best, place, in, n, step, first);
}

template <class T>
constexpr T lowest() {
    if constexpr (T(0.5) != T(0)) return -__builtin_inff();
    else return T(1) << (8 * sizeof(T) - 1);
}

// The taps of window o that lie inside: [first, last).
struct Inside {
    int64_t first, last;
};

DG_INLINE Inside inside(const MaxPool& p, int axis, int64_t o) {
    const int64_t start = o * p.stride[axis] - p.padding[axis], d = p.dilation[axis];
    const int64_t first = start < 0 ? (-start + d - 1) / d : 0, room = p.size[axis] - start;
    return {first, room <= 0 ? 0 : least(p.kernel[axis], (room + d - 1) / d)};
}

template <class T, class I>
DG_INLINE void max_row(const MaxPool& p, const T* in, const Inside& z, int64_t z0, const Inside& y, int64_t y0, int64_t from,
                       int64_t n, T* values, int64_t* indices) {
    T best[max_block];
    I place[max_block];
    const int64_t s = p.stride[2], d = p.dilation[2], left = p.padding[2];
    const int64_t top = ((z0 + z.first * p.dilation[0]) * p.size[1] + y0 + y.first * p.dilation[1]) * p.size[2];
    for (int64_t o = 0; o < n; ++o) {
        const int64_t start = (from + o) * s - left;
        best[o] = lowest<T>();
        place[o] = I(top + (start < 0 ? start + (-start + d - 1) / d * d : start));
    }
    for (int64_t i = z.first; i < z.last; ++i)
        for (int64_t j = y.first; j < y.last; ++j) {
            const int64_t row = ((z0 + i * p.dilation[0]) * p.size[1] + y0 + j * p.dilation[1]) * p.size[2];
            for (int64_t k = 0; k < p.kernel[2]; ++k) {
                const int64_t shift = k * d - left;   // the tap reads o s + shift
                const int64_t begin = most(shift < 0 ? (-shift + s - 1) / s : 0, from);
                const int64_t end = least(p.size[2] > shift ? (p.size[2] - shift + s - 1) / s : 0, from + n);
                if (begin < end)
                    max_tap_of<T, I>(best + begin - from, place + begin - from, in + row + begin * s + shift, end - begin, s,
                                     I(row + begin * s + shift));
            }
        }
    __builtin_memcpy(values, best, uint64_t(n) * sizeof(T));
    for (int64_t o = 0; o < n; ++o) indices[o] = place[o];
}

template <class T, class I>
void max_planes(const MaxPool& p, int64_t begin, int64_t end) {
    const int64_t plane = p.size[0] * p.size[1] * p.size[2], out_plane = p.out[0] * p.out[1] * p.out[2];
    for (int64_t c = begin; c < end; ++c) {
        const T* in = static_cast<const T*>(p.in) + c * plane;
        T* values = static_cast<T*>(p.values) + c * out_plane;
        int64_t* indices = p.indices + c * out_plane;
        for (int64_t a = 0; a < p.out[0]; ++a)
            for (int64_t b = 0; b < p.out[1]; ++b) {
                const int64_t z0 = a * p.stride[0] - p.padding[0], y0 = b * p.stride[1] - p.padding[1];
                const Inside z = inside(p, 0, a), y = inside(p, 1, b);
                for (int64_t from = 0; from < p.out[2]; from += max_block) {
                    const int64_t n = least(max_block, p.out[2] - from), at = (a * p.out[1] + b) * p.out[2] + from;
                    max_row<T, I>(p, in, z, z0, y, y0, from, n, values + at, indices + at);
                }
            }
    }
}

template <class T, class I>
void max_pool(const MaxPool& p, int64_t begin, int64_t end) {
    if (p.size[0] * p.size[1] * p.size[2] < int64_t(1) << 31)
        max_planes<T, I>(p, begin, end);
    else
        max_planes<T, int64_t>(p, begin, end);
}

template <class T>
DG_INLINE void max_window(const T* in, const int64_t* size, const int64_t* low, const int64_t* high, T* value, int64_t* index) {
    int64_t place = (low[0] * size[1] + low[1]) * size[2] + low[2];
    T best = lowest<T>();
    for (int64_t i = low[0]; i < high[0]; ++i)
        for (int64_t j = low[1]; j < high[1]; ++j)
            for (int64_t k = low[2]; k < high[2]; ++k) {
                const int64_t at = (i * size[1] + j) * size[2] + k;
                if (in[at] > best || in[at] != in[at]) best = in[at], place = at;
            }
    *value = best;
    *index = place;
}

template <class T>
void max_windows(const MaxWindows& p, int64_t begin, int64_t end) {
    const int64_t plane = p.size[0] * p.size[1] * p.size[2], out_plane = p.out[0] * p.out[1] * p.out[2];
    for (int64_t c = begin; c < end; ++c) {
        const T* in = static_cast<const T*>(p.in) + c * plane;
        int64_t at = c * out_plane, o[3], low[3], high[3];
        for (o[0] = 0; o[0] < p.out[0]; ++o[0])
            for (o[1] = 0; o[1] < p.out[1]; ++o[1])
                for (o[2] = 0; o[2] < p.out[2]; ++o[2], ++at) {
                    for (int a = 0; a < 3; ++a) {
                        low[a] = p.begin[a][c * p.step[a] + o[a]];
                        high[a] = p.end[a][c * p.step[a] + o[a]];
                    }
                    max_window(in, p.size, low, high, static_cast<T*>(p.values) + at, p.indices + at);
                }
    }
}

template <class T, class I>
PoolKernels pool_kernels() {
    return {resample<T>, max_pool<T, I>, max_windows<T>};
}

}  // namespace DG_ISA
}  // namespace dg
