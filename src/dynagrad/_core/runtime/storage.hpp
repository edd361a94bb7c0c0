// A counted block of bytes, and the version counter that lives with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>

#include "memory.hpp"

namespace dg {

// Note [Views share a version counter]
// An in-place write bumps the counter of the memory's owner, so that every view of it, and every saved tensor, sees the
// write. The counter is a field of Storage; a tensor made by `.data` counts apart from its source, and so points to
// the counter of an empty Storage of its own while it shares the bytes of another.
// References are counted under the GIL.
struct Storage {
    int64_t references;
    uint32_t version;
    bool inlined;                       // the bytes follow this header in the same block
    bool read_only;
    char* data;
    size_t nbytes;
    void (*free_owner)(void* owner);    // for memory that somebody else made (NumPy, DLPack); else null
    void* owner;
    uint64_t last_write;                // number of the last in-place write, see `write_position` in graph.pyx
    uint64_t first_saved;               // number of the first node that saved a tensor over it, plus 1; or 0
};

constexpr size_t kInlineBytes = 64;

inline Storage* storage_new(size_t nbytes) {
    const bool inlined = nbytes <= kInlineBytes;
    auto* s = static_cast<Storage*>(allocate(sizeof(Storage) + (inlined ? kInlineBytes : 0)));
    if (!s) return nullptr;
    *s = Storage{1, 0, inlined, false, reinterpret_cast<char*>(s + 1), nbytes, nullptr, nullptr, 0, 0};
    if (!inlined) {
        s->data = static_cast<char*>(allocate(nbytes));
        if (!s->data) {
            release(s, sizeof(Storage));
            return nullptr;
        }
    }
    return s;
}

inline Storage* storage_wrap(void* data, size_t nbytes, void (*free_owner)(void*), void* owner) {
    auto* s = static_cast<Storage*>(allocate(sizeof(Storage)));
    if (!s) return nullptr;
    *s = Storage{1, 0, false, false, static_cast<char*>(data), nbytes, free_owner, owner, 0, 0};
    return s;
}

inline void storage_free(Storage* s) {
    if (s->free_owner) {
        s->free_owner(s->owner);
    } else if (!s->inlined) {
        release(s->data, s->nbytes);
    }
    release(s, sizeof(Storage) + (s->inlined ? kInlineBytes : 0));
}

inline void storage_drop(Storage* s) {
    if (s && --s->references == 0) storage_free(s);
}

inline Storage* storage_share(Storage* s) {
    ++s->references;
    return s;
}

}  // namespace dg
