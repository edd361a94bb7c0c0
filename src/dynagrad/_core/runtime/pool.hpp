// Maps of planes, cut over the threads: separable linear maps, largest elements, and places written down as indices.
// All arrays are row-major, in float32, float64 or int64. False means that there was no memory to work in.
#pragma once
#include <cstdint>

#include "../kernels/image.hpp"

namespace dg {

// How an axis of `in` elements becomes one of `out`. Windows reach from o stride - before over `size` taps.
enum AxisKind {
    same_axis, window_axis, window_inside_axis, adaptive_axis, unfold_axis, nearest_axis, nearest_exact_axis, linear_axis,
    cubic_axis, linear_smooth_axis, cubic_smooth_axis, reflect_axis, replicate_axis, circular_axis,
};

struct AxisSpec {
    AxisKind kind;
    int64_t in, out;
    int64_t size, stride, before, dilation;   // of windows; `before` also of pads
    double scale;                             // what the user gave, or 0
    bool align_corners;
};

// `planes` planes. The transpose maps planes of the outs to planes of the ins. `factor` divides; with 0, windows divide by
// their sizes: with the padding for `window_axis`, without it for `window_inside_axis`; `adaptive_axis` too.
bool separable(DType type, int64_t planes, const AxisSpec* axes, bool transpose, double factor, const void* in, void* out);

void max_pool(DType type, int64_t planes, const MaxPool& pool);
void max_windows(DType type, int64_t planes, const MaxWindows& pool);

// Elements of `itemsize` bytes at places of planes: out[p][i] = in[p][index[p][i]], and the two ways back.
struct Places {
    int64_t planes, n, size;     // n elements of each plane, which has `size`
    const int64_t* indices;
    const void* in;
    void* out;
};
void take_places(DType type, const Places& p);
void put_places(DType type, const Places& p);    // out is zero where nothing is put
void add_places(DType type, const Places& p);

}  // namespace dg
