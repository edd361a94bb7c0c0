// The loops of the optimisers for one instruction set. Every element is read once and written once, whatever the number
// of operations that PyTorch's formula has; the operations and their order are those of its formula for one tensor.
#include "isa.hpp"
#include "optimise.hpp"

namespace dg {
namespace DG_ISA {

DG_INLINE float root(float x) { return __builtin_sqrtf(x); }
DG_INLINE double root(double x) { return __builtin_sqrt(x); }
DG_INLINE float magnitude(float x) { return __builtin_fabsf(x); }
DG_INLINE double magnitude(double x) { return __builtin_fabs(x); }

// NaN wins, as in torch.maximum.
template <class T>
DG_INLINE T larger(T a, T b) { return a != a || a > b ? a : b; }

// torch.lerp: from whichever end is nearer.
template <class T>
DG_INLINE T between(T a, T b, T weight) {
    return weight < T(0.5) ? a + weight * (b - a) : b - (b - a) * (T(1) - weight);
}

// Runs body(p, g, i) on each element: p the parameter ahead of the step, shrunk; g the gradient, turned and decayed.
template <class T, bool Decays, class Body>
DG_OUTLINE void each_element(T* param, const T* grad, int64_t n, const OptimiseStep& step, Body body) {
    const T sign = step.negate ? T(-1) : T(1), decay = T(step.decay), shrink = T(step.shrink);
    DG_VECTOR
    for (int64_t i = 0; i < n; ++i) {
        T p = param[i];
        T g = sign * grad[i];
        if constexpr (Decays) g = g + decay * p;
        param[i] = body(p * shrink, g, i);
    }
}

template <class T, class Body>
DG_INLINE void each(char* param, const char* grad, int64_t n, const OptimiseStep& step, Body body) {
    auto* p = reinterpret_cast<T*>(param);
    auto* g = reinterpret_cast<const T*>(grad);
    if (step.decay != 0) {
        each_element<T, true>(p, g, n, step, body);
    } else {
        each_element<T, false>(p, g, n, step, body);
    }
}

template <class T>
DG_INLINE T* state(char* const* states, int which) { return reinterpret_cast<T*>(states[which]); }

// k: lr, momentum, 1 - dampening. on: momentum with a buffer that exists, Nesterov's form. State: the buffer, if any.
template <class T>
void sgd(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T rate = T(-s->k[0]), momentum = T(s->k[1]), share = T(s->k[2]);
    T* buffer = state<T>(states, 0);
    if (!buffer) {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t) { return p + rate * g; });
        return;
    }
    // The first buffer is a copy of the gradient: momentum * 0 + 1 * g would lose the sign of a zero.
    const bool first = !s->on[0];
    auto with = [&](auto next) {
        if (first) {
            each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) { return p + rate * next(g, buffer[i] = g); });
        } else {
            each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
                const T moved = buffer[i] * momentum + share * g;
                buffer[i] = moved;
                return p + rate * next(g, moved);
            });
        }
    };
    if (s->on[1]) {
        with([=](T g, T moved) { return g + momentum * moved; });
    } else {
        with([](T, T moved) { return moved; });
    }
}

// k: step size, 1 - beta1, beta2, 1 - beta2, root of the second bias correction, eps. on: AMSGrad.
// States: mean, mean of squares, its largest.
template <class T>
void adam(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T size = T(-s->k[0]), w1 = T(s->k[1]), beta2 = T(s->k[2]), w2 = T(s->k[3]), correction = T(s->k[4]),
            eps = T(s->k[5]);
    T *mean = state<T>(states, 0), *square = state<T>(states, 1), *most = state<T>(states, 2);
    auto moments = [=](T g, int64_t i) {
        mean[i] = between(mean[i], g, w1);
        return square[i] = square[i] * beta2 + w2 * g * g;
    };
    if (s->on[0]) {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
            const T v = most[i] = larger(most[i], moments(g, i));
            return p + size * mean[i] / (root(v) / correction + eps);
        });
    } else {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
            const T v = moments(g, i);
            return p + size * mean[i] / (root(v) / correction + eps);
        });
    }
}

// k: step size, 1 - beta1, beta2, eps. States: mean, infinity norm.
template <class T>
void adamax(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T size = T(-s->k[0]), w1 = T(s->k[1]), beta2 = T(s->k[2]), eps = T(s->k[3]);
    T *mean = state<T>(states, 0), *norm = state<T>(states, 1);
    each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
        mean[i] = between(mean[i], g, w1);
        norm[i] = larger(norm[i] * beta2, magnitude(g) + eps);
        return p + size * mean[i] / norm[i];
    });
}

// k: factor of the gradient, factor of the mean, 1 - beta1, beta2, 1 - beta2, second bias correction, eps.
template <class T>
void nadam(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T of_grad = T(s->k[0]), of_mean = T(s->k[1]), w1 = T(s->k[2]), beta2 = T(s->k[3]), w2 = T(s->k[4]),
            correction = T(s->k[5]), eps = T(s->k[6]);
    T *mean = state<T>(states, 0), *square = state<T>(states, 1);
    each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
        mean[i] = between(mean[i], g, w1);
        square[i] = square[i] * beta2 + w2 * g * g;
        const T below = root(square[i] / correction) + eps;
        return p + of_grad * g / below + of_mean * mean[i] / below;
    });
}

