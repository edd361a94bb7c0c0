#include "blas.hpp"

#include <dlfcn.h>

#include <atomic>
#include <string>

#include "threads.hpp"

namespace dg {
namespace {

struct Library {
    void* handle;
    Blas<float> single_precision;
    Blas<double> double_precision;
    void (*set_threads)(int);
    int (*get_threads)();
    std::atomic<int> threads{0};
};

std::atomic<Library*> library{nullptr};

// The suffix says that integers are 64 bits wide; the prefix came with NumPy 2.
template <class F>
bool find(void* handle, const char* name, F& slot) {
    for (const char* prefix : {"scipy_", ""}) {
        slot = reinterpret_cast<F>(dlsym(handle, (std::string(prefix) + name + "64_").c_str()));
        if (slot) return true;
    }
    return false;
}

bool bind(Library& lib) {
    void* h = lib.handle;
    return find(h, "cblas_sgemm", lib.single_precision.gemm) && find(h, "cblas_dgemm", lib.double_precision.gemm) &&
           find(h, "cblas_sgemv", lib.single_precision.gemv) && find(h, "cblas_dgemv", lib.double_precision.gemv) &&
           find(h, "cblas_sdot", lib.single_precision.dot) && find(h, "cblas_ddot", lib.double_precision.dot) &&
           find(h, "openblas_set_num_threads", lib.set_threads) && find(h, "openblas_get_num_threads", lib.get_threads);
}

Library* ready() {
    Library* lib = library.load(std::memory_order_acquire);
    if (lib && lib->threads.load(std::memory_order_relaxed) != num_threads()) {
        lib->threads.store(num_threads());
        lib->set_threads(num_threads());
    }
    return lib;
}

}  // namespace

bool blas_load(const char* path) {
    if (library.load()) return true;
    void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return false;
    Library* lib = new Library{};
    lib->handle = handle;
    if (bind(*lib)) {
        lib->threads.store(lib->get_threads());
        library.store(lib);
        return true;
    }
    delete lib;
    dlclose(handle);
    return false;
}

bool blas_loaded() { return library.load() != nullptr; }

void* blas_symbol(const char* name) {
    void (*found)() = nullptr;
    if (Library* lib = ready()) find(lib->handle, name, found);
    return reinterpret_cast<void*>(found);
}

template <>
const Blas<float>* blas<float>() {
    Library* lib = ready();
    return lib ? &lib->single_precision : nullptr;
}

template <>
const Blas<double>* blas<double>() {
    Library* lib = ready();
    return lib ? &lib->double_precision : nullptr;
}

}  // namespace dg
