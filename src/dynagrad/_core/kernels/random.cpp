#include "random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define DG_BOX_MULLER_AVX2 1
#include <immintrin.h>
#endif

// Note [Fused multiply-adds in the random streams]
// PyTorch's binaries contract x * scale + shift into one rounding. The same numbers therefore need std::fma spelt out;
// the clones keep it one instruction on processors that have it.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define DG_FMA_CLONES __attribute__((target_clones("fma", "default")))
#else
#define DG_FMA_CLONES
#endif

namespace dg {
namespace {

constexpr double PI = std::numbers::pi;
using Lock = std::lock_guard<std::mutex>;

uint16_t half_bits(float value) {
    uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return uint16_t(sign | 0x7e00);
    if (bits >= 0x47800000) return uint16_t(sign | 0x7c00);
    if (bits < 0x38800000) {  // subnormal: let the addition of 0.5 round to a multiple of 2^-24
        float aligned = std::bit_cast<float>(bits) + 0.5f;
        return uint16_t(sign | (std::bit_cast<uint32_t>(aligned) - std::bit_cast<uint32_t>(0.5f)));
    }
    bits += 0xc8000fff + (bits >> 13 & 1);
    return uint16_t(sign | bits >> 13);
}

float half_value(uint16_t half) {
    uint32_t magnitude = half & 0x7fff, sign = uint32_t(half & 0x8000) << 16;
    float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    if (magnitude >= 0x7c00) value = std::bit_cast<float>(0x7f800000 | (magnitude & 0x3ff) << 13);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

struct F16Value {
    static constexpr int digits = 11;
    uint16_t bits;
    F16Value() = default;
    explicit F16Value(float value) : bits(half_bits(value)) {}
    operator float() const { return half_value(bits); }
};

struct BF16Value {
    static constexpr int digits = 8;
    uint16_t bits;
    BF16Value() = default;
    explicit BF16Value(float value) {
        uint32_t word = std::bit_cast<uint32_t>(value);
        bits = value != value ? 0x7fc0 : uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
    }
    operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

template <class T> constexpr bool is_half = std::is_same_v<T, F16Value> || std::is_same_v<T, BF16Value>;
template <class T> using compute_t = std::conditional_t<is_half<T>, float, T>;

template <class T> constexpr int digits_of() {
    if constexpr (is_half<T>) return T::digits;
    else return std::numeric_limits<T>::digits;
}

template <class T, class V> T narrow(V value) {
    if constexpr (is_half<T>) return T(float(value));
    else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) return T(int64_t(value));
    else return T(value);
}

template <class F> auto visit_floating(DType dtype, F f) {
    switch (dtype) {
        case F16: return f(F16Value());
        case BF16: return f(BF16Value());
        case F32: return f(float());
        default: return f(double());
    }
}

template <class F> auto visit(DType dtype, F f) {
    switch (dtype) {
        case BOOL: return f(bool());
        case U8: return f(uint8_t());
        case I8: return f(int8_t());
        case I16: return f(int16_t());
        case I32: return f(int32_t());
        case I64: return f(int64_t());
        default: return visit_floating(dtype, f);
    }
}

// Uniform on [0, 1) from the low bits: 24 of one draw for float32, 53 of two for float64.
template <class T> T unit(Generator& g) {
    if constexpr (std::is_same_v<T, double>) return g.uniform();
    else return float(g.random() & ((1u << 24) - 1)) * 0x1p-24f;
}

template <class T> void draw_units(Generator& g, T* out, int64_t n) {
    constexpr int64_t per = sizeof(T) / 4, block = 1024;
    uint32_t words[block * per];
    for (int64_t i = 0; i < n; i += block) {
        int64_t m = std::min(block, n - i);
        g.draw(words, m * per);
        for (int64_t j = 0; j < m; ++j)
            if constexpr (per == 1) out[i + j] = float(int32_t(words[j] & 0xffffff)) * 0x1p-24f;
            else out[i + j] = double(int64_t((uint64_t(words[2 * j] & 0x1fffff) << 32) | words[2 * j + 1])) * 0x1p-53;
    }
}

DG_FMA_CLONES void scale_units(float* x, int64_t n, float scale, float shift) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::fma(x[i], scale, shift);
}

DG_FMA_CLONES void scale_units(double* x, int64_t n, double scale, double shift) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::fma(x[i], scale, shift);
}

double normal_one(Generator& g, double mean, double std) { return std::fma(g.normal(), std, mean); }

// Box-Muller over 16 uniforms: x[0..8) are the radii, x[8..16) the angles.
template <class T> void box_muller_16(T* x, T mean, T std) {
    for (int j = 0; j < 8; ++j) {
        T radius = std::sqrt(-2 * std::log(1 - x[j])), theta = T(2 * PI * x[j + 8]);
        x[j] = std::fma(radius * std::cos(theta), std, mean);
        x[j + 8] = std::fma(radius * std::sin(theta), std, mean);
    }
}

#ifdef DG_BOX_MULLER_AVX2
#define DG_AVX2 __attribute__((target("avx2,fma")))

// Note [The float32 normal in eight lanes]
// Where AVX2 exists PyTorch takes logarithm, sine and cosine from the Cephes single-precision approximations, so the
// last bits of its normals are theirs. The coefficients and the order of roundings below are that specification; log on
// (0, 1], sin and cos on [0, 2 pi] are evaluated, nothing outside.
DG_AVX2 __m256 horner(__m256 x, const float* coefficients, int n) {
    __m256 sum = _mm256_set1_ps(coefficients[0]);
    for (int i = 1; i < n; ++i) sum = _mm256_fmadd_ps(sum, x, _mm256_set1_ps(coefficients[i]));
    return sum;
}

// x = 2^e m with m in [sqrt(1/2), sqrt(2)); log m = r - r^2/2 + r^3 P(r), r = m - 1.
DG_AVX2 __m256 log_8(__m256 x) {
    static constexpr float P[] = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                                  -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                                  2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    const __m256 one = _mm256_set1_ps(1.0f), half = _mm256_set1_ps(0.5f);
    __m256i bits = _mm256_castps_si256(x);
    __m256 e = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126)));
    __m256i fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x807fffff));
    __m256 m = _mm256_or_ps(_mm256_castsi256_ps(fraction), half);
    __m256 small = _mm256_cmp_ps(m, _mm256_set1_ps(0.707106781186547524f), _CMP_LT_OS);
    e = _mm256_sub_ps(e, _mm256_and_ps(one, small));
    __m256 r = _mm256_add_ps(_mm256_sub_ps(m, one), _mm256_and_ps(m, small));
    __m256 square = _mm256_mul_ps(r, r);
    __m256 y = _mm256_mul_ps(horner(r, P, 9), r);
    y = _mm256_fmadd_ps(y, square, _mm256_mul_ps(e, _mm256_set1_ps(-2.12194440e-4f)));
    y = _mm256_fnmadd_ps(square, half, y);
    return _mm256_fmadd_ps(e, _mm256_set1_ps(0.693359375f), _mm256_add_ps(r, y));
}

