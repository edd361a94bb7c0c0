// Planes cut over the threads. The entries of the axes are in axis_maps.cpp, the loops in kernels/pool.hpp.
#include "pool.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "axis_maps.hpp"
#include "threads.hpp"

namespace dg {
namespace {

constexpr int64_t worth_a_piece = 32768;   // elements

const PoolKernels& kernels_of(DType type) {
    return image_kernels()->pool[type == F32 ? C_F32 : type == F64 ? C_F64 : C_I64];
}

int64_t grain_of(int64_t plane) { return std::max<int64_t>(1, worth_a_piece / std::max<int64_t>(plane, 1)); }

template <class T>
std::vector<T> in_type(const std::vector<double>& v) { return {v.begin(), v.end()}; }

template <class T>
struct Separable {
    AxisEntries entries[3];
    std::vector<T> weights[3], divisor;
    Resample r{};
    const PoolKernels& kernels;
    int64_t chunks, planes;
    std::unique_ptr<T[]> work;

    Separable(DType type, int64_t n, const AxisSpec* axes, bool transpose, double factor)
        : kernels(kernels_of(type)), planes(n) {
        for (int a = 0; a < 3; ++a) {
            entries[a] = axis_entries(axes[a], type == F64);
            if (transpose) entries[a] = transposed(entries[a], axes[a].in);
            weights[a] = in_type<T>(entries[a].weight);
            r.axis[a] = {transpose ? axes[a].out : axes[a].in, transpose ? axes[a].in : axes[a].out, entries[a].start.data(),
                         entries[a].index.data(), weights[a].empty() ? nullptr : weights[a].data()};
            if (!entries[a].identity) r.order[r.axes++] = a;
        }
        choose_order();
        r.factor = factor ? factor : 1;
        r.divide_first = transpose;
        if (!factor) multiply_divisors();
        chunks = std::clamp<int64_t>(planes * r.temporary / worth_a_piece, 1, 2 * num_threads());
        chunks = std::min(chunks, std::max<int64_t>(planes, 1));
        work.reset(new T[size_t(2 * r.temporary * chunks)]);
    }

    // What shrinks goes first, so that the planes in between are small.
    void choose_order() {
        auto growth = [&](int a) { return double(r.axis[a].out) / double(std::max<int64_t>(r.axis[a].in, 1)); };
        std::stable_sort(r.order, r.order + r.axes, [&](int a, int b) { return growth(a) < growth(b); });
        int64_t size[3];
        for (int a = 0; a < 3; ++a) size[a] = r.axis[a].in;
        r.in_plane = r.temporary = size[0] * size[1] * size[2];
        for (int j = 0; j < r.axes; ++j) {
            size[r.order[j]] = r.axis[r.order[j]].out;
            r.temporary = std::max(r.temporary, size[0] * size[1] * size[2]);
        }
        r.out_plane = size[0] * size[1] * size[2];
    }

    void multiply_divisors() {
        const std::vector<double>*d[3], one{1.0};
        bool any = false;
        for (int a = 0; a < 3; ++a) {
            any = any || !entries[a].divisor.empty();
            d[a] = entries[a].divisor.empty() ? &one : &entries[a].divisor;
        }
        if (!any) return;
        bool alike = true;
        for (double x : *d[0])
            for (double y : *d[1])
                for (double z : *d[2]) {
                    divisor.push_back(T(x * y * z));
                    alike = alike && divisor.back() == divisor.front();
                }
        if (alike && !divisor.empty()) r.factor = double(divisor.front());
        else r.divisor = divisor.data();
    }

    static void run(int64_t begin, int64_t end, void* context) {
        auto& s = *static_cast<Separable*>(context);
        for (int64_t c = begin; c < end; ++c)
            s.kernels.resample(s.r, s.planes * c / s.chunks, s.planes * (c + 1) / s.chunks,
                               s.work.get() + 2 * s.r.temporary * c);
    }
};

template <class T>
bool separable_typed(DType type, int64_t planes, const AxisSpec* axes, bool transpose, double factor, const void* in,
                     void* out) try {
    Separable<T> s(type, planes, axes, transpose, factor);
    s.r.in = in;
    s.r.out = out;
    parallel_for(s.chunks, 1, Separable<T>::run, &s);
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

struct MaxRun {
    const PoolKernels& kernels;
    const MaxPool* pool;
    const MaxWindows* windows;

    static void run(int64_t begin, int64_t end, void* context) {
        const auto& m = *static_cast<MaxRun*>(context);
        m.pool ? m.kernels.max_pool(*m.pool, begin, end) : m.kernels.max_windows(*m.windows, begin, end);
    }
};

template <class T>
struct PlaceRun {
    const Places& p;
    enum { take, put, add } way;

    static void run(int64_t begin, int64_t end, void* context) {
        const auto& r = *static_cast<PlaceRun*>(context);
        for (int64_t c = begin; c < end; ++c) r.plane(c);
    }

    void plane(int64_t c) const {
        const int64_t* index = p.indices + c * p.n;
        const T* in = static_cast<const T*>(p.in) + c * (way == take ? p.size : p.n);
        T* out = static_cast<T*>(p.out) + c * (way == take ? p.n : p.size);
        if (way == take) {
            for (int64_t i = 0; i < p.n; ++i) out[i] = in[index[i]];
            return;
        }
        std::memset(out, 0, size_t(p.size) * sizeof(T));
        if (way == put)
            for (int64_t i = 0; i < p.n; ++i) out[index[i]] = in[i];
        else
            for (int64_t i = 0; i < p.n; ++i) out[index[i]] += in[i];
    }
};

template <class T>
void run_places(const Places& p, int way) {
    PlaceRun<T> r{p, static_cast<decltype(PlaceRun<T>::way)>(way)};
    parallel_for(p.planes, grain_of(p.size + p.n), PlaceRun<T>::run, &r);
}

void places_typed(DType type, const Places& p, int way) {
    if (type == F32) run_places<float>(p, way);
    else if (type == F64) run_places<double>(p, way);
    else run_places<int64_t>(p, way);
}

}  // namespace

bool separable(DType type, int64_t planes, const AxisSpec* axes, bool transpose, double factor, const void* in, void* out) {
    if (type == F32) return separable_typed<float>(type, planes, axes, transpose, factor, in, out);
    if (type == F64) return separable_typed<double>(type, planes, axes, transpose, factor, in, out);
    return separable_typed<int64_t>(type, planes, axes, transpose, factor, in, out);
}

void max_pool(DType type, int64_t planes, const MaxPool& pool) {
    MaxRun r{kernels_of(type), &pool, nullptr};
    const int64_t taps = pool.kernel[0] * pool.kernel[1] * pool.kernel[2];
    parallel_for(planes, grain_of(pool.out[0] * pool.out[1] * pool.out[2] * taps), MaxRun::run, &r);
}

void max_windows(DType type, int64_t planes, const MaxWindows& pool) {
    MaxRun r{kernels_of(type), nullptr, &pool};
    parallel_for(planes, grain_of(pool.size[0] * pool.size[1] * pool.size[2]), MaxRun::run, &r);
}

void take_places(DType type, const Places& p) { places_typed(type, p, 0); }
void put_places(DType type, const Places& p) { places_typed(type, p, 1); }
void add_places(DType type, const Places& p) { places_typed(type, p, 2); }

}  // namespace dg
