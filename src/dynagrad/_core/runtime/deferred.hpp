// Element loops that wait: a straight-line program over memory of one length, run block by block once its results are needed,
// so that what lies between two loops never leaves the cache. No Python in here; each thread has one program.
#pragma once
#include <cstdint>
#include <vector>

#include "../kernels/table.hpp"

namespace dg {

class Deferred {
public:
    static constexpr int max_steps = 32;
    static constexpr int max_inputs = 3;

    // Each returns a register. `step` is the distance of two elements in bytes, 0 to repeat the first.
    int read(const char* data, int64_t step);
    int number(int64_t bits);
    int apply(Loop loop, const Params& params, int n_inputs, const int* inputs);

    // The memory that the register, made by `apply`, is written to; the others are written nowhere.
    void keep(int reg, char* memory) { registers[reg].memory = memory; }
    // Runs what the kept registers depend on, over all cores, and forgets the program.
    void run(int64_t length, int item_size);
    void clear();

    bool full() const { return int(steps.size()) == max_steps; }

    // Objects that the caller keeps alive until the program has run: whose memory is read, and what stands for the results.
    std::vector<void*> operands;
    std::vector<void*> results;

private:
    struct Register {
        const char* data = nullptr;     // read from here, or,
        char* memory = nullptr;         // when a step makes it, written here,
        int slot = -1;                  // or to this block of scratch memory;
        int64_t step = 0;
        int64_t bits = 0;               // or a number
        bool is_number = false;
        int last_use = -1;              // the step after which its slot is free
    };
    struct Step {
        Loop loop;
        Params params;
        int n_inputs;
        int inputs[max_inputs];
        int result;
        bool needed = false;
    };

    void choose_slots();
    void run_block(int64_t begin, int64_t n, char* scratch) const;
    static void run_range(int64_t begin, int64_t end, void* context);

    std::vector<Register> registers;
    std::vector<Step> steps;
    int item_size = 0;
};

// The program of this thread.
Deferred& deferred();

}  // namespace dg