// x = j pi/4 + r with j even and |r| <= pi/4; the quadrant j/2 says which polynomial is the sine, and the signs.
DG_AVX2 void sin_cos_8(__m256 x, __m256* sine, __m256* cosine) {
    static constexpr float C[] = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};
    static constexpr float S[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
    __m256i j = _mm256_cvttps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(1.27323954473516f)));
    j = _mm256_and_si256(_mm256_add_epi32(j, _mm256_set1_epi32(1)), _mm256_set1_epi32(~1));
    __m256 k = _mm256_cvtepi32_ps(j);
    __m256 r = _mm256_fmadd_ps(k, _mm256_set1_ps(-0.78515625f), x);
    r = _mm256_fmadd_ps(k, _mm256_set1_ps(-2.4187564849853515625e-4f), r);
    r = _mm256_fmadd_ps(k, _mm256_set1_ps(-3.77489497744594108e-8f), r);
    __m256 z = _mm256_mul_ps(r, r);
    __m256 c = _mm256_mul_ps(horner(z, C, 3), z);
    c = _mm256_fmsub_ps(c, z, _mm256_mul_ps(z, _mm256_set1_ps(0.5f)));
    c = _mm256_add_ps(c, _mm256_set1_ps(1.0f));
    __m256 s = _mm256_fmadd_ps(_mm256_mul_ps(horner(z, S, 3), z), r, r);
    __m256i odd = _mm256_slli_epi32(j, 30);  // bit 1 of j, the odd quadrants, to the sign position
    __m256i sine_sign = _mm256_and_si256(_mm256_slli_epi32(j, 29), _mm256_set1_epi32(int(0x80000000)));
    __m256i cosine_sign = _mm256_xor_si256(sine_sign, _mm256_and_si256(odd, _mm256_set1_epi32(int(0x80000000))));
    __m256 swap = _mm256_castsi256_ps(odd);
    *sine = _mm256_xor_ps(_mm256_blendv_ps(s, c, swap), _mm256_castsi256_ps(sine_sign));
    *cosine = _mm256_xor_ps(_mm256_blendv_ps(c, s, swap), _mm256_castsi256_ps(cosine_sign));
}

