// The worker threads of large kernels: one pool for the process, started when first needed. No Python in here; the
// bodies run without the GIL.
#pragma once
#include <cstdint>

namespace dg {

using RangeBody = void (*)(int64_t begin, int64_t end, void* context);

// Calls body on disjoint ranges that cover [0, n), each of at least `grain` (the last one may be shorter), on the
// calling thread and the workers; returns when all are done. Runs on the calling thread alone when n <= grain, inside
// another parallel_for, or while another thread uses the pool. body must not throw.
void parallel_for(int64_t n, int64_t grain, RangeBody body, void* context);

// The number of threads used, the calling one included; at least 1. Until it is set: DYNAGRAD_NUM_THREADS,
// OMP_NUM_THREADS, or the processors that this process may run on.
int num_threads();
void set_num_threads(int n);

// True inside a body, and where parallel_for would not split.
bool in_parallel();

}  // namespace dg
