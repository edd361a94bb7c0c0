#include "deferred.hpp"

#include <algorithm>

#include "threads.hpp"

namespace dg {
namespace {

constexpr int64_t block_bytes = 4096;   // of each register: a program's worth of them fits the second-level cache
constexpr int64_t grain = 16384;        // elements worth a thread

}  // namespace

int Deferred::read(const char* data, int64_t step) {
    registers.push_back({});
    registers.back().data = data;
    registers.back().step = step;
    return int(registers.size()) - 1;
}

int Deferred::number(int64_t bits) {
    registers.push_back({});
    registers.back().bits = bits;
    registers.back().is_number = true;
    return int(registers.size()) - 1;
}

int Deferred::apply(Loop loop, const Params& params, int n_inputs, const int* inputs) {
    Step step{loop, params, n_inputs, {}, int(registers.size())};
    std::copy(inputs, inputs + n_inputs, step.inputs);
    steps.push_back(step);
    registers.push_back({});
    return step.result;
}

// Marks the steps that a kept register depends on, last to first, and gives what they pass on a place until its last use.
void Deferred::choose_slots() {
    for (int s = int(steps.size()); s-- > 0;) {
        Step& step = steps[s];
        step.needed = registers[step.result].memory || registers[step.result].last_use >= 0;
        if (!step.needed) continue;
        for (int k = 0; k < step.n_inputs; ++k) {
            Register& input = registers[step.inputs[k]];
            if (input.last_use < 0) input.last_use = s;
        }
    }
    std::vector<int> free;
    int used = 0;
    for (int s = 0; s < int(steps.size()); ++s) {
        if (!steps[s].needed) continue;
        Register& result = registers[steps[s].result];
        if (!result.memory) {
            if (free.empty()) free.push_back(used++);
            result.slot = free.back();
            free.pop_back();
        }
        for (int k = 0; k < steps[s].n_inputs; ++k) {
            Register& input = registers[steps[s].inputs[k]];
            if (input.slot >= 0 && input.last_use == s) {
                free.push_back(input.slot);
                input.last_use = -1;    // an operand may be given twice
            }
        }
    }
}

void Deferred::run_block(int64_t begin, int64_t n, char* scratch) const {
    const auto place = [&](const Register& r) -> char* {
        if (r.is_number) return const_cast<char*>(reinterpret_cast<const char*>(&r.bits));
        if (r.data) return const_cast<char*>(r.data) + begin * r.step;
        return r.memory ? r.memory + begin * item_size : scratch + r.slot * block_bytes;
    };
    char* data[max_inputs + 1];
    int64_t strides[max_inputs + 1];
    for (const Step& step : steps) {
        if (!step.needed) continue;
        data[0] = place(registers[step.result]);
        strides[0] = item_size;
        for (int k = 0; k < step.n_inputs; ++k) {
            const Register& input = registers[step.inputs[k]];
            data[k + 1] = place(input);
            strides[k + 1] = input.data || input.is_number ? input.step : item_size;
        }
        step.loop(data, strides, n, &step.params);
    }
}

void Deferred::run_range(int64_t begin, int64_t end, void* context) {
    const auto& program = *static_cast<const Deferred*>(context);
    alignas(64) char scratch[max_steps * block_bytes];
    const int64_t block = block_bytes / program.item_size;
    for (; begin < end; begin += block) program.run_block(begin, std::min(block, end - begin), scratch);
}

void Deferred::run(int64_t length, int size) {
    item_size = size;
    choose_slots();
    parallel_for(length, grain, run_range, this);
    clear();
}

void Deferred::clear() {
    registers.clear();
    steps.clear();
}

Deferred& deferred() {
    thread_local Deferred program;
    return program;
}

}  // namespace dg
