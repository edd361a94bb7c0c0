// The whole table for one instruction set. Compiled once per set, each time with its own flags and its own DG_ISA.
#include "cast.hpp"
#include "pointwise.hpp"
#include "reduce.hpp"
#include "scan.hpp"
#include "softmax.hpp"
#include "table.hpp"

#define DG_TEXT_OF(name) #name
#define DG_TEXT(name) DG_TEXT_OF(name)

namespace dg {
namespace DG_ISA {

static Kernels make_table() {
    Kernels k{};
    k.isa = DG_TEXT(DG_ISA);
    fill_pointwise(k);
    fill_cast(k);
    fill_reduce(k);
    fill_softmax(k);
    fill_scan(k);
    return k;
}

const Kernels* table() {
    static const Kernels filled = make_table();
    return &filled;
}

}  // namespace DG_ISA
}  // namespace dg
