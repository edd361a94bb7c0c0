// Order: sorting, selection, runs of equals. Declarations; compiled once, in sort.cpp.
// NaN counts as the greatest value, -0.0 equals 0.0, and equals keep their order. Memory comes from the C++ heap.
#pragma once
#include <cstdint>

#include "table.hpp"

namespace dg {

// `rows` rows of n elements of `dtype`. Strides are in bytes. Of each row the first k in order are written to `values`
// and their positions to `indices`, either of which may be null; the outputs must not overlap the input.
struct OrderedRows {
    char* values;
    int64_t* indices;
    const char* in;
    int64_t rows, n, k;
    int64_t in_row_stride, in_stride;
    int64_t values_row_stride, values_stride;
    int64_t index_row_stride, index_stride;
};

// Stable; k elements of the whole order are written, so k = n sorts.
void sort_rows(DType dtype, const OrderedRows& block, bool descending);

// The k extreme elements, in order, in O(n + k log k) a row.
void topk_rows(DType dtype, const OrderedRows& block, bool largest);

// One output a row: the element of rank k, counted from 0, in ascending order.
void select_rows(DType dtype, const OrderedRows& block);

enum class Median { propagate_nan, skip_nan };

// One output a row, the lower of the two middle elements. A NaN is the median of a row that has one, or is left out.
void median_rows(DType dtype, const OrderedRows& block, Median nan);

// One output a row: the most frequent element, the least of those equally frequent, and its last position.
void mode_rows(DType dtype, const OrderedRows& block);

// The distinct elements of n contiguous ones, ascending; every NaN is distinct. Returns how many; `values` has room for
// n, `inverse` (n, the place of each element among the distinct) and `counts` (room for n) may be null.
int64_t unique(DType dtype, const char* in, int64_t n, char* values, int64_t* inverse, int64_t* counts);

// The number of boundaries below each of n contiguous elements; `right` counts equal ones too (searchsorted, bucketize).
void searchsorted(DType dtype, const char* boundaries, int64_t count, const char* in, int64_t n, int64_t* out,
                  bool right);

}  // namespace dg
