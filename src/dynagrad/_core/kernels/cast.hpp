// Conversion between any two dtypes, with C's meaning; to bool it is a test for non-zero.
#pragma once

#include "half.hpp"
#include "loops.hpp"

namespace dg {
namespace DG_ISA {

struct Bool {
    uint8_t value;
};

template <DType D>
struct Storage;
template <> struct Storage<BOOL> { using Type = Bool; };
template <> struct Storage<U8> { using Type = uint8_t; };
template <> struct Storage<I8> { using Type = int8_t; };
template <> struct Storage<I16> { using Type = int16_t; };
template <> struct Storage<I32> { using Type = int32_t; };
template <> struct Storage<I64> { using Type = int64_t; };
template <> struct Storage<F16> { using Type = Half; };
template <> struct Storage<BF16> { using Type = BFloat16; };
template <> struct Storage<F32> { using Type = float; };
template <> struct Storage<F64> { using Type = double; };

// A stored element as a C++ number.
template <class T>
DG_INLINE T number(T x) { return x; }
DG_INLINE uint8_t number(Bool x) { return x.value; }
DG_INLINE float number(Half x) { return widen(x); }
DG_INLINE float number(BFloat16 x) { return widen(x); }

template <class A, class B>
constexpr bool same = false;
template <class A>
constexpr bool same<A, A> = true;

template <class N>
constexpr bool is_real = same<N, float> || same<N, double>;

// Real numbers beyond a narrow integer's range take the low bits of the wider conversion that PyTorch goes through.
template <class To, class N>
DG_INLINE To convert(N x) {
    if constexpr (same<To, Bool>)
        return Bool{uint8_t(x != 0)};
    else if constexpr (same<To, Half>)
        return to_half(float(x));
    else if constexpr (same<To, BFloat16>)
        return to_bfloat16(float(x));
    else if constexpr (is_real<N> && same<To, uint8_t>)
        return To(int64_t(x));
    else if constexpr (is_real<N> && !is_real<To> && sizeof(To) < 4)
        return To(int32_t(x));
    else
        return To(x);
}

template <class To, class From>
DG_OUTLINE void cast_loop(char* const* data, int64_t n, const Params*) {
    To* out = reinterpret_cast<To*>(data[0]);
    const From* in = reinterpret_cast<const From*>(data[1]);
    DG_VECTOR
    for (int64_t i = 0; i < n; i++) out[i] = convert<To>(number(in[i]));
}

template <class U>
void copy_loop(char* const* data, int64_t n, const Params*) { __builtin_memmove(data[0], data[1], n * sizeof(U)); }

template <class U>
void copy_strided(char* const* data, const int64_t* strides, int64_t n, const Params* params) {
    constexpr int64_t size = sizeof(U);
    if (strides[0] == size && strides[1] == size) return copy_loop<U>(data, n, params);
    if (strides[0] == size) return gather<U>(data[0], data[1], strides[1], n);
    if (strides[1] == size) return scatter<U>(data[0], strides[0], data[1], n);
    for (int64_t i = 0; i < n; i++)
        *reinterpret_cast<U*>(data[0] + i * strides[0]) = *reinterpret_cast<const U*>(data[1] + i * strides[1]);
}

template <DType From, DType To>
constexpr Loop cast_row() {
    using A = typename Storage<From>::Type;
    using B = typename Storage<To>::Type;
    if constexpr (From == To || (sizeof(A) == 1 && sizeof(B) == 1 && To != BOOL)) {
        if constexpr (sizeof(A) == 1) return copy_strided<uint8_t>;
        if constexpr (sizeof(A) == 2) return copy_strided<uint16_t>;
        if constexpr (sizeof(A) == 4) return copy_strided<uint32_t>;
        if constexpr (sizeof(A) == 8) return copy_strided<uint64_t>;
    } else {
        return over_strides<cast_loop<B, A>, B, A>;
    }
}

template <DType From>
void fill_casts_from(Kernels& k) {
    k.cast[From][BOOL] = cast_row<From, BOOL>();
    k.cast[From][U8] = cast_row<From, U8>();
    k.cast[From][I8] = cast_row<From, I8>();
    k.cast[From][I16] = cast_row<From, I16>();
    k.cast[From][I32] = cast_row<From, I32>();
    k.cast[From][I64] = cast_row<From, I64>();
    k.cast[From][F16] = cast_row<From, F16>();
    k.cast[From][BF16] = cast_row<From, BF16>();
    k.cast[From][F32] = cast_row<From, F32>();
    k.cast[From][F64] = cast_row<From, F64>();
}

inline void fill_cast(Kernels& k) {
    fill_casts_from<BOOL>(k);
    fill_casts_from<U8>(k);
    fill_casts_from<I8>(k);
    fill_casts_from<I16>(k);
    fill_casts_from<I32>(k);
    fill_casts_from<I64>(k);
    fill_casts_from<F16>(k);
    fill_casts_from<BF16>(k);
    fill_casts_from<F32>(k);
    fill_casts_from<F64>(k);
}

}  // namespace DG_ISA
}  // namespace dg
