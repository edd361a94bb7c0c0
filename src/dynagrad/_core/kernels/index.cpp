#include "index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace dg {
namespace {

// ---- Elements ----

struct BFloat16 {
    uint16_t bits;
    BFloat16() = default;
    explicit BFloat16(float x) {
        auto u = std::bit_cast<uint32_t>(x);
        bits = std::isnan(x) ? 0x7fc0 : static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};
using Float16 = _Float16;

// The type in which two elements are combined.
template <class T>
struct Wide { using type = T; };
template <>
struct Wide<BFloat16> { using type = float; };
template <>
struct Wide<Float16> { using type = float; };
template <class T>
using wide_t = typename Wide<T>::type;

template <class W>
bool is_nan(W x) {
    if constexpr (std::is_floating_point_v<W>) return std::isnan(x);
    return false;
}

template <class W>
W wrapping_add(W a, W b) {
    if constexpr (std::is_same_v<W, bool>) return a || b;
    else if constexpr (std::is_integral_v<W>) return static_cast<W>(uint64_t(a) + uint64_t(b));
    else return a + b;
}

template <class W>
W wrapping_mul(W a, W b) {
    if constexpr (std::is_same_v<W, bool>) return a && b;
    else if constexpr (std::is_integral_v<W>) return static_cast<W>(uint64_t(a) * uint64_t(b));
    else return a * b;
}

// What one step of a walk does to an element of the indexed operand and one of the plain operand.
template <IndexOp op, class T>
inline void apply(T& indexed, T& plain) {
    using W = wide_t<T>;
    if constexpr (op == IndexOp::get) plain = indexed;
    else if constexpr (op == IndexOp::put) indexed = plain;
    else {
        W a = static_cast<W>(indexed), b = static_cast<W>(plain);
        if constexpr (op == IndexOp::add) indexed = static_cast<T>(wrapping_add(a, b));
        else if constexpr (op == IndexOp::mul) indexed = static_cast<T>(wrapping_mul(a, b));
        else if constexpr (op == IndexOp::amax) indexed = is_nan(b) || b > a ? plain : indexed;
        else indexed = is_nan(b) || b < a ? plain : indexed;
    }
}

// ---- Runs: one line of elements ----

using Run = void (*)(char* indexed, int64_t indexed_stride, char* plain, int64_t plain_stride, int64_t n);

// Index values along a line; the i-th one is worth wrap(data[i * stride]) * step bytes.
struct IndexLine {
    const int64_t* data;
    int64_t stride, extent, step;
    int64_t offset(int64_t i) const {
        int64_t value = data[i * stride];
        return (value + (value < 0 ? extent : 0)) * step;
    }
};
using IndexedRun = void (*)(char* indexed, int64_t indexed_stride, IndexLine index, char* plain, int64_t plain_stride,
                            int64_t n);

template <IndexOp op, class T>
void run(char* indexed, int64_t indexed_stride, char* plain, int64_t plain_stride, int64_t n) {
    constexpr int64_t size = sizeof(T);
    if (indexed_stride == size && plain_stride == size) {
        if constexpr (op == IndexOp::get) std::memcpy(plain, indexed, n * size);
        else if constexpr (op == IndexOp::put) std::memcpy(indexed, plain, n * size);
        else {
            auto *a = reinterpret_cast<T*>(indexed), *b = reinterpret_cast<T*>(plain);
            for (int64_t i = 0; i < n; ++i) apply<op>(a[i], b[i]);
        }
        return;
    }
    for (int64_t i = 0; i < n; ++i, indexed += indexed_stride, plain += plain_stride)
        apply<op>(*reinterpret_cast<T*>(indexed), *reinterpret_cast<T*>(plain));
}

template <IndexOp op, class T>
void indexed_run(char* indexed, int64_t indexed_stride, IndexLine index, char* plain, int64_t plain_stride, int64_t n) {
    for (int64_t i = 0; i < n; ++i, plain += plain_stride, indexed += indexed_stride)
        apply<op>(*reinterpret_cast<T*>(indexed + index.offset(i)), *reinterpret_cast<T*>(plain));
}

struct Runs {
    Run line;
    IndexedRun scattered;
};

template <IndexOp op, class T>
constexpr Runs runs_of() { return {run<op, T>, indexed_run<op, T>}; }

template <IndexOp op>
Runs combining_runs(DType dtype) {
    switch (dtype) {
        case BOOL: return runs_of<op, bool>();
        case U8: return runs_of<op, uint8_t>();
        case I8: return runs_of<op, int8_t>();
        case I16: return runs_of<op, int16_t>();
        case I32: return runs_of<op, int32_t>();
        case I64: return runs_of<op, int64_t>();
        case F16: return runs_of<op, Float16>();
        case BF16: return runs_of<op, BFloat16>();
        case F32: return runs_of<op, float>();
        default: return runs_of<op, double>();
    }
}

constexpr int ITEMSIZE[N_DTYPES] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};

template <IndexOp op>
Runs moving_runs(int itemsize) {
    switch (itemsize) {
        case 1: return runs_of<op, uint8_t>();
        case 2: return runs_of<op, uint16_t>();
        case 4: return runs_of<op, uint32_t>();
        default: return runs_of<op, uint64_t>();
    }
}

Runs runs_for(IndexOp op, DType dtype) {
    switch (op) {
        case IndexOp::get: return moving_runs<IndexOp::get>(ITEMSIZE[dtype]);
        case IndexOp::put: return moving_runs<IndexOp::put>(ITEMSIZE[dtype]);
        case IndexOp::add: return combining_runs<IndexOp::add>(dtype);
        case IndexOp::mul: return combining_runs<IndexOp::mul>(dtype);
        case IndexOp::amax: return combining_runs<IndexOp::amax>(dtype);
        default: return combining_runs<IndexOp::amin>(dtype);
    }
}

// ---- Walks ----

// The shape of a walk with its dims of size one dropped and neighbours merged where every operand allows it.
// Operands are the rows of `strides`; their bytes and elements do not mix within a row, so both units work.
template <int N>
struct Dims {
    int ndim = 0;
    int64_t shape[MAX_DIMS];
    int64_t strides[N][MAX_DIMS];

