// What every header of the kernels starts from. The same headers are compiled once per instruction set, each time in
// another namespace, `dg::DG_ISA`: nothing emitted from them may have a name that two of these units share, or the linker
// could hand AVX-512 code to a machine without it. Hence also no <cmath> and no standard algorithm in here.
#pragma once

#ifndef DG_ISA
#error "compile the kernels with -DDG_ISA=x86_64, avx2, avx512 or generic"
#endif

#define DG_INLINE inline __attribute__((always_inline))
// One copy of every loop: inlined where the count is known to be one, each would be emitted twice.
#define DG_OUTLINE __attribute__((noinline))

// In place means the very same memory, so an element is read before it is written; the vectoriser may trust that.
#if defined(__clang__)
#define DG_VECTOR _Pragma("clang loop vectorize(assume_safety)")
#else
#define DG_VECTOR _Pragma("GCC ivdep")
#endif