DG_AVX2 void box_muller_16_avx2(float* x, float mean, float std) {
    __m256 u = _mm256_sub_ps(_mm256_set1_ps(1.0f), _mm256_loadu_ps(x));
    __m256 radius = _mm256_sqrt_ps(_mm256_mul_ps(_mm256_set1_ps(-2.0f), log_8(u)));
    __m256 theta = _mm256_mul_ps(_mm256_set1_ps(float(2 * PI)), _mm256_loadu_ps(x + 8)), sine, cosine;
    sin_cos_8(theta, &sine, &cosine);
    __m256 scale = _mm256_set1_ps(std), shift = _mm256_set1_ps(mean);
    _mm256_storeu_ps(x, _mm256_fmadd_ps(_mm256_mul_ps(radius, cosine), scale, shift));
    _mm256_storeu_ps(x + 8, _mm256_fmadd_ps(_mm256_mul_ps(radius, sine), scale, shift));
}
#endif

using BoxMullerF32 = void (*)(float*, float, float);

BoxMullerF32 choose_box_muller() {
#ifdef DG_BOX_MULLER_AVX2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return box_muller_16_avx2;
#endif
    return box_muller_16<float>;
}

void box_muller(float* x, double mean, double std) {
    static const BoxMullerF32 chosen = choose_box_muller();
    chosen(x, float(mean), float(std));
}

void box_muller(double* x, double mean, double std) { box_muller_16<double>(x, mean, std); }

template <class T> void normal_16(Generator& g, T* out, double mean, double std) {
    compute_t<T> block[16];
    draw_units(g, block, 16);
    box_muller(block, mean, std);
    for (int j = 0; j < 16; ++j) out[j] = T(block[j]);
}

// The last 16 elements are drawn anew when n is not a multiple of 16. For float32 and float64 the stream runs through
// all n uniforms before that, for the half types only through the whole blocks.
template <class T> void normal_blocks(Generator& g, T* out, int64_t n, double mean, double std) {
    int64_t whole = n - n % 16;
    for (int64_t i = 0; i < whole; i += 16) normal_16(g, out + i, mean, std);
    if (whole == n) return;
    if constexpr (!is_half<T>) draw_units(g, out + whole, n - whole);
    normal_16(g, out + n - 16, mean, std);
}

