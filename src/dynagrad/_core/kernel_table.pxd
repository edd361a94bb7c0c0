# What Cython needs to know of kernels/table.hpp.
from libc.stdint cimport int64_t, uint8_t

from dynagrad._core.types cimport DType

cdef extern from "kernels/table.hpp" namespace "dg" nogil:
    enum:   # Unary
        op_positive, op_neg, op_abs, op_sign, op_square, op_bitwise_not, op_floor, op_ceil, op_round, op_trunc,
        op_relu, op_exp, op_exp2, op_expm1, op_log, op_log2, op_log10, op_log1p, op_sqrt, op_rsqrt, op_reciprocal,
        op_sin, op_cos, op_tan, op_asin, op_acos, op_atan, op_sinh, op_cosh, op_tanh, op_asinh, op_acosh, op_atanh,
        op_sigmoid, op_erf, op_erfc, op_erfinv, op_lgamma, op_digamma, op_frac, op_softplus, op_logsigmoid, op_silu,
        op_gelu_erf, op_gelu_tanh, op_sinc, op_logit, op_polygamma, N_UNARY
    enum:   # Binary
        op_add, op_sub, op_mul, op_div_floor, op_div_trunc, op_remainder, op_fmod, op_pow, op_maximum, op_minimum,
        op_fmax, op_fmin, op_bitwise_and, op_bitwise_or, op_bitwise_xor, op_shift_left, op_shift_right, op_div,
        op_atan2, op_hypot, op_copysign, op_xlogy, op_logaddexp, op_tanh_backward, op_sigmoid_backward,
        op_relu_backward, op_square_backward, op_abs_backward, op_gelu_erf_backward, op_gelu_tanh_backward,
        op_silu_backward, op_softplus_backward, op_logsigmoid_backward, N_BINARY
    enum:   # Test
        op_isnan, op_isinf, op_isfinite, op_signbit, op_is_zero, op_is_nonzero, N_TEST
    enum:   # Compare
        op_eq, op_ne, op_lt, op_le, op_gt, op_ge, op_logical_and, op_logical_or, op_logical_xor, N_COMPARE
    enum:   # Ternary
        op_where, op_clamp, op_addcmul, op_lerp, op_addcdiv, N_TERNARY
    enum:   # Reduce
        red_sum, red_prod, red_amax, red_amin, red_any, red_all, red_count_nonzero, red_sum_abs, red_sum_sq,
        red_sum_abs_pow, red_max_abs, red_min_abs, red_sum_sq_dev, red_nansum, N_REDUCE
    struct Params:
        double a
        double b
        int64_t i
        int64_t j
        int* flag
    ctypedef void (*Loop)(char** data, const int64_t* strides, int64_t n, const Params* params) noexcept
    ctypedef void (*RowLoop)(char* out, const char* input, int64_t rows, int64_t n) noexcept
    ctypedef void (*RowBackwardLoop)(char* out, const char* g, const char* result, int64_t rows, int64_t n) noexcept
    ctypedef void (*ScanLoop)(char* out, int64_t out_stride, const char* input, int64_t in_stride, int64_t n) noexcept
    ctypedef struct ArgBlock:
        pass
    ctypedef void (*ArgLoop)(const ArgBlock* block) noexcept
    ctypedef void (*ExtremeScanLoop)(char* out, int64_t out_stride, char* index, int64_t index_stride, const char* input,
                                     int64_t in_stride, int64_t n) noexcept
    struct ReduceBlock:
        char* out
        const char* input "in"
        const char* means
        int64_t n_out
        int64_t n_red
        int64_t out_stride
        int64_t in_stride_out
        int64_t in_stride_red
        int64_t means_stride
        bint first
    ctypedef void (*ReduceLoop)(const ReduceBlock* block, const Params* params) noexcept
    # The bounds here only need to be large enough; the real ones are the enums' counts.
    struct Kernels:
        const char* isa
        Loop unary[200][3]
        Loop binary[200][3]
        Loop test[200][3]
        Loop compare[200][3]
        Loop ternary[200][3]
        Loop cast[10][10]
        ReduceLoop reduce[200][3]
        ArgLoop argmax[3]
        ArgLoop argmin[3]
        RowLoop softmax[3]
        RowLoop log_softmax[3]
        RowLoop logsumexp[3]
        RowBackwardLoop softmax_backward[3]
        RowBackwardLoop log_softmax_backward[3]
        ScanLoop cumsum[3]
        ScanLoop cumprod[3]
        ScanLoop logcumsumexp[3]
        ExtremeScanLoop cummax[3]
        ExtremeScanLoop cummin[3]
    const Kernels* kernels()

cdef extern from "runtime/iterate.hpp" namespace "dg" nogil:
    struct Operand:
        char* data
        const int64_t* strides
        DType dtype
    const int64_t parallel_threshold
    void iterate(Loop loop, int ndim, const int64_t* shape, const Operand* operands, int n_operands,
                 const DType* types, const Params* params, int cost)

cdef extern from * nogil:
    """
    static inline bool dg_reduce(int op, int compute, int ndim, const int64_t* shape, const dg::Operand& out,
                                 const dg::Operand& in, const dg::Operand* means, const dg::Params* params) {
        return dg::reduce(static_cast<dg::Reduce>(op), static_cast<dg::Compute>(compute), ndim, shape, out, in, means,
                          params);
    }
    static inline bool dg_arg_reduce(dg::ArgLoop loop, int compute, int ndim, const int64_t* shape, int dim,
                                     const dg::Operand& values, const dg::Operand& indices, const dg::Operand& in) {
        return dg::arg_reduce(loop, static_cast<dg::Compute>(compute), ndim, shape, dim, values, indices, in);
    }
    static inline int dg_reduced_type(int op, int compute) {
        return dg::reduced_type(static_cast<dg::Reduce>(op), static_cast<dg::Compute>(compute));
    }
    """
    bint reduce_all "dg_reduce"(int op, int compute, int ndim, const int64_t* shape, const Operand& out,
                                const Operand& input, const Operand* means, const Params* params)
    bint arg_reduce "dg_arg_reduce"(ArgLoop loop, int compute, int ndim, const int64_t* shape, int dim,
                                    const Operand& values, const Operand& indices, const Operand& input)
    int reduced_type "dg_reduced_type"(int op, int compute)

cdef extern from "runtime/threads.hpp" namespace "dg" nogil:
    ctypedef void (*RangeBody)(int64_t begin, int64_t end, void* context) noexcept
    void parallel_for(int64_t n, int64_t grain, RangeBody body, void* context)
