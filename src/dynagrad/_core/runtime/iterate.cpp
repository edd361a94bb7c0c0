#include "iterate.hpp"

#include "threads.hpp"
#include "walk.hpp"

namespace dg {
namespace {

constexpr int64_t block = 512;        // elements converted at a time: four operands of them fill half of L1
constexpr int64_t short_run = 8;      // an inner dim below this is swapped for a long one,
constexpr int64_t long_run = 64;      // at least this long,
constexpr int64_t long_tile = 1024;   // and that is walked in tiles, so that the cache lines are still there
constexpr int64_t cross_tile = 64;    // where operands lie across each other: a cache line of each of these fits L1

template <int N>
struct Nest {
    Walk<N> walk;
    char* data[N];
    Loop loop;
    const Params* params;
    Loop cast[N];                     // null where the operand has the dtype that the loop wants
    int64_t size[N];                  // of the dtype that the loop wants
    alignas(16) char scalar[N][8];    // the converted value of an operand that is broadcast over everything
    bool converts = false;
    int64_t tile = 0;                 // the inner dim is walked in pieces of this length; 0 for whole

    explicit Nest(int room) : walk(room) {}

    bool build(int ndim, const int64_t* shape, const Operand* operands) {
        for (int d = ndim; d-- > 0;) {
            if (shape[d] == 0) return false;
            if (shape[d] == 1) continue;
            auto& dim = walk.dims[walk.rank++];
            dim.extent = shape[d];
            for (int k = 0; k < N; ++k) dim.step[k] = operands[k].strides[d] * item_size(operands[k].dtype);
        }
        if (walk.rank > 1) {
            walk.sort();
            walk.coalesce();
        }
        return true;
    }

    bool is_scalar(int k) const {
        for (int d = 0; d < walk.rank; ++d)
            if (walk.dims[d].step[k]) return false;
        return true;
    }

    void convert_scalar(int k, Loop convert) {
        char* pointers[2] = {scalar[k], data[k]};
        const int64_t steps[2] = {0, 0};
        convert(pointers, steps, 1, params);
        data[k] = scalar[k];
    }

    void bind(const Operand* operands, const DType* types) {
        for (int k = 0; k < N; ++k) {
            data[k] = operands[k].data;
            cast[k] = nullptr;
            const DType given = operands[k].dtype, wanted = types[k];
            if (given == wanted) continue;
            size[k] = item_size(wanted);
            if (k == 0) cast[k] = kernels()->cast[wanted][given];
            else if (is_scalar(k)) convert_scalar(k, kernels()->cast[given][wanted]);
            else cast[k] = kernels()->cast[given][wanted];
            converts |= cast[k] != nullptr;
        }
    }

    void avoid_short_runs() {
        if (walk.rank < 2 || walk.dims[0].extent >= short_run) return;
        const int longest = walk.longest(INT64_MAX);
        if (walk.dims[longest].extent < long_run) return;
        tile = long_tile;
        const auto moved = walk.dims[longest];
        for (int d = longest; d > 0; --d) walk.dims[d] = walk.dims[d - 1];
        walk.dims[0] = moved;
    }

    // A transposed operand is read along its rows for as long as its cache lines stay.
    void tile_crossing() {
        if (tile || walk.rank < 2 || walk.dims[0].extent < 2 * cross_tile) return;
        for (int k = 1; k < N; ++k) {
            const int64_t inner = std::abs(walk.dims[0].step[k]), outer = std::abs(walk.dims[1].step[k]);
            if (outer && inner > outer) tile = cross_tile;
        }
    }

    void load(int k, char* buffer, char* const* at, const int64_t* step, int64_t start, int64_t n) const {
        if (step[k] == 0 && start) return;
        char* pointers[2] = {buffer, at[k] + start * step[k]};
        const int64_t steps[2] = {size[k], step[k]};
        cast[k](pointers, steps, step[k] ? n : 1, params);
    }

