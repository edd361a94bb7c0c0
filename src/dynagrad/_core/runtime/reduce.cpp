#include "iterate.hpp"

#include <atomic>

#include "threads.hpp"
#include "walk.hpp"

namespace dg {
namespace {

constexpr int64_t block = 2048;          // elements converted at a time
constexpr int64_t most_pieces = 16;      // partial results of one split fold
constexpr int64_t outputs_at_once = 512; // outputs that are folded in a buffer before they are rounded
enum { OUT, IN, MEANS, N_ROLES };
using Nest = Walk<N_ROLES>;

// Kept and reduced dims, each ordered by the input's strides and coalesced.
struct Fold {
    ReduceLoop loop;
    const Params* params;
    Nest kept, reduced;
    char* data[N_ROLES];
    Loop cast_in = nullptr, cast_out = nullptr;
    int64_t in_size, result_size;

    explicit Fold(int room) : kept(room), reduced(room) {}

    static int64_t bytes(const Operand* t, int d) { return t ? t->strides[d] * item_size(t->dtype) : 0; }

    // False when there is no output to write.
    bool build(int ndim, const int64_t* shape, const Operand& out, const Operand& in, const Operand* means) {
        bool empty = false;
        for (int d = ndim; d-- > 0;) {
            if (shape[d] == 1) continue;
            const bool is_reduced = out.strides[d] == 0;
            if (shape[d] == 0 && !is_reduced) return false;
            empty |= shape[d] == 0;
            Nest& nest = is_reduced ? reduced : kept;
            nest.dims[nest.rank++] = {shape[d], {bytes(&out, d), bytes(&in, d), bytes(means, d)}};
        }
        order(kept);
        empty ? make_empty(reduced) : order(reduced);
        return true;
    }

    static void make_empty(Nest& nest) {
        nest.dims[0] = {0, {}};
        nest.rank = 1;
    }

    // Every nest has a dim 0; the input decides the order. A long dim goes innermost in place of a very short one: the
    // loop is called less often, and it sums long runs more exactly than we add up its results.
    static void order(Nest& nest) {
        if (nest.rank == 0) nest.dims[nest.rank++] = {1, {}};
        std::stable_sort(nest.dims, nest.dims + nest.rank, [](const Nest::Dim& a, const Nest::Dim& b) {
            return std::abs(a.step[IN]) < std::abs(b.step[IN]);
        });
        nest.coalesce();
        const int longest = nest.longest(INT64_MAX);
        if (nest.dims[0].extent < 8 && nest.dims[longest].extent >= 64) std::swap(nest.dims[0], nest.dims[longest]);
    }

    int64_t total() const { return kept.total() * reduced.total(); }

    // Folds a block of outputs over dims[0] of the reduced nest, converting the input tile by tile.
    void fold_converting(ReduceBlock b) const {
        alignas(64) char buffer[block * 8];
        const bool along_red = std::abs(b.in_stride_red) <= std::abs(b.in_stride_out);
        const int64_t widest = along_red ? block / std::clamp<int64_t>(b.n_red, 1, block) : block / 8;
        const int64_t rows = std::clamp<int64_t>(b.n_out, 1, widest), columns = block / rows;
        const ReduceBlock whole = b;
        b.in = buffer;
        for (int64_t j = 0; j == 0 || j < whole.n_red; j += columns) {
            b.n_red = std::min(columns, whole.n_red - j);
            for (int64_t i = 0; i < whole.n_out; i += rows) {
                b.n_out = std::min(rows, whole.n_out - i);
                b.out = whole.out + i * whole.out_stride;
                b.means = whole.means + i * whole.means_stride;
                load_tile(buffer, whole.in + i * whole.in_stride_out + j * whole.in_stride_red, b, whole);
                loop(&b, params);
            }
            b.first = false;
        }
    }