// k: lr, 1 - beta1, beta2, 1 - beta2, first bias correction, root of the second, eps, rectification.
// on: whether the variance is tractable, so that the step is adapted and rectified.
template <class T>
void radam(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T rate = T(s->k[0]), w1 = T(s->k[1]), beta2 = T(s->k[2]), w2 = T(s->k[3]), correction1 = T(s->k[4]),
            correction2 = T(s->k[5]), eps = T(s->k[6]), rectified = T(s->k[7]);
    T *mean = state<T>(states, 0), *square = state<T>(states, 1);
    auto moments = [=](T g, int64_t i) {
        mean[i] = between(mean[i], g, w1);
        square[i] = square[i] * beta2 + w2 * g * g;
    };
    if (s->on[0]) {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
            moments(g, i);
            return p - mean[i] / correction1 * rate * (correction2 / (root(square[i]) + eps)) * rectified;
        });
    } else {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
            moments(g, i);
            return p - mean[i] / correction1 * rate;
        });
    }
}

// k: decayed lr, eps. State: sum of squares.
template <class T>
void adagrad(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T rate = T(-s->k[0]), eps = T(s->k[1]);
    T* sum = state<T>(states, 0);
    each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
        sum[i] = sum[i] + g * g;
        return p + rate * g / (root(sum[i]) + eps);
    });
}

// k: lr, rho, 1 - rho, eps. States: mean of squared gradients, of squared updates.
template <class T>
void adadelta(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T rate = T(-s->k[0]), rho = T(s->k[1]), share = T(s->k[2]), eps = T(s->k[3]);
    T *square = state<T>(states, 0), *updates = state<T>(states, 1);
    each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
        square[i] = square[i] * rho + share * g * g;
        const T delta = root(updates[i] + eps) / root(square[i] + eps) * g;
        updates[i] = updates[i] * rho + share * delta * delta;
        return p + rate * delta;
    });
}

// k: lr, alpha, 1 - alpha, eps, momentum. States: mean of squares, momentum buffer or null, mean or null (centred).
template <class T>
void rmsprop(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T rate = T(-s->k[0]), alpha = T(s->k[1]), share = T(s->k[2]), eps = T(s->k[3]), momentum = T(s->k[4]);
    T *square = state<T>(states, 0), *buffer = state<T>(states, 1), *mean = state<T>(states, 2);
    auto spread = [=](T g, int64_t i) {
        return root(square[i] = square[i] * alpha + share * g * g) + eps;
    };
    auto centred = [=](T g, int64_t i) {
        const T v = square[i] = square[i] * alpha + share * g * g;
        const T m = mean[i] = between(mean[i], g, share);
        return root(v - m * m) + eps;
    };
    auto with = [&](auto below) {
        if (buffer) {
            each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
                const T moved = buffer[i] * momentum + g / below(g, i);
                buffer[i] = moved;
                return p + rate * moved;
            });
        } else {
            each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) { return p + rate * g / below(g, i); });
        }
    };
    if (mean) {
        with(centred);
    } else {
        with(spread);
    }
}

// k: eta minus, eta plus, least step, largest step. States: previous gradient, step sizes.
template <class T>
void rprop(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T minus = T(s->k[0]), plus = T(s->k[1]), least = T(s->k[2]), most = T(s->k[3]);
    T *before = state<T>(states, 0), *sizes = state<T>(states, 1);
    each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
        const T agree = g * before[i];
        T size = sizes[i] * (agree > 0 ? plus : agree < 0 ? minus : T(1));
        size = size < least ? least : size > most ? most : size;
        sizes[i] = size;
        const T kept = agree < 0 ? T(0) : g;
        before[i] = kept;
        return p - T((kept > 0) - (kept < 0)) * size;
    });
}

// k: eta, mu. `shrink` holds 1 - lambd * eta. State: the average.
template <class T>
void asgd(char* param, const char* grad, char* const* states, int64_t n, const OptimiseStep* s) {
    const T eta = T(-s->k[0]), mu = T(s->k[1]);
    T* average = state<T>(states, 0);
    if (s->on[0]) {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) {
            const T moved = p + eta * g;
            average[i] = average[i] + (moved - average[i]) * mu;
            return moved;
        });
    } else {
        each<T>(param, grad, n, *s, [=](T p, T g, int64_t i) { return average[i] = p + eta * g; });
    }
}

static OptimiseTable make_optimise_table() {
    return OptimiseTable{{{sgd<float>, sgd<double>},
                          {adam<float>, adam<double>},
                          {adamax<float>, adamax<double>},
                          {nadam<float>, nadam<double>},
                          {radam<float>, radam<double>},
                          {adagrad<float>, adagrad<double>},
                          {adadelta<float>, adadelta<double>},
                          {rmsprop<float>, rmsprop<double>},
                          {rprop<float>, rprop<double>},
                          {asgd<float>, asgd<double>}}};
}

const OptimiseTable* optimise_rules() {
    static const OptimiseTable filled = make_optimise_table();
    return &filled;
}

}  // namespace DG_ISA
}  // namespace dg