    void run_converting(char* const* at, const int64_t* step, int64_t n) const {
        alignas(64) char buffers[N][block * 8];
        char* pointers[N];
        int64_t steps[N];
        for (int64_t start = 0; start < n; start += block) {
            const int64_t m = std::min(block, n - start);
            for (int k = 0; k < N; ++k) {
                pointers[k] = cast[k] ? buffers[k] : at[k] + start * step[k];
                steps[k] = cast[k] && step[k] ? size[k] : step[k];
                if (k && cast[k]) load(k, buffers[k], at, step, start, m);
            }
            loop(pointers, steps, m, params);
            if (!cast[0]) continue;
            char* store[2] = {at[0] + start * step[0], buffers[0]};
            const int64_t store_steps[2] = {step[0], size[0]};
            cast[0](store, store_steps, m, params);
        }
    }

    void run_inner(char* const* at, int64_t n) const {
        const int64_t* step = walk.dims[0].step;
        converts ? run_converting(at, step, n) : loop(at, step, n, params);
    }

    void run_scalar() {
        walk.dims[0] = {1, {}};
        walk.rank = 1;
        run_inner(data, 1);
    }

    // The part of the nest where dim `cut` runs over [begin, end) only.
    void run(int cut, int64_t begin, int64_t end) const {
        Walk<N> part(walk);
        char* at[N];
        part.dims[cut].extent = end - begin;
        for (int k = 0; k < N; ++k) at[k] = data[k] + begin * walk.dims[cut].step[k];
        const int64_t n = part.dims[0].extent, run_length = tile ? tile : n;
        for (int64_t start = 0; start < n; start += run_length) {
            const int64_t m = std::min(run_length, n - start);
            for_each(part, 1, at, [&] { run_inner(at, m); });
            for (int k = 0; k < N; ++k) at[k] += m * walk.dims[0].step[k];
        }
    }

    void run_all() {
        for_each(walk, 1, data, [&] { run_inner(data, walk.dims[0].extent); });
    }

    void run_split(int64_t total, int cost) const {
        struct Task {
            const Nest* nest;
            int cut;
        } task{this, walk.longest(4 * num_threads())};
        const int64_t extent = walk.dims[task.cut].extent;
        const int64_t grain = std::max<int64_t>(1, parallel_threshold / cost / std::max<int64_t>(1, total / extent));
        const auto body = [](int64_t begin, int64_t end, void* context) {
            const Task* t = static_cast<const Task*>(context);
            t->nest->run(t->cut, begin, end);
        };
        parallel_for(extent, grain, body, &task);
    }
};

template <int N>
void iterate_over(Loop loop, int ndim, const int64_t* shape, const Operand* operands, const DType* types,
                  const Params* params, int cost) {
    Nest<N> nest(ndim);
    if (!nest.build(ndim, shape, operands)) return;
    nest.loop = loop;
    static const Params defaults;
    nest.params = params ? params : &defaults;
    nest.bind(operands, types);
    if (nest.walk.rank == 0) return nest.run_scalar();
    nest.avoid_short_runs();
    nest.tile_crossing();
    const int64_t total = nest.walk.total();
    if (total >= parallel_threshold / cost) nest.run_split(total, cost);
    else if (nest.tile) nest.run(0, 0, nest.walk.dims[0].extent);
    else nest.run_all();
}

}  // namespace

void iterate(Loop loop, int ndim, const int64_t* shape, const Operand* operands, int n_operands, const DType* types,
             const Params* params, int cost) {
    switch (n_operands) {
        case 1: return iterate_over<1>(loop, ndim, shape, operands, types, params, cost);
        case 2: return iterate_over<2>(loop, ndim, shape, operands, types, params, cost);
        case 3: return iterate_over<3>(loop, ndim, shape, operands, types, params, cost);
        case 4: return iterate_over<4>(loop, ndim, shape, operands, types, params, cost);
        default: return iterate_over<max_operands>(loop, ndim, shape, operands, types, params, cost);
    }
}

}  // namespace dg
