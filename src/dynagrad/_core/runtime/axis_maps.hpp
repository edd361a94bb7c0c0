// The lists behind one axis of a separable map.
#pragma once
#include <cstdint>
#include <vector>

#include "pool.hpp"

namespace dg {

struct AxisEntries {
    std::vector<int64_t> start{0}, index;
    std::vector<double> weight;      // empty: all are 1
    std::vector<double> divisor;     // of each output; empty: none
    bool identity = false;

    void add(int64_t i) { index.push_back(i); }
    void add(int64_t i, double w) {
        index.push_back(i);
        weight.push_back(w);
    }
    void close() { start.push_back(int64_t(index.size())); }
};

AxisEntries axis_entries(const AxisSpec& a, bool in_double);
AxisEntries transposed(const AxisEntries& m, int64_t in);

}  // namespace dg
