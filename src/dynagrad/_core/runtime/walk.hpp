// The loop nest of an n-d kernel: dims in walking order, steps in bytes. Building, ordering, coalescing and cutting it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "iterate.hpp"

namespace dg {

// Dim 0 is the innermost. The steps of one dim lie side by side, as the inner loops take them.
template <int N>
struct Walk {
    static constexpr int inline_rank = 16;
    struct Dim {
        int64_t extent;
        int64_t step[N];
    };

    int rank = 0;
    Dim* dims = inline_dims;
    Dim inline_dims[inline_rank];

    explicit Walk(int room) {
        if (room > inline_rank) dims = new Dim[room];
    }
    ~Walk() {
        if (dims != inline_dims) delete[] dims;
    }
    Walk(const Walk& other) : Walk(other.rank) {
        rank = other.rank;
        std::copy_n(other.dims, rank, dims);
    }
    Walk& operator=(const Walk&) = delete;

    int64_t total() const {
        int64_t n = 1;
        for (int d = 0; d < rank; ++d) n *= dims[d].extent;
        return n;
    }

    // The first operand that tells two dims apart decides which of them is walked faster.
    static bool before(const Dim& a, const Dim& b) {
        for (int k = 0; k < N; ++k) {
            const int64_t x = std::abs(a.step[k]), y = std::abs(b.step[k]);
            if (x != y && x && y) return x < y;
        }
        return false;
    }

    void sort() {
        for (int i = 1; i < rank; ++i) {
            if (!before(dims[i], dims[i - 1])) continue;
            const Dim moved = dims[i];
            int j = i;
            for (; j > 0 && before(moved, dims[j - 1]); --j) dims[j] = dims[j - 1];
            dims[j] = moved;
        }
    }

    static bool continues(const Dim& outer, const Dim& inner) {
        for (int k = 0; k < N; ++k)
            if (outer.step[k] != inner.step[k] * inner.extent) return false;
        return true;
    }

    void coalesce() {
        int last = 0;
        for (int d = 1; d < rank; ++d) {
            if (continues(dims[d], dims[last])) dims[last].extent *= dims[d].extent;
            else if (++last != d) dims[last] = dims[d];
        }
        rank = std::min(rank, last + 1);
    }

    // The dim to cut among threads: the outermost of those that are long enough, else the longest.
    int longest(int64_t enough) const {
        for (int d = rank; d-- > 0;)
            if (dims[d].extent >= enough) return d;
        int best = 0;
        for (int d = 1; d < rank; ++d)
            if (dims[d].extent > dims[best].extent) best = d;
        return best;
    }
};

// Calls visit() at every position of dims[from..rank), data[k] advanced to it; data is as before when it returns.
template <int N, class Visit>
inline void for_each(const Walk<N>& w, int from, char** data, Visit&& visit) {
    if (from >= w.rank) return visit();
    if (from + 1 == w.rank) {
        const auto& dim = w.dims[from];
        for (int64_t i = 0; i < dim.extent; ++i) {
            visit();
            for (int k = 0; k < N; ++k) data[k] += dim.step[k];
        }
        for (int k = 0; k < N; ++k) data[k] -= dim.step[k] * dim.extent;
        return;
    }
    constexpr int few = Walk<N>::inline_rank;
    int64_t few_at[few];
    int64_t* at = w.rank > few ? new int64_t[w.rank] : few_at;
    std::fill_n(at, w.rank, 0);
    for (int d = from; d < w.rank;) {
        visit();
        for (d = from; d < w.rank; ++d) {
            const auto& dim = w.dims[d];
            for (int k = 0; k < N; ++k) data[k] += dim.step[k];
            if (++at[d] < dim.extent) break;
            at[d] = 0;
            for (int k = 0; k < N; ++k) data[k] -= dim.step[k] * dim.extent;
        }
    }
    if (at != few_at) delete[] at;
}

}  // namespace dg
