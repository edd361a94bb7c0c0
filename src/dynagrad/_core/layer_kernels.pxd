# What Cython needs to know of kernels/layers.hpp.
from libc.stdint cimport int64_t

cdef extern from "kernels/layers.hpp" namespace "dg" nogil:
    enum Activation:
        act_elu, act_hardtanh, act_leaky_relu, act_hardsigmoid, act_hardswish, act_mish, act_softshrink, act_hardshrink,
        act_threshold, N_ACTIVATION
    struct NormRows:
        char* y
        char* mean
        char* rstd
        const char* x
        const char* weight
        const char* bias
        int64_t n
        double eps
        bint centred
    struct NormRowsBackward:
        char* dx
        char* dweight
        char* dbias
        const char* g
        const char* x
        const char* mean
        const char* rstd
        const char* weight
        int64_t n
        bint centred
    struct CellRows:
        char* out
        char* next_state
        char* kept
        const char* input_gates
        const char* hidden_gates
        const char* input_bias
        const char* hidden_bias
        const char* state
        int64_t hidden
    struct CellRowsBackward:
        char* dgates
        char* dhidden_gates
        char* dstate
        const char* g
        const char* g_state
        const char* kept
        const char* state
        const char* next_state
        int64_t hidden
    ctypedef void (*Activate)(char* out, const char* x, int64_t n, const double* p) noexcept
    ctypedef void (*ActivateBackward)(char* out, const char* g, const char* x, int64_t n, const double* p) noexcept
    ctypedef void (*NormLoop)(const NormRows* job, int64_t begin, int64_t end) noexcept
    ctypedef void (*NormBackwardLoop)(const NormRowsBackward* job, int64_t begin, int64_t end) noexcept
    ctypedef void (*CellLoop)(const CellRows* job, int64_t begin, int64_t end) noexcept
    ctypedef void (*CellBackwardLoop)(const CellRowsBackward* job, int64_t begin, int64_t end) noexcept
    struct LayerKernels:
        Activate activate[2][9]
        ActivateBackward activate_backward[2][9]
        NormLoop norm[2]
        NormBackwardLoop norm_backward[2]
        CellLoop lstm[2]
        CellBackwardLoop lstm_backward[2]
        CellLoop gru[2]
        CellBackwardLoop gru_backward[2]
    const LayerKernels* layer_kernels()