    // The tile is stored along whichever side is nearer in memory.
    void load_tile(char* buffer, const char* from, ReduceBlock& b, const ReduceBlock& whole) const {
        const bool along_red = std::abs(whole.in_stride_red) <= std::abs(whole.in_stride_out) || b.n_out == 1;
        const int64_t inner = along_red ? b.n_red : b.n_out, outer = along_red ? b.n_out : b.n_red;
        const int64_t inner_stride = along_red ? whole.in_stride_red : whole.in_stride_out;
        const int64_t outer_stride = along_red ? whole.in_stride_out : whole.in_stride_red;
        const int64_t steps[2] = {in_size, inner_stride};
        for (int64_t r = 0; r < outer && inner; ++r) {
            char* pointers[2] = {buffer + r * inner * in_size, const_cast<char*>(from) + r * outer_stride};
            cast_in(pointers, steps, inner, params);
        }
        b.in_stride_red = along_red ? in_size : inner * in_size;
        b.in_stride_out = along_red ? inner * in_size : in_size;
    }

    void fold_block(char* const* at, char* out, int64_t out_stride, int64_t n_out, const Nest& folded) const {
        const auto &k = kept.dims[0], &r = folded.dims[0];
        char* from[N_ROLES] = {out, at[IN], at[MEANS]};
        ReduceBlock b{out,        nullptr,   nullptr,   n_out,         r.extent,
                      out_stride, k.step[IN], r.step[IN], k.step[MEANS], true};
        for_each(folded, 1, from, [&] {
            b.in = from[IN];
            b.means = from[MEANS];
            cast_in ? fold_converting(b) : loop(&b, params);
            b.first = false;
        });
    }

    void fold_rounding(char* const* at, int64_t n, const Nest& folded) const {
        alignas(64) char buffer[outputs_at_once * 8];
        const int64_t steps[2] = {kept.dims[0].step[OUT], result_size};
        for (int64_t i = 0; i < n; i += outputs_at_once) {
            char* from[N_ROLES];
            for (int role = 0; role < N_ROLES; ++role) from[role] = at[role] + i * kept.dims[0].step[role];
            const int64_t m = std::min(outputs_at_once, n - i);
            fold_block(from, buffer, result_size, m, folded);
            char* pointers[2] = {from[OUT], buffer};
            cast_out(pointers, steps, m, params);
        }
    }

    // The outputs of `part`, which is the kept nest or a piece of it, starting at `at`.
    void run(const Nest& part, const Nest& folded, char** at) const {
        for_each(part, 1, at, [&] {
            const auto& k = part.dims[0];
            if (cast_out) fold_rounding(at, k.extent, folded);
            else fold_block(at, at[OUT], k.step[OUT], k.extent, folded);
        });
    }

    void run_outputs(int cut, int64_t begin, int64_t end) const {
        Nest part(kept);
        char* at[N_ROLES];
        part.dims[cut].extent = end - begin;
        for (int role = 0; role < N_ROLES; ++role) at[role] = data[role] + begin * kept.dims[cut].step[role];
        run(part, reduced, at);
    }

    void run_split_by_outputs(int64_t work) const {
        struct Task {
            const Fold* fold;
            int cut;
        } task{this, kept.longest(4 * num_threads())};
        const int64_t extent = kept.dims[task.cut].extent;
        const int64_t grain = std::max<int64_t>(1, parallel_threshold * extent / work);
        const auto body = [](int64_t begin, int64_t end, void* context) {
            const Task* t = static_cast<const Task*>(context);
            t->fold->run_outputs(t->cut, begin, end);
        };
        parallel_for(extent, grain, body, &task);
    }

    bool run_split_by_inputs(Reduce op, Compute compute) const;
    void combine(Reduce op, Compute compute, char* results, int64_t pieces, int64_t piece_bytes) const;
};

Reduce combining(Reduce op) {
    switch (op) {
        case red_prod: case red_amax: case red_amin: case red_any: case red_all: return op;
        case red_max_abs: return red_amax;
        case red_min_abs: return red_amin;
        default: return red_sum;
    }
}

// The pieces of a split fold. How many depends on the size alone, so a result does not depend on the threads.
struct Pieces {
    const Fold* fold;
    char* results;
    int64_t bytes, count;
    int cut;