    bool push(int64_t size, const int64_t* step, int n_operands) {
        if (size == 1) return true;
        bool merges = ndim > 0;
        for (int k = 0; merges && k < n_operands; ++k) merges = strides[k][ndim - 1] == step[k] * size;
        int at = merges ? ndim - 1 : ndim++;
        shape[at] = merges ? shape[at] * size : size;
        for (int k = 0; k < n_operands; ++k) strides[k][at] = step[k];
        return size != 0;
    }
};

// Steps through dims [0, ndim) in row-major order, keeping one offset per operand.
template <int N>
struct Odometer {
    int64_t position[MAX_DIMS] = {};
    int64_t offset[N] = {};

    bool next(const Dims<N>& dims, int ndim, int n_operands) {
        for (int d = ndim - 1; d >= 0; --d) {
            for (int k = 0; k < n_operands; ++k) offset[k] += dims.strides[k][d];
            if (++position[d] < dims.shape[d]) return true;
            for (int k = 0; k < n_operands; ++k) offset[k] -= dims.strides[k][d] * dims.shape[d];
            position[d] = 0;
        }
        return false;
    }
};

// Calls line(offsets, steps, n) for each line along the last dim of N strided operands.
template <int N, class Line>
void each_line(int ndim, const int64_t* shape, const std::array<const int64_t*, N>& strides, Line line) {
    Dims<N> dims;
    for (int d = 0; d < ndim; ++d) {
        int64_t step[N];
        for (int k = 0; k < N; ++k) step[k] = strides[k][d];
        if (!dims.push(shape[d], step, N)) return;
    }
    int last = dims.ndim - 1;
    int64_t steps[N] = {}, n = last < 0 ? 1 : dims.shape[last];
    for (int k = 0; last >= 0 && k < N; ++k) steps[k] = dims.strides[k][last];
    Odometer<N> at;
    do line(at.offset, steps, n);
    while (at.next(dims, last, N));
}

// An index offset is computed for a block of positions at a time, so that any number of indices costs one inner loop.
constexpr int64_t BLOCK = 512;
constexpr int MAX_OPERANDS = MAX_DIMS + 2;
using WalkDims = Dims<MAX_OPERANDS>;
using WalkOdometer = Odometer<MAX_OPERANDS>;

struct Indexing {
    const IndexedWalk& walk;
    Runs runs;
    WalkDims dims;
    int n_operands;
    int moved;      // dims [0, moved) move some index; the rest is a block that is treated alike at each position

