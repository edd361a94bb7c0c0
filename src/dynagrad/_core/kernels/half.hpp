// float16 and bfloat16 as storage: their bits to float and back, rounding to the nearest even as IEEE 754 asks.
// Branch-free, so that loops over them become vector code on every instruction set.
#pragma once
#include <cstdint>

#include "isa.hpp"

namespace dg {
namespace DG_ISA {

struct Half {
    uint16_t bits;
};

struct BFloat16 {
    uint16_t bits;
};

DG_INLINE float widen(BFloat16 h) { return __builtin_bit_cast(float, uint32_t(h.bits) << 16); }

DG_INLINE BFloat16 to_bfloat16(float x) {
    uint32_t u = __builtin_bit_cast(uint32_t, x);
    uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    return {uint16_t(x != x ? 0x7fc0 : rounded)};
}

// The fields of a float16, moved into place, are a float32 too small by 2^112, subnormals included.
DG_INLINE float widen(Half h) {
    uint32_t magnitude = uint32_t(h.bits & 0x7fff) << 13;
    float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112f;
    uint32_t finite = __builtin_bit_cast(uint32_t, scaled);
    uint32_t u = (h.bits & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000 : finite;
    return __builtin_bit_cast(float, u | uint32_t(h.bits & 0x8000) << 16);
}

// Adding 0.5 to a magnitude below 2^-14 leaves a multiple of 2^-24, the spacing of subnormal float16, in the low bits.
DG_INLINE Half to_half(float x) {
    uint32_t u = __builtin_bit_cast(uint32_t, x);
    uint32_t magnitude = u & 0x7fffffff;
    uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
    float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000;
    uint32_t r = magnitude < 0x38800000 ? subnormal : normal;
    r = magnitude >= 0x477ff000 ? 0x7c00 : r;
    r = magnitude > 0x7f800000 ? 0x7e00 : r;
    return {uint16_t(r | (u >> 16 & 0x8000))};
}

}  // namespace DG_ISA
}  // namespace dg
