// Sums over rows, and rows scaled and shifted: what normalisation by channel or group is made of.
#pragma once
#include "conv.hpp"
#include "image.hpp"
#include "isa.hpp"

namespace dg {
namespace DG_ISA {

constexpr int64_t sum_block = 2048;    // elements added up in T before the sum goes on in double

template <class T>
DG_INLINE T lane_sum(typename Vector<T>::type v) {
    T sum = T(0);
    for (int i = 0; i < lanes_of<T>; ++i) sum += v[i];
    return sum;
}

// The sums of f and h over n elements; the two of them for elements v and u at the same place.
template <class T, class F, class H>
DG_INLINE void add_up(const T* x, const T* g, int64_t n, double& first, double& second, F f, H h) {
    using V = typename Vector<T>::type;
    constexpr int64_t lanes = lanes_of<T>;
    for (int64_t begin = 0; begin < n; begin += sum_block) {
        const int64_t end = n - begin < sum_block ? n : begin + sum_block;
        V a[2] = {V{}, V{}}, b[2] = {V{}, V{}};
        int64_t i = begin;
        for (; i + 2 * lanes <= end; i += 2 * lanes)
            for (int j = 0; j < 2; ++j) {
                const V v = load(x + i + j * lanes), u = g ? load(g + i + j * lanes) : V{};
                a[j] += f(v, u);
                b[j] += h(v, u);
            }
        first += double(lane_sum<T>(a[0] + a[1]));
        second += double(lane_sum<T>(b[0] + b[1]));
        for (; i < end; ++i) {
            const V v = x[i] - V{}, u = g ? g[i] - V{} : V{};
            first += double(f(v, u)[0]);
            second += double(h(v, u)[0]);
        }
    }
}

template <class T>
void row_sums(const RowSums& s, int64_t begin, int64_t end) {
    using V = typename Vector<T>::type;
    for (int64_t r = begin; r < end; ++r) {
        const T* x = static_cast<const T*>(s.x) + r * s.n;
        const T* g = s.g ? static_cast<const T*>(s.g) + r * s.n : nullptr;
        const V center = (s.center ? T(s.center[r % s.period]) : T(0)) - V{};
        double first = 0, second = 0;
        if (g)
            add_up<T>(x, g, s.n, first, second, [](V, V u) { return u; }, [&](V v, V u) { return u * (v - center); });
        else
            add_up<T>(x, nullptr, s.n, first, second, [&](V v, V) { return v - center; },
                      [&](V v, V) { return (v - center) * (v - center); });
        s.first[r] = first;
        s.second[r] = second;
    }
}

template <class T>
void row_map(const RowMap& m, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
        const int64_t c = r % m.period;
        const T* __restrict x = static_cast<const T*>(m.x) + r * m.n;
        T* __restrict out = static_cast<T*>(m.out) + r * m.n;
        const T a = T(m.a[c]), b = T(m.b[c]);
        if (m.g) {
            const T* __restrict g = static_cast<const T*>(m.g) + r * m.n;
            const T p = T(m.p[c]);
            for (int64_t i = 0; i < m.n; ++i) out[i] = g[i] * p + (x[i] * a + b);
        } else {
            for (int64_t i = 0; i < m.n; ++i) out[i] = x[i] * a + b;
        }
    }
}

template <class T>
NormKernels norm_kernels() {
    return {row_sums<T>, row_map<T>};
}

}  // namespace DG_ISA
}  // namespace dg
