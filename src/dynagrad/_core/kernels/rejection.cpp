#include "rejection.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

namespace dg {
namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NAN_ = std::numeric_limits<double>::quiet_NaN();
using Lock = std::lock_guard<std::mutex>;

// ---- gamma -----------------------------------------------------------------------------------------------------------

// A number of the shape d + 1/3 >= 1, divided by d: Marsaglia and Tsang, A simple method for generating gamma variables,
// 2000. The constant of the squeeze is a single one, as PyTorch's.
double cubed_normal(Generator& g, double d) {
    constexpr double squeeze = 0.0331f;
    double c = 1 / std::sqrt(9 * d);
    for (;;) {
        double x = g.normal(), y = 1 + c * x;
        if (y <= 0) continue;
        double v = y * y * y, u = 1 - g.uniform(), xx = x * x;
        if (u < 1 - squeeze * xx * xx || std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return v;
    }
}

// The shape's arithmetic is in its own type. A shape below 1 is raised by 1, and the number multiplied by U^(1 / shape).
template <class T> double gamma_one(Generator& g, T shape) {
    constexpr T third = T(1.0f / 3.0f);
    if (shape == 0) return 0;
    if (!(shape > 0)) return NAN_;
    double boost = shape < 1 ? std::pow(1 - g.uniform(), double(T(1) / shape)) : 1;
    double d = T((shape < 1 ? T(shape + 1) : shape) - third);
    return boost * d * cubed_normal(g, d);
}

template <class T> void gammas(Generator& g, int64_t n, const T* alpha, T* out, T least) {
    for (int64_t i = 0; i < n; ++i) {
        T drawn = T(gamma_one(g, alpha[i]));
        out[i] = drawn < least ? least : drawn;
    }
}

template <class T> void shares(int64_t rows, int64_t n, const double* gamma, const double* total, T* out, T least, T most) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i * n; j < (i + 1) * n; ++j) {
            T share = T(gamma[j] / total[i]);
            out[j] = share < least ? least : share > most ? most : share;
        }
}

// ---- binomial --------------------------------------------------------------------------------------------------------

// log k! less Stirling's (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2
double stirling_rest(double k) {
    static constexpr double first[] = {0.08106146679532726,  0.0413406959554093,   0.02767792568499834,
                                       0.020790672103765093, 0.016644691189821193, 0.013876128823070748,
                                       0.01189670994589177,  0.010411265261972096, 0.009255462182712733,
                                       0.00833056343336287};
    if (k <= 9) return first[int(k)];
    double square = (k + 1) * (k + 1);
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Successes counted by the geometric gaps between them, for few expected ones.
double binomial_by_gaps(Generator& g, double count, double prob) {
    double rate = std::log1p(-prob), passed = 0, successes = 0;
    for (;; ++successes) {
        double u = g.uniform();
        passed += u > 0 ? std::ceil(std::log(u) / rate) : INF;
        if (passed > count) return successes;
    }
}

// Hoermann, The generation of binomial random variates, 1993: algorithm BTRS, for ten expected successes or more.
double binomial_by_rejection(Generator& g, double count, double prob) {
    double deviation = std::sqrt(count * prob * (1 - prob));
    double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * prob, c = count * prob + 0.5;
    double tight = 0.92 - 4.2 / b, odds = prob / (1 - prob), alpha = (2.83 + 5.1 / b) * deviation;
    double m = std::floor((count + 1) * prob);
    for (;;) {
        double u = g.uniform() - 0.5, v = g.uniform(), us = 0.5 - std::fabs(u);
        double k = us > 0 ? std::floor((2 * a / us + b) * u + c) : -1;
        if (us >= 0.07 && v <= tight) return k;
        if (!(k >= 0 && k <= count)) continue;
        double bound = (m + 0.5) * std::log((m + 1) / (odds * (count - m + 1))) +
                       (count + 1) * std::log((count - m + 1) / (count - k + 1)) +
                       (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) + stirling_rest(m) +
                       stirling_rest(count - m) - stirling_rest(k) - stirling_rest(count - k);
        if (v == 0 || std::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
    }
}

double binomial_one(Generator& g, double count, double prob) {
    if (std::isnan(count) || std::isnan(prob)) return NAN_;
    if (count <= 0 || prob <= 0) return 0;
    if (prob >= 1) return count;
    double less = std::min(prob, 1 - prob);
    double found = count * less >= 10 ? binomial_by_rejection(g, count, less) : binomial_by_gaps(g, count, less);
    return prob <= 0.5 ? found : count - found;
}

template <class T> void binomials(Generator& g, int64_t n, const T* count, const T* prob, T* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = T(binomial_one(g, double(count[i]), double(prob[i])));
}

}  // namespace

void fill_gamma(Generator& g, bool narrow, int64_t n, const void* alpha, void* out, double least) {
    Lock lock(g.mutex);
    if (narrow) return gammas(g, n, static_cast<const float*>(alpha), static_cast<float*>(out), float(least));
    gammas(g, n, static_cast<const double*>(alpha), static_cast<double*>(out), least);
}

void divide_shares(bool narrow, int64_t rows, int64_t n, const double* gamma, const double* total, void* out, double least,
                   double most) {
    if (narrow) return shares(rows, n, gamma, total, static_cast<float*>(out), float(least), float(most));
    shares(rows, n, gamma, total, static_cast<double*>(out), least, most);
}

void fill_binomial(Generator& g, bool narrow, int64_t n, const void* count, const void* prob, void* out) {
    Lock lock(g.mutex);
    if (narrow)
        return binomials(g, n, static_cast<const float*>(count), static_cast<const float*>(prob), static_cast<float*>(out));
    binomials(g, n, static_cast<const double*>(count), static_cast<const double*>(prob), static_cast<double*>(out));
}

}  // namespace dg
