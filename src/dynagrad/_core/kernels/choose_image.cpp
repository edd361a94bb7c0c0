// Picks the table of image kernels that belongs to the instruction set of kernels().
#include <cstring>

#include "image.hpp"

namespace dg {

#ifdef __x86_64__
namespace x86_64 { const ImageKernels* image_table(); }
namespace avx2 { const ImageKernels* image_table(); }
namespace avx512 { const ImageKernels* image_table(); }

static const ImageKernels* choose() {
    if (std::strcmp(kernels()->isa, "avx512") == 0) return avx512::image_table();
    return std::strcmp(kernels()->isa, "avx2") == 0 ? avx2::image_table() : x86_64::image_table();
}
#else
namespace generic { const ImageKernels* image_table(); }

static const ImageKernels* choose() { return generic::image_table(); }
#endif

const ImageKernels* image_kernels() {
    static const ImageKernels* chosen = choose();
    return chosen;
}

}  // namespace dg
