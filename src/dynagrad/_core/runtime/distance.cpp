// A block of outputs is summed at once, dimension by dimension, over a copy of b that has them in a row.
#include "distance.hpp"

#include <atomic>
#include <cmath>
#include <new>
#include <vector>

#include "threads.hpp"

namespace dg {
namespace {

constexpr int64_t block = 64;      // outputs that are summed at once
constexpr int64_t grain = 1 << 15; // differences that are worth a thread

enum class Order { zero, one, two, infinite, other };

Order order_of(double p) {
    return p == 0 ? Order::zero : p == 1 ? Order::one : p == 2 ? Order::two : std::isinf(p) ? Order::infinite : Order::other;
}

template <Order order, class T>
inline T term(T sum, T difference, T p) {
    const T size = std::fabs(difference);
    switch (order) {
        case Order::zero: return sum + (size != 0 ? T(1) : T(0));
        case Order::one: return sum + size;
        case Order::two: return sum + size * size;
        case Order::infinite: return size > sum || size != size ? size : sum;
        default: return sum + std::pow(size, p);
    }
}

template <Order order, class T>
inline T finished(T sum, T p) {
    return order == Order::two ? std::sqrt(sum) : order == Order::other ? std::pow(sum, 1 / p) : sum;
}

// The factor of a pair's distance, and of one of its differences: their product is the gradient.
template <Order order, class T>
inline T of_pair(T g, T distance, T p) {
    switch (order) {
        case Order::zero: return T(0);
        case Order::two: return distance == 0 ? T(0) : g / distance;
        case Order::other: return distance == 0 ? T(0) : g / std::pow(distance, p - 1);
        default: return g;
    }
}

template <Order order, class T>
inline T of_difference(T difference, T distance, T p) {
    const T sign = T(difference > 0) - T(difference < 0), size = std::fabs(difference);
    switch (order) {
        case Order::zero: return T(0);
        case Order::one: return sign;
        case Order::two: return difference;
        case Order::infinite: return size == distance ? sign : T(0);
        default: return size == 0 ? T(0) : sign * std::pow(size, p - 1);
    }
}

template <class T>
struct Job {
    const Distances& d;
    const T* turned;               // b as [batches, n, others]
    const T* g;
    T* gradient;
};

template <Order order, class T>
void forward(int64_t begin, int64_t end, void* context) {
    const Job<T>& job = *static_cast<Job<T>*>(context);
    const Distances& d = job.d;
    const T p = T(d.p);
    T sums[block];
    for (int64_t row = begin; row < end; ++row) {
        const T* a = static_cast<const T*>(d.a) + row * d.n;
        const T* b = job.turned + row / d.rows * d.n * d.others;
        T* out = static_cast<T*>(d.out) + row * d.others;
        for (int64_t j = 0; j < d.others; j += block) {
            const int64_t some = d.others - j < block ? d.others - j : block;
            for (int64_t i = 0; i < some; ++i) sums[i] = 0;
            for (int64_t k = 0; k < d.n; ++k)
                for (int64_t i = 0; i < some; ++i) sums[i] = term<order>(sums[i], a[k] - b[k * d.others + j + i], p);
            for (int64_t i = 0; i < some; ++i) out[j + i] = finished<order>(sums[i], p);
        }
    }
}

template <Order order, class T>
void backward(int64_t begin, int64_t end, void* context) {
    const Job<T>& job = *static_cast<Job<T>*>(context);
    const Distances& d = job.d;
    const T p = T(d.p);
    for (int64_t row = begin; row < end; ++row) {
        const T* a = static_cast<const T*>(d.a) + row * d.n;
        const T* b = static_cast<const T*>(d.b) + row / d.rows * d.others * d.n;
        const T* distance = static_cast<const T*>(d.out) + row * d.others;
        T* to = job.gradient + row * d.n;
        for (int64_t k = 0; k < d.n; ++k) to[k] = 0;
        for (int64_t j = 0; j < d.others; ++j) {
            const T factor = of_pair<order>(job.g[row * d.others + j], distance[j], p);
            if (factor == 0) continue;
            for (int64_t k = 0; k < d.n; ++k)
                to[k] += factor * of_difference<order>(a[k] - b[j * d.n + k], distance[j], p);
        }
    }
}

template <class T>
RangeBody body_of(Order order, bool back) {
    switch (order) {
        case Order::zero: return back ? backward<Order::zero, T> : forward<Order::zero, T>;
        case Order::one: return back ? backward<Order::one, T> : forward<Order::one, T>;
        case Order::two: return back ? backward<Order::two, T> : forward<Order::two, T>;
        case Order::infinite: return back ? backward<Order::infinite, T> : forward<Order::infinite, T>;
        default: return back ? backward<Order::other, T> : forward<Order::other, T>;
    }
}

template <class T>
void run(Job<T>& job, bool back) {
    const int64_t work = job.d.others * job.d.n;
    parallel_for(job.d.batches * job.d.rows, work ? grain / work + 1 : grain, body_of<T>(order_of(job.d.p), back), &job);
}

template <class T>
void run_forward(const Distances& d) {
    std::vector<T> turned(size_t(d.batches * d.n * d.others));
    const T* b = static_cast<const T*>(d.b);
    for (int64_t batch = 0; batch < d.batches; ++batch)
        for (int64_t j = 0; j < d.others; ++j)
            for (int64_t k = 0; k < d.n; ++k)
                turned[size_t((batch * d.n + k) * d.others + j)] = b[(batch * d.others + j) * d.n + k];
    Job<T> job{d, turned.data(), nullptr, nullptr};
    run(job, false);
}

template <class T>
void run_backward(const Distances& d, const void* g, void* gradient) {
    Job<T> job{d, nullptr, static_cast<const T*>(g), static_cast<T*>(gradient)};
    run(job, true);
}

}  // namespace

bool distances(const Distances& d) try {
    d.type == F32 ? run_forward<float>(d) : run_forward<double>(d);
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

void distances_backward(const Distances& d, const void* g, void* gradient) {
    d.type == F32 ? run_backward<float>(d, g, gradient) : run_backward<double>(d, g, gradient);
}

}  // namespace dg
