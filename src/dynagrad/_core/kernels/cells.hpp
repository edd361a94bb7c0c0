// One step of an LSTM or GRU cell after its two products, and the derivative: everything that is done for each unit.
#pragma once
#include <cstdint>

#include "isa.hpp"
#include "layers.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

// The sum of the two products and the two biases for units k..k+h of one row; a bias may be missing.
template <class T>
struct Gates {
    const T *x, *h, *bx, *bh;

    Gates(const CellRows* job, int64_t row, int64_t parts)
        : x(reinterpret_cast<const T*>(job->input_gates) + row * parts * job->hidden),
          h(reinterpret_cast<const T*>(job->hidden_gates) + row * parts * job->hidden),
          bx(reinterpret_cast<const T*>(job->input_bias)),
          bh(reinterpret_cast<const T*>(job->hidden_bias)) {}

    template <class Apply>
    DG_INLINE void each(int64_t from, int64_t to, T* out, Apply apply) const {
        if (bx) {
            DG_VECTOR
            for (int64_t i = from; i < to; ++i) out[i] = apply((x[i] + bx[i]) + (h[i] + bh[i]));
        } else {
            DG_VECTOR
            for (int64_t i = from; i < to; ++i) out[i] = apply(x[i] + h[i]);
        }
    }
};

template <class T>
static void lstm_rows(const CellRows* job, int64_t begin, int64_t end) {
    const int64_t n = job->hidden;
    for (int64_t row = begin; row < end; ++row) {
        const Gates<T> gates(job, row, 4);
        T* k = reinterpret_cast<T*>(job->kept) + row * 4 * n;
        const T* c = reinterpret_cast<const T*>(job->state) + row * n;
        T* next = reinterpret_cast<T*>(job->next_state) + row * n;
        T* out = reinterpret_cast<T*>(job->out) + row * n;
        gates.each(0, 2 * n, k, [](T v) { return vm::sigmoid<T>(v); });
        gates.each(2 * n, 3 * n, k, [](T v) { return vm::tanh<T>(v); });
        gates.each(3 * n, 4 * n, k, [](T v) { return vm::sigmoid<T>(v); });
        DG_VECTOR
        for (int64_t i = 0; i < n; ++i) next[i] = k[n + i] * c[i] + k[i] * k[2 * n + i];
        DG_VECTOR
        for (int64_t i = 0; i < n; ++i) out[i] = k[3 * n + i] * vm::tanh<T>(next[i]);
    }
}

// A missing gradient is a null pointer.
template <class T>
static void lstm_rows_backward(const CellRowsBackward* job, int64_t begin, int64_t end) {
    const int64_t n = job->hidden;
    for (int64_t row = begin; row < end; ++row) {
        const T* gh = job->g ? reinterpret_cast<const T*>(job->g) + row * n : nullptr;
        const T* gc = job->g_state ? reinterpret_cast<const T*>(job->g_state) + row * n : nullptr;
        const T* k = reinterpret_cast<const T*>(job->kept) + row * 4 * n;
        const T* c = reinterpret_cast<const T*>(job->state) + row * n;
        const T* next = reinterpret_cast<const T*>(job->next_state) + row * n;
        T* d = reinterpret_cast<T*>(job->dgates) + row * 4 * n;
        T* dc = reinterpret_cast<T*>(job->dstate) + row * n;
        DG_VECTOR
        for (int64_t j = 0; j < n; ++j) {
            const T i = k[j], f = k[n + j], u = k[2 * n + j], o = k[3 * n + j], t = vm::tanh<T>(next[j]);
            const T g = gh ? gh[j] : T(0);
            const T e = g * o * (T(1) - t * t) + (gc ? gc[j] : T(0));
            d[j] = e * u * i * (T(1) - i);
            d[n + j] = e * c[j] * f * (T(1) - f);
            d[2 * n + j] = e * i * (T(1) - u * u);
            d[3 * n + j] = g * t * o * (T(1) - o);
            dc[j] = e * f;
        }
    }
}

// r, z = s(..), u = tanh(x_n + r (h_n)), out = u + z (h - u). Kept: r, z, u, h_n with its bias.
template <class T>
static void gru_rows(const CellRows* job, int64_t begin, int64_t end) {
    const int64_t n = job->hidden;
    for (int64_t row = begin; row < end; ++row) {
        const Gates<T> gates(job, row, 3);
        T* k = reinterpret_cast<T*>(job->kept) + row * 4 * n;
        const T* h = reinterpret_cast<const T*>(job->state) + row * n;
        T* out = reinterpret_cast<T*>(job->out) + row * n;
        gates.each(0, 2 * n, k, [](T v) { return vm::sigmoid<T>(v); });
        DG_VECTOR
        for (int64_t i = 0; i < n; ++i) k[3 * n + i] = gates.h[2 * n + i] + (gates.bh ? gates.bh[2 * n + i] : T(0));
        DG_VECTOR
        for (int64_t i = 0; i < n; ++i) {
            const T own = gates.x[2 * n + i] + (gates.bx ? gates.bx[2 * n + i] : T(0));
            k[2 * n + i] = vm::tanh<T>(own + k[i] * k[3 * n + i]);
        }
        DG_VECTOR
        for (int64_t i = 0; i < n; ++i) out[i] = k[2 * n + i] + k[n + i] * (h[i] - k[2 * n + i]);
    }
}

template <class T>
static void gru_rows_backward(const CellRowsBackward* job, int64_t begin, int64_t end) {
    const int64_t n = job->hidden;
    for (int64_t row = begin; row < end; ++row) {
        const T* g = reinterpret_cast<const T*>(job->g) + row * n;
        const T* k = reinterpret_cast<const T*>(job->kept) + row * 4 * n;
        const T* h = reinterpret_cast<const T*>(job->state) + row * n;
        T* dx = reinterpret_cast<T*>(job->dgates) + row * 3 * n;
        T* dh = reinterpret_cast<T*>(job->dhidden_gates) + row * 3 * n;
        T* ds = reinterpret_cast<T*>(job->dstate) + row * n;
        DG_VECTOR
        for (int64_t j = 0; j < n; ++j) {
            const T r = k[j], z = k[n + j], u = k[2 * n + j], own = k[3 * n + j];
            const T du = g[j] * (T(1) - z) * (T(1) - u * u);
            const T dr = du * own * r * (T(1) - r), dz = g[j] * (h[j] - u) * z * (T(1) - z);
            dx[j] = dr;
            dx[n + j] = dz;
            dx[2 * n + j] = du;
            dh[j] = dr;
            dh[n + j] = dz;
            dh[2 * n + j] = du * r;
            ds[j] = g[j] * z;
        }
    }
}

}  // namespace DG_ISA
}  // namespace dg
