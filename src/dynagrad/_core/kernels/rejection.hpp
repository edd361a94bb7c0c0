// Numbers drawn by rejection, how many uniforms each takes being known only afterwards: gamma, Dirichlet and binomial ones.
// Draw for draw they are PyTorch's. What takes a fixed number of uniforms is in random.hpp.
#pragma once
#include <cstdint>

#include "random.hpp"

namespace dg {

// All of these run through n elements in order; floats where `narrow`, doubles otherwise.

// Gamma numbers of the shapes alpha[n] and rate 1, none below `least`. NaN, without a draw, for a negative alpha or NaN.
void fill_gamma(Generator& generator, bool narrow, int64_t n, const void* alpha, void* out, double least);

// Rows of gamma numbers divided by their sums total[rows], and brought into [least, most].
void divide_shares(bool narrow, int64_t rows, int64_t n, const double* gamma, const double* total, void* out, double least,
                   double most);

// Successes among count[n] trials of probability prob[n]. NaN, without a draw, where either is.
void fill_binomial(Generator& generator, bool narrow, int64_t n, const void* count, const void* prob, void* out);

}  // namespace dg
