// The caching allocator of tensor storage: size classes, free lists, statistics. Who owns a buffer is not known here.
//
// Note [The allocator is guarded by the GIL]
// Every function here is called with the GIL held, so the lists and the counters need no lock, and a small buffer costs
// a few instructions. Code that runs without the GIL (kernels, worker threads) takes its scratch memory from the stack
// or from malloc, never from here.
#pragma once
#include <cstddef>
#include <cstdint>

namespace dg {

struct MemoryStats {
    int64_t live_bytes;      // handed out, rounded up to the size class
    int64_t peak_bytes;      // the largest live_bytes since the last reset
    int64_t cached_bytes;    // on the free lists
    int64_t reserved_bytes;  // taken from the system and not given back: live and cached
    int64_t live_count;      // buffers handed out
    int64_t allocations;     // calls of allocate since the start
    int64_t system_calls;    // of them, those that had to ask the system
};

namespace memory {

constexpr size_t alignment = 64;
constexpr size_t small_limit = 1024;                           // classes of 64 bytes up to here
constexpr int small_classes = int(small_limit / alignment);
constexpr int large_classes = 54 * 8;                          // then eight classes to each power of two

struct Block {
    Block* next;
};

struct Cache {
    Block* small[small_classes];
    Block* large[large_classes];
    uint64_t large_used_at[large_classes];
    int64_t live_bytes, peak_bytes, usable_bytes, allocations, releases, system_calls;
    int64_t limit;
};

extern Cache cache;

void* refill_small(int size_class);
void* allocate_large(size_t bytes);
void release_large(void* p, size_t bytes);

inline int small_class(size_t bytes) { return bytes ? int((bytes - 1) / alignment) : 0; }

inline void count_out(int64_t bytes) {
    cache.live_bytes += bytes;
    if (cache.live_bytes > cache.peak_bytes) cache.peak_bytes = cache.live_bytes;
    ++cache.allocations;
}

}  // namespace memory

// Memory for `bytes` bytes, aligned to 64, not cleared; never null for 0 bytes. Null when the system has no more, after
// the cache has been emptied.
inline void* allocate(size_t bytes) {
    using namespace memory;
    if (bytes > small_limit) return allocate_large(bytes);
    const int c = small_class(bytes);
    Block* block = cache.small[c];
    if (!block) return refill_small(c);
    const int64_t size = int64_t(c + 1) * int64_t(alignment);
    cache.small[c] = block->next;
    count_out(size);
    return block;
}

// Gives back what allocate(bytes) returned, with the same `bytes`. Null is allowed.
inline void release(void* p, size_t bytes) {
    using namespace memory;
    if (!p) return;
    if (bytes > small_limit) return release_large(p, bytes);
    const int c = small_class(bytes);
    const int64_t size = int64_t(c + 1) * int64_t(alignment);
    Block* block = static_cast<Block*>(p);
    block->next = cache.small[c];
    cache.small[c] = block;
    cache.live_bytes -= size;
    ++cache.releases;
}

// Returns every cached buffer above 1 KiB to the system; the smaller ones live in slabs that stay.
void trim();

MemoryStats memory_stats();
void reset_peak();

// The bound on the cached bytes of buffers above 1 KiB. A quarter of the machine's memory until it is set.
int64_t cache_limit();
void set_cache_limit(int64_t bytes);

}  // namespace dg
