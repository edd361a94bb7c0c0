// What a loop without the GIL may rely on: that the memory it was given stays.
//
// Note [Memory outlives the loops that run over it]
// A loop that has given up the GIL works on raw pointers, and another thread may meanwhile give the same tensor other
// memory (`x.data = y`, `resize_`). So an exchanged storage is not dropped but retired, and goes when every loop has
// ended that was under way at that moment. A function begins an Unlocked before it gives up the GIL, which ends when the
// function returns, and copies the shapes and strides that the loop reads, for those may be overwritten. The objects
// themselves are owned by the function's arguments and locals. All of this is guarded by the GIL: an Unlocked is begun
// and ended with it.
#pragma once
#include <cstdint>

#include "storage.hpp"

namespace dg {

class Unlocked {
public:
    Unlocked() = default;
    ~Unlocked() { if (running) end(); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
    void begin();

private:
    void end();
    uint64_t started = 0;
    bool running = false;
};

// Gives up a reference to a storage, now or when no loop can be at work on it any more.
void retire(Storage* storage);

}  // namespace dg
