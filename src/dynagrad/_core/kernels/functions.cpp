#include "functions.hpp"

#include <cmath>
#include <limits>
#include <numeric>

// Sources of the formulas: NIST Digital Library of Mathematical Functions (DLMF), by equation.
namespace dg {
namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NAN_ = std::numeric_limits<double>::quiet_NaN();
constexpr double PI = 3.14159265358979323846;
constexpr double INVERSE_LN2 = 1.44269504088896340736;
constexpr double EULER = 0.57721566490153286061;
constexpr double EPS = 1e-17;

// ---- modified Bessel functions of the first kind ---------------------------------------------------------------------

// sum over k of (x^2/4)^k / (k! (k + n)!), DLMF 10.25.2; all terms are positive.
double rising_series(double x, int n) {
    double quarter = x * x / 4, term = 1, sum = 1;
    for (int k = 1; k < 1000 && term > sum * EPS; k++) sum += term *= quarter / (double(k) * (k + n));
    return sum;
}

// e^-x I_n(x) for large x, DLMF 10.40.1
double scaled_asymptotic(double x, int n) {
    double mu = 4.0 * n * n, term = 1, sum = 1;
    for (int k = 1; k < 40; k++) {
        double next = -term * (mu - (2 * k - 1) * (2 * k - 1)) / (8 * k * x);
        if (std::fabs(next) > std::fabs(term)) break;
        sum += term = next;
    }
    return sum / (std::sqrt(2 * PI) * std::sqrt(x));
}

double scaled_i(double x, int n) {
    double size = std::fabs(x);
    if (std::isnan(x)) return x;
    double found = size > 30 ? (std::isinf(size) ? 0 : scaled_asymptotic(size, n))
                             : std::exp(-size) * rising_series(size, n) * (n ? size / 2 : 1);
    return n && x < 0 ? -found : found;
}

double plain_i(double x, int n) {
    double size = std::fabs(x);
    if (std::isinf(x)) return n && x < 0 ? -INF : INF;
    if (size > 30) return scaled_i(x, n) * std::exp(size);
    return rising_series(size, n) * (n ? x / 2 : 1);
}

// ---- of the second kind ----------------------------------------------------------------------------------------------

// e^x K_order(x): the integral of exp(-x (cosh t - 1)) cosh(order t) over t >= 0, DLMF 10.32.9. The trapezoidal rule errs by
// about e^(-pi^2 / step) there.
double scaled_k(double x, double order) {
    if (std::isnan(x) || x < 0) return NAN_;
    if (x == 0) return INF;
    if (std::isinf(x)) return 0;
    // cosh t - 1 falls off within sqrt(2 / x) where x is large, hence a step that follows
    double step = std::fmin(0.125, 0.5 / std::sqrt(x)), sum = 0.5;
    for (int k = 1; k < 100000; k++) {
        double t = k * step, half = std::sinh(t / 2), fall = x * 2 * half * half;
        if (fall - order * t > 45) break;
        sum += std::exp(-fall) * std::cosh(order * t);
    }
    return sum * step;
}

// ---- Bessel functions ------------------------------------------------------------------------------------------------

constexpr double FAR = 14;  // from here on the asymptotic series is the better one

// sum over k of (-x^2/4)^k / (k! (k + n)!)
double alternating_series(double x, int n) {
    double quarter = -x * x / 4, term = 1, sum = 1;
    for (int k = 1; k < 200; k++) {
        sum += term *= quarter / (double(k) * (k + n));
        if (std::fabs(term) < EPS * std::fabs(sum) && k > x) break;
    }
    return sum;
}

// The amplitudes of DLMF 10.17.3 and 10.17.4: J = sqrt(2 / pi x) (P cos w - Q sin w), Y = … (P sin w + Q cos w).
void hankel(double x, int n, double& p, double& q) {
    double mu = 4.0 * n * n, term = 1;
    p = 1, q = 0;
    for (int k = 1; k < 60; k++) {
        double next = term * (mu - (2 * k - 1) * (2 * k - 1)) / (8 * k * x);
        if (std::fabs(next) > std::fabs(term)) break;
        term = next;
        (k % 2 ? q : p) += (k / 2 % 2 ? -1 : 1) * term;
    }
}

double bessel_j(double x, int n) {
    double size = std::fabs(x), found;
    if (std::isnan(x)) return x;
    if (std::isinf(x)) return 0;
    if (size < FAR) {
        found = alternating_series(size, n) * (n ? size / 2 : 1);
    } else {
        double p, q, w = size - n * PI / 2 - PI / 4;
        hankel(size, n, p, q);
        found = std::sqrt(2 / (PI * size)) * (p * std::cos(w) - q * std::sin(w));
    }
    return n && x < 0 ? -found : found;
}

double bessel_y(double x, int n) {
    if (std::isnan(x) || x < 0) return NAN_;
    if (x == 0) return -INF;
    if (std::isinf(x)) return 0;
    if (x >= FAR) {
        double p, q, w = x - n * PI / 2 - PI / 4;
        hankel(x, n, p, q);
        return std::sqrt(2 / (PI * x)) * (p * std::sin(w) + q * std::cos(w));
    }
    // DLMF 10.8.1 and 10.8.2
    double quarter = -x * x / 4, term = 1, harmonic = 0, sum = n ? 1 - 2 * EULER : 0;
    for (int k = 1; k < 200; k++) {
        term *= quarter / (double(k) * (k + n));
        harmonic += 1.0 / k;
        sum += n ? term * (2 * (harmonic - EULER) + 1.0 / (k + 1)) : -term * harmonic;
        if (std::fabs(term) < EPS && k > x) break;
    }
    if (n) return 2 / PI * std::log(x / 2) * bessel_j(x, 1) - 2 / (PI * x) - x / (2 * PI) * sum;
    return 2 / PI * ((std::log(x / 2) + EULER) * bessel_j(x, 0) + sum);
}

double spherical_j0(double x) {
    if (std::isinf(x)) return 0;
    return std::fabs(x) < 1e-4 ? 1 - x * x / 6 : std::sin(x) / x;
}

double airy_ai(double x) {
    if (std::isnan(x)) return x;
    if (std::isinf(x)) return x > 0 ? 0 : NAN_;
    double zeta = 2.0 / 3 * std::pow(std::fabs(x), 1.5);
    if (x > 2) return x > 110 ? 0 : std::sqrt(x / 3) / PI * std::exp(-zeta) * scaled_k(zeta, 1.0 / 3);  // DLMF 9.6.2
    if (x < -8) {  // DLMF 9.7.9
        double term = 1, p = 1, q = 0;
        for (int k = 1; k < 40; k++) {
            double next = term * (6.0 * k - 5) * (6.0 * k - 3) * (6.0 * k - 1) / ((2.0 * k - 1) * 216 * k * zeta);
            if (next > term) break;
            term = next;
            (k % 2 ? q : p) += (k / 2 % 2 ? -1 : 1) * term;
        }
        return (p * std::cos(zeta - PI / 4) + q * std::sin(zeta - PI / 4)) / (std::sqrt(PI) * std::pow(-x, 0.25));
    }
    // DLMF 9.4.1
    double cube = x * x * x, f = 1, g = x, fk = 1, gk = x;
    for (int k = 1; k < 200; k++) {
        f += fk *= cube / ((3.0 * k - 1) * (3.0 * k));
        g += gk *= cube / ((3.0 * k) * (3.0 * k + 1));
        if (std::fabs(fk) + std::fabs(gk) < EPS) break;
    }
    return 0.35502805388781723926 * f - 0.25881940379280679841 * g;
}

// ---- the normal distribution -----------------------------------------------------------------------------------------

double erfcx(double x) {
    if (x < 20) return x < -26.7 ? (std::isnan(x) ? x : INF) : std::exp(x * x) * std::erfc(x);
    if (std::isnan(x)) return x;
    double term = 1, sum = 1;  // DLMF 7.12.1
    for (int k = 1; k < 20; k++) sum += term *= -(2 * k - 1) / (2 * x * x);
    return sum / (x * std::sqrt(PI));
}

double log_ndtr(double x) {
    double t = x / std::sqrt(2.0);
    return x < -1 ? std::log(erfcx(-t) / 2) - t * t : std::log1p(-std::erfc(t) / 2);
}

// Halley's iteration on the normal distribution, from the logarithmic tail.
double ndtri(double p) {
    if (std::isnan(p) || p < 0 || p > 1) return NAN_;
    if (p == 0 || p == 1) return p ? INF : -INF;
    if (p > 0.5) return -ndtri(1 - p);
    double x = p > 0.02 ? (p - 0.5) * 2.5 : -std::sqrt(-2 * std::log(p));
    for (int i = 0; i < 60; i++) {
        // in logarithms, so that tails of any size converge
        double value = log_ndtr(x), slope = std::exp(-x * x / 2 - value) / std::sqrt(2 * PI);
        double off = (value - std::log(p)) / slope, step = off / (1 + off * (slope + x) / 2);
        x -= std::fabs(step) > 2 ? std::copysign(2.0, step) : step;
        if (std::fabs(step) < 1e-15 * (1 + std::fabs(x))) break;
    }
    return x;
}

double entr(double x) {
    if (std::isnan(x)) return x;
    return x > 0 ? -x * std::log(x) : x == 0 ? 0 : -INF;
}

// ---- incomplete gamma and zeta functions -----------------------------------------------------------------------------

// P(a, x) by DLMF 8.11.4 below a + 1, Q(a, x) by the continued fraction 8.9.2 above.
double gamma_part(double a, double x, bool upper) {
    if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return NAN_;
    if (a == 0) return x > 0 ? (upper ? 0 : 1) : NAN_;
    if (x == 0) return upper ? 1 : 0;
    if (std::isinf(a)) return std::isinf(x) ? NAN_ : (upper ? 1 : 0);
    if (std::isinf(x)) return upper ? 0 : 1;
    double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int k = 1; k < 100000 && term > sum * EPS; k++) sum += term *= x / (a + k);
        double lower = scale * sum;
        return upper ? 1 - lower : lower;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int k = 1; k < 100000; k++) {
        double an = -k * (k - a);
        b += 2;
        d = an * d + b;
        c = b + an / c;
        d = 1 / (std::fabs(d) < 1e-300 ? 1e-300 : d);
        c = std::fabs(c) < 1e-300 ? 1e-300 : c;
        double change = d * c;
        h *= change;
        if (std::fabs(change - 1) < 1e-16) break;
    }
    return upper ? scale * h : 1 - scale * h;
}

