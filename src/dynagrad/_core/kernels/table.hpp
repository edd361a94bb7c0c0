// The one door to the kernels: a table of plain functions per instruction set (and, later, per device).
// Everything here is data: dtypes, the signatures of the loops, the struct of function pointers.
#pragma once
#include <cstdint>

#include "opcodes.hpp"

namespace dg {

enum DType : uint8_t { BOOL, U8, I8, I16, I32, I64, F16, BF16, F32, F64, N_DTYPES };

// Arithmetic happens in three types; the narrower ones are widened block by block on the way in and rounded on the way
// out. That is exact: integers wrap modulo 2^n, and half types are specified to round through float32.
enum Compute : uint8_t { C_I64, C_F32, C_F64, N_COMPUTE };

#define DG_ENUM(name) op_##name,
enum Unary { DG_UNARY_ANY(DG_ENUM) DG_UNARY_FLOAT(DG_ENUM) N_UNARY };
enum Binary { DG_BINARY_ANY(DG_ENUM) DG_BINARY_INT(DG_ENUM) DG_BINARY_FLOAT(DG_ENUM) N_BINARY };
enum Test { DG_TEST(DG_ENUM) N_TEST };
enum Compare { DG_COMPARE(DG_ENUM) N_COMPARE };
enum Ternary { DG_TERNARY_ANY(DG_ENUM) DG_TERNARY_FLOAT(DG_ENUM) N_TERNARY };
#undef DG_ENUM
#define DG_ENUM(name) red_##name,
enum Reduce { DG_REDUCE_ANY(DG_ENUM) DG_REDUCE_FLOAT(DG_ENUM) N_REDUCE };
#undef DG_ENUM

// Scalars a loop may need. `flag` is written by kernels that meet an integer division by zero; the caller raises.
struct Params {
    double a = 1, b = 0;
    int64_t i = 1, j = 0;
    int* flag = nullptr;
};

// One inner loop over n elements: data[0] is the output, data[1..] the inputs; strides are in bytes and may be zero or
// negative. An output may be the same memory as an input (in place), never a partial overlap.
using Loop = void (*)(char* const* data, const int64_t* strides, int64_t n, const Params* params);

// A block of a reduction: out[i] (op)= fold_j in[i, j], i < n_out, j < n_red. With `first` the fold starts from the
// identity, without it from what out holds. `means` (stride as out) is read by sum_sq_dev only, else null.
struct ReduceBlock {
    char* out;
    const char* in;
    const char* means;
    int64_t n_out, n_red;
    int64_t out_stride, in_stride_out, in_stride_red, means_stride;   // bytes
    bool first;
};
using ReduceLoop = void (*)(const ReduceBlock* block, const Params* params);

// argmax / argmin over rows: the position of the first extreme element (NaN is extreme). values may be null.
// The same block geometry; out_index has stride index_stride.
struct ArgBlock {
    char* values;
    int64_t* indices;
    const char* in;
    int64_t n_out, n_red;
    int64_t values_stride, index_stride, in_stride_out, in_stride_red;   // bytes
};
using ArgLoop = void (*)(const ArgBlock* block);

// Row-wise normalisers over contiguous [rows, n] memory (softmax family). forward: out, in. backward: out, g, result.
using RowLoop = void (*)(char* out, const char* in, int64_t rows, int64_t n);
using RowBackwardLoop = void (*)(char* out, const char* g, const char* result, int64_t rows, int64_t n);

// Cumulative sum or product of n elements: strides in bytes.
using ScanLoop = void (*)(char* out, int64_t out_stride, const char* in, int64_t in_stride, int64_t n);
// Cumulative extreme: the running value and (int64) the position it came from.
using ExtremeScanLoop = void (*)(char* out, int64_t out_stride, char* index, int64_t index_stride, const char* in,
                                 int64_t in_stride, int64_t n);

struct Kernels {
    const char* isa;                        // "x86-64", "avx2", "avx512" or "generic"
    Loop unary[N_UNARY][N_COMPUTE];         // null where the type is not supported
    Loop binary[N_BINARY][N_COMPUTE];
    Loop test[N_TEST][N_COMPUTE];
    Loop compare[N_COMPARE][N_COMPUTE];
    Loop ternary[N_TERNARY][N_COMPUTE];
    Loop cast[N_DTYPES][N_DTYPES];          // cast[from][to]
    ReduceLoop reduce[N_REDUCE][N_COMPUTE]; // out has the compute type, bool for any/all, int64 for count_nonzero
    ArgLoop argmax[N_COMPUTE], argmin[N_COMPUTE];
    RowLoop softmax[N_COMPUTE], log_softmax[N_COMPUTE], logsumexp[N_COMPUTE];   // logsumexp writes one element a row
    RowBackwardLoop softmax_backward[N_COMPUTE], log_softmax_backward[N_COMPUTE];
    ScanLoop cumsum[N_COMPUTE], cumprod[N_COMPUTE], logcumsumexp[N_COMPUTE];
    ExtremeScanLoop cummax[N_COMPUTE], cummin[N_COMPUTE];
};

// The table for this processor, chosen once.
const Kernels* kernels();

}  // namespace dg
