#include "threads.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

namespace dg {
namespace {

constexpr int max_threads = 256;
constexpr int spins = 2000;   // some ten microseconds: the gap between the kernels of one backward pass
thread_local bool inside = false;
std::atomic<int> chosen_threads{0};

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

int from_environment(const char* name) {
    const char* text = std::getenv(name);
    return text ? std::atoi(text) : 0;
}

int default_threads() {
    for (const char* name : {"DYNAGRAD_NUM_THREADS", "OMP_NUM_THREADS"})
        if (int n = from_environment(name); n > 0) return std::min(n, max_threads);
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return std::clamp(n, 1, max_threads);
}

// One task at a time, cut in equal pieces that the threads draw from `next`.
//
// Note [The pool is never destroyed]
// Workers may still be waiting when the process exits, and after a fork the child has none of them. So the pool lives on
// the heap for good, its threads are detached, and a forked child starts with a fresh one.
struct Pool {
    std::mutex use;             // held by the thread whose task this is
    std::mutex mutex;           // guards the sleepers
    std::condition_variable wake;
    std::atomic<uint64_t> round{0};
    std::atomic<int> sleeping{0};
    int workers = 0;

    RangeBody body;
    void* context;
    int64_t n, piece, pieces;
    std::atomic<int64_t> next{0};
    std::atomic<int> seats{0};  // workers that may still join this round
    std::atomic<int> busy{0};   // workers inside this round

    void work() {
        inside = true;
        for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < pieces;)
            body(i * piece, std::min(n, (i + 1) * piece), context);
        inside = false;
    }

    void wait_for_round(uint64_t seen) {
        for (int i = 0; i < spins; ++i) {
            if (round.load(std::memory_order_acquire) != seen) return;
            pause();
        }
        std::unique_lock lock(mutex);
        sleeping.fetch_add(1);
        wake.wait(lock, [&] { return round.load() != seen; });
        sleeping.fetch_sub(1);
    }

    // A late worker must not touch a task that has ended: it is counted in `busy` before it takes a seat, and the
    // owner closes the seats before it waits for `busy` to fall to zero.
    void worker(uint64_t seen) {
        for (;;) {
            wait_for_round(seen);
            seen = round.load(std::memory_order_acquire);
            busy.fetch_add(1);
            if (take_seat()) work();
            busy.fetch_sub(1);
        }
    }

    bool take_seat() {
        int free = seats.load();
        while (free > 0)
            if (seats.compare_exchange_weak(free, free - 1)) return true;
        return false;
    }

    // Signals stay with the threads of the interpreter: a worker inherits a full mask.
    bool start_workers(int wanted) {
        if (workers >= wanted) return true;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            for (; workers < wanted; ++workers)
                std::thread([this, seen = round.load()] { worker(seen); }).detach();
        } catch (const std::system_error&) {
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return workers > 0;
    }

    void run(int64_t total, int64_t per_piece, int threads, RangeBody f, void* argument) {
        body = f, context = argument, n = total, piece = per_piece;
        pieces = (total + per_piece - 1) / per_piece;
        next.store(0);
        seats.store(threads - 1);
        round.fetch_add(1);
        if (sleeping.load() > 0) {
            std::lock_guard lock(mutex);
            wake.notify_all();
        }
        work();
        seats.store(0);
        for (int i = 0; busy.load() > 0; ++i) i < spins ? pause() : std::this_thread::yield();
    }
};

std::atomic<Pool*> pool{nullptr};

void forget_pool() {
    inside = false;
    pool.store(nullptr);
}

Pool* the_pool() {
    if (Pool* p = pool.load()) return p;
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    (void)registered;
    Pool* made = new Pool;
    Pool* other = nullptr;
    if (pool.compare_exchange_strong(other, made)) return made;
    delete made;
    return other;
}

}  // namespace

int num_threads() {
    int n = chosen_threads.load(std::memory_order_relaxed);
    if (!n) chosen_threads.store(n = default_threads());
    return n;
}

void set_num_threads(int n) { chosen_threads.store(std::clamp(n, 1, max_threads)); }

bool in_parallel() { return inside; }

void parallel_for(int64_t n, int64_t grain, RangeBody body, void* context) {
    if (n <= 0) return;
    grain = std::max<int64_t>(grain, 1);
    const int threads = int(std::min<int64_t>(num_threads(), (n + grain - 1) / grain));
    if (threads <= 1 || inside) return body(0, n, context);
    Pool* p = the_pool();
    std::unique_lock owner(p->use, std::try_to_lock);
    if (!owner || !p->start_workers(threads - 1)) return body(0, n, context);
    // Twice as many pieces as threads even out cores of unequal speed.
    const int64_t piece = std::max(grain, (n + 2 * threads - 1) / (2 * threads));
    p->run(n, piece, threads, body, context);
}

}  // namespace dg
