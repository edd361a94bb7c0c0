// The loops of drift.hpp for one instruction set. Everything is computed in double, to the digits of the element type.
//
// An outcome x of F(x; a) that keeps its probability moves by dx/da = -(dF/da) / p (Figurnov, Mohamed and Mnih, Implicit
// reparameterization gradients, 2018). dF/da is the integral of p(t) d(log p(t))/da from the left end to x, or minus that
// from x to the right end: of the two the one whose integrand keeps its sign is taken, so that no digits cancel. Where p
// is singular at the left end and x near it, F's power series is differentiated instead.
#include "drift.hpp"

#include "special.hpp"

namespace dg {
namespace DG_ISA {

constexpr int LANES = 8, MOST_NODES = 72;

// What integrals are summed over: n nodes, a multiple of LANES; those that fill the last lanes have weight 0.
struct Rule {
    double node[MOST_NODES] = {}, weight[MOST_NODES] = {};
    int n = 0;

    void pad(int used) { n = (used + LANES - 1) / LANES * LANES; }
};

// Gauss and Legendre's on [0, 1]. The nodes are zeros of the Legendre polynomial, found by Newton's method.
static Rule gauss_legendre(int n) {
    Rule rule;
    for (int i = 0; i < n; ++i) {
        double z = lib::cos(lib::pi * (i + 0.75) / (n + 0.5)), slope = 1;
        for (int round = 0; round < 8; ++round) {
            double before = 0, value = 1;
            for (int k = 0; k < n; ++k) {
                double next = ((2 * k + 1) * z * value - k * before) / (k + 1);
                before = value;
                value = next;
            }
            slope = n * (z * value - before) / (z * z - 1);
            z -= value / slope;
        }
        rule.node[i] = (1 - z) / 2;
        rule.weight[i] = 1 / ((1 - z * z) * slope * slope);
    }
    rule.pad(n);
    return rule;
}

// The double exponential one on (0, inf), for integrands that decay as exp(-s) or faster and may be singular beside 0:
// s = exp(t - exp(-t)) for t in steps from -3.7 to 4.2.
static Rule double_exponential(double step) {
    Rule rule;
    int first = -int(3.68 / step + 0.5), last = int(4.2 / step + 0.5);
    for (int i = first; i <= last; ++i) {
        double t = i * step, s = vm::exp<double>(t - vm::exp<double>(-t));
        rule.node[i - first] = s;
        rule.weight[i - first] = step * s * (1 + vm::exp<double>(-t));
    }
    rule.pad(last - first + 1);
    return rule;
}

// What the digits of an element type ask for.
struct Digits {
    Rule finite, endless;
    double reach;          // integrals end where the integrand has fallen to exp(-reach)
    double least_term;     // of a power series, as a part of its first
};

template <class T>
static const Digits& digits_of() {
    static const Digits digits = sizeof(T) == 8 ? Digits{gauss_legendre(32), double_exponential(0.12), 36, 1e-18}
                                                : Digits{gauss_legendre(16), double_exponential(0.2), 18, 1e-10};
    return digits;
}

// The sum of weight * integrand(node).
template <class Integrand>
DG_INLINE double integral(const Rule& rule, Integrand integrand) {
    double terms[MOST_NODES], sums[LANES] = {};
    DG_VECTOR
    for (int i = 0; i < rule.n; ++i) terms[i] = rule.weight[i] * integrand(rule.node[i]);
    for (int i = 0; i < rule.n; i += LANES)
        for (int j = 0; j < LANES; ++j) sums[j] += terms[i + j];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

// ---- gamma -----------------------------------------------------------------------------------------------------------

constexpr double MOST_TERMS = 40;

// By F / p = x sum over n of x^n / (a (a + 1) ... (a + n)), for x < 1.
static double gamma_by_series(double a, double x, const Digits& digits) {
    double log_x = vm::log<double>(x), first = 1 / a, term = first, psi = lib::digamma(a + 1), sum = 0;
    for (double n = 1; n < MOST_TERMS && term > digits.least_term * first; ++n) {
        sum += term * (log_x - psi);
        double step = 1 / (a + n);
        term *= x * step;
        psi += step;
    }
    return -x * sum;
}

// By t = x exp(side s), for x >= 1. The exponent -(x (exp(side s) - 1) - a side s) is concave.
static double gamma_by_integral(double a, double x, const Digits& digits) {
    double away = vm::log<double>(x) - lib::digamma(a), side = away < 0 ? -1 : 1, rate = side * (x - a);
    // An end beyond `reach`: exp(s) - 1 - s is at least s^2 / 2, and exp(s) / 3.8 from 1 on; exp(-s) - 1 + s is at least
    // s^2 / 3 up to 1, and s - 1.
    double c = digits.reach, end;
    if (side > 0) {
        double early = vm::log1p<double>(3.8 * c / x);
        early = early < 1 ? 1 : early;
        end = 2 * c / (rate + vm::sqrt(rate * rate + 2 * x * c));
        end = early < end ? early : end;
    } else {
        double late = (c + x) / a;
        end = 2 * c / (rate + vm::sqrt(rate * rate + 4.0 / 3 * x * c));
        end = end > 1 || late < end ? late : end;
    }
    double grown = vm::expm1<double>(side * end);       // and a step of Newton's method back to it
    end -= (x * grown - a * side * end - c) / (side * (x * (grown + 1) - a));
    double stretch = side * end;
    double sum = integral(digits.finite, [=](double node) {
        double s = stretch * node;
        return vm::exp<double>(a * s - x * vm::expm1<double>(s)) * (away + s);
    });
    return sum * x * stretch;
}

// By the expansion of Cornish and Fisher, x = a + z sqrt(a) + (z^2 - 1) / 3 + ... with a normal z, for large a: the integral
// would have to be of x - a alone, of which the digits are gone.
static double gamma_by_normal(double a, double x) {
    double root = vm::sqrt(a), w = (x - a) / root;
    double z = w - (w * w - 1) / (3 * root);
    return 1 + z / (2 * root);
}

DG_INLINE double gamma_drift(double a, double x, const Digits& digits) {
    if (x == 0) return 0;
    if (x < 1) return gamma_by_series(a, x, digits);
    return a > 1e10 && vm::abs(x - a) < 1e-3 * a ? gamma_by_normal(a, x) : gamma_by_integral(a, x, digits);
}

template <class T>
static void drift_of_gamma(const void* x, const void* alpha, const void*, void* out, int64_t n) {
    const Digits& digits = digits_of<T>();
    for (int64_t i = 0; i < n; ++i) {
        double a = static_cast<const T*>(alpha)[i], at = static_cast<const T*>(x)[i];
        static_cast<T*>(out)[i] = T(gamma_drift(a, at, digits));
    }
}

// ---- beta, of which the parts of Dirichlet vectors are ---------------------------------------------------------------

// By F / p = x (1 - x) sum over n of x^n (a + b) ... (a + b + n - 1) / (a ... (a + n)), for x < 1/10 and x (a + b) < 1.
static double beta_by_series(double x, double a, double total, const Digits& digits) {
    double log_x = vm::log<double>(x), first = 1 / a, term = first, sum = 0;
    double psi = lib::digamma(total) - lib::digamma(a + 1);
    for (double n = 0; n < MOST_TERMS && term > digits.least_term * first; ++n) {
        sum += term * (log_x + psi);
        double above = 1 / (total + n), below = 1 / (a + n + 1);
        term *= x * (total + n) * below;
        psi += above - below;
    }
    return -x * sum;
}

// By t = x exp(-s) on the left, 1 - t = (1 - x) exp(-s) on the right. The exponent is
// -near s + (far - 1) log(1 + odds (1 - exp(-s))); a falling second factor leaves exp(-near s) as tail.
static double beta_by_integral(double x, double a, double total, const Digits& digits) {
    double y = 1 - x, b = total - a;
    double away = vm::log<double>(x) - lib::digamma(a) + lib::digamma(total);
    bool left = away < 0;
    double near = left ? a : b, power = (left ? b : a) - 1, odds = left ? x / y : y / x;
    double rise = (power > 0 ? power : 0) * odds, rate = near - rise;
    rate = (rate > 0 ? rate : 0) + 1e-300;
    // The width, where rate s + curvature s^2 / 2 has reached about 1.
    double width = 2 / (rate + vm::sqrt(rate * rate + 2 * rise * (1 + odds)));
    double along = left ? -1 : 0, across = left ? 0 : 1;
    double sum = integral(digits.endless, [=](double node) {
        double s = width * node, grown = vm::log1p<double>(-odds * vm::expm1<double>(-s));
        return vm::exp<double>(power * grown - near * s) * (away + along * s + across * grown);
    });
    return sum * width * (left ? -odds : 1);
}

template <class T>
static void drift_of_dirichlet(const void* x, const void* alpha, const void* total, void* out, int64_t n) {
    const Digits& digits = digits_of<T>();
    for (int64_t i = 0; i < n; ++i) {
        double at = static_cast<const T*>(x)[i], a = static_cast<const T*>(alpha)[i];
        double all = static_cast<const T*>(total)[i];
        bool near = at < 0.1 && at * all < 1;
        double moved = at == 0 ? 0 : near ? beta_by_series(at, a, all, digits) : beta_by_integral(at, a, all, digits);
        static_cast<T*>(out)[i] = T(moved);
    }
}

const DriftKernels* drift_table() {
    static const DriftKernels filled = {{drift_of_gamma<float>, drift_of_gamma<double>},
                                        {drift_of_dirichlet<float>, drift_of_dirichlet<double>}};
    return &filled;
}

}  // namespace DG_ISA
}  // namespace dg
