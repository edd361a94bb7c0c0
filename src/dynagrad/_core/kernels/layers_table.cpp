// The loops of layers for one instruction set.
#include "activation.hpp"
#include "cells.hpp"
#include "layers.hpp"
#include "norm_rows.hpp"

namespace dg {
namespace DG_ISA {

static LayerKernels make_layer_table() {
    LayerKernels k{};
    fill_activation<float>(k, 0);
    fill_activation<double>(k, 1);
    k.norm[0] = norm_rows<float>;
    k.norm[1] = norm_rows<double>;
    k.norm_backward[0] = norm_rows_backward<float>;
    k.norm_backward[1] = norm_rows_backward<double>;
    k.lstm[0] = lstm_rows<float>;
    k.lstm[1] = lstm_rows<double>;
    k.lstm_backward[0] = lstm_rows_backward<float>;
    k.lstm_backward[1] = lstm_rows_backward<double>;
    k.gru[0] = gru_rows<float>;
    k.gru[1] = gru_rows<double>;
    k.gru_backward[0] = gru_rows_backward<float>;
    k.gru_backward[1] = gru_rows_backward<double>;
    return k;
}

const LayerKernels* layer_table() {
    static const LayerKernels filled = make_layer_table();
    return &filled;
}

}  // namespace DG_ISA
}  // namespace dg
