// Distances of all pairs of a row of one matrix and a row of another, and their gradients. float32 and float64, row-major.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// For each of `batches`: a is [rows, n], b [others, n], out [rows, others]: the p-norms of the differences; p is 0, which
// counts the differences that are not 0, positive, or infinite.
struct Distances {
    DType type;
    int64_t batches, rows, others, n;
    double p;
    const void* a;
    const void* b;
    void* out;
};

// False without memory.
bool distances(const Distances& d);
// The gradient of a, [rows, n], where that of out is g, [rows, others]. A distance of 0 has none; of several largest
// differences each gets all of it where p is infinite.
void distances_backward(const Distances& d, const void* g, void* gradient);

}  // namespace dg
