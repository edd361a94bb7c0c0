// The random generator and its distributions over contiguous memory. Draw for draw the stream is that of PyTorch's CPU
// generator, so a seed means the same numbers in both.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>

#include "table.hpp"

namespace dg {

constexpr uint64_t DEFAULT_SEED = 67280421310721;
constexpr int64_t RNG_STATE_BYTES = 5056;

// mt19937. `left` counts down to the next refill and `next` up through the block: after k draws of a block next = k and
// left = 625 - k, except that a fresh seed has left = 1, next = 0.
struct Generator {
    static constexpr int N = 624;

    uint64_t seed;
    int32_t left;
    uint32_t next;
    uint32_t state[N];
    std::optional<double> next_normal;       // the second of a Box-Muller pair, waiting
    std::optional<float> next_float_normal;  // carried through the state, drawn by nobody on the CPU
    std::mutex mutex;

    explicit Generator(uint64_t seed = DEFAULT_SEED) { manual_seed(seed); }
    void manual_seed(uint64_t seed);
    void refill();
    uint32_t random();
    uint64_t random64();                     // two draws, the first one high
    double uniform();                        // on [0, 1), from the low bits of two draws
    double normal();                         // of mean 0 and deviation 1, by pairs
    void draw(uint32_t* out, int64_t n);
};

inline uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >> 18;
}

inline uint32_t Generator::random() {
    if (left == 1) refill();
    --left;
    return temper(state[next++]);
}

inline uint64_t Generator::random64() {
    uint64_t high = random();
    return high << 32 | random();
}

inline double Generator::uniform() { return double(random64() & ((1ull << 53) - 1)) * 0x1p-53; }

// PyTorch's byte layout of `get_rng_state()`, RNG_STATE_BYTES long. `set_state` leaves the generator alone and returns
// false when the bytes are no state of an mt19937.
void get_state(Generator& generator, uint8_t* out);
bool set_state(Generator& generator, const uint8_t* bytes);

// All of these fill n elements at data, in order; the generator's mutex is held meanwhile. Preconditions on the
// parameters (signs, ranges, floating dtypes) are the caller's to check unless a bool is returned.
void fill_uniform(Generator& generator, DType dtype, void* data, int64_t n, double from, double to);
// `blocks` is PyTorch's method for contiguous tensors of 16 elements and more; below that it is ignored.
void fill_normal(Generator& generator, DType dtype, void* data, int64_t n, double mean, double std, bool blocks);
void fill_exponential(Generator& generator, DType dtype, void* data, int64_t n, double lambda);
void fill_cauchy(Generator& generator, DType dtype, void* data, int64_t n, double median, double sigma);
void fill_log_normal(Generator& generator, DType dtype, void* data, int64_t n, double mean, double std);
void fill_geometric(Generator& generator, DType dtype, void* data, int64_t n, double p);
void fill_bernoulli(Generator& generator, DType dtype, void* data, int64_t n, double p);
// False, with the elements before it already written, at the first p outside [0, 1].
bool fill_bernoulli_each(Generator& generator, DType dtype, void* data, int64_t n, DType p_dtype, const void* p);
// False at the first negative or NaN rate.
bool fill_poisson(Generator& generator, DType dtype, void* data, int64_t n, const void* rate);
// Integers in [base, base + range); range 0 stands for 2^64.
void fill_integers(Generator& generator, DType dtype, void* data, int64_t n, uint64_t range, int64_t base);
// Integers from 0 up to the largest of an integer type, up to 2^digits for a floating type.
void fill_random(Generator& generator, DType dtype, void* data, int64_t n);
// The number that `value` becomes in dtype, as an integer again (the floating types skip some).
int64_t rounded(DType dtype, int64_t value);
void fill_permutation(Generator& generator, DType dtype, void* data, int64_t n);

// Indices into each row of weights[rows, n], `samples` per row. Weights must be finite, not negative and not all zero
// (the first violation is returned, MULTINOMIAL_OK otherwise).
enum Multinomial { MULTINOMIAL_OK, MULTINOMIAL_NEGATIVE, MULTINOMIAL_NOT_FINITE, MULTINOMIAL_ZERO_SUM };
Multinomial sample_with_replacement(Generator& generator, DType dtype, const void* weights, int64_t rows, int64_t n,
                                    int64_t* out, int64_t samples);
Multinomial sample_without_replacement(Generator& generator, DType dtype, const void* weights, int64_t rows, int64_t n,
                                       int64_t* out, int64_t samples);

}  // namespace dg