template <class F> void fill_each(Generator& g, DType dtype, void* data, int64_t n, F sample) {
    Lock lock(g.mutex);
    visit(dtype, [&](auto type) {
        using T = decltype(type);
        for (T *out = static_cast<T*>(data), *end = out + n; out != end; ++out) *out = narrow<T>(sample(g));
    });
}

// Multiplication of uniforms below rate 10, Hoermann's transformed rejection PTRS (1993) from there on.
int64_t poisson_rejection(Generator& g, double rate) {
    double root = std::sqrt(rate), log_rate = std::log(rate);
    double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = unit<double>(g) - 0.5, v = unit<double>(g), us = 0.5 - std::fabs(u);
        int64_t k = int64_t(std::floor((2 * a / us + b) * u + rate + 0.43));
        if (us >= 0.07 && v <= accept) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        double left = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
        if (left <= -rate + double(k) * log_rate - std::lgamma(double(k) + 1)) return k;
    }
}

int64_t poisson_one(Generator& g, double rate) {
    if (rate >= 10) return poisson_rejection(g, rate);
    if (rate == 0) return 0;
    double floor = std::exp(-rate), product = 1;
    for (int64_t k = 0;; ++k)
        if (!((product *= unit<double>(g)) > floor)) return k;
}

template <class P, class T> bool bernoulli_each(Generator& g, T* out, int64_t n, const P* p) {
    using U = std::conditional_t<std::is_same_v<P, double>, double, float>;
    for (int64_t i = 0; i < n; ++i) {
        U probability = U(p[i]);
        if (!(probability >= 0 && probability <= 1)) return false;
        out[i] = narrow<T>(int64_t(unit<U>(g) < probability));
    }
    return true;
}

// The 32-bit draws reach ranges up to 2^32 / 20 with little skew; beyond it PyTorch grows the permutation inside out.
constexpr int64_t PERMUTATION_SMALL = std::numeric_limits<uint32_t>::max() / 20;

template <class T> void permute(Generator& g, T* out, int64_t n) {
    if (n < PERMUTATION_SMALL) {
        for (int64_t i = 0; i < n; ++i) out[i] = narrow<T>(i);
        for (int64_t i = 0; i < n - 1; ++i) std::swap(out[i], out[i + int64_t(g.random() % uint64_t(n - i))]);
        return;
    }
    for (int64_t i = 0; i < n; ++i) {
        int64_t j = int64_t(g.random64() % uint64_t(i + 1));
        out[i] = narrow<T>(i);
        out[i] = out[j];
        out[j] = narrow<T>(i);
    }
}

template <class T> Multinomial check_weights(const T* weights, int64_t n) {
    using A = compute_t<T>;
    A sum = 0;
    for (int64_t i = 0; i < n; ++i) {
        A weight = A(weights[i]);
        if (!(weight >= 0)) return MULTINOMIAL_NEGATIVE;
        if (std::isinf(weight)) return MULTINOMIAL_NOT_FINITE;
        sum += weight;
    }
    return sum > 0 ? MULTINOMIAL_OK : MULTINOMIAL_ZERO_SUM;
}

template <class A> void sample_row(Generator& g, std::vector<A>& cumulative, int64_t* out, int64_t samples) {
    A sum = cumulative.back();
    for (A& c : cumulative) c /= sum;
    cumulative.back() = 1;
    for (int64_t j = 0; j < samples; ++j) {
        double u = unit<double>(g);
        out[j] = std::lower_bound(cumulative.begin(), cumulative.end(), u) - cumulative.begin();
    }
}

// The k largest, descending, in the order that PyTorch's topk leaves ties in (half types have many): a selection, then
// a sort of what comes before the last; a heap when k is small.
template <class A> void largest_first(std::vector<std::pair<A, int64_t>>& scores, int64_t k) {
    auto ahead = [](const auto& a, const auto& b) {
        return (std::isnan(a.first) && !std::isnan(b.first)) || a.first > b.first;
    };
    auto begin = scores.begin(), end = scores.end();
    if (k == 1) return std::iter_swap(begin, std::min_element(begin, end, ahead));
    if (k * 64 <= int64_t(scores.size())) return std::partial_sort(begin, begin + k, end, ahead);
    std::nth_element(begin, begin + (k - 1), end, ahead);
    std::sort(begin, begin + (k - 1), ahead);
}

