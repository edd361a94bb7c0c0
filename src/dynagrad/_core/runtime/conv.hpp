// Convolutions and their two adjoints over one to three dimensions, in float32, float64 and int64.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// y[n, m] = sum over c of x[n, c] * w[m, c] in each group; a signal of fewer than three dimensions has leading ones.
struct Convolution {
    DType type;
    int64_t n, groups, c, m;    // c and m: channels of one group of x and of y
    int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
};

enum class ConvWay {
    forward,      // (x, w) -> y
    to_input,     // (y, w) -> x: the adjoint in x, which is also the transposed convolution
    to_weight,    // (x, y) -> w
};

struct ConvPlan;

// How the work is cut; null when there is no memory for it.
ConvPlan* conv_plan(const Convolution& conv, ConvWay way);
void conv_free(ConvPlan* plan);
// The memory that conv_run works in, to be aligned to 64.
size_t conv_bytes(const ConvPlan* plan);
// Multiplications: says whether a run is worth threads.
double conv_work(const Convolution& conv);

// All arrays are row-major; bias (of y's channels, or x's for to_input) may be null, and is for to_weight.
void conv_run(const ConvPlan* plan, const void* a, const void* b, const void* bias, void* out, void* workspace);

}  // namespace dg
