// How gamma and Dirichlet numbers move when the parameters move that they were drawn with, the probability kept.
// The numbers themselves are drawn in rejection.cpp.
#pragma once
#include <cstdint>

namespace dg {

// Three contiguous arrays in, one out, of n elements of one type. Gamma numbers have no total: it is not read.
using DriftLoop = void (*)(const void* x, const void* alpha, const void* total, void* out, int64_t n);

struct DriftKernels {
    DriftLoop gamma[2];      // float, double: dx / dalpha
    DriftLoop dirichlet[2];  // dx / dalpha / (1 - x), where total is the sum of the parameters
};

const DriftKernels* drift_kernels();

}  // namespace dg