    void run(int64_t piece) const {
        const int64_t n = fold->reduced.dims[cut].extent, begin = n * piece / count, end = n * (piece + 1) / count;
        Nest folded(fold->reduced), part(fold->kept);
        folded.dims[cut].extent = end - begin;
        char* at[N_ROLES];
        for (int role = 0; role < N_ROLES; ++role) at[role] = fold->data[role] + begin * folded.dims[cut].step[role];
        at[OUT] = results + piece * bytes;
        int64_t step = fold->result_size;
        for (int d = 0; d < part.rank; ++d) {
            part.dims[d].step[OUT] = step;
            step *= part.dims[d].extent;
        }
        fold->run(part, folded, at);
    }
};

// Folds the [pieces, outputs] array of partial results.
void Fold::combine(Reduce op, Compute compute, char* results, int64_t pieces, int64_t piece_bytes) const {
    const bool truth = reduced_type(op, compute) == BOOL;
    const Compute width = truth || op == red_count_nonzero ? C_I64 : compute;
    Fold last(kept.rank);
    last.loop = kernels()->reduce[combining(op)][width];
    last.params = params;
    last.in_size = item_size(dtype_of(width));
    last.result_size = result_size;
    if (truth) last.cast_in = kernels()->cast[BOOL][I64];
    last.cast_out = cast_out;
    int64_t step = result_size;
    for (int d = 0; d < kept.rank; ++d) {
        last.kept.dims[last.kept.rank++] = {kept.dims[d].extent, {kept.dims[d].step[OUT], step, 0}};
        step *= kept.dims[d].extent;
    }
    last.reduced.dims[last.reduced.rank++] = {pieces, {0, piece_bytes, 0}};
    char* at[N_ROLES] = {data[OUT], results, nullptr};
    last.run(last.kept, last.reduced, at);
}

bool Fold::run_split_by_inputs(Reduce op, Compute compute) const {
    Fold unrounded(*this);
    unrounded.cast_out = nullptr;
    Pieces pieces{&unrounded, nullptr, kept.total() * result_size, 0, reduced.longest(most_pieces)};
    pieces.count = std::min(most_pieces, reduced.dims[pieces.cut].extent);
    pieces.results = static_cast<char*>(std::malloc(size_t(pieces.bytes * pieces.count)));
    if (!pieces.results) return false;
    const auto body = [](int64_t begin, int64_t end, void* context) {
        for (; begin < end; ++begin) static_cast<const Pieces*>(context)->run(begin);
    };
    parallel_for(pieces.count, 1, body, &pieces);
    combine(op, compute, pieces.results, pieces.count, pieces.bytes);
    std::free(pieces.results);
    return true;
}

}  // namespace

DType reduced_type(Reduce op, Compute compute) {
    if (op == red_any || op == red_all) return BOOL;
    return op == red_count_nonzero ? I64 : dtype_of(compute);
}

bool reduce(Reduce op, Compute compute, int ndim, const int64_t* shape, const Operand& out, const Operand& in,
            const Operand* means, const Params* params) {
    Fold fold(ndim + 1);
    if (!fold.build(ndim, shape, out, in, means)) return true;
    const DType result = reduced_type(op, compute);
    fold.loop = kernels()->reduce[op][compute];
    static const Params defaults;
    fold.params = params ? params : &defaults;
    fold.data[OUT] = out.data;
    fold.data[IN] = in.data;
    fold.data[MEANS] = means ? means->data : nullptr;
    fold.in_size = item_size(dtype_of(compute));
    fold.result_size = item_size(result);
    if (in.dtype != dtype_of(compute)) fold.cast_in = kernels()->cast[in.dtype][dtype_of(compute)];
    if (out.dtype != result) fold.cast_out = kernels()->cast[result][out.dtype];
    const int64_t outputs = fold.kept.total(), work = outputs * fold.reduced.total();
    if (work < parallel_threshold) {
        fold.run(fold.kept, fold.reduced, fold.data);
        return true;
    }
    if (outputs < 64 && work / outputs >= parallel_threshold) return fold.run_split_by_inputs(op, compute);
    fold.run_split_by_outputs(work);
    return true;
}

namespace {

// argmax and argmin: the kept dims around one row.
enum { VALUES, INDICES, ROWS, N_ARG_ROLES };

struct Extremes {
    ArgLoop loop;
    Walk<N_ARG_ROLES> kept;
    char* data[N_ARG_ROLES];
    int64_t length, in_stride, in_size;
    Loop cast_in = nullptr, cast_values = nullptr;
    std::atomic<bool> lacking{false};

    explicit Extremes(int room) : kept(room) {}

