// Rows and columns of bytes, weighted by whole numbers. The entries of the axes are in axis_maps.cpp.
#include "byte_images.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "axis_maps.hpp"
#include "threads.hpp"

namespace dg {
namespace {

constexpr int64_t worth_a_piece = 32768;  // elements
constexpr int most_places = 22;
constexpr int64_t run_length = 512;       // elements whose sums are held at once

// An axis of `in` bytes with `inner` of them side by side, and what its outputs are made of.
struct ByteAxis {
    int64_t in, out, inner, places;
    std::vector<int64_t> start, index;
    std::vector<int32_t> weight;
    const uint8_t* from;
    uint8_t* to;
};

// Neighbouring entries of the same input are one. The largest weight, also among those half added up, says how many binary
// places keep every weight within 16 bits.
void in_whole_numbers(const AxisEntries& m, ByteAxis& a) {
    std::vector<double> weights;
    double largest = 0;
    a.start.assign(1, 0);
    for (size_t o = 0; o + 1 < m.start.size(); ++o) {
        for (int64_t j = m.start[o]; j < m.start[o + 1]; ++j) {
            const bool again = int64_t(a.index.size()) > a.start.back() && a.index.back() == m.index[size_t(j)];
            if (again) {
                weights.back() += m.weight[size_t(j)];
            } else {
                a.index.push_back(m.index[size_t(j)]);
                weights.push_back(m.weight[size_t(j)]);
            }
            largest = std::max(largest, weights.back());
        }
        a.start.push_back(int64_t(a.index.size()));
    }
    a.places = 0;
    while (a.places < most_places && int64_t(0.5 + std::ldexp(largest, int(a.places) + 1)) < (1 << 15)) ++a.places;
    for (double w : weights) {
        const double scaled = std::ldexp(w, int(a.places));
        a.weight.push_back(int32_t(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
}

inline uint8_t rounded(int32_t sum, int64_t places) { return uint8_t(std::clamp(sum >> places, 0, 255)); }

void one_apart(const ByteAxis& a, const uint8_t* from, uint8_t* to, int32_t half) {
    for (int64_t o = 0; o < a.out; ++o) {
        int32_t sum = half;
        for (int64_t j = a.start[size_t(o)]; j < a.start[size_t(o) + 1]; ++j)
            sum += a.weight[size_t(j)] * from[a.index[size_t(j)]];
        to[o] = rounded(sum, a.places);
    }
}

void many_apart(const ByteAxis& a, const uint8_t* from, uint8_t* to, int32_t half) {
    int32_t sums[run_length];
    for (int64_t o = 0; o < a.out; ++o)
        for (int64_t begin = 0; begin < a.inner; begin += run_length) {
            const int64_t n = std::min(run_length, a.inner - begin);
            std::fill_n(sums, n, half);
            for (int64_t j = a.start[size_t(o)]; j < a.start[size_t(o) + 1]; ++j) {
                const uint8_t* row = from + a.index[size_t(j)] * a.inner + begin;
                const int32_t w = a.weight[size_t(j)];
                for (int64_t i = 0; i < n; ++i) sums[i] += w * row[i];
            }
            for (int64_t i = 0; i < n; ++i) to[o * a.inner + begin + i] = rounded(sums[i], a.places);
        }
}

void along(int64_t begin, int64_t end, void* context) {
    const ByteAxis& a = *static_cast<const ByteAxis*>(context);
    const int32_t half = a.places ? int32_t(1) << (a.places - 1) : 0;
    for (int64_t outer = begin; outer < end; ++outer) {
        const uint8_t* from = a.from + outer * a.in * a.inner;
        uint8_t* to = a.to + outer * a.out * a.inner;
        a.inner == 1 ? one_apart(a, from, to, half) : many_apart(a, from, to, half);
    }
}

void map_axis(const AxisSpec& spec, int64_t outer, int64_t inner, const uint8_t* from, uint8_t* to) {
    ByteAxis a{};
    in_whole_numbers(axis_entries(spec, true), a);
    a.in = spec.in, a.out = spec.out, a.inner = inner, a.from = from, a.to = to;
    const int64_t each = std::max<int64_t>(1, std::max(a.in, a.out) * inner);
    parallel_for(outer, std::max<int64_t>(1, worth_a_piece / each), along, &a);
}

}  // namespace

bool resample_bytes(int64_t planes, const AxisSpec* axes, const uint8_t* in, uint8_t* out) try {
    const AxisSpec &rows = axes[0], &columns = axes[1];
    const bool taller = rows.in != rows.out, wider = columns.in != columns.out;
    if (!taller && !wider) {
        std::memcpy(out, in, size_t(planes * rows.in * columns.in));
    } else if (!taller) {
        map_axis(columns, planes * rows.in, 1, in, out);
    } else if (!wider) {
        map_axis(rows, planes, columns.in, in, out);
    } else {
        std::unique_ptr<uint8_t[]> between(new uint8_t[size_t(planes * rows.in * columns.out)]);
        map_axis(columns, planes * rows.in, 1, in, between.get());
        map_axis(rows, planes, columns.out, between.get(), out);
    }
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

}  // namespace dg