// Hurwitz' zeta function by the sum of Euler and Maclaurin, DLMF 25.11.28.
double zeta(double x, double q) {
    if (std::isnan(x) || std::isnan(q)) return NAN_;
    if (x == 1) return INF;
    if (x < 1) return NAN_;
    if (q <= 0) {
        if (q == std::floor(q)) return INF;
        if (x != std::floor(x)) return NAN_;
    }
    static const double bernoulli[] = {1.0 / 6,         -1.0 / 30, 1.0 / 42,      -1.0 / 30,  5.0 / 66,
                                       -691.0 / 2730,   7.0 / 6,   -3617.0 / 510, 43867.0 / 798, -174611.0 / 330};
    double sum = 0, at = q;
    for (int k = 0; k < 12 || at < 9; k++, at++) {
        double term = std::pow(at, -x);
        sum += term;
        if (term < EPS * std::fabs(sum) && at > 1) return sum;
    }
    double power = std::pow(at, -x), factor = x / at;
    sum += power * at / (x - 1) + power / 2;
    for (int k = 0; k < 10; k++) {
        double order = 2 * (k + 1), factorial = order;
        for (double f = order - 1; f > 1; f--) factorial *= f;
        sum += bernoulli[k] / factorial * factor * power;
        factor *= (x + order - 1) * (x + order) / (at * at);
    }
    return sum;
}

