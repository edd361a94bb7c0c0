// Kernels over images and signals of up to three dimensions: one table for each instruction set. Plain memory only;
// how a convolution is cut into these pieces is in runtime/conv.cpp.
#pragma once
#include <cstdint>

#include "table.hpp"

namespace dg {

// Copies channels into a zero-padded work area. Along each dimension the padded image is split into the `phases` that
// are wanted: positions congruent modulo the step lie together, so that a strided convolution reads adjacent elements.
struct Spread {
    const void* in;
    void* out;
    int64_t channels, in_channel, out_channel;   // elements
    int64_t size[3];       // of the input, row-major within a channel
    int64_t before[3];     // zeros in front
    int64_t step[3];
    int64_t n_phases[3];
    const int64_t* phases[3];
    int64_t extent[3];     // of one phase in the work area
};

// out[m][o] = bias[m] + the sum over k of a[m][k] * in[offsets[k] + place(o)], for o in a grid that lies in the work area
// with the steps (extent[1] * extent[2], extent[2], 1). Up to `slack` elements behind the grid's last one are read.
struct TapProduct {
    const void* a;             // packed by pack_rows
    const void* in;
    const int64_t* offsets;
    const void* bias;          // or null
    void* out;
    int64_t m, k, channels;    // channels: for how much of the work area a tap touches
    int64_t grid[3], extent[3];
    int64_t out_m, out_step[3];
};

// sum[k][m] += the sum over p in [0, n) of in[offsets[k] + p] * g[p][m]; a row of g and of sum has `width` elements.
struct TapGradient {
    const void* in;
    const int64_t* offsets;
    const void* g;
    void* sum;
    int64_t k, n, width;
};

// g[m][o] on the grid of the work area as rows of `width` elements for places begin..end; zero between the grid's rows.
struct GridRows {
    const void* g;
    void* out;
    int64_t m, width, begin, end;
    int64_t grid[3], extent[3];
};

struct ConvKernels {
    int lanes, rows;       // elements in a vector; rows of a that one block of pack_rows holds
    void (*pack_rows)(const void* w, int64_t m, int64_t k, int64_t row_stride, const int64_t* places, void* out);
    void (*spread)(const Spread& s);
    void (*tap_product)(const TapProduct& t);
    void (*grid_rows)(const GridRows& r);
    void (*tap_gradient)(const TapGradient& t);
};

// One axis of a separable linear map: output o is the sum over j in [start[o], start[o + 1]) of weight[j] in[index[j]].
// Without weights they are 1.
struct AxisMap {
    int64_t in, out;
    const int64_t* start;
    const int64_t* index;
    const void* weight;
};

// Planes of up to three axes, mapped axis by axis in the given order. `divisor` (or null) divides the result, or with
// `divide_first` the input, element by element of a plane; `factor` divides it as a whole.
struct Resample {
    AxisMap axis[3];
    int order[3];
    int axes;                  // how many of `order` there are: those that change nothing are left out
    const void* in;
    void* out;
    int64_t in_plane, out_plane, temporary;   // elements; of the largest plane in between
    const void* divisor;
    double factor;
    bool divide_first;
};

// The largest element of each window and its place in the plane. NaN is larger than all, the first of equals wins.
struct MaxPool {
    const void* in;
    void* values;
    int64_t* indices;
    int64_t size[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
};

// The same over windows [begin, end) along each axis, given for each output; those of plane p lie at p * step.
struct MaxWindows {
    const void* in;
    void* values;
    int64_t* indices;
    int64_t size[3], out[3];
    const int64_t* begin[3];
    const int64_t* end[3];
    int64_t step[3];
};

struct PoolKernels {
    // Planes begin..end. `work` has room for twice `temporary` elements.
    void (*resample)(const Resample& r, int64_t begin, int64_t end, void* work);
    void (*max_pool)(const MaxPool& p, int64_t begin, int64_t end);
    void (*max_windows)(const MaxWindows& p, int64_t begin, int64_t end);
};

// For each row of n elements the sums of x - center and its square, or, given g, of g and of g (x - center). A row's center
// is that of its number modulo `period`.
struct RowSums {
    const void* x;
    const void* g;             // or null
    const double* center;      // or null: 0
    double* first;
    double* second;
    int64_t n, period;
};

// out = x a + b, or, given g, g p + x a + b, with the numbers of the row modulo `period`.
struct RowMap {
    const void* x;
    const void* g;
    void* out;
    const double* a;
    const double* b;
    const double* p;
    int64_t n, period;
};

struct NormKernels {
    void (*row_sums)(const RowSums& s, int64_t begin, int64_t end);
    void (*row_map)(const RowMap& m, int64_t begin, int64_t end);
};

struct ImageKernels {
    NormKernels norm[N_COMPUTE];   // float32 and float64
    ConvKernels conv[N_COMPUTE];
    PoolKernels pool[N_COMPUTE];
};

// The table for this processor, of the same instruction set as kernels().
const ImageKernels* image_kernels();

}  // namespace dg
