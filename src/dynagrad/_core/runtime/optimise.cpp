// Picks the optimisers' loops for this processor: the instruction set is the one that `kernels()` chose.
#include "../kernels/optimise.hpp"

#include <cstring>

#include "../kernels/table.hpp"
#include "threads.hpp"

namespace dg {

#ifdef __x86_64__
namespace x86_64 { const OptimiseTable* optimise_rules(); }
namespace avx2 { const OptimiseTable* optimise_rules(); }
namespace avx512 { const OptimiseTable* optimise_rules(); }

static const OptimiseTable* choose() {
    const char* isa = kernels()->isa;
    if (std::strcmp(isa, "avx512") == 0) return avx512::optimise_rules();
    return std::strcmp(isa, "avx2") == 0 ? avx2::optimise_rules() : x86_64::optimise_rules();
}
#else
namespace generic { const OptimiseTable* optimise_rules(); }

static const OptimiseTable* choose() { return generic::optimise_rules(); }
#endif

const OptimiseTable* optimise_table() {
    static const OptimiseTable* chosen = choose();
    return chosen;
}

namespace {

constexpr int64_t kGrain = 16384;
constexpr int kMostStates = 3;

struct Whole {
    OptimiseLoop loop;
    int itemsize;
    char* param;
    const char* grad;
    char* const* states;
    int n_states;
    const OptimiseStep* step;
};

void part(int64_t begin, int64_t end, void* context) {
    const auto& whole = *static_cast<const Whole*>(context);
    const int64_t offset = begin * whole.itemsize;
    char* states[kMostStates] = {};
    for (int i = 0; i < whole.n_states; ++i) {
        states[i] = whole.states[i] ? whole.states[i] + offset : nullptr;
    }
    whole.loop(whole.param + offset, whole.grad + offset, states, end - begin, whole.step);
}

}  // namespace

void optimise(OptimiseLoop loop, int itemsize, char* param, const char* grad, char* const* states, int n_states,
              int64_t n, const OptimiseStep* step) {
    if (n <= kGrain) {
        loop(param, grad, states, n, step);
        return;
    }
    Whole whole{loop, itemsize, param, grad, states, n_states, step};
    parallel_for(n, kGrain, part, &whole);
}

}  // namespace dg