double logaddexp2(double x, double y) {
    if (std::isinf(x) && x == y) return x;
    double high = std::fmax(x, y);
    return std::isnan(x) || std::isnan(y) ? NAN_ : high + std::log1p(std::exp2(-std::fabs(x - y))) * INVERSE_LN2;
}

// The next number with `digits` binary digits after the first, none of whose steps is smaller than `tiny`.
double next_short(double x, double y, int digits, double tiny, double largest) {
    if (std::isnan(x) || std::isnan(y) || x == y) return x == y ? y : NAN_;
    if (std::isinf(x)) return std::copysign(largest, x);
    double step = tiny;
    if (x != 0) {
        int exponent;
        bool power_of_two = std::fabs(std::frexp(x, &exponent)) == 0.5;
        bool inwards = (y < x) == (x > 0);
        step = std::fmax(std::ldexp(1.0, exponent - 1 - digits - (power_of_two && inwards)), tiny);
    }
    double next = y > x ? x + step : x - step;
    return next == 0 ? std::copysign(0.0, x) : next;
}

// ---- orthogonal polynomials: three-term recurrences, DLMF 18.9 -------------------------------------------------------

// p_0 = 1, p_1 = first, p_(k+1) = a(k) p_k + b(k) p_(k-1); 0 for a negative degree.
template <class A, class B>
double recurrence(double degree, double first, A a, B b) {
    if (std::isnan(degree)) return NAN_;
    int64_t n = static_cast<int64_t>(degree);
    if (n < 0) return 0;
    double before = 1, now = first;
    if (n == 0) return 1;
    for (int64_t k = 1; k < n; k++) {
        double next = a(double(k)) * now + b(double(k)) * before;
        before = now, now = next;
        if (std::isnan(now)) break;
    }
    return now;
}

