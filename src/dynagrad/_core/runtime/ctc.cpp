// Alpha runs forward over time, beta backward; a position of the target with blanks between its labels is a state.
#include "ctc.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "threads.hpp"

namespace dg {
namespace {

template <class T>
struct Item {
    const Ctc& c;
    int64_t b, labels, states, steps;
    const int64_t* target;
    const T* log_probs;
    T* alpha;
    static constexpr T never = -std::numeric_limits<T>::infinity();

    Item(const Ctc& ctc, int64_t item)
        : c(ctc), b(item), labels(ctc.target_lengths[item]), states(2 * labels + 1), steps(ctc.input_lengths[item]),
          target(ctc.targets + ctc.target_starts[item]), log_probs(static_cast<const T*>(ctc.log_probs)),
          alpha(static_cast<T*>(ctc.alpha) + item * ctc.time * (2 * ctc.most + 1)) {}

    int64_t label(int64_t state) const { return state % 2 ? target[state / 2] : c.blank; }
    T log_p(int64_t t, int64_t state) const { return log_probs[(t * c.items + b) * c.classes + label(state)]; }
    T* row(int64_t t) const { return alpha + t * (2 * c.most + 1); }
    // Whether a path may leave out the blank before this state.
    bool skips(int64_t state) const { return state >= 2 && state % 2 && label(state) != label(state - 2); }

    static T log_sum(T x, T y, T z) {
        T top = x > y ? x : y;
        if (z > top) top = z;
        if (top == never) return never;
        return std::log(std::exp(x - top) + std::exp(y - top) + std::exp(z - top)) + top;
    }

    T forward() const {
        if (steps == 0) return labels == 0 ? T(0) : -never;
        for (int64_t s = 0; s < states; ++s) row(0)[s] = s < 2 ? log_p(0, s) : never;
        for (int64_t t = 1; t < steps; ++t) {
            const T* before = row(t - 1);
            for (int64_t s = 0; s < states; ++s)
                row(t)[s] = log_p(t, s) + log_sum(before[s], s ? before[s - 1] : never, skips(s) ? before[s - 2] : never);
        }
        const T* last = row(steps - 1);
        return -log_sum(last[states - 1], states > 1 ? last[states - 2] : never, never);
    }

    // d loss / d log_probs[t, k] = exp(log_probs) - exp(the sum of alpha beta over the states of k + loss - log_probs)
    void backward(T loss, T g, T* gradient, std::vector<T>& room) const {
        room.assign(size_t(2 * states + c.classes), never);
        T *beta = room.data(), *next = beta + states, *sums = next + states;
        for (int64_t t = steps - 1; t >= 0; --t) {
            for (int64_t k = 0; k < c.classes; ++k) sums[k] = never;
            for (int64_t s = 0; s < states; ++s) {
                const T after = t == steps - 1 ? (s + 2 >= states ? T(0) : never)
                                               : log_sum(next[s], s + 1 < states ? next[s + 1] : never,
                                                         s + 2 < states && skips(s + 2) ? next[s + 2] : never);
                beta[s] = after + log_p(t, s);
                sums[label(s)] = log_sum(sums[label(s)], row(t)[s] + beta[s], never);
            }
            T* to = gradient + (t * c.items + b) * c.classes;
            const T* p = log_probs + (t * c.items + b) * c.classes;
            for (int64_t k = 0; k < c.classes; ++k) to[k] = (std::exp(p[k]) - std::exp(sums[k] + loss - p[k])) * g;
            std::swap(beta, next);
        }
    }
};

template <class T>
void forward_items(int64_t begin, int64_t end, void* context) {
    const Ctc& c = *static_cast<const Ctc*>(context);
    for (int64_t b = begin; b < end; ++b) static_cast<T*>(c.losses)[b] = Item<T>(c, b).forward();
}

struct Backward {
    const Ctc& c;
    const void* g;
    void* gradient;
    bool zero_infinity;
    std::atomic<bool> failed{false};
};

template <class T>
void backward_items(int64_t begin, int64_t end, void* context) try {
    const Backward& w = *static_cast<const Backward*>(context);
    std::vector<T> room;
    for (int64_t b = begin; b < end; ++b) {
        const T loss = static_cast<const T*>(w.c.losses)[b];
        if (w.zero_infinity && std::isinf(loss)) continue;
        Item<T>(w.c, b).backward(loss, static_cast<const T*>(w.g)[b], static_cast<T*>(w.gradient), room);
    }
} catch (const std::bad_alloc&) {
    static_cast<Backward*>(context)->failed = true;
}

}  // namespace

void ctc_forward(const Ctc& c) {
    Ctc copy = c;
    parallel_for(c.items, 1, c.type == F32 ? forward_items<float> : forward_items<double>, &copy);
}

bool ctc_backward(const Ctc& c, const void* g, void* gradient, bool zero_infinity) {
    Backward w{c, g, gradient, zero_infinity};
    parallel_for(c.items, 1, c.type == F32 ? backward_items<float> : backward_items<double>, &w);
    return !w.failed;
}

}  // namespace dg
