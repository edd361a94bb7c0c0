// Images of bytes, resampled in whole numbers.
#pragma once
#include <cstdint>

#include "pool.hpp"

namespace dg {

// `planes` planes of two axes, row-major. The weights of an axis become 16-bit numbers with as many binary places as fit;
// each axis, the last one first, gives bytes again. PyTorch's numbers, and those of the Pillow library that it follows.
// False means that there was no memory to work in.
bool resample_bytes(int64_t planes, const AxisSpec* axes, const uint8_t* in, uint8_t* out);

}  // namespace dg
