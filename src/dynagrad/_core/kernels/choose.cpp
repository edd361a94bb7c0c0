// Picks the table for this processor, once. DYNAGRAD_ISA names another one, as far as the processor can run it.
#include <cstdlib>
#include <cstring>

#include "table.hpp"

namespace dg {

#ifdef __x86_64__
namespace x86_64 { const Kernels* table(); }
namespace avx2 { const Kernels* table(); }
namespace avx512 { const Kernels* table(); }

static bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static const Kernels* choose() {
    __builtin_cpu_init();
    const char* asked = std::getenv("DYNAGRAD_ISA");
    bool at_most_avx2 = asked && std::strcmp(asked, "avx2") == 0;
    bool baseline = asked && std::strcmp(asked, "x86_64") == 0;
    if (has_avx512() && !at_most_avx2 && !baseline) return avx512::table();
    return has_avx2() && !baseline ? avx2::table() : x86_64::table();
}
#else
namespace generic { const Kernels* table(); }

static const Kernels* choose() { return generic::table(); }
#endif

const Kernels* kernels() {
    static const Kernels* chosen = choose();
    return chosen;
}

}  // namespace dg
