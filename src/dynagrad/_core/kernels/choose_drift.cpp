// Picks the loops of drift.hpp that belong to the instruction set of kernels().
#include <cstring>

#include "drift.hpp"
#include "table.hpp"

namespace dg {

#ifdef __x86_64__
namespace x86_64 { const DriftKernels* drift_table(); }
namespace avx2 { const DriftKernels* drift_table(); }
namespace avx512 { const DriftKernels* drift_table(); }

static const DriftKernels* choose() {
    if (std::strcmp(kernels()->isa, "avx512") == 0) return avx512::drift_table();
    return std::strcmp(kernels()->isa, "avx2") == 0 ? avx2::drift_table() : x86_64::drift_table();
}
#else
namespace generic { const DriftKernels* drift_table(); }

static const DriftKernels* choose() { return generic::drift_table(); }
#endif

const DriftKernels* drift_kernels() {
    static const DriftKernels* chosen = choose();
    return chosen;
}

}  // namespace dg
