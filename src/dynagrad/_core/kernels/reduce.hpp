// Reductions: folds over one axis of a two-dimensional block, and the positions of extremes.
// An op gives its identity, its step and its merge; the three walks below (along a row, down the columns, strided) are
// shared by all of them. Rows and panels are summed in blocks that are then added pairwise, so the rounding error of a
// float32 sum grows with the logarithm of its length.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>

#include "table.hpp"

namespace dg {
namespace DG_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T>
struct VectorOf {
    typedef T type __attribute__((vector_size(vector_bytes)));
    static constexpr int lanes = vector_bytes / sizeof(T);
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
static inline Vector<T> load_vector(const T* from) {
    Vector<T> v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class T>
static inline void store_vector(T* to, Vector<T> v) {
    std::memcpy(to, &v, sizeof v);
}

template <class T>
static inline Vector<T> splat(T value) {
    return value - Vector<T>{};                        // not `+`: -0.0 + 0.0 would lose the sign
}

// The integer as wide as a lane, and the type whose sums and products may wrap.
template <class T> struct LaneTypes { using Int = int64_t; using Wrapping = T; };
template <> struct LaneTypes<float> { using Int = int32_t; using Wrapping = float; };
template <> struct LaneTypes<int64_t> { using Int = int64_t; using Wrapping = uint64_t; };

// A comparison of vectors is 0 or -1 in each lane; of scalars it is made so.
static inline int mask_of(bool test) { return -static_cast<int>(test); }
template <class V>
static inline V mask_of(V test) { return test; }

// Adding zero turns -0.0 into 0.0.
template <class V>
static inline V magnitude(V x) { return (x < 0 ? -x : x) + 0; }

static inline float power(float x, float p) { return __builtin_powf(x, p); }
static inline double power(double x, double p) { return __builtin_pow(x, p); }
template <class V>
static inline V power(V x, V p) {
    for (unsigned k = 0; k < sizeof x / sizeof x[0]; ++k) x[k] = power(x[k], p[k]);
    return x;
}

template <class T>
static constexpr T lowest() {
    using L = std::numeric_limits<T>;
    return L::has_infinity ? -L::infinity() : L::lowest();
}
template <class T>
static constexpr T highest() {
    using L = std::numeric_limits<T>;
    return L::has_infinity ? L::infinity() : L::max();
}

// ---- the ops: In is how an element is read, Lane what a block accumulates, Result what blocks merge into -------------
// `e` is the mean in sum_sq_dev, the exponent in sum_abs_pow, unused elsewhere.
template <class T>
struct Additive {
    using In = typename LaneTypes<T>::Wrapping;
    using Lane = In;
    using Result = In;
    static constexpr Lane identity = 0;
    template <class V> static V merge(V a, V b) { return a + b; }
    static Result finish(Lane a) { return a; }
};

#define DG_ADDITIVE(name, expression)                                                     \
    template <class T> struct Fold_##name : Additive<T> {                                 \
        template <class V> static V step(V a, V x, [[maybe_unused]] V e) { return expression; } \
    };
DG_ADDITIVE(sum, a + x)
DG_ADDITIVE(sum_abs, a + magnitude(x))
DG_ADDITIVE(sum_sq, a + x * x)
DG_ADDITIVE(sum_abs_pow, a + power(magnitude(x), e))
DG_ADDITIVE(sum_sq_dev, a + (x - e) * (x - e))
DG_ADDITIVE(nansum, x == x ? a + x : a)
#undef DG_ADDITIVE

template <class T>
struct Fold_prod : Additive<T> {
    static constexpr typename Additive<T>::Lane identity = 1;
    template <class V> static V merge(V a, V b) { return a * b; }
    template <class V> static V step(V a, V x, V) { return a * x; }
};

// A NaN that was met stays: no comparison with it holds, so nothing replaces it.
template <class T>
struct Largest {
    using In = T;
    using Lane = T;
    using Result = T;
    static constexpr T identity = lowest<T>();
    template <class V> static V merge(V a, V x) { return ((x > a) | (x != x)) ? x : a; }
    static T finish(T a) { return a; }
};
template <class T>
struct Smallest : Largest<T> {
    static constexpr T identity = highest<T>();
    template <class V> static V merge(V a, V x) { return ((x < a) | (x != x)) ? x : a; }
};
template <class T>
struct Fold_amax : Largest<T> {
    template <class V> static V step(V a, V x, V) { return Largest<T>::merge(a, x); }
};
template <class T>
struct Fold_amin : Smallest<T> {
    template <class V> static V step(V a, V x, V) { return Smallest<T>::merge(a, x); }
};
template <class T>
struct Fold_max_abs : Largest<T> {
    static constexpr T identity = 0;
    template <class V> static V step(V a, V x, V) { return Largest<T>::merge(a, magnitude(x)); }
};
template <class T>
struct Fold_min_abs : Smallest<T> {
    template <class V> static V step(V a, V x, V) { return Smallest<T>::merge(a, magnitude(x)); }
};

template <class T>
struct Fold_any {
    using In = T;
    using Lane = typename LaneTypes<T>::Int;
    using Result = uint8_t;
    static constexpr Lane identity = 0;
    template <class L> static L merge(L a, L b) { return a | b; }
    template <class L, class V> static L step(L a, V x, V) { return a | mask_of(x != 0); }
    static Result finish(Lane a) { return a != 0; }
};
template <class T>
struct Fold_all : Fold_any<T> {
    using Lane = typename LaneTypes<T>::Int;
    static constexpr Lane identity = -1;
    template <class L> static L merge(L a, L b) { return a & b; }
    template <class L, class V> static L step(L a, V x, V) { return a & mask_of(x != 0); }
};
template <class T>
struct Fold_count_nonzero {
    using In = T;
    using Lane = typename LaneTypes<T>::Int;
    using Result = int64_t;
    static constexpr Lane identity = 0;
    template <class L> static L merge(L a, L b) { return a + b; }
    template <class L, class V> static L step(L a, V x, V) { return a - mask_of(x != 0); }
    static Result finish(Lane a) { return a; }
};

// ---- along a row ----------------------------------------------------------------------------------------------------
constexpr int64_t row_block = 1024;

template <class Op>
static inline typename Op::Lane fold_lanes(Vector<typename Op::Lane> v) {
    typename Op::Lane lanes[VectorOf<typename Op::Lane>::lanes];
    std::memcpy(lanes, &v, sizeof v);
    for (int half = VectorOf<typename Op::Lane>::lanes / 2; half; half /= 2)
        for (int k = 0; k < half; ++k) lanes[k] = Op::merge(lanes[k], lanes[k + half]);
    return lanes[0];
}

template <class Op>
static inline typename Op::Result fold_row_block(const typename Op::In* x, int64_t n, typename Op::In extra) {
    using Lane = typename Op::Lane;
    using V = Vector<Lane>;
    constexpr int width = VectorOf<Lane>::lanes;
    Lane total = Op::identity;
    int64_t j = 0;
    if (n >= width) {
        const auto e = splat(extra);
        const V start = splat(Lane(Op::identity));
        V a0 = start, a1 = start, a2 = start, a3 = start;
        for (; j + 4 * width <= n; j += 4 * width) {
            a0 = Op::step(a0, load_vector(x + j), e);
            a1 = Op::step(a1, load_vector(x + j + width), e);
            a2 = Op::step(a2, load_vector(x + j + 2 * width), e);
            a3 = Op::step(a3, load_vector(x + j + 3 * width), e);
        }
        for (; j + width <= n; j += width) a0 = Op::step(a0, load_vector(x + j), e);
        total = fold_lanes<Op>(Op::merge(Op::merge(a0, a1), Op::merge(a2, a3)));
    }
    for (; j < n; ++j) total = Op::step(total, x[j], extra);
    return Op::finish(total);
}

template <class Op>
static typename Op::Result fold_strided_block(const char* x, int64_t stride, int64_t n, typename Op::In extra) {
    using In = typename Op::In;
    typename Op::Lane a[4] = {Op::identity, Op::identity, Op::identity, Op::identity};
    int64_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (int k = 0; k < 4; ++k)
            a[k] = Op::step(a[k], *reinterpret_cast<const In*>(x + (j + k) * stride), extra);
    for (; j < n; ++j) a[0] = Op::step(a[0], *reinterpret_cast<const In*>(x + j * stride), extra);
    return Op::finish(Op::merge(Op::merge(a[0], a[1]), Op::merge(a[2], a[3])));
}

template <class Op>
static typename Op::Result fold_row(const char* x, int64_t stride, int64_t n, typename Op::In extra) {
    using In = typename Op::In;
    if (n <= row_block)
        return stride == sizeof(In) ? fold_row_block<Op>(reinterpret_cast<const In*>(x), n, extra)
                                    : fold_strided_block<Op>(x, stride, n, extra);
    const int64_t half = (n / 2 + row_block - 1) / row_block * row_block;
    const auto left = fold_row<Op>(x, stride, half, extra);     // first: memory is read forwards
    return Op::merge(left, fold_row<Op>(x + half * stride, stride, n - half, extra));
}

// ---- down the columns -----------------------------------------------------------------------------------------------
constexpr int64_t panel_width = 1024, panel_height = 64, rows_at_once = 8;

// The columns of a panel: `extra` holds one element per column.
template <class Op>
struct Panel {
    const char* in;
    int64_t rows, columns, row_stride, column_stride;
    const typename Op::In* extra;
};

template <class Op, int Rows>
static inline void step_rows(typename Op::Lane* acc, const char* in, const Panel<Op>& p) {
    using In = typename Op::In;
    constexpr int width = VectorOf<In>::lanes;
    int64_t i = 0;
    if (p.column_stride == sizeof(In)) {
        for (; i + width <= p.columns; i += width) {
            auto a = load_vector(acc + i);
            const auto e = load_vector(p.extra + i);
            for (int k = 0; k < Rows; ++k)
                a = Op::step(a, load_vector(reinterpret_cast<const In*>(in + k * p.row_stride) + i), e);
            store_vector(acc + i, a);
        }
    }
    for (; i < p.columns; ++i)
        for (int k = 0; k < Rows; ++k)
            acc[i] = Op::step(acc[i], *reinterpret_cast<const In*>(in + k * p.row_stride + i * p.column_stride),
                              p.extra[i]);
}

template <class Op>
static void fold_panel_block(typename Op::Result* out, const Panel<Op>& p) {
    typename Op::Lane acc[panel_width];
    for (int64_t i = 0; i < p.columns; ++i) acc[i] = Op::identity;
    int64_t j = 0;
    for (; j + rows_at_once <= p.rows; j += rows_at_once) step_rows<Op, rows_at_once>(acc, p.in + j * p.row_stride, p);
    for (; j < p.rows; ++j) step_rows<Op, 1>(acc, p.in + j * p.row_stride, p);
    for (int64_t i = 0; i < p.columns; ++i) out[i] = Op::finish(acc[i]);
}

// A tree with 64 children a node: four levels reach sixteen million rows.
template <class Op>
static void fold_panel(typename Op::Result* out, const Panel<Op>& p) {
    if (p.rows <= panel_height) return fold_panel_block<Op>(out, p);
    int64_t step = panel_height;
    while (step < p.rows / panel_height) step *= panel_height;
    typename Op::Result part[panel_width];
    for (int64_t j = 0; j < p.rows; j += step) {
        const int64_t rows = p.rows - j < step ? p.rows - j : step;
        fold_panel<Op>(j ? part : out, {p.in + j * p.row_stride, rows, p.columns, p.row_stride, p.column_stride, p.extra});
        if (j)
            for (int64_t i = 0; i < p.columns; ++i) out[i] = Op::merge(out[i], part[i]);
    }
}

// Few columns without gaps: several rows are taken for one wide row, and its parts merged at the end.
template <class Op>
static void fold_narrow_panel(typename Op::Result* out, const Panel<Op>& p) {
    using In = typename Op::In;
    const int64_t group = panel_width / 4 / p.columns;
    if (p.column_stride != sizeof(In) || p.row_stride != p.columns * p.column_stride || group < 2 || p.rows < 2 * group)
        return fold_panel<Op>(out, p);
    In extra[panel_width];
    typename Op::Result wide[panel_width];
    const int64_t columns = group * p.columns, wide_rows = p.rows / group, done = wide_rows * group;
    for (int64_t k = 0; k < columns; ++k) extra[k] = p.extra[k % p.columns];
    fold_panel<Op>(wide, {p.in, wide_rows, columns, group * p.row_stride, p.column_stride, extra});
    fold_panel<Op>(out, {p.in + done * p.row_stride, p.rows - done, p.columns, p.row_stride, p.column_stride, p.extra});
    for (int64_t k = 0; k < columns; ++k) out[k % p.columns] = Op::merge(out[k % p.columns], wide[k]);
}

// ---- a block of either geometry -------------------------------------------------------------------------------------
template <class Op>
static inline void put_result(const ReduceBlock* b, int64_t i, typename Op::Result value) {
    auto* out = reinterpret_cast<typename Op::Result*>(b->out + i * b->out_stride);
    *out = b->first ? value : Op::merge(*out, value);
}

template <class Op>
static inline typename Op::In extra_of(const ReduceBlock* b, const Params* params, int64_t i) {
    using In = typename Op::In;
    return b->means ? *reinterpret_cast<const In*>(b->means + i * b->means_stride) : static_cast<In>(params->a);
}

template <class Op>
static void reduce_columns(const ReduceBlock* b, const Params* params) {
    typename Op::In extra[panel_width];
    typename Op::Result out[panel_width];
    for (int64_t start = 0; start < b->n_out; start += panel_width) {
        const int64_t columns = b->n_out - start < panel_width ? b->n_out - start : panel_width;
        for (int64_t i = 0; i < columns; ++i) extra[i] = extra_of<Op>(b, params, start + i);
        fold_narrow_panel<Op>(out, {b->in + start * b->in_stride_out, b->n_red, columns, b->in_stride_red,
                                    b->in_stride_out, extra});
        for (int64_t i = 0; i < columns; ++i) put_result<Op>(b, start + i, out[i]);
    }
}

static inline int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }

template <class Op>
static void reduce_block(const ReduceBlock* b, const Params* params) {
    if (b->n_out > 1 && b->n_red > 1 && distance(b->in_stride_out) < distance(b->in_stride_red))
        return reduce_columns<Op>(b, params);
    for (int64_t i = 0; i < b->n_out; ++i)
        put_result<Op>(b, i, fold_row<Op>(b->in + i * b->in_stride_out, b->in_stride_red, b->n_red,
                                          extra_of<Op>(b, params, i)));
}

// ---- positions of extremes ------------------------------------------------------------------------------------------
// `beats(x, best)` is strict, so the first of equals stays; a NaN beats everything but an earlier NaN.
struct ArgLargest {
    template <class T> using Fold = Fold_amax<T>;
    template <class V> static auto beats(V x, V best) { return (x > best) | ((x != x) & (best == best)); }
};
struct ArgSmallest {
    template <class T> using Fold = Fold_amin<T>;
    template <class V> static auto beats(V x, V best) { return (x < best) | ((x != x) & (best == best)); }
};

template <class T>
static inline void put_position(const ArgBlock* b, int64_t i, T value, int64_t position) {
    if (b->values) *reinterpret_cast<T*>(b->values + i * b->values_stride) = value;
    *reinterpret_cast<int64_t*>(reinterpret_cast<char*>(b->indices) + i * b->index_stride) = position;
}

// Folds block by block and remembers the block that won: only that one is searched for the position.
template <class T, class Arg>
static int64_t position_in_row(const T* x, int64_t n) {
    T best = x[0];
    int64_t winner = 0;
    for (int64_t j = 0; j < n; j += row_block) {
        const T top = fold_row_block<typename Arg::template Fold<T>>(x + j, n - j < row_block ? n - j : row_block, T());
        if (Arg::beats(top, best)) best = top, winner = j;
    }
    while (x[winner] != best && (x[winner] == x[winner] || best == best)) ++winner;
    return winner;
}

template <class T, class Arg>
static int64_t position_strided(const char* x, int64_t stride, int64_t n) {
    int64_t winner = 0;
    T best = *reinterpret_cast<const T*>(x);
    for (int64_t j = 1; j < n; ++j) {
        const T value = *reinterpret_cast<const T*>(x + j * stride);
        if (Arg::beats(value, best)) best = value, winner = j;
    }
    return winner;
}

template <class T, class Arg>
static void positions_in_columns(const ArgBlock* b) {
    using Int = typename LaneTypes<T>::Int;
    constexpr int width = VectorOf<T>::lanes;
    for (int64_t i = 0; i < b->n_out; i += width) {
        Vector<T> best = load_vector(reinterpret_cast<const T*>(b->in) + i);
        Vector<Int> winner = {};
        for (int64_t j = 1; j < b->n_red; ++j) {
            const auto x = load_vector(reinterpret_cast<const T*>(b->in + j * b->in_stride_red) + i);
            const auto won = Arg::beats(x, best);
            best = won ? x : best;
            winner = won ? splat(static_cast<Int>(j)) : winner;
        }
        for (int k = 0; k < width; ++k) put_position<T>(b, i + k, best[k], winner[k]);
    }
}

template <class T, class Arg>
static void arg_block(const ArgBlock* block) {
    ArgBlock b = *block;
    constexpr int width = VectorOf<T>::lanes;
    int64_t i = 0;
    if (b.in_stride_out == sizeof(T) && b.n_out >= width && b.n_red <= std::numeric_limits<int32_t>::max()) {
        i = b.n_out / width * width;
        b.n_out = i;
        positions_in_columns<T, Arg>(&b);
    }
    for (; i < block->n_out; ++i) {
        const char* row = b.in + i * b.in_stride_out;
        const int64_t position = b.in_stride_red == sizeof(T)
                                     ? position_in_row<T, Arg>(reinterpret_cast<const T*>(row), b.n_red)
                                     : position_strided<T, Arg>(row, b.in_stride_red, b.n_red);
        put_position<T>(&b, i, *reinterpret_cast<const T*>(row + position * b.in_stride_red), position);
    }
}

static inline void fill_reduce(Kernels& k) {
#define DG_ROW_FLOAT(name)                                    \
    k.reduce[red_##name][C_F32] = reduce_block<Fold_##name<float>>; \
    k.reduce[red_##name][C_F64] = reduce_block<Fold_##name<double>>;
#define DG_ROW_ANY(name) DG_ROW_FLOAT(name) k.reduce[red_##name][C_I64] = reduce_block<Fold_##name<int64_t>>;
    DG_REDUCE_ANY(DG_ROW_ANY)
    DG_REDUCE_FLOAT(DG_ROW_FLOAT)
#undef DG_ROW_ANY
#undef DG_ROW_FLOAT
    k.argmax[C_I64] = arg_block<int64_t, ArgLargest>;
    k.argmax[C_F32] = arg_block<float, ArgLargest>;
    k.argmax[C_F64] = arg_block<double, ArgLargest>;
    k.argmin[C_I64] = arg_block<int64_t, ArgSmallest>;
    k.argmin[C_F32] = arg_block<float, ArgSmallest>;
    k.argmin[C_F64] = arg_block<double, ArgSmallest>;
}

}  // namespace DG_ISA
}  // namespace dg
