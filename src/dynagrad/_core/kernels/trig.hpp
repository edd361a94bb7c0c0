// Circular functions and their inverses, without branches or calls. sin, cos and tan hold for |x| <= trig_limit; the
// loops in pointwise.hpp give larger angles to the C library.
#pragma once

#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {
namespace vm {

constexpr double trig_limit = 0x1p19;

template <class T>
struct Angle {
    T r;                // x - quadrant pi/2, |r| <= pi/4
    Bits<T> quadrant;   // modulo 4
};

// pi/2 comes in pieces of 33 bits, so that their products with a quadrant number below 2^20 are exact in double.
template <class T>
DG_INLINE Angle<T> reduce_angle(T x) {
    double z = double(x) * 0x1.45f306dc9c883p-1 + Format<double>::rounder;
    double n = z - Format<double>::rounder;
    double r = double(x) - n * 0x1.921fb544p+0;
    if constexpr (sizeof(T) == 4) return {T(r - n * 0x1.0b4611a626331p-34), Bits<T>(int32_t(n))};
    else return {(r - n * 0x1.0b4611a6p-34) - n * 0x1.3198a2e037073p-69, bits(z)};
}

// (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in z = r^2
DG_INLINE float sin_tail(float z) { return poly<float>(z, -0x1.555552p-3f, 0x1.110c26p-7f, -0x1.9ac856p-13f); }
DG_INLINE float cos_tail(float z) { return poly<float>(z, 0x1.555554p-5f, -0x1.6c12dp-10f, 0x1.9bd786p-16f); }

DG_INLINE double sin_tail(double z) {
    return poly<double>(z, -0x1.5555555555555p-3, 0x1.1111111110babp-7, -0x1.a01a019e820aep-13, 0x1.71de37946ed6dp-19,
                        -0x1.ae6008d114485p-26, 0x1.5e0a4fc16be59p-33);
}

DG_INLINE double cos_tail(double z) {
    return poly<double>(z, 0x1.5555555555555p-5, -0x1.6c16c16c16963p-10, 0x1.a01a019f4ddfdp-16, -0x1.27e4fa16cc2d1p-22,
                        0x1.1eeb67d026ec6p-29, -0x1.907cd8ff5ede7p-37);
}

template <class T>
DG_INLINE T sin_near(T r) {
    T z = r * r;
    return r + r * z * sin_tail(z);
}

template <class T>
DG_INLINE T cos_near(T r) {
    T z = r * r, h = T(0.5) * z, w = T(1) - h;
    return w + (((T(1) - w) - h) + z * z * cos_tail(z));
}

template <class T>
DG_INLINE T quadrant_value(T s, T c, Bits<T> quadrant) {
    T y = quadrant & 1 ? c : s;
    return from_bits<T>(bits(y) ^ (quadrant & 2) << (8 * sizeof(T) - 2));
}

template <class T>
DG_INLINE T sin(T x) {
    auto [r, q] = reduce_angle(x);
    T y = quadrant_value(sin_near(r), cos_near(r), q);
    return x == 0 ? x : y;
}

template <class T>
DG_INLINE T cos(T x) {
    auto [r, q] = reduce_angle(x);
    return quadrant_value(sin_near(r), cos_near(r), q + 1);
}

template <class T>
DG_INLINE T tan(T x) {
    auto [r, q] = reduce_angle(x);
    T s = sin_near(r), c = cos_near(r);
    T top = q & 1 ? -c : s, bottom = q & 1 ? s : c;
    return x == 0 ? x : top / bottom;
}

// (atan t / t - 1) / t^2 in z = t^2 <= 1
DG_INLINE float atan_tail(float z) {
    return poly<float>(z, -0x1.555556p-2f, 0x1.999956p-3f, -0x1.248952p-3f, 0x1.c62cdap-4f, -0x1.6dd8fep-4f,
                       0x1.2006f8p-4f, -0x1.9115a4p-5f, 0x1.aefb2cp-6f, -0x1.2ba6b6p-7f, 0x1.86406cp-10f);
}

DG_INLINE double atan_tail(double z) {
    return poly<double>(z, -0x1.5555555555555p-2, 0x1.99999999998f9p-3, -0x1.249249248c7dap-3, 0x1.c71c71c472843p-4,
                        -0x1.745d16f26d0a3p-4, 0x1.3b13aaf4aba4ap-4, -0x1.1110bfea8ed5ep-4, 0x1.e1dc0d7679adcp-5,
                        -0x1.af00bd568a3d2p-5, 0x1.854a7b99af61dp-5, -0x1.60ebd1489b946p-5, 0x1.3d3f26d5ea7ffp-5,
                        -0x1.147b2825d82f6p-5, 0x1.c3ac54a572735p-6, -0x1.4b974a27ac39fp-6, 0x1.a1fe88baf72d4p-7,
                        -0x1.aef1a8e977bf8p-8, 0x1.57cc888719aa0p-9, -0x1.8a2f3ae537bb1p-11, 0x1.1f0adb240a1fbp-13,
                        -0x1.8d087295ab9f4p-17);
}

// (asin t / t - 1) / t^2 in z = t^2 <= 1/4
DG_INLINE float asin_tail(float z) {
    return poly<float>(z, 0x1.555554p-3f, 0x1.33343p-4f, 0x1.6d5bbap-5f, 0x1.fd8da2p-6f, 0x1.18f91ep-6f,
                       0x1.13fed4p-5f);
}

DG_INLINE double asin_tail(double z) {
    return poly<double>(z, 0x1.5555555555556p-3, 0x1.3333333332ecap-4, 0x1.6db6db6e31f13p-5, 0x1.f1c71c1db0623p-6,
                        0x1.6e8bb1c8209a2p-6, 0x1.1c4d35cf95421p-6, 0x1.c9cf07674736ap-7, 0x1.782651caa6547p-7,
                        0x1.52420b04b37bep-7, 0x1.65a9c4dfcf8b2p-8, 0x1.1d189408314eep-6, -0x1.e6aaa8a0a04ccp-7,
                        0x1.d72b2bc8155f8p-6);
}

template <class T>
struct Quarter;   // pi/2 in two pieces
template <>
struct Quarter<float> { static constexpr float hi = 0x1.921fb6p+0f, lo = -0x1.777a5cp-25f; };
template <>
struct Quarter<double> { static constexpr double hi = 0x1.921fb54442d18p+0, lo = 0x1.1a62633145c07p-54; };

template <class T>
DG_INLINE T atan(T x) {
    T a = abs(x);
    T t = a > 1 ? T(1) / a : a, z = t * t;
    T r = t * z * atan_tail(z);
    T direct = t + r, turned = Quarter<T>::hi - (t + (r - Quarter<T>::lo));
    return copysign(a > 1 ? turned : direct, x);
}

template <class T>
DG_INLINE T atan2(T y, T x) {
    T a = abs(y), b = abs(x);
    bool steep = a > b;
    T top = steep ? b : a, bottom = steep ? a : b;
    T t = top / bottom;
    t = top == bottom ? T(1) : t;
    t = a == 0 && b == 0 ? T(0) : t;
    T z = t * t, r = t * z * atan_tail(z);
    T direct = t + r, turned = Quarter<T>::hi - (t + (r - Quarter<T>::lo));
    T first = steep ? turned : direct;
    T second = T(2) * Quarter<T>::hi - (first - T(2) * Quarter<T>::lo);
    return copysign(copysign(T(1), x) < 0 ? second : first, y);
}

// Above 1/2 through the half angle: acos x = 2 asin sqrt((1 - x) / 2).
template <class T>
DG_INLINE T asin(T x) {
    T a = abs(x), half = (T(1) - a) * T(0.5);
    T z = a > T(0.5) ? half : a * a, root = sqrt(half);
    T t = a > T(0.5) ? root : a;
    T r = t * z * asin_tail(z);
    T turned = Quarter<T>::hi - (T(2) * t + (T(2) * r - Quarter<T>::lo));
    return copysign(a > T(0.5) ? turned : t + r, x);
}

template <class T>
DG_INLINE T acos(T x) {
    T a = abs(x), half = (T(1) - a) * T(0.5);
    T z = a > T(0.5) ? half : a * a, root = sqrt(half);
    T t = a > T(0.5) ? root : a;
    T r = t * z * asin_tail(z);
    T doubled = T(2) * (t + r);
    T reflected = T(2) * Quarter<T>::hi - (doubled - T(2) * Quarter<T>::lo);
    T middle = Quarter<T>::hi - (copysign(t, x) + (copysign(r, x) - Quarter<T>::lo));
    T outer = x < 0 ? reflected : doubled;
    return a > T(0.5) ? outer : middle;
}

}  // namespace vm
}  // namespace DG_ISA
}  // namespace dg
