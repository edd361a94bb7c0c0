// The kernels over images for one instruction set. Compiled once per set, each time with its own flags and its own DG_ISA.
#include "conv.hpp"
#include "image.hpp"
#include "norm.hpp"
#include "pool.hpp"

namespace dg {
namespace DG_ISA {

static ImageKernels make_image_table() {
    ImageKernels k{};
    k.conv[C_F32] = conv_kernels<float>();
    k.conv[C_F64] = conv_kernels<double>();
    k.conv[C_I64] = conv_kernels<uint64_t>();
    k.pool[C_F32] = pool_kernels<float, int32_t>();
    k.pool[C_F64] = pool_kernels<double, int64_t>();
    k.pool[C_I64] = pool_kernels<int64_t, int64_t>();
    k.norm[C_F32] = norm_kernels<float>();
    k.norm[C_F64] = norm_kernels<double>();
    return k;
}

const ImageKernels* image_table() {
    static const ImageKernels filled = make_image_table();
    return &filled;
}

}  // namespace DG_ISA
}  // namespace dg