// An exponential race: the largest weight[i] / E[i] are a weighted sample without replacement.
template <class T> void race_row(Generator& g, const T* weights, int64_t n, int64_t* out, int64_t samples) {
    using A = compute_t<T>;
    std::vector<std::pair<A, int64_t>> scores(n);
    for (int64_t i = 0; i < n; ++i) {
        T wait = narrow<T>(-std::log1p(-unit<double>(g)));
        scores[i] = {A(T(A(weights[i]) / A(wait))), i};
    }
    largest_first(scores, samples);
    for (int64_t j = 0; j < samples; ++j) out[j] = scores[j].second;
}

// What PyTorch stores of a CPU generator: 64-bit words for a 32-bit state, and three doubles of which one is used.
struct StateBytes {
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next;
    uint64_t state[Generator::N];
    double normal_x, normal_y, normal_rho;
    int32_t normal_is_valid, padding;
    float next_float_normal;
    bool next_float_normal_is_valid;
};
static_assert(sizeof(StateBytes) == RNG_STATE_BYTES);

}  // namespace

void Generator::manual_seed(uint64_t value) {
    seed = value;
    state[0] = uint32_t(value);
    for (uint32_t j = 1; j < N; ++j) state[j] = 1812433253u * (state[j - 1] ^ state[j - 1] >> 30) + j;
    left = 1;
    next = 0;
    next_normal.reset();
    next_float_normal.reset();
}