    Indexing(const IndexedWalk& w, Runs r) : walk(w), runs(r), n_operands(w.n_indices + 2), moved(0) {}

    bool prepare() {
        for (int d = 0; d < walk.ndim; ++d) {
            int64_t step[MAX_OPERANDS] = {walk.plain_strides[d], walk.indexed_strides[d]};
            for (int k = 0; k < walk.n_indices; ++k) step[k + 2] = walk.indices[k].strides[d];
            if (!dims.push(walk.shape[d], step, n_operands)) return false;
        }
        for (int d = 0; d < dims.ndim; ++d)
            for (int k = 2; k < n_operands; ++k)
                if (dims.strides[k][d] != 0) moved = d + 1;
        return true;
    }

    IndexLine line_of(int k, const int64_t* at) const {
        const IndexOperand& index = walk.indices[k];
        return {index.data + at[k + 2], moved ? dims.strides[k + 2][moved - 1] : 0, index.extent, index.step};
    }

    // Several indices become one line of byte offsets.
    IndexLine resolve(int64_t* offsets, const int64_t* at, int64_t first, int64_t n) const {
        std::fill_n(offsets, n, 0);
        for (int k = 0; k < walk.n_indices; ++k) {
            IndexLine line = line_of(k, at);
            for (int64_t i = 0; i < n; ++i) offsets[i] += line.offset(first + i);
        }
        return {offsets, 1, 0, 1};
    }

    void block(char* indexed, char* plain) const {
        int last = dims.ndim - 1, outer = last - moved;
        Dims<2> rest;
        rest.ndim = outer;
        for (int d = 0; d < outer; ++d) {
            rest.shape[d] = dims.shape[moved + d];
            for (int k = 0; k < 2; ++k) rest.strides[k][d] = dims.strides[k][moved + d];
        }
        Odometer<2> at;
        do runs.line(indexed + at.offset[1], dims.strides[1][last], plain + at.offset[0], dims.strides[0][last],
                     dims.shape[last]);
        while (at.next(rest, outer, 2));
    }

    // n positions along the last of the moved dims, whose steps are `step`.
    void positions(char* indexed, char* plain, IndexLine index, const int64_t* step, int64_t n) const {
        int last = dims.ndim - 1;
        if (last < moved) return runs.scattered(indexed, step[1], index, plain, step[0], n);
        for (int64_t i = 0; i < n; ++i, indexed += step[1], plain += step[0]) {
            char* from = indexed + index.offset(i);
            if (last > moved) block(from, plain);
            else runs.line(from, dims.strides[1][last], plain, dims.strides[0][last], dims.shape[last]);
        }
    }

    void run() const {
        int line = moved - 1;
        int64_t n = line < 0 ? 1 : dims.shape[line], offsets[BLOCK];
        int64_t step[2] = {line < 0 ? 0 : dims.strides[0][line], line < 0 ? 0 : dims.strides[1][line]};
        WalkOdometer at;
        do {
            char *indexed = walk.indexed + at.offset[1], *plain = walk.plain + at.offset[0];
            if (walk.n_indices == 1) {
                positions(indexed, plain, line_of(0, at.offset), step, n);
                continue;
            }
            for (int64_t first = 0; first < n; first += BLOCK) {
                int64_t count = std::min(BLOCK, n - first);
                IndexLine index = resolve(offsets, at.offset, first, count);
                positions(indexed + first * step[1], plain + first * step[0], index, step, count);
            }
        } while (at.next(dims, line, n_operands));
    }
};

// ---- Masks ----

template <class T>
void select_line(const uint8_t* mask, int64_t mask_step, const char* in, int64_t in_step, int64_t n, T*& out) {
    for (int64_t i = 0; i < n; ++i, mask += mask_step, in += in_step)
        if (*mask) *out++ = *reinterpret_cast<const T*>(in);
}

template <class T>
void scatter_line(const uint8_t* mask, int64_t mask_step, char* out, int64_t out_step, int64_t n, const T*& in) {
    for (int64_t i = 0; i < n; ++i, mask += mask_step, out += out_step)
        if (*mask) *reinterpret_cast<T*>(out) = *in++;
}

template <class F>
void with_item_type(int itemsize, F f) {
    switch (itemsize) {
        case 1: return f(uint8_t{});
        case 2: return f(uint16_t{});
        case 4: return f(uint32_t{});
        default: return f(uint64_t{});
    }
}

}  // namespace

