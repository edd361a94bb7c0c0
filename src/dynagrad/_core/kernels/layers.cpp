// Hands out the loops of layers for the instruction set that `choose.cpp` picked.
#include "layers.hpp"

#include <cstring>

#include "table.hpp"

namespace dg {

const Kernels* kernels();

#ifdef __x86_64__
namespace x86_64 { const LayerKernels* layer_table(); }
namespace avx2 { const LayerKernels* layer_table(); }
namespace avx512 { const LayerKernels* layer_table(); }

static const LayerKernels* pick() {
    const char* isa = kernels()->isa;
    if (std::strcmp(isa, "avx512") == 0) return avx512::layer_table();
    return std::strcmp(isa, "avx2") == 0 ? avx2::layer_table() : x86_64::layer_table();
}
#else
namespace generic { const LayerKernels* layer_table(); }

static const LayerKernels* pick() { return generic::layer_table(); }
#endif

const LayerKernels* layer_kernels() {
    static const LayerKernels* chosen = pick();
    return chosen;
}

}  // namespace dg