void Generator::refill() {
    constexpr int M = 397;
    auto twist = [](uint32_t u, uint32_t v) {
        return ((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1 ^ (-(v & 1u) & 0x9908b0dfu);
    };
    for (int k = 0; k < N - M; ++k) state[k] = state[k + M] ^ twist(state[k], state[k + 1]);
    for (int k = N - M; k < N - 1; ++k) state[k] = state[k + M - N] ^ twist(state[k], state[k + 1]);
    state[N - 1] = state[M - 1] ^ twist(state[N - 1], state[0]);
    left = N + 1;
    next = 0;
}

// Box-Muller, one pair at a time: the cosine is returned, the sine waits in the generator.
double Generator::normal() {
    if (next_normal) {
        double waiting = *next_normal;
        next_normal.reset();
        return waiting;
    }
    double u1 = uniform(), u2 = uniform();
    double radius = std::sqrt(-2.0 * std::log1p(-u2)), theta = 2.0 * PI * u1;
    next_normal = radius * std::sin(theta);
    return radius * std::cos(theta);
}

void Generator::draw(uint32_t* out, int64_t n) {
    while (n > 0) {
        if (left == 1) refill();
        int64_t m = std::min<int64_t>(n, left - 1);
        for (int64_t i = 0; i < m; ++i) out[i] = temper(state[next + i]);
        left -= int32_t(m);
        next += uint32_t(m);
        out += m;
        n -= m;
    }
}

void get_state(Generator& g, uint8_t* out) {
    Lock lock(g.mutex);
    StateBytes bytes;
    std::memset(&bytes, 0, sizeof bytes);
    bytes.seed = g.seed;
    bytes.left = g.left;
    bytes.seeded = 1;
    bytes.next = g.next;
    std::copy_n(g.state, Generator::N, bytes.state);
    bytes.normal_is_valid = g.next_normal.has_value();
    bytes.normal_y = g.next_normal.value_or(0.0);
    bytes.next_float_normal_is_valid = g.next_float_normal.has_value();
    bytes.next_float_normal = g.next_float_normal.value_or(0.0f);
    std::memcpy(out, &bytes, sizeof bytes);
}

bool set_state(Generator& g, const uint8_t* in) {
    StateBytes bytes;
    std::memcpy(&bytes, in, sizeof bytes);
    if (bytes.seeded != 1 || bytes.left <= 0 || bytes.left > Generator::N) return false;
    // A read past the block is ruled out here, not only a `next` out of range: every draw to come stays inside.
    if (bytes.left > 1 && bytes.next + uint64_t(bytes.left) != Generator::N + 1) return false;
    if (bytes.next > Generator::N) return false;
    Lock lock(g.mutex);
    g.seed = bytes.seed;
    g.left = bytes.left;
    g.next = uint32_t(bytes.next);
    std::transform(bytes.state, bytes.state + Generator::N, g.state, [](uint64_t word) { return uint32_t(word); });
    g.next_normal = bytes.normal_is_valid ? std::optional(bytes.normal_y) : std::nullopt;
    bool has_float = in[offsetof(StateBytes, next_float_normal_is_valid)] != 0;
    g.next_float_normal = has_float ? std::optional(bytes.next_float_normal) : std::nullopt;
    return true;
}

// A value that rounds up to `to` becomes `from`: the interval is half open in the element type too.
void fill_uniform(Generator& g, DType dtype, void* data, int64_t n, double from, double to) {
    Lock lock(g.mutex);
    visit_floating(dtype, [&](auto type) {
        using T = decltype(type);
        using A = compute_t<T>;
        constexpr int64_t block = 1024;
        A units[block], scale = A(to) - A(from);
        T first = T(A(from)), last = T(A(to)), *out = static_cast<T*>(data);
        for (int64_t i = 0; i < n; i += block) {
            int64_t m = std::min(block, n - i);
            draw_units(g, units, m);
            scale_units(units, m, scale, A(from));
            for (int64_t j = 0; j < m; ++j) {
                T value = T(units[j]);
                out[i + j] = A(value) == A(last) ? first : value;
            }
        }
    });
}

void fill_normal(Generator& g, DType dtype, void* data, int64_t n, double mean, double std, bool blocks) {
    if (n < 16 || !blocks) return fill_each(g, dtype, data, n, [=](Generator& g) { return normal_one(g, mean, std); });
    Lock lock(g.mutex);
    visit_floating(dtype, [&](auto type) { normal_blocks(g, static_cast<decltype(type)*>(data), n, mean, std); });
}

void fill_exponential(Generator& g, DType dtype, void* data, int64_t n, double lambda) {
    fill_each(g, dtype, data, n, [=](Generator& g) { return -1.0 / lambda * std::log1p(-unit<double>(g)); });
}

void fill_cauchy(Generator& g, DType dtype, void* data, int64_t n, double median, double sigma) {
    fill_each(g, dtype, data, n,
              [=](Generator& g) { return std::fma(sigma, std::tan(PI * (unit<double>(g) - 0.5)), median); });
}

void fill_log_normal(Generator& g, DType dtype, void* data, int64_t n, double mean, double std) {
    fill_each(g, dtype, data, n, [=](Generator& g) { return std::exp(normal_one(g, mean, std)); });
}

void fill_geometric(Generator& g, DType dtype, void* data, int64_t n, double p) {
    fill_each(g, dtype, data, n, [=](Generator& g) { return std::ceil(std::log(unit<double>(g)) / std::log1p(-p)); });
}

void fill_bernoulli(Generator& g, DType dtype, void* data, int64_t n, double p) {
    fill_each(g, dtype, data, n, [=](Generator& g) { return int64_t(unit<double>(g) < p); });
}

bool fill_bernoulli_each(Generator& g, DType dtype, void* data, int64_t n, DType p_dtype, const void* p) {
    Lock lock(g.mutex);
    return visit(dtype, [&](auto type) {
        auto* out = static_cast<decltype(type)*>(data);
        return visit_floating(p_dtype, [&](auto p_type) {
            return bernoulli_each(g, out, n, static_cast<const decltype(p_type)*>(p));
        });
    });
}

bool fill_poisson(Generator& g, DType dtype, void* data, int64_t n, const void* rate) {
    Lock lock(g.mutex);
    return visit_floating(dtype, [&](auto type) {
        using T = decltype(type);
        for (int64_t i = 0; i < n; ++i) {
            double mean = static_cast<const T*>(rate)[i];
            if (!(mean >= 0)) return false;
            static_cast<T*>(data)[i] = narrow<T>(poisson_one(g, mean));
        }
        return true;
    });
}

void fill_integers(Generator& g, DType dtype, void* data, int64_t n, uint64_t range, int64_t base) {
    // From 2^28 on the skew of one 32-bit draw modulo the range would pass five per cent: two draws.
    if (range == 0) return fill_each(g, dtype, data, n, [](Generator& g) { return int64_t(g.random64()); });
    auto shift = [=](uint64_t value) { return int64_t(value % range + uint64_t(base)); };
    if (range >= 1ull << 28) return fill_each(g, dtype, data, n, [=](Generator& g) { return shift(g.random64()); });
    fill_each(g, dtype, data, n, [=](Generator& g) { return shift(g.random()); });
}

void fill_random(Generator& g, DType dtype, void* data, int64_t n) {
    Lock lock(g.mutex);
    visit(dtype, [&](auto type) {
        using T = decltype(type);
        constexpr uint64_t top = 1ull << digits_of<T>();
        constexpr uint64_t count = std::is_integral_v<T> ? top : top + 1;
        for (int64_t i = 0; i < n; ++i) {
            uint64_t value = sizeof(T) == 8 ? g.random64() : g.random();
            static_cast<T*>(data)[i] = narrow<T>(int64_t(value % count));
        }
    });
}

int64_t rounded(DType dtype, int64_t value) {
    return visit(dtype, [&](auto type) {
        using T = decltype(type);
        double back = double(compute_t<T>(narrow<T>(value)));
        if constexpr (std::is_integral_v<T>) return int64_t(narrow<T>(value));
        else return back >= 0x1p63 ? std::numeric_limits<int64_t>::max() : int64_t(back);
    });
}

void fill_permutation(Generator& g, DType dtype, void* data, int64_t n) {
    Lock lock(g.mutex);
    visit(dtype, [&](auto type) { permute(g, static_cast<decltype(type)*>(data), n); });
}

Multinomial sample_with_replacement(Generator& g, DType dtype, const void* weights, int64_t rows, int64_t n,
                                    int64_t* out, int64_t samples) {
    Lock lock(g.mutex);
    return visit_floating(dtype, [&](auto type) {
        using T = decltype(type);
        using A = compute_t<T>;
        std::vector<A> cumulative(n);
        for (int64_t i = 0; i < rows; ++i) {
            const T* row = static_cast<const T*>(weights) + i * n;
            if (Multinomial error = check_weights(row, n)) return error;
            A sum = 0;
            for (int64_t j = 0; j < n; ++j) cumulative[j] = sum += A(row[j]);
            sample_row(g, cumulative, out + i * samples, samples);
        }
        return MULTINOMIAL_OK;
    });
}

Multinomial sample_without_replacement(Generator& g, DType dtype, const void* weights, int64_t rows, int64_t n,
                                       int64_t* out, int64_t samples) {
    Lock lock(g.mutex);
    return visit_floating(dtype, [&](auto type) {
        using T = decltype(type);
        const T* row = static_cast<const T*>(weights);
        for (int64_t i = 0; i < rows; ++i)
            if (Multinomial error = check_weights(row + i * n, n)) return error;
        for (int64_t i = 0; i < rows; ++i) race_row(g, row + i * n, n, out + i * samples, samples);
        return MULTINOMIAL_OK;
    });
}

}  // namespace dg