void indexed_walk(const IndexedWalk& walk, IndexOp op, DType dtype) {
    Indexing indexing(walk, runs_for(op, dtype));
    if (indexing.prepare()) indexing.run();
}

int64_t first_out_of_range(const int64_t* indices, int64_t n, int64_t extent, bool wrap) {
    int64_t least = wrap ? -extent : 0;
    bool outside = false;
    for (int64_t i = 0; i < n; ++i) outside |= (indices[i] < least) | (indices[i] >= extent);
    if (!outside) return -1;
    return std::find_if(indices, indices + n, [&](int64_t v) { return v < least || v >= extent; }) - indices;
}

void copy_strided(int ndim, const int64_t* shape, char* out, const int64_t* out_strides, const char* in,
                  const int64_t* in_strides, int itemsize) {
    Run copy = moving_runs<IndexOp::put>(itemsize).line;
    char* from = const_cast<char*>(in);
    each_line<2>(ndim, shape, {out_strides, in_strides}, [&](const int64_t* at, const int64_t* step, int64_t n) {
        copy(out + at[0], step[0], from + at[1], step[1], n);
    });
}

int64_t count_true(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides) {
    int64_t count = 0;
    each_line<1>(ndim, shape, {mask_strides}, [&](const int64_t* at, const int64_t* step, int64_t n) {
        const uint8_t* m = mask + at[0];
        for (int64_t i = 0; i < n; ++i) count += m[i * step[0]] != 0;
    });
    return count;
}

void nonzero(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, int64_t* out,
             int64_t column) {
    int64_t position[MAX_DIMS] = {}, last = ndim - 1, n = ndim ? shape[last] : 0, step = ndim ? mask_strides[last] : 0;
    if (std::find(shape, shape + ndim, 0) != shape + ndim) return;
    for (int64_t offset = 0, d = 0; ndim && d >= 0;) {
        const uint8_t* m = mask + offset;
        for (int64_t i = 0; i < n; ++i, m += step) {
            if (!*m) continue;
            for (d = 0; d < last; ++d) out[d * column] = position[d];
            out[last * column] = i;
            ++out;
        }
        for (d = last - 1; d >= 0; --d) {
            offset += mask_strides[d];
            if (++position[d] < shape[d]) break;
            offset -= mask_strides[d] * shape[d];
            position[d] = 0;
        }
    }
}

void masked_select(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, const char* in,
                   const int64_t* in_strides, char* out, int itemsize) {
    with_item_type(itemsize, [&]<class T>(T) {
        T* to = reinterpret_cast<T*>(out);
        each_line<2>(ndim, shape, {mask_strides, in_strides}, [&](const int64_t* at, const int64_t* step, int64_t n) {
            select_line<T>(mask + at[0], step[0], in + at[1], step[1], n, to);
        });
    });
}

void masked_scatter(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, char* out,
                    const int64_t* out_strides, const char* in, int itemsize) {
    with_item_type(itemsize, [&]<class T>(T) {
        const T* from = reinterpret_cast<const T*>(in);
        each_line<2>(ndim, shape, {mask_strides, out_strides}, [&](const int64_t* at, const int64_t* step, int64_t n) {
            scatter_line<T>(mask + at[0], step[0], out + at[1], step[1], n, from);
        });
    });
}

void bincount(const int64_t* values, int64_t n, int64_t* out) {
    for (int64_t i = 0; i < n; ++i) ++out[values[i]];
}

void bincount(const int64_t* values, int64_t n, const double* weights, double* out) {
    for (int64_t i = 0; i < n; ++i) out[values[i]] += weights[i];
}

void repeat_positions(const int64_t* repeats, int64_t n, int64_t* out) {
    for (int64_t i = 0; i < n; ++i) out = std::fill_n(out, repeats[i], i);
}

}  // namespace dg
