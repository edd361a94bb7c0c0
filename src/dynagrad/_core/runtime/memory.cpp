#include "memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace dg {
namespace memory {

namespace {

constexpr size_t slab_bytes = 64 * 1024;
constexpr size_t huge_page = size_t(2) << 20;
constexpr size_t largest = size_t(1) << 60;
uint64_t clock_ticks = 0;
int64_t large_cached_bytes = 0;

int64_t default_limit() {
    const int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? pages / 4 * page : int64_t(1) << 30;
}

// Between 2^k and 2^(k+1) lie eight classes, so at most an eighth of a buffer is slack.
int large_class(size_t bytes) {
    const int k = std::bit_width(bytes - 1) - 1;
    return (k - 10) * 8 + int(((bytes - 1) >> (k - 3)) & 7);
}

size_t large_size(int c) { return size_t(8 + (c & 7) + 1) << (c / 8 + 10 - 3); }

// Huge pages make the first touch of a large buffer some ten times cheaper.
void* from_system(size_t size) {
    ++cache.system_calls;
    const bool huge = size >= 2 * huge_page;
    void* p = std::aligned_alloc(huge ? huge_page : alignment, huge ? (size + huge_page - 1) & ~(huge_page - 1) : size);
    if (p && huge) madvise(p, size, MADV_HUGEPAGE);
    return p;
}

void drop_one(int c) {
    Block* block = cache.large[c];
    const int64_t size = int64_t(large_size(c));
    cache.large[c] = block->next;
    cache.usable_bytes -= size;
    large_cached_bytes -= size;
    std::free(block);
}

// The class that has not been asked for the longest goes first.
int stalest_class() {
    int found = -1;
    for (int c = 0; c < large_classes; ++c)
        if (cache.large[c] && (found < 0 || cache.large_used_at[c] < cache.large_used_at[found])) found = c;
    return found;
}

void shrink_to(int64_t bytes) {
    while (large_cached_bytes > bytes) drop_one(stalest_class());
}

void* from_system_or_trimmed(size_t size) {
    void* p = from_system(size);
    if (p) return p;
    shrink_to(0);
    return from_system(size);
}

}  // namespace

constinit Cache cache{};

void* refill_small(int c) {
    const size_t size = size_t(c + 1) * alignment;
    char* slab = static_cast<char*>(from_system_or_trimmed(slab_bytes));
    if (!slab) return nullptr;
    const size_t n = slab_bytes / size;
    for (size_t i = n; i-- > 1;) {
        Block* block = reinterpret_cast<Block*>(slab + i * size);
        block->next = cache.small[c];
        cache.small[c] = block;
    }
    cache.usable_bytes += int64_t(n * size);
    count_out(int64_t(size));
    return slab;
}

void* allocate_large(size_t bytes) {
    if (bytes > largest) return nullptr;
    const int c = large_class(bytes);
    const size_t size = large_size(c);
    cache.large_used_at[c] = ++clock_ticks;
    if (Block* block = cache.large[c]) {
        cache.large[c] = block->next;
        large_cached_bytes -= int64_t(size);
        count_out(int64_t(size));
        return block;
    }
    void* p = from_system_or_trimmed(size);
    if (p) {
        cache.usable_bytes += int64_t(size);
        count_out(int64_t(size));
    }
    return p;
}

void release_large(void* p, size_t bytes) {
    const int c = large_class(bytes);
    const int64_t size = int64_t(large_size(c));
    Block* block = static_cast<Block*>(p);
    block->next = cache.large[c];
    cache.large[c] = block;
    cache.large_used_at[c] = ++clock_ticks;
    cache.live_bytes -= size;
    ++cache.releases;
    large_cached_bytes += size;
    if (large_cached_bytes > cache_limit()) shrink_to(cache_limit());
}

}  // namespace memory

void trim() { memory::shrink_to(0); }

MemoryStats memory_stats() {
    const memory::Cache& c = memory::cache;
    return {c.live_bytes,   c.peak_bytes,  c.usable_bytes - c.live_bytes, c.usable_bytes, c.allocations - c.releases,
            c.allocations, c.system_calls};
}

void reset_peak() { memory::cache.peak_bytes = memory::cache.live_bytes; }

int64_t cache_limit() {
    if (!memory::cache.limit) memory::cache.limit = memory::default_limit();
    return memory::cache.limit - 1;
}

// The limit is kept one too large, so that zero means that it has not been set.
void set_cache_limit(int64_t bytes) {
    memory::cache.limit = std::max<int64_t>(bytes, 0) + 1;
    memory::shrink_to(bytes);
}

}  // namespace dg
