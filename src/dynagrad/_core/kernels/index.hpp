// Moving and combining elements through integer indices and masks. Declarations; the loops are in index.cpp.
// Offsets and strides are in bytes unless a name says otherwise; indices are int64. Nothing here checks bounds except
// `first_out_of_range`, which the caller runs over every index before a loop writes anything.
#pragma once
#include <cstdint>

#include "table.hpp"

namespace dg {

constexpr int MAX_DIMS = 64;

// One index of an indexed walk: at each position of the walk it adds wrap(data[position]) * step to the address of the
// indexed operand, where wrap adds `extent` to a negative value. `strides` are over the walk, in elements.
struct IndexOperand {
    const int64_t* data;
    const int64_t* strides;
    int64_t extent, step;
};

// A walk over `shape` that pairs the elements of a plain operand with those of an indexed one. The strides of the
// indexed operand are zero along the dims that only the indices move through.
struct IndexedWalk {
    int ndim;
    const int64_t* shape;
    char* plain;
    const int64_t* plain_strides;
    char* indexed;
    const int64_t* indexed_strides;
    int n_indices;
    const IndexOperand* indices;
};

// get: plain = indexed. put: indexed = plain. The others: indexed = op(indexed, plain), repeated indices one after the
// other in the order of the walk; amax and amin propagate NaN.
enum class IndexOp : uint8_t { get, put, add, mul, amax, amin };

// Gather, scatter, index_select, index_add, index_copy, take, x[i, j] and x[i, j] = v are all this loop.
void indexed_walk(const IndexedWalk& walk, IndexOp op, DType dtype);

// The position of the first of n indices outside [0, extent), or outside [-extent, extent) with `wrap`; -1 if none.
int64_t first_out_of_range(const int64_t* indices, int64_t n, int64_t extent, bool wrap);

// out[...] = in[...] over `shape`, for elements of 1, 2, 4 or 8 bytes. The operands do not overlap.
void copy_strided(int ndim, const int64_t* shape, char* out, const int64_t* out_strides, const char* in,
                  const int64_t* in_strides, int itemsize);

int64_t count_true(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides);

// Writes the coordinates of the true elements in row-major order: those along dim d from out[d * column] on.
void nonzero(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, int64_t* out,
             int64_t column);

// out, contiguous, receives the elements of `in` where the mask is true, in row-major order.
void masked_select(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, const char* in,
                   const int64_t* in_strides, char* out, int itemsize);

// The reverse: the elements of `in`, contiguous, go one after the other to where the mask is true.
void masked_scatter(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, char* out,
                    const int64_t* out_strides, const char* in, int itemsize);

// out[v] += 1 or weights[i] for each value; the caller has checked 0 <= v < length of out and cleared out.
void bincount(const int64_t* values, int64_t n, int64_t* out);
void bincount(const int64_t* values, int64_t n, const double* weights, double* out);

// Writes each i < n repeats[i] times; the caller has summed the repeats and checked that none is negative.
void repeat_positions(const int64_t* repeats, int64_t n, int64_t* out);

}  // namespace dg
