// n-dimensional iteration around the inner loops of the kernel table: any rank, any strides, any dtypes, all cores.
// Shapes are already broadcast and outputs allocated; promotion and checks are the caller's. No Python in here.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// Where `params` is null, the loops get the defaults.
constexpr int max_operands = 5;

constexpr int item_sizes[N_DTYPES] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
inline int item_size(DType t) { return item_sizes[t]; }

struct Operand {
    char* data;
    const int64_t* strides;   // in elements, one per dim of the broadcast shape, 0 where broadcast
    DType dtype;
};

// Above this many elements times `cost` the work is split over the cores (and is worth releasing the GIL for).
constexpr int64_t parallel_threshold = 32768;

// Runs `loop` over the whole of `shape`. operands[0] is the output; types[k] is what the loop wants of operand k: where
// the operand's dtype differs, it passes through a buffer in L1. `cost` is the work per element, an addition being 1.
// The output may be the very memory of an input (in place), with the same strides; it may not overlap one in part.
void iterate(Loop loop, int ndim, const int64_t* shape, const Operand* operands, int n_operands, const DType* types,
             const Params* params, int cost = 1);

// out = op over the dims where out's strides are 0 and the extent is not 1; `out` and `means` have the rank of `in`.
// `in` is converted to the compute type; the result to out.dtype, once per output, after the whole fold. `means` (of
// the compute type, the strides' zeros as out's) goes to sum_sq_dev only, else null. A reduced dim of extent 0 gives
// the identity. False when memory for partial results is lacking.
bool reduce(Reduce op, Compute compute, int ndim, const int64_t* shape, const Operand& out, const Operand& in,
            const Operand* means, const Params* params);

// The dtype that the reduction loop itself writes: bool for any and all, int64 for count_nonzero, else the compute type.
DType reduced_type(Reduce op, Compute compute);

inline DType dtype_of(Compute c) { return c == C_I64 ? I64 : c == C_F32 ? F32 : F64; }

// values (data may be null) and int64 indices of the extremes along `dim`, by one of the table's argmax/argmin rows.
// The strides' entries of values and indices at `dim` are ignored. The extent of dim is at least 1. False when memory
// for a converted row is lacking.
bool arg_reduce(ArgLoop loop, Compute compute, int ndim, const int64_t* shape, int dim, const Operand& values,
                const Operand& indices, const Operand& in);

}  // namespace dg