    void bind(ArgLoop f, Compute compute, int64_t n, int dim, const Operand& values, const Operand& indices,
              const Operand& in) {
        const DType wanted = dtype_of(compute);
        loop = f;
        length = n;
        in_stride = in.strides[dim] * item_size(in.dtype);
        in_size = item_size(wanted);
        data[VALUES] = values.data;
        data[INDICES] = indices.data;
        data[ROWS] = in.data;
        if (values.data && values.dtype != wanted) cast_values = kernels()->cast[wanted][values.dtype];
        if (cast_values || in.dtype != wanted) cast_in = kernels()->cast[in.dtype][wanted];
    }

    void find(char* const* at, int64_t n) const {
        const auto& k = kept.dims[0];
        const ArgBlock b{at[VALUES],     reinterpret_cast<int64_t*>(at[INDICES]), at[ROWS],     n,        length,
                         k.step[VALUES], k.step[INDICES],                         k.step[ROWS], in_stride};
        loop(&b);
    }

    void find_converting(char* const* at, int64_t n, char* buffer) const {
        const auto& k = kept.dims[0];
        const int64_t row_steps[2] = {in_size, in_stride}, value_steps[2] = {k.step[VALUES], in_size};
        alignas(16) char value[8];
        for (int64_t i = 0; i < n; ++i) {
            char* pointers[2] = {buffer, at[ROWS] + i * k.step[ROWS]};
            cast_in(pointers, row_steps, length, nullptr);
            char* const given = at[VALUES] ? at[VALUES] + i * k.step[VALUES] : nullptr;
            const ArgBlock b{!given || !cast_values ? given : value,
                             reinterpret_cast<int64_t*>(at[INDICES] + i * k.step[INDICES]),
                             buffer, 1, length, 0, 0, 0, in_size};
            loop(&b);
            char* stored[2] = {given, value};
            if (given && cast_values) cast_values(stored, value_steps, 1, nullptr);
        }
    }

    void run(int cut, int64_t begin, int64_t end) {
        Walk<N_ARG_ROLES> part(kept);
        char* at[N_ARG_ROLES];
        part.dims[cut].extent = end - begin;
        for (int r = 0; r < N_ARG_ROLES; ++r)
            at[r] = data[r] ? data[r] + begin * kept.dims[cut].step[r] : nullptr;
        char* buffer = cast_in ? static_cast<char*>(std::malloc(size_t(length * in_size))) : nullptr;
        if (cast_in && !buffer) return lacking.store(true);
        for_each(part, 1, at, [&] {
            const int64_t n = part.dims[0].extent;
            cast_in ? find_converting(at, n, buffer) : find(at, n);
        });
        std::free(buffer);
    }

    void run_split() {
        struct Task {
            Extremes* extremes;
            int cut;
        } task{this, kept.longest(4 * num_threads())};
        const int64_t extent = kept.dims[task.cut].extent, work = kept.total() * length;
        const auto body = [](int64_t begin, int64_t end, void* context) {
            const Task* t = static_cast<const Task*>(context);
            t->extremes->run(t->cut, begin, end);
        };
        parallel_for(extent, std::max<int64_t>(1, parallel_threshold * extent / work), body, &task);
    }
};

}  // namespace

bool arg_reduce(ArgLoop loop, Compute compute, int ndim, const int64_t* shape, int dim, const Operand& values,
                const Operand& indices, const Operand& in) {
    Extremes e(ndim + 1);
    const Operand* operands[N_ARG_ROLES] = {&values, &indices, &in};
    for (int d = ndim; d-- > 0;) {
        if (shape[d] == 0) return true;
        if (shape[d] == 1 || d == dim) continue;
        auto& kept = e.kept.dims[e.kept.rank++];
        kept.extent = shape[d];
        for (int r = 0; r < N_ARG_ROLES; ++r)
            kept.step[r] = operands[r]->data ? operands[r]->strides[d] * item_size(operands[r]->dtype) : 0;
    }
    if (e.kept.rank == 0) e.kept.dims[e.kept.rank++] = {1, {}};
    e.kept.sort();
    e.kept.coalesce();
    e.bind(loop, compute, shape[dim], dim, values, indices, in);
    e.run_split();
    return !e.lacking.load();
}

}  // namespace dg
