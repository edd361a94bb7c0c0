// Functions of one or two numbers that no loop in vector_table computes: Bessel functions, orthogonal polynomials, incomplete
// gamma functions, whole-number arithmetic. One element at a time, in float64; float32 is rounded from it.
#pragma once
#include <cstdint>

namespace dg {

enum class OfOne {
    i0, i0e, i1, i1e, bessel_j0, bessel_j1, bessel_y0, bessel_y1, modified_bessel_k0, modified_bessel_k1,
    scaled_modified_bessel_k0, scaled_modified_bessel_k1, spherical_bessel_j0, airy_ai, erfcx, log_ndtr, ndtri, entr
};

enum class OfTwo {
    igamma, igammac, zeta, nextafter, nextafter_half, nextafter_bfloat16, logaddexp2, chebyshev_t, chebyshev_u, chebyshev_v, chebyshev_w, shifted_chebyshev_t,
    shifted_chebyshev_u, shifted_chebyshev_v, shifted_chebyshev_w, hermite_h, hermite_he, laguerre, legendre
};

// out[i] = f(x[i]) and f(x[i], y[i]) for n numbers, which are doubles or, where `narrow`, floats.
void apply(OfOne f, bool narrow, int64_t n, const void* x, void* out);
void apply(OfTwo f, bool narrow, int64_t n, const void* x, const void* y, void* out);

// The greatest common divisors; of zeros 0.
void greatest_common_divisors(int64_t n, const int64_t* x, const int64_t* y, int64_t* out);
// x = mantissa * 2^exponent with 0.5 <= |mantissa| < 1.
void split_exponents(bool narrow, int64_t n, const void* x, void* mantissa, int32_t* exponent);

}  // namespace dg