double chebyshev(double x, double n, double first) {
    return recurrence(n, first, [=](double) { return 2 * x; }, [](double) { return -1.0; });
}

// The functions whose limits PyTorch does not take: they are NaN at the infinities.
bool unsettled(OfOne f) {
    return f == OfOne::i0 || f == OfOne::i1 || f == OfOne::airy_ai || f == OfOne::bessel_j0 || f == OfOne::bessel_j1 ||
           f == OfOne::bessel_y0 || f == OfOne::bessel_y1;
}

double value(OfOne f, double x) {
    if (std::isinf(x) && unsettled(f)) return NAN_;
    switch (f) {
        case OfOne::i0: return plain_i(x, 0);
        case OfOne::i0e: return scaled_i(x, 0);
        case OfOne::i1: return plain_i(x, 1);
        case OfOne::i1e: return scaled_i(x, 1);
        case OfOne::bessel_j0: return bessel_j(x, 0);
        case OfOne::bessel_j1: return bessel_j(x, 1);
        case OfOne::bessel_y0: return bessel_y(x, 0);
        case OfOne::bessel_y1: return bessel_y(x, 1);
        case OfOne::modified_bessel_k0: return scaled_k(x, 0) * std::exp(-x);
        case OfOne::modified_bessel_k1: return scaled_k(x, 1) * std::exp(-x);
        case OfOne::scaled_modified_bessel_k0: return scaled_k(x, 0);
        case OfOne::scaled_modified_bessel_k1: return scaled_k(x, 1);
        case OfOne::spherical_bessel_j0: return spherical_j0(x);
        case OfOne::airy_ai: return airy_ai(x);
        case OfOne::erfcx: return erfcx(x);
        case OfOne::log_ndtr: return log_ndtr(x);
        case OfOne::ndtri: return ndtri(x);
        case OfOne::entr: return entr(x);
    }
    return NAN_;
}

