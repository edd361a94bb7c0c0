// From a contiguous loop to one for any strides. Operands that do not lie side by side are brought through small
// buffers, so that every operation exists once, as one contiguous loop.
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa.hpp"
#include "table.hpp"

namespace dg {
namespace DG_ISA {

using Contiguous = void (*)(char* const* data, int64_t n, const Params* params);

constexpr int64_t block_size = 512;
constexpr int max_operands = 4;

template <class U>
void gather(char* to, const char* from, int64_t stride, int64_t n) {
    U* out = reinterpret_cast<U*>(to);
    for (int64_t i = 0; i < n; i++) out[i] = *reinterpret_cast<const U*>(from + i * stride);
}

template <class U>
void scatter(char* to, int64_t stride, const char* from, int64_t n) {
    const U* in = reinterpret_cast<const U*>(from);
    for (int64_t i = 0; i < n; i++) *reinterpret_cast<U*>(to + i * stride) = in[i];
}

inline void gather(int size, char* to, const char* from, int64_t stride, int64_t n) {
    switch (size) {
        case 1: return gather<uint8_t>(to, from, stride, n);
        case 2: return gather<uint16_t>(to, from, stride, n);
        case 4: return gather<uint32_t>(to, from, stride, n);
        default: return gather<uint64_t>(to, from, stride, n);
    }
}

inline void scatter(int size, char* to, int64_t stride, const char* from, int64_t n) {
    switch (size) {
        case 1: return scatter<uint8_t>(to, stride, from, n);
        case 2: return scatter<uint16_t>(to, stride, from, n);
        case 4: return scatter<uint32_t>(to, stride, from, n);
        default: return scatter<uint64_t>(to, stride, from, n);
    }
}

// Operand 0 is the output. A stride of zero fills its buffer once.
inline void run_in_blocks(Contiguous loop, const uint8_t* sizes, int count, char* const* data, const int64_t* strides,
                          int64_t n, const Params* params) {
    alignas(64) char buffers[max_operands][block_size * 8];
    char* at[max_operands];
    for (int k = 1; k < count; k++)
        if (strides[k] == 0) gather(sizes[k], buffers[k], data[k], 0, n < block_size ? n : block_size);
    for (int64_t start = 0; start < n; start += block_size) {
        int64_t m = n - start < block_size ? n - start : block_size;
        for (int k = 0; k < count; k++) {
            char* here = data[k] + start * strides[k];
            at[k] = strides[k] == sizes[k] ? here : buffers[k];
            if (k > 0 && strides[k] != sizes[k] && strides[k] != 0) gather(sizes[k], at[k], here, strides[k], m);
        }
        loop(at, m, params);
        if (at[0] == buffers[0]) scatter(sizes[0], data[0] + start * strides[0], strides[0], buffers[0], m);
    }
}

// The `Loop` of a contiguous loop over operands of the given types, the output first.
template <Contiguous loop, class... T>
void over_strides(char* const* data, const int64_t* strides, int64_t n, const Params* params) {
    constexpr int count = sizeof...(T);
    constexpr uint8_t sizes[] = {sizeof(T)...};
    bool contiguous = true;
    for (int k = 0; k < count; k++) contiguous &= strides[k] == sizes[k];
    if (contiguous || n == 1)
        loop(data, n, params);
    else
        run_in_blocks(loop, sizes, count, data, strides, n, params);
}

template <class Op, class Out, class A>
DG_OUTLINE void unary_loop(char* const* data, int64_t n, const Params* params) {
    const Op op(*params);
    Out* out = reinterpret_cast<Out*>(data[0]);
    const A* a = reinterpret_cast<const A*>(data[1]);
    DG_VECTOR
    for (int64_t i = 0; i < n; i++) out[i] = Out(op(a[i]));
}

template <class Op, class Out, class A, class B>
DG_OUTLINE void binary_loop(char* const* data, int64_t n, const Params* params) {
    const Op op(*params);
    Out* out = reinterpret_cast<Out*>(data[0]);
    const A* a = reinterpret_cast<const A*>(data[1]);
    const B* b = reinterpret_cast<const B*>(data[2]);
    DG_VECTOR
    for (int64_t i = 0; i < n; i++) out[i] = Out(op(a[i], b[i]));
}

template <class Op, class Out, class A, class B, class C>
DG_OUTLINE void ternary_loop(char* const* data, int64_t n, const Params* params) {
    const Op op(*params);
    Out* out = reinterpret_cast<Out*>(data[0]);
    const A* a = reinterpret_cast<const A*>(data[1]);
    const B* b = reinterpret_cast<const B*>(data[2]);
    const C* c = reinterpret_cast<const C*>(data[3]);
    DG_VECTOR
    for (int64_t i = 0; i < n; i++) out[i] = Out(op(a[i], b[i], c[i]));
}

}  // namespace DG_ISA
}  // namespace dg
