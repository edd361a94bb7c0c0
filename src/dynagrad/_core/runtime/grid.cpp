// Every place has up to 16 taps: a pixel, its weight, and the weight's derivative along each axis.
#include "grid.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "threads.hpp"

namespace dg {
namespace {

template <class T>
struct Position {
    T at, slope;    // in pixels, and its derivative by the number in the grid
};

template <class T>
Position<T> in_pixels(const GridSample& s, T c, int64_t size) {
    const T slope = s.align_corners ? T(size - 1) / 2 : T(size) / 2;
    return {s.align_corners ? (c + 1) / 2 * T(size - 1) : ((c + 1) * T(size) - 1) / 2, slope};
}

template <class T>
void clip(Position<T>& p, int64_t size) {
    if (p.at <= 0) p = {T(0), T(0)};
    else if (p.at >= T(size - 1)) p = {T(size - 1), T(0)};
}

// Mirrors at low / 2 and high / 2.
template <class T>
void reflect(Position<T>& p, int64_t low, int64_t high) {
    if (low == high) {
        p = {T(0), T(0)};
        return;
    }
    const T start = T(low) / 2, span = T(high - low) / 2;
    T x = p.at - start;
    if (x < 0) x = -x, p.slope = -p.slope;
    const T rest = std::fmod(x, span);
    if (int64_t(std::floor(x / span)) % 2 == 0) {
        p.at = rest + start;
    } else {
        p.at = span - rest + start;
        p.slope = -p.slope;
    }
}

template <class T>
void bring_inside(const GridSample& s, Position<T>& p, int64_t size) {
    if (s.outside == Outside::reflection) {
        s.align_corners ? reflect(p, 0, 2 * (size - 1)) : reflect(p, -1, 2 * size - 1);
        clip(p, size);
    } else if (s.outside == Outside::border) {
        clip(p, size);
    }
    if (!(p.at > T(-1e9) && p.at < T(1e9))) p.at = -100;    // not a number, or too far: outside
}

template <class T>
struct Taps {
    int n = 0;
    int64_t pixel[16];
    T weight[16], slope[3][16];
};

template <class T>
struct Edge {                   // what one axis of a place can be
    int n = 0;
    int64_t index[4];
    T weight[4], slope[4];
};

template <class T>
Edge<T> linear_edge(const GridSample& s, T c, int64_t size) {
    Position<T> p = in_pixels(s, c, size);
    bring_inside(s, p, size);
    Edge<T> e;
    if (s.sampling == Sampling::nearest) {
        e.n = 1, e.index[0] = int64_t(std::nearbyint(p.at)), e.weight[0] = 1, e.slope[0] = 0;
        return e;
    }
    const T low = std::floor(p.at);
    e.n = 2;
    e.index[0] = int64_t(low), e.weight[0] = low + 1 - p.at, e.slope[0] = -p.slope;
    e.index[1] = int64_t(low) + 1, e.weight[1] = p.at - low, e.slope[1] = p.slope;
    return e;
}

// Keys' kernel with a = -0.75 and its derivative, at distance x from the pixel.
template <class T>
void cubic_weight(T x, T& weight, T& slope) {
    const T a = T(-0.75), sign = x < 0 ? T(-1) : T(1);
    x = std::abs(x);
    if (x <= 1) {
        weight = ((a + 2) * x - (a + 3)) * x * x + 1;
        slope = sign * (3 * (a + 2) * x - 2 * (a + 3)) * x;
    } else {
        weight = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
        slope = sign * ((3 * a * x - 10 * a) * x + 8 * a);
    }
}

template <class T>
Edge<T> cubic_edge(const GridSample& s, T c, int64_t size) {
    const Position<T> p = in_pixels(s, c, size);
    const T at = p.at > T(-1e9) && p.at < T(1e9) ? p.at : T(-100), low = std::floor(at);
    Edge<T> e;
    e.n = 4;
    for (int j = 0; j < 4; ++j) {
        Position<T> pixel{low + T(j - 1), T(1)};
        cubic_weight(at - (low + T(j - 1)), e.weight[j], e.slope[j]);
        e.slope[j] *= p.slope;
        bring_inside(s, pixel, size);
        e.index[j] = int64_t(pixel.at);
    }
    return e;
}

template <class T>
Taps<T> taps_of(const GridSample& s, const T* place) {
    Edge<T> edges[3];
    for (int a = 0; a < s.rank; ++a)
        edges[a] = s.sampling == Sampling::cubic ? cubic_edge(s, place[s.rank - 1 - a], s.size[a])
                                                 : linear_edge(s, place[s.rank - 1 - a], s.size[a]);
    if (s.rank == 2) edges[2].n = 1, edges[2].index[0] = 0, edges[2].weight[0] = 1, edges[2].slope[0] = 0;
    Taps<T> taps;
    const int64_t last = s.rank == 3 ? s.size[2] : 1;
    for (int i = 0; i < edges[0].n; ++i)
        for (int j = 0; j < edges[1].n; ++j)
            for (int k = 0; k < edges[2].n; ++k) {
                const int64_t y = edges[0].index[i], x = edges[1].index[j], w = edges[2].index[k];
                if (y < 0 || y >= s.size[0] || x < 0 || x >= s.size[1] || w < 0 || w >= last) continue;
                const T a = edges[0].weight[i], b = edges[1].weight[j], c = edges[2].weight[k];
                taps.pixel[taps.n] = (y * s.size[1] + x) * last + w;
                taps.weight[taps.n] = a * b * c;
                taps.slope[0][taps.n] = edges[0].slope[i] * b * c;
                taps.slope[1][taps.n] = a * edges[1].slope[j] * c;
                taps.slope[2][taps.n++] = a * b * edges[2].slope[k];
            }
    return taps;
}

template <class T>
struct Run {
    const GridSample& s;
    const T *g, *in, *grid;
    T *out, *g_in, *g_grid;

