// Elementary functions without branches or calls, for float and double alike: inlined in a loop they become vector code.
// Within 2 units in the last place; infinities, NaN and subnormals as IEEE 754 has them. Angles are in trig.hpp, rare
// functions in special.hpp.
#pragma once
#include <cstdint>

#include "isa.hpp"

namespace dg {
namespace DG_ISA {
namespace vm {

template <class T>
struct Format;

template <>
struct Format<float> {
    using Bits = uint32_t;
    using Signed = int32_t;
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float rounder = 0x1.8p23f;                  // adding it leaves the nearest integer in the low bits
    static constexpr float ln2_hi = 0x1.63p-1f, ln2_lo = -0x1.bd0106p-13f;   // ln2_hi times an exponent is exact
    static constexpr float exp_lo = -105, exp_hi = 89, exp2_lo = -152, exp2_hi = 129, tanh_one = 10;
    static constexpr float least_normal = 0x1p-126f, inf = __builtin_inff(), nan = __builtin_nanf("");
};

template <>
struct Format<double> {
    using Bits = uint64_t;
    using Signed = int64_t;
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double rounder = 0x1.8p52;
    static constexpr double ln2_hi = 0x1.62e42feep-1, ln2_lo = 0x1.a39ef35793c76p-33;
    static constexpr double exp_lo = -746, exp_hi = 710, exp2_lo = -1076, exp2_hi = 1025, tanh_one = 20;
    static constexpr double least_normal = 0x1p-1022, inf = __builtin_inf(), nan = __builtin_nan("");
};

template <class T>
using Bits = typename Format<T>::Bits;

template <class T>
DG_INLINE Bits<T> bits(T x) { return __builtin_bit_cast(Bits<T>, x); }

template <class T>
DG_INLINE T from_bits(Bits<T> u) { return __builtin_bit_cast(T, u); }

DG_INLINE float abs(float x) { return __builtin_fabsf(x); }
DG_INLINE double abs(double x) { return __builtin_fabs(x); }
DG_INLINE int64_t abs(int64_t x) { return x < 0 ? int64_t(0 - uint64_t(x)) : x; }
DG_INLINE float copysign(float x, float s) { return __builtin_copysignf(x, s); }
DG_INLINE double copysign(double x, double s) { return __builtin_copysign(x, s); }
DG_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
DG_INLINE double sqrt(double x) { return __builtin_sqrt(x); }

// An infinite leg wins over NaN. In float the squares are exact in double; in double they are scaled to stay in range.
DG_INLINE float hypot(float x, float y) {
    double a = x, b = y;
    float h = float(__builtin_sqrt(a * a + b * b));
    h = abs(x) == __builtin_inff() ? abs(x) : h;
    return abs(y) == __builtin_inff() ? abs(y) : h;
}

DG_INLINE double hypot(double x, double y) {
    double a = abs(x), b = abs(y);
    double larger = a < b ? b : a;
    double scale = larger > 0x1p500 ? 0x1p-600 : larger < 0x1p-500 ? 0x1p600 : 1.0;
    double back = larger > 0x1p500 ? 0x1p600 : larger < 0x1p-500 ? 0x1p-600 : 1.0;
    double s = a * scale, t = b * scale;
    double h = sqrt(s * s + t * t) * back;
    h = a == __builtin_inf() ? a : h;
    return b == __builtin_inf() ? b : h;
}

template <class T>
DG_INLINE T poly(T, T c) { return c; }

template <class T, class... Rest>
DG_INLINE T poly(T x, T c, Rest... rest) { return c + x * poly<T>(x, rest...); }

// ---- exponentials: e^x = 2^k e^r, |r| <= ln(2)/2 --------------------------------------------------------------------

// (e^r - 1 - r) / r^2, interpolated at Chebyshev points
DG_INLINE float exp_tail(float r) {
    return poly<float>(r, 0x1p-1f, 0x1.5554dcp-3f, 0x1.55551ap-5f, 0x1.120ba2p-7f, 0x1.6d113cp-10f);
}

DG_INLINE double exp_tail(double r) {
    return poly<double>(r, 0x1.0000000000001p-1, 0x1.5555555555556p-3, 0x1.5555555553d4fp-5, 0x1.11111111109adp-7,
                        0x1.6c16c17893833p-10, 0x1.a01a01a7c8d47p-13, 0x1.a019b8ef67c6cp-16, 0x1.71de0d9c145d0p-19,
                        0x1.2891a8c1d838dp-22, 0x1.af38d53857513p-26);
}

template <class T>
struct Reduced {
    T r;
    Bits<T> k;   // two's complement
};

template <class T>
DG_INLINE Reduced<T> reduce_exp(T x) {
    using F = Format<T>;
    T z = x * T(0x1.71547652b82fep+0) + F::rounder;
    T n = z - F::rounder;
    return {(x - n * F::ln2_hi) - n * F::ln2_lo, bits(z) - bits(F::rounder)};
}

template <class T>
DG_INLINE T power_of_two(Bits<T> k) { return from_bits<T>((k + Format<T>::bias) << Format<T>::mantissa); }

// p 2^k in two exact steps, so that results near overflow or below the normal range round once.
template <class T>
DG_INLINE T scale(T p, Bits<T> k) {
    Bits<T> half = ((k + 4096) >> 1) - 2048;
    return p * power_of_two<T>(half) * power_of_two<T>(k - half);
}

template <class T>
DG_INLINE T clip(T x, T lo, T hi) {
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

template <class T>
DG_INLINE T exp(T x) {
    auto [r, k] = reduce_exp(clip<T>(x, Format<T>::exp_lo, Format<T>::exp_hi));
    return scale<T>(T(1) + (r + r * r * exp_tail(r)), k);
}

// e^x / 2, finite one octave longer
template <class T>
DG_INLINE T half_exp(T x) {
    auto [r, k] = reduce_exp(clip<T>(x, Format<T>::exp_lo, Format<T>::exp_hi + 1));
    return scale<T>(T(1) + (r + r * r * exp_tail(r)), k - 1);
}

template <class T>
DG_INLINE T exp2(T x) {
    using F = Format<T>;
    x = clip<T>(x, F::exp2_lo, F::exp2_hi);
    T z = x + F::rounder;
    T r = (x - (z - F::rounder)) * T(0x1.62e42fefa39efp-1);
    return scale<T>(T(1) + (r + r * r * exp_tail(r)), bits(z) - bits(F::rounder));
}

// e^x - 1 for x whose 2^k is an ordinary number: 2^k (e^r - 1) + (2^k - 1).
template <class T>
DG_INLINE T expm1_unscaled(T x) {
    auto [r, k] = reduce_exp(x);
    T two_k = power_of_two<T>(k);
    return two_k * (r + r * r * exp_tail(r)) + (two_k - T(1));
}

template <class T>
DG_INLINE T expm1(T x) {
    auto [r, k] = reduce_exp(clip<T>(x, -40, Format<T>::exp_hi));
    T below = power_of_two<T>(k - 1);
    T y = below * (r + r * r * exp_tail(r)) + (below - T(0.5));
    return x == 0 ? x : y + y;
}

// tanh a = (e^2a - 1) / (e^2a + 1)
template <class T>
DG_INLINE T tanh(T x) {
    T a = abs(x);
    a = a > Format<T>::tanh_one ? Format<T>::tanh_one : a;
    T e = expm1_unscaled<T>(a + a);
    return copysign(e / (e + T(2)), x);
}

template <class T>
DG_INLINE T sigmoid(T x) { return T(1) / (T(1) + exp<T>(-x)); }

// sinh a = (u + u / (u + 1)) / 2 with u = e^a - 1
template <class T>
DG_INLINE T sinh(T x) {
    T a = abs(x), u = expm1<T>(a);
    T small = T(0.5) * (u + u / (u + T(1)));
    return copysign(a > T(20) ? half_exp<T>(a) : small, x);
}

template <class T>
DG_INLINE T cosh(T x) {
    T half = half_exp<T>(abs(x));
    return half + T(0.25) / half;
}

// ---- logarithms: x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2) ------------------------------------------------------

// log(1 + f) - f
DG_INLINE float log_tail(float f) {
    float q = poly<float>(f, 0x1.555554p-2f, -0x1.fffffcp-3f, 0x1.999d5ap-3f, -0x1.555b4ap-3f, 0x1.23d21ap-3f,
                          -0x1.fcf4c6p-4f, 0x1.dea282p-4f, -0x1.d635bcp-4f, 0x1.1d8ea6p-4f);
    return f * f * (f * q - 0.5f);
}

// with s = f / (2 + f): log(1 + f) = 2 atanh s = f - f^2/2 + s (f^2/2 + s^2 q(s^2))
DG_INLINE double log_tail(double f) {
    double s = f / (2 + f), z = s * s, h = 0.5 * f * f;
    double q = poly<double>(z, 0x1.5555555555558p-1, 0x1.99999999952d7p-2, 0x1.2492492df281ap-2, 0x1.c71c62e3f11e6p-3,
                            0x1.7462b51cb66b1p-3, 0x1.39fe51a7c18f7p-3, 0x1.2b5900de53b42p-3);
    return s * (h + z * q) - h;
}

template <class T>
struct Split {
    T f, e;
};

template <class T>
DG_INLINE Split<T> split(T x) {
    using F = Format<T>;
    constexpr Bits<T> root_half = __builtin_bit_cast(Bits<T>, T(0x1.6a09e667f3bcdp-1));
    constexpr Bits<T> one = __builtin_bit_cast(Bits<T>, T(1));
    constexpr T two_mantissa = T(Bits<T>(1) << F::mantissa);
    bool tiny = x < F::least_normal;
    Bits<T> u = bits<T>(tiny ? x * (two_mantissa * T(4)) : x) + (one - root_half);
    T m = from_bits<T>((u & ((Bits<T>(1) << F::mantissa) - 1)) + root_half);
    T biased = from_bits<T>((u >> F::mantissa) | bits(two_mantissa)) - two_mantissa;
    return {m - T(1), biased - T(tiny ? F::bias + F::mantissa + 2 : F::bias)};
}

// The value of a logarithm where the reduction has no meaning: inf, NaN, 0 and below.
template <class T>
DG_INLINE T log_edges(T x, T y) {
    y = x < Format<T>::inf ? y : x;
    y = x == 0 ? -Format<T>::inf : y;
    return x < 0 ? Format<T>::nan : y;
}

template <class T>
DG_INLINE T log(T x) {
    auto [f, e] = split(x);
    T y = e * Format<T>::ln2_hi + (f + (log_tail(f) + e * Format<T>::ln2_lo));
    return log_edges(x, y);
}

template <class T>
DG_INLINE T log2(T x) {
    auto [f, e] = split(x);
    T y = f + log_tail(f);
    return log_edges(x, e + y * T(0x1.71547652b82fep+0));
}

template <class T>
DG_INLINE T log10(T x) {
    constexpr T hi = T(0x1.344p-2), lo = T(0x1.3509f79fef312p-18);   // log10(2); hi times an exponent is exact
    auto [f, e] = split(x);
    T y = f + log_tail(f);
    return log_edges(x, e * hi + (y * T(0x1.bcb7b1526e50ep-2) + e * lo));
}

// log(1 + x) = log(u) + c/u, where c is what rounding took from u = 1 + x
template <class T>
DG_INLINE T log1p(T x) {
    T u = T(1) + x;
    T c = x - (u - T(1));
    T correction = u > 0 ? c / u : T(0);
    correction = u < Format<T>::inf ? correction : T(0);
    T y = log<T>(u) + correction;
    return x == 0 ? x : y;
}

template <class T>
DG_INLINE T asinh(T x) {
    T a = abs(x), s = a * a, root = sqrt(s + T(1));
    T large = log<T>(a) + T(0x1.62e42fefa39efp-1);
    T small = log1p<T>(a + s / (T(1) + root));
    constexpr T limit = T(Bits<T>(1) << (Format<T>::mantissa + 5));
    return copysign(a > limit ? large : small, x);
}

template <class T>
DG_INLINE T acosh(T x) {
    T t = x - T(1);
    T large = log<T>(x) + T(0x1.62e42fefa39efp-1);
    T small = log1p<T>(t + sqrt(t * (t + T(2))));
    constexpr T limit = T(Bits<T>(1) << (Format<T>::mantissa + 5));
    T y = x > limit ? large : small;
    return x < 1 ? Format<T>::nan : y;
}

template <class T>
DG_INLINE T atanh(T x) {
    T a = abs(x);
    return copysign(T(0.5) * log1p<T>((a + a) / (T(1) - a)), x);
}

// ---- remainders, |a / b| < mod_limit --------------------------------------------------------------------------------

constexpr double mod_limit = 0x1p28;

// a - trunc(a/b) b, or a below b, which may be infinite. The product is exact in double, but the quotient may have rounded up
// to the next integer.
DG_INLINE float fmod(float x, float y) {
    double a = abs(x), b = abs(y);
    double r = a - __builtin_trunc(a / b) * b;
    r = a < b ? a : r;
    return copysign(float(r < 0 ? r + b : r), x);
}

#ifdef __FMA__
DG_INLINE double fmod(double x, double y) {
    double a = abs(x), b = abs(y);
    double r = __builtin_fma(-__builtin_trunc(a / b), b, a);
    r = a < b ? a : r;
    return copysign(r < 0 ? r + b : r, x);
}
#else
DG_INLINE double fmod(double x, double y) { return __builtin_fmod(x, y); }
#endif

// ---- the error function ---------------------------------------------------------------------------------------------

// Below 1 an odd polynomial, above it 1 - e^p with p = log erfc.
DG_INLINE float erf(float x) {
    float a = abs(x), z = a * a;
    float small = a + a * poly<float>(z, 0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2d1p-4f, -0x1.b7fabap-6f,
                                      0x1.54127p-8f, -0x1.a45088p-11f, 0x1.4a569p-14f);
    float t = a > 4.0f ? 4.0f : a;
    float p = poly<float>(t, 0x1.4fb068p-12f, -0x1.2156fap+0f, -0x1.437eb4p-1f, -0x1.c2e356p-4f, 0x1.b0e246p-6f,
                          -0x1.37ecc6p-8f, 0x1.38e5e6p-11f, -0x1.825ce4p-15f, 0x1.b7783p-20f);
    float large = -expm1_unscaled<float>(p);
    return copysign(a < 1.0f ? small : large, x);
}

}  // namespace vm
}  // namespace DG_ISA
}  // namespace dg
