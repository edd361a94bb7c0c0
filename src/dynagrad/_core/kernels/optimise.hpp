// One step of an optimiser over the elements of one parameter: what the table of rules holds, and how to reach it.
#pragma once
#include <cstdint>

namespace dg {

enum Rule : int {
    RULE_SGD, RULE_ADAM, RULE_ADAMAX, RULE_NADAM, RULE_RADAM, RULE_ADAGRAD, RULE_ADADELTA, RULE_RMSPROP, RULE_RPROP,
    RULE_ASGD, N_RULES
};

// The numbers of one step. What `k` and `on` mean is said beside each rule in optimise_table.cpp.
struct OptimiseStep {
    double decay;        // weight decay that joins the gradient; 0 for none
    double shrink;       // factor of the parameter ahead of the step; 1 for none
    double k[8];
    bool negate;         // the gradient points the other way: maximise
    bool on[2];
};

// param, grad and every state are contiguous arrays of n elements of one type.
using OptimiseLoop = void (*)(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* step);

struct OptimiseTable {
    OptimiseLoop rule[N_RULES][2];   // float, double
};

const OptimiseTable* optimise_table();

// The loop over all elements, by several threads where there are many.
void optimise(OptimiseLoop loop, int itemsize, char* param, const char* grad, char* const* states, int n_states,
              int64_t n, const OptimiseStep* step);

}  // namespace dg
