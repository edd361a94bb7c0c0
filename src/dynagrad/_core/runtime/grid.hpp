// Sampling images at given places, and back. Floating types only; arrays are row-major.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

enum class Sampling { linear, nearest, cubic };    // cubic for two axes only
enum class Outside { zeros, border, reflection };

// in: [n, channels, size...]; grid: [n, places, rank], the last axis of the image first, from -1 to 1 across the image;
// out: [n, channels, places].
struct GridSample {
    DType type;
    int rank;              // 2 or 3
    Sampling sampling;
    Outside outside;
    bool align_corners;    // whether -1 and 1 are the centres of the outermost pixels, or their outer edges
    int64_t n, channels, places, size[3];
};

void grid_sample(const GridSample& s, const void* in, const void* grid, void* out);
// Gradients of in and of grid; either may be null. They are overwritten.
void grid_sample_backward(const GridSample& s, const void* g, const void* in, const void* grid, void* g_in, void* g_grid);

}  // namespace dg
