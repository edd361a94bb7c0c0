// Rows cut over the threads; the loops are in kernels/norm.hpp.
#include "norm.hpp"

#include <algorithm>

#include "threads.hpp"

namespace dg {
namespace {

constexpr int64_t worth_a_piece = 32768;   // elements

template <class Task>
struct RowRun {
    void (*loop)(const Task&, int64_t, int64_t);
    const Task& task;

    static void run(int64_t begin, int64_t end, void* context) {
        const auto& r = *static_cast<RowRun*>(context);
        r.loop(r.task, begin, end);
    }
};

template <class Task>
void over_rows(void (*loop)(const Task&, int64_t, int64_t), int64_t rows, const Task& task) {
    RowRun<Task> r{loop, task};
    parallel_for(rows, std::max<int64_t>(1, worth_a_piece / std::max<int64_t>(task.n, 1)), RowRun<Task>::run, &r);
}

const NormKernels& kernels_of(DType type) { return image_kernels()->norm[type == F32 ? C_F32 : C_F64]; }

}  // namespace

void row_sums(DType type, int64_t rows, const RowSums& s) { over_rows(kernels_of(type).row_sums, rows, s); }
void row_map(DType type, int64_t rows, const RowMap& m) { over_rows(kernels_of(type).row_map, rows, m); }

}  // namespace dg
