// Connectionist temporal classification (Graves and others, 2006): the negative logarithm of the probability of all
// paths that spell a target, and its gradient. float32 and float64.
#pragma once
#include <cstdint>

#include "../kernels/table.hpp"

namespace dg {

// log_probs: [time, items, classes]. The target of item b has target_lengths[b] labels from targets + target_starts[b].
// alpha: [items, time, 2 most + 1], `most` being the longest target; row t holds the logarithms of the prefixes' sums.
struct Ctc {
    DType type;
    int64_t time, items, classes, most, blank;
    const void* log_probs;
    const int64_t* targets;
    const int64_t* target_starts;
    const int64_t* target_lengths;
    const int64_t* input_lengths;
    void* alpha;
    void* losses;          // [items]
};

void ctc_forward(const Ctc& c);
// g: [items]; gradient: [time, items, classes]. Items of infinite loss get none with zero_infinity.
// False without memory.
bool ctc_backward(const Ctc& c, const void* g, void* gradient, bool zero_infinity);

}  // namespace dg
