// Functions that loops call rather than inline: the C library's, and the special functions it lacks.
#pragma once

#include "isa.hpp"
#include "vecmath.hpp"

#define DG_LIBM(name)                                              \
    DG_INLINE float name(float x) { return __builtin_##name##f(x); } \
    DG_INLINE double name(double x) { return __builtin_##name(x); }
#define DG_LIBM2(name)                                                               \
    DG_INLINE float name(float x, float y) { return __builtin_##name##f(x, y); } \
    DG_INLINE double name(double x, double y) { return __builtin_##name(x, y); }

namespace dg {
namespace DG_ISA {
namespace lib {

DG_LIBM(floor) DG_LIBM(ceil) DG_LIBM(trunc) DG_LIBM(nearbyint)
DG_LIBM(sin) DG_LIBM(cos) DG_LIBM(tan) DG_LIBM(erf) DG_LIBM(erfc)
DG_LIBM(lgamma)
DG_LIBM2(pow) DG_LIBM2(fmod)

constexpr double pi = 0x1.921fb54442d18p+1;

// psi(x): reflection below zero, recurrence up to 10, then the asymptotic series in 1/x^2.
inline double digamma(double x) {
    if (x == 0) return vm::copysign(vm::Format<double>::inf, -x);
    double reflected = 0;
    if (x < 0) {
        double whole = trunc(x);
        if (x == whole) return vm::Format<double>::nan;
        reflected = -pi / tan(pi * (x - whole));
        x = 1 - x;
    }
    double sum = 0;
    for (; x < 10; x += 1) sum -= 1 / x;
    double z = 1 / (x * x);
    double series = z * vm::poly<double>(z, 1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760,
                                         1.0 / 12);
    return reflected + sum + (x < 1e17 ? vm::log<double>(x) - 0.5 / x - series : vm::log<double>(x));
}

inline float digamma(float x) { return float(digamma(double(x))); }

// The sum of (x + k)^-s over k >= 0: nine or more terms, then the Euler-Maclaurin formula.
inline double hurwitz_zeta(int64_t s, double x) {
    if (x <= 0 && x == floor(x)) return vm::Format<double>::inf;
    if (!(x > -1e6)) return vm::Format<double>::nan;
    double sum = 0;
    for (; x < 10; x += 1) sum += pow(x, double(-s));
    constexpr double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};
    double power = pow(x, double(-s)), factor = double(s) / 2 / x;
    sum += power * x / double(s - 1) + power / 2;
    for (int j = 0; j < 7; j++) {
        sum += bernoulli[j] * factor * power;
        factor *= double(s + 2 * j + 1) * double(s + 2 * j + 2) / double((2 * j + 3) * (2 * j + 4)) / (x * x);
    }
    return sum;
}

// The n-th derivative of psi: (-1)^(n+1) n! zeta(n + 1, x)
inline double polygamma(int64_t n, double x) {
    if (x == vm::Format<double>::inf) return 0;
    double factorial = 1;
    for (int64_t i = 2; i <= n && factorial < vm::Format<double>::inf; i++) factorial *= double(i);
    double value = factorial * hurwitz_zeta(n + 1, x);
    return n % 2 ? value : -value;
}

// Winitzki's closed form is within 1%; each Halley step on erfc(y) = 1 - |x| triples the digits.
inline double erfinv(double x) {
    double a = vm::abs(x);
    if (!(a < 1)) return a == 1 ? vm::copysign(vm::Format<double>::inf, x) : vm::Format<double>::nan;
    if (a < 1e-9) return x * 0x1.c5bf891b4ef6bp-1;
    double l = vm::log1p<double>(-a * a), t = 2 / (pi * 0.147) + 0.5 * l;
    double y = vm::sqrt(vm::sqrt(t * t - l / 0.147) - t);
    for (int step = 0; step < 3; step++) {
        double residual = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
        double newton = residual * 0x1.c5bf891b4ef6bp-1 * __builtin_exp(y * y);
        y -= newton / (1 + y * newton);
    }
    return vm::copysign(y, x);
}

inline float erfinv(float x) { return float(erfinv(double(x))); }

}  // namespace lib
}  // namespace DG_ISA
}  // namespace dg

#undef DG_LIBM
#undef DG_LIBM2
