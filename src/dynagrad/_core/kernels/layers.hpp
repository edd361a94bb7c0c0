// The loops of layers: activations with parameters, normalised rows, gated cells. They work on contiguous memory of one
// type; [0] of each pair is for float, [1] for double.
#pragma once
#include <cstdint>

namespace dg {

enum Activation {
    act_elu,           // alpha, scale, input_scale
    act_hardtanh,      // min, max
    act_leaky_relu,    // negative slope
    act_hardsigmoid,
    act_hardswish,
    act_mish,
    act_softshrink,    // lambda
    act_hardshrink,    // lambda
    act_threshold,     // threshold, value
    N_ACTIVATION
};

// Rows of n: y = (x - mean) * rstd * weight + bias. Without `centred` the mean is taken to be 0. Null: no weight, no bias.
struct NormRows {
    char *y, *mean, *rstd;
    const char *x, *weight, *bias;
    int64_t n;
    double eps;
    bool centred;
};

// dweight and dbias are rows of n to add to, or null; so is dx.
struct NormRowsBackward {
    char *dx, *dweight, *dbias;
    const char *g, *x, *mean, *rstd, *weight;
    int64_t n;
    bool centred;
};

// One step of a gated cell, rows of `hidden` units. LSTM: gates i f g o, 4 each row; `state` is c. GRU: gates r z n, 3 each
// row, `state` is h and `kept` holds what the reset gate multiplied as its 4th part.
struct CellRows {
    char *out, *next_state, *kept;
    const char *input_gates, *hidden_gates, *input_bias, *hidden_bias, *state;
    int64_t hidden;
};

struct CellRowsBackward {
    char *dgates, *dhidden_gates, *dstate;
    const char *g, *g_state, *kept, *state, *next_state;
    int64_t hidden;
};

using Activate = void (*)(char* out, const char* x, int64_t n, const double* p);
using ActivateBackward = void (*)(char* out, const char* g, const char* x, int64_t n, const double* p);
using NormLoop = void (*)(const NormRows* job, int64_t begin, int64_t end);
using NormBackwardLoop = void (*)(const NormRowsBackward* job, int64_t begin, int64_t end);
using CellLoop = void (*)(const CellRows* job, int64_t begin, int64_t end);
using CellBackwardLoop = void (*)(const CellRowsBackward* job, int64_t begin, int64_t end);

struct LayerKernels {
    Activate activate[2][N_ACTIVATION];
    ActivateBackward activate_backward[2][N_ACTIVATION];
    NormLoop norm[2];
    NormBackwardLoop norm_backward[2];
    CellLoop lstm[2], gru[2];
    CellBackwardLoop lstm_backward[2], gru_backward[2];
};

const LayerKernels* layer_kernels();

}  // namespace dg