    int64_t plane() const { return s.size[0] * s.size[1] * (s.rank == 3 ? s.size[2] : 1); }

    static void forward(int64_t begin, int64_t end, void* context) {
        const Run& r = *static_cast<Run*>(context);
        const int64_t plane = r.plane(), places = r.s.places;
        for (int64_t at = begin; at < end; ++at) {
            const int64_t item = at / places, p = at % places;
            const Taps<T> taps = taps_of(r.s, r.grid + at * r.s.rank);
            for (int64_t c = 0; c < r.s.channels; ++c) {
                const T* in = r.in + (item * r.s.channels + c) * plane;
                T sum = 0;
                for (int t = 0; t < taps.n; ++t) sum += in[taps.pixel[t]] * taps.weight[t];
                r.out[(item * r.s.channels + c) * places + p] = sum;
            }
        }
    }

    // Items are apart, so that no two threads add to one pixel.
    static void backward(int64_t begin, int64_t end, void* context) {
        const Run& r = *static_cast<Run*>(context);
        const int64_t plane = r.plane();
        for (int64_t item = begin; item < end; ++item) {
            if (r.g_in) std::memset(r.g_in + item * r.s.channels * plane, 0, size_t(r.s.channels * plane) * sizeof(T));
            for (int64_t p = 0; p < r.s.places; ++p) r.backward_at(item, p, plane);
        }
    }

    void backward_at(int64_t item, int64_t p, int64_t plane) const {
        const int64_t at = item * s.places + p;
        const Taps<T> taps = taps_of(s, grid + at * s.rank);
        T slopes[3] = {0, 0, 0};
        for (int64_t c = 0; c < s.channels; ++c) {
            const int64_t channel = item * s.channels + c;
            const T value = g[channel * s.places + p];
            for (int t = 0; t < taps.n; ++t) {
                const int64_t pixel = channel * plane + taps.pixel[t];
                if (g_in) g_in[pixel] += value * taps.weight[t];
                for (int a = 0; a < s.rank; ++a) slopes[a] += value * in[pixel] * taps.slope[a][t];
            }
        }
        if (g_grid)
            for (int a = 0; a < s.rank; ++a) g_grid[at * s.rank + s.rank - 1 - a] = slopes[a];
    }
};

template <class T>
Run<T> run_of(const GridSample& s, const void* g, const void* in, const void* grid, void* out, void* g_in, void* g_grid) {
    return {s, static_cast<const T*>(g), static_cast<const T*>(in), static_cast<const T*>(grid), static_cast<T*>(out),
            static_cast<T*>(g_in), static_cast<T*>(g_grid)};
}

template <class T>
void forward_typed(const GridSample& s, const void* in, const void* grid, void* out) {
    Run<T> r = run_of<T>(s, nullptr, in, grid, out, nullptr, nullptr);
    parallel_for(s.n * s.places, std::max<int64_t>(1, 8192 / std::max<int64_t>(s.channels, 1)), Run<T>::forward, &r);
}

template <class T>
void backward_typed(const GridSample& s, const void* g, const void* in, const void* grid, void* g_in, void* g_grid) {
    Run<T> r = run_of<T>(s, g, in, grid, nullptr, g_in, g_grid);
    parallel_for(s.n, std::max<int64_t>(1, 8192 / std::max<int64_t>(s.channels * s.places, 1)), Run<T>::backward, &r);
}

}  // namespace

void grid_sample(const GridSample& s, const void* in, const void* grid, void* out) {
    s.type == F32 ? forward_typed<float>(s, in, grid, out) : forward_typed<double>(s, in, grid, out);
}

void grid_sample_backward(const GridSample& s, const void* g, const void* in, const void* grid, void* g_in, void* g_grid) {
    s.type == F32 ? backward_typed<float>(s, g, in, grid, g_in, g_grid)
                  : backward_typed<double>(s, g, in, grid, g_in, g_grid);
}

}  // namespace dg