double value(OfTwo f, double x, double y) {
    switch (f) {
        case OfTwo::igamma: return gamma_part(x, y, false);
        case OfTwo::igammac: return gamma_part(x, y, true);
        case OfTwo::zeta: return zeta(x, y);
        case OfTwo::nextafter: return std::nextafter(x, y);
        case OfTwo::nextafter_half: return next_short(x, y, 10, std::ldexp(1.0, -24), 65504);
        case OfTwo::nextafter_bfloat16: return next_short(x, y, 7, std::ldexp(1.0, -133), std::ldexp(255.0, 120));
        case OfTwo::logaddexp2: return logaddexp2(x, y);
        case OfTwo::chebyshev_t: return chebyshev(x, y, x);
        case OfTwo::chebyshev_u: return chebyshev(x, y, 2 * x);
        case OfTwo::chebyshev_v: return chebyshev(x, y, 2 * x - 1);
        case OfTwo::chebyshev_w: return chebyshev(x, y, 2 * x + 1);
        case OfTwo::shifted_chebyshev_t: return chebyshev(2 * x - 1, y, 2 * x - 1);
        case OfTwo::shifted_chebyshev_u: return chebyshev(2 * x - 1, y, 4 * x - 2);
        case OfTwo::shifted_chebyshev_v: return chebyshev(2 * x - 1, y, 4 * x - 3);
        case OfTwo::shifted_chebyshev_w: return chebyshev(2 * x - 1, y, 4 * x - 1);
        case OfTwo::hermite_h:
            return recurrence(y, 2 * x, [=](double) { return 2 * x; }, [](double k) { return -2 * k; });
        case OfTwo::hermite_he:
            return recurrence(y, x, [=](double) { return x; }, [](double k) { return -k; });
        case OfTwo::laguerre:
            return recurrence(y, 1 - x, [=](double k) { return (2 * k + 1 - x) / (k + 1); },
                              [](double k) { return -k / (k + 1); });
        case OfTwo::legendre:
            return recurrence(y, x, [=](double k) { return (2 * k + 1) * x / (k + 1); },
                              [](double k) { return -k / (k + 1); });
    }
    return NAN_;
}

template <class T>
void each(OfOne f, int64_t n, const void* x, void* out) {
    for (int64_t i = 0; i < n; i++)
        static_cast<T*>(out)[i] = static_cast<T>(value(f, static_cast<double>(static_cast<const T*>(x)[i])));
}

template <class T>
void each(OfTwo f, int64_t n, const void* x, const void* y, void* out) {
    auto *a = static_cast<const T*>(x), *b = static_cast<const T*>(y);
    for (int64_t i = 0; i < n; i++)
        static_cast<T*>(out)[i] = f == OfTwo::nextafter ? std::nextafter(a[i], b[i])
                                                         : static_cast<T>(value(f, double(a[i]), double(b[i])));
}

}  // namespace

void apply(OfOne f, bool narrow, int64_t n, const void* x, void* out) {
    narrow ? each<float>(f, n, x, out) : each<double>(f, n, x, out);
}

void apply(OfTwo f, bool narrow, int64_t n, const void* x, const void* y, void* out) {
    narrow ? each<float>(f, n, x, y, out) : each<double>(f, n, x, y, out);
}

void greatest_common_divisors(int64_t n, const int64_t* x, const int64_t* y, int64_t* out) {
    for (int64_t i = 0; i < n; i++) {
        uint64_t a = x[i] < 0 ? 0 - uint64_t(x[i]) : uint64_t(x[i]), b = y[i] < 0 ? 0 - uint64_t(y[i]) : uint64_t(y[i]);
        while (b) {
            uint64_t rest = a % b;
            a = b, b = rest;
        }
        out[i] = static_cast<int64_t>(a);
    }
}

void split_exponents(bool narrow, int64_t n, const void* x, void* mantissa, int32_t* exponent) {
    for (int64_t i = 0; i < n; i++) {
        int power = 0;
        if (narrow) static_cast<float*>(mantissa)[i] = std::frexp(static_cast<const float*>(x)[i], &power);
        else static_cast<double*>(mantissa)[i] = std::frexp(static_cast<const double*>(x)[i], &power);
        exponent[i] = power;
    }
}

}  // namespace dg
