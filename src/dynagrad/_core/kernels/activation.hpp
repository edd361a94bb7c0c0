// Activations that take parameters: the value, and the slope that a gradient is multiplied by. A comparison with NaN is
// false, and the branch that is then taken hands the NaN on.
#pragma once
#include <cstdint>

#include "isa.hpp"
#include "layers.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

template <class T>
struct Elu {
    T low, scale, input_scale;
    explicit Elu(const double* p) : low(T(p[0] * p[1])), scale(T(p[1])), input_scale(T(p[2])) {}
    DG_INLINE T value(T x) const {
        const T below = low * vm::expm1<T>(x * input_scale), above = x * scale;
        return x <= 0 ? below : above;
    }
    DG_INLINE T slope(T x) const {
        const T below = low * input_scale * vm::exp<T>(x * input_scale);
        return x <= 0 ? below : scale;
    }
};

template <class T>
struct Hardtanh {
    T lo, hi;
    explicit Hardtanh(const double* p) : lo(T(p[0])), hi(T(p[1])) {}
    DG_INLINE T value(T x) const { return vm::clip<T>(x, lo, hi); }
    DG_INLINE T slope(T x) const { return x <= lo || x >= hi ? T(0) : T(1); }
};

template <class T>
struct LeakyRelu {
    T k;
    explicit LeakyRelu(const double* p) : k(T(p[0])) {}
    DG_INLINE T value(T x) const { return x > 0 ? x : x * k; }
    DG_INLINE T slope(T x) const { return x > 0 ? T(1) : k; }
};

template <class T>
struct Hardsigmoid {
    explicit Hardsigmoid(const double*) {}
    DG_INLINE T value(T x) const { return vm::clip<T>(x + T(3), 0, 6) / T(6); }
    DG_INLINE T slope(T x) const { return x > T(-3) && x < T(3) ? T(1) / T(6) : T(0); }
};

template <class T>
struct Hardswish {
    explicit Hardswish(const double*) {}
    DG_INLINE T value(T x) const { return x * vm::clip<T>(x + T(3), 0, 6) / T(6); }
    DG_INLINE T slope(T x) const {
        const T middle = x / T(3) + T(0.5), upper = x >= T(3) ? T(1) : middle;
        return x <= T(-3) ? T(0) : upper;
    }
};

template <class T>
struct Mish {
    explicit Mish(const double*) {}
    DG_INLINE T value(T x) const { return x * vm::tanh<T>(vm::log1p<T>(vm::exp<T>(x))); }
    DG_INLINE T slope(T x) const {
        const T t = vm::tanh<T>(vm::log1p<T>(vm::exp<T>(x)));
        return t + x * vm::sigmoid<T>(x) * (T(1) - t * t);
    }
};

template <class T>
struct Softshrink {
    T k;
    explicit Softshrink(const double* p) : k(T(p[0])) {}
    DG_INLINE T value(T x) const {
        const T low = x < -k ? x + k : x * T(0);
        return x > k ? x - k : low;
    }
    DG_INLINE T slope(T x) const { return x >= -k && x <= k ? T(0) : T(1); }
};

template <class T>
struct Hardshrink {
    T k;
    explicit Hardshrink(const double* p) : k(T(p[0])) {}
    DG_INLINE T value(T x) const { return x >= -k && x <= k ? T(0) : x; }
    DG_INLINE T slope(T x) const { return x >= -k && x <= k ? T(0) : T(1); }
};

template <class T>
struct Threshold {
    T edge, below;
    explicit Threshold(const double* p) : edge(T(p[0])), below(T(p[1])) {}
    DG_INLINE T value(T x) const { return x <= edge ? below : x; }
    DG_INLINE T slope(T x) const { return x <= edge ? T(0) : T(1); }
};

template <class Op, class T>
static void activate(char* out, const char* in, int64_t n, const double* p) {
    const Op op(p);
    T* y = reinterpret_cast<T*>(out);
    const T* x = reinterpret_cast<const T*>(in);
    DG_VECTOR
    for (int64_t i = 0; i < n; ++i) y[i] = op.value(x[i]);
}

template <class Op, class T>
static void activate_backward(char* out, const char* grad, const char* in, int64_t n, const double* p) {
    const Op op(p);
    T* dx = reinterpret_cast<T*>(out);
    const T* g = reinterpret_cast<const T*>(grad);
    const T* x = reinterpret_cast<const T*>(in);
    DG_VECTOR
    for (int64_t i = 0; i < n; ++i) dx[i] = g[i] * op.slope(x[i]);
}

template <class T>
static void fill_activation(LayerKernels& k, int which) {
#define DG_ACTIVATION(name, Op)                           \
    k.activate[which][act_##name] = activate<Op<T>, T>;   \
    k.activate_backward[which][act_##name] = activate_backward<Op<T>, T>;
    DG_ACTIVATION(elu, Elu)
    DG_ACTIVATION(hardtanh, Hardtanh)
    DG_ACTIVATION(leaky_relu, LeakyRelu)
    DG_ACTIVATION(hardsigmoid, Hardsigmoid)
    DG_ACTIVATION(hardswish, Hardswish)
    DG_ACTIVATION(mish, Mish)
    DG_ACTIVATION(softshrink, Softshrink)
    DG_ACTIVATION(hardshrink, Hardshrink)
    DG_ACTIVATION(threshold, Threshold)
#undef DG_ACTIVATION
}

}  // namespace DG_ISA
}  // namespace dg
