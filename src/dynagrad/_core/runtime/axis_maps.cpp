// The entries of one axis of a separable map, as lists: which inputs an output is made of, and with what weights.
// Where PyTorch computes positions in float32, so does this: rounding decides which pixel is the nearest.
#include "axis_maps.hpp"

#include <algorithm>
#include <cmath>

namespace dg {
namespace {

template <class T>
T scale_of(const AxisSpec& a, bool align_corners) {
    if (align_corners) return a.out > 1 ? T(a.in - 1) / T(a.out - 1) : T(0);
    return a.scale > 0 ? T(1.0 / a.scale) : T(a.in) / T(a.out);
}

void window(const AxisSpec& a, AxisEntries& m) {
    for (int64_t o = 0; o < a.out; ++o) {
        const int64_t start = o * a.stride - a.before, end = std::min(start + a.size, a.in + a.before);
        const int64_t low = std::max<int64_t>(start, 0), high = std::min(end, a.in);
        for (int64_t i = low; i < high; ++i) m.add(i);
        m.divisor.push_back(double(a.kind == window_axis ? end - start : high - low));
        m.close();
    }
}

void adaptive(const AxisSpec& a, AxisEntries& m) {
    for (int64_t o = 0; o < a.out; ++o) {
        const int64_t low = o * a.in / a.out, high = ((o + 1) * a.in + a.out - 1) / a.out;
        for (int64_t i = low; i < high; ++i) m.add(i);
        m.divisor.push_back(double(high - low));
        m.close();
    }
}

void unfold(const AxisSpec& a, AxisEntries& m) {
    const int64_t places = a.size ? a.out / a.size : 0;
    for (int64_t k = 0; k < a.size; ++k)
        for (int64_t o = 0; o < places; ++o) {
            const int64_t i = o * a.stride + k * a.dilation - a.before;
            if (i >= 0 && i < a.in) m.add(i);
            m.close();
        }
}

void nearest(const AxisSpec& a, AxisEntries& m) {
    const float scale = scale_of<float>(a, false), shift = a.kind == nearest_axis ? 0.0f : 0.5f;
    for (int64_t o = 0; o < a.out; ++o) {
        m.add(std::min(int64_t(std::floor((float(o) + shift) * scale)), a.in - 1));
        m.close();
    }
}

template <class T>
void linear(const AxisSpec& a, AxisEntries& m) {
    const T scale = scale_of<T>(a, a.align_corners);
    for (int64_t o = 0; o < a.out; ++o) {
        T at = a.align_corners ? scale * T(o) : std::max(T(0), scale * (T(o) + T(0.5)) - T(0.5));
        const int64_t low = std::min(int64_t(at), a.in - 1), high = low + (low < a.in - 1);
        const T part = std::min(std::max(at - T(low), T(0)), T(1));
        m.add(low, double(T(1) - part));
        m.add(high, double(part));
        m.close();
    }
}

// Keys' kernel: a is -0.75 where PyTorch interpolates, -0.5 where it also smooths.
template <class T>
T near_part(T x, T a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }
template <class T>
T far_part(T x, T a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }

template <class T>
void cubic(const AxisSpec& a, AxisEntries& m) {
    const T scale = scale_of<T>(a, a.align_corners), keys = T(-0.75);
    for (int64_t o = 0; o < a.out; ++o) {
        const T at = a.align_corners ? scale * T(o) : scale * (T(o) + T(0.5)) - T(0.5);
        const T base = std::floor(at), t = at - base;
        const T weights[4] = {far_part(t + 1, keys), near_part(t, keys), near_part(1 - t, keys), far_part(2 - t, keys)};
        for (int j = 0; j < 4; ++j)
            m.add(std::clamp<int64_t>(int64_t(base) - 1 + j, 0, a.in - 1), double(weights[j]));
        m.close();
    }
}

template <class T>
T filter(bool is_cubic, T x) {
    x = std::abs(x);
    if (!is_cubic) return x < 1 ? 1 - x : T(0);
    return x < 1 ? near_part(x, T(-0.5)) : x < 2 ? far_part(x, T(-0.5)) : T(0);
}

template <class T>
void smooth(const AxisSpec& a, AxisEntries& m) {
    const bool is_cubic = a.kind == cubic_smooth_axis;
    const T scale = scale_of<T>(a, a.align_corners), reach = T(is_cubic ? 2 : 1) * (scale >= 1 ? scale : T(1));
    const T squeeze = scale >= 1 ? T(1) / scale : T(1);
    std::vector<T> weights;
    for (int64_t o = 0; o < a.out; ++o) {
        const T center = scale * (T(o) + T(0.5));
        const int64_t low = std::max<int64_t>(int64_t(center - reach + T(0.5)), 0);
        const int64_t high = std::min<int64_t>(int64_t(center + reach + T(0.5)), a.in);
        T total = 0;
        weights.clear();
        for (int64_t i = low; i < high; ++i) {
            weights.push_back(filter(is_cubic, (T(i) - center + T(0.5)) * squeeze));
            total += weights.back();
        }
        for (int64_t i = low; i < high; ++i)
            m.add(i, double(total != 0 ? weights[size_t(i - low)] / total : weights[size_t(i - low)]));
        m.close();
    }
}

void pad(const AxisSpec& a, AxisEntries& m) {
    for (int64_t o = 0; o < a.out; ++o) {
        int64_t i = o - a.before;
        if (a.kind == replicate_axis) i = std::clamp<int64_t>(i, 0, a.in - 1);
        else if (a.kind == circular_axis) i = ((i % a.in) + a.in) % a.in;
        else i = i < 0 ? -i : i >= a.in ? 2 * (a.in - 1) - i : i;
        m.add(i);
        m.close();
    }
}

template <class T>
void interpolated(const AxisSpec& a, AxisEntries& m) {
    if (a.kind == linear_axis) linear<T>(a, m);
    else if (a.kind == cubic_axis) cubic<T>(a, m);
    else smooth<T>(a, m);
}

}  // namespace

AxisEntries axis_entries(const AxisSpec& a, bool in_double) {
    AxisEntries m;
    switch (a.kind) {
        case same_axis: m.identity = true; break;
        case window_axis:
        case window_inside_axis: window(a, m); break;
        case adaptive_axis: adaptive(a, m); break;
        case unfold_axis: unfold(a, m); break;
        case nearest_axis:
        case nearest_exact_axis: nearest(a, m); break;
        case reflect_axis:
        case replicate_axis:
        case circular_axis: pad(a, m); break;
        default: in_double ? interpolated<double>(a, m) : interpolated<float>(a, m);
    }
    return m;
}

AxisEntries transposed(const AxisEntries& m, int64_t in) {
    AxisEntries t;
    t.identity = m.identity;
    t.divisor = m.divisor;
    if (m.identity) return t;
    t.start.assign(size_t(in) + 1, 0);
    for (int64_t i : m.index) ++t.start[size_t(i) + 1];
    for (size_t i = 0; i < size_t(in); ++i) t.start[i + 1] += t.start[i];
    std::vector<int64_t> next(t.start.begin(), t.start.end() - 1);
    t.index.resize(m.index.size());
    t.weight.resize(m.weight.size());
    for (size_t o = 0; o + 1 < m.start.size(); ++o)
        for (int64_t j = m.start[o]; j < m.start[o + 1]; ++j) {
            const int64_t at = next[size_t(m.index[size_t(j)])]++;
            t.index[size_t(at)] = int64_t(o);
            if (!m.weight.empty()) t.weight[size_t(at)] = m.weight[size_t(j)];
        }
    return t;
}

}  // namespace dg
