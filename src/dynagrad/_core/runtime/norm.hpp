// Sums over rows and rows scaled, cut over the threads. float32 and float64.
#pragma once
#include <cstdint>

#include "../kernels/image.hpp"

namespace dg {

void row_sums(DType type, int64_t rows, const RowSums& s);
void row_map(DType type, int64_t rows, const RowMap& m);

}  // namespace dg
