#include "lapack.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "blas.hpp"

namespace dg {
namespace {

using Int = BlasInt;
using Length = size_t;  // Fortran passes the length of each character argument at the end

// The routine with this name behind the letter of the type; null when absent.
template <class T, class F>
bool routine(const char* name, F*& found) {
    std::string full(1, sizeof(T) == 8 ? 'd' : 's');
    full.append(name).push_back('_');
    found = reinterpret_cast<F*>(blas_symbol(full.c_str()));
    return found != nullptr;
}

template <class Body>
bool typed(DType type, Body body) {
    return type == DType::F64 ? body(double{}) : body(float{});
}

Int lead(Int rows) { return std::max<Int>(1, rows); }

// LAPACK answers a call with lwork = -1 with the size of the workspace it wants.
template <class T>
std::vector<T> workspace(T wanted) {
    return std::vector<T>(std::max<size_t>(1, static_cast<size_t>(wanted) + 1));
}

// Pivots and infos are int32 in tensors, as PyTorch's are, and as wide as BlasInt in a call. This one is written back.
struct Said {
    int32_t* place;
    Int value = 0;
    explicit Said(int32_t* place) : place(place) {}
    ~Said() { *place = int32_t(value); }
    operator Int*() { return &value; }
};

std::vector<Int> widened(const int32_t* narrow, int64_t n) { return std::vector<Int>(narrow, narrow + n); }

template <class T>
T* at(void* base, int64_t i, int64_t step) {
    return static_cast<T*>(base) + i * step;
}

}  // namespace

bool lu_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, int32_t* pivots, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*getrf)(Int*, Int*, T*, Int*, Int*, Int*);
        if (!routine<T>("getrf", getrf)) return false;
        Int lda = lead(m), k = std::min(m, n);
        std::vector<Int> order(k);
        for (int64_t i = 0; i < batch; i++) {
            getrf(&m, &n, at<T>(a, i, m * n), &lda, order.data(), Said(info + i));
            std::copy(order.begin(), order.end(), pivots + i * k);
        }
        return true;
    });
}

bool lu_solve(DType type, bool trans, int64_t batch, int64_t n, int64_t columns, void* lu, int32_t* pivots, void* b) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*getrs)(const char*, Int*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("getrs", getrs)) return false;
        Int ld = lead(n), info = 0;
        for (int64_t i = 0; i < batch; i++)
            getrs(trans ? "T" : "N", &n, &columns, at<T>(lu, i, n * n), &ld, widened(pivots + i * n, n).data(),
                  at<T>(b, i, n * columns), &ld, &info, 1);
        return true;
    });
}

bool cholesky(DType type, bool upper, int64_t batch, int64_t n, void* a, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*potrf)(const char*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("potrf", potrf)) return false;
        Int lda = lead(n);
        for (int64_t i = 0; i < batch; i++) potrf(upper ? "U" : "L", &n, at<T>(a, i, n * n), &lda, Said(info + i), 1);
        return true;
    });
}

bool triangular_solve(DType type, bool left, bool upper, bool trans, bool unit, int64_t batch, int64_t m, int64_t n,
                      const void* a, void* b) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*trsm)(const char*, const char*, const char*, const char*, Int*, Int*, T*, const T*, Int*, T*, Int*, Length,
                     Length, Length, Length);
        if (!routine<T>("trsm", trsm)) return false;
        Int order = left ? m : n, lda = lead(order), ldb = lead(m);
        T one = 1;
        for (int64_t i = 0; i < batch; i++)
            trsm(left ? "L" : "R", upper ? "U" : "L", trans ? "T" : "N", unit ? "U" : "N", &m, &n, &one,
                 static_cast<const T*>(a) + i * order * order, &lda, at<T>(b, i, m * n), &ldb, 1, 1, 1, 1);
        return true;
    });
}

bool qr_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, void* tau) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*geqrf)(Int*, Int*, T*, Int*, T*, T*, Int*, Int*);
        if (!routine<T>("geqrf", geqrf)) return false;
        Int lda = lead(m), ask = -1, info = 0;
        T wanted = 0;
        geqrf(&m, &n, nullptr, &lda, nullptr, &wanted, &ask, &info);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++)
            geqrf(&m, &n, at<T>(a, i, m * n), &lda, at<T>(tau, i, std::min(m, n)), work.data(), &size, &info);
        return true;
    });
}

bool reflectors_to_q(DType type, int64_t batch, int64_t m, int64_t n, int64_t k, void* a, void* tau) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*orgqr)(Int*, Int*, Int*, T*, Int*, T*, T*, Int*, Int*);
        if (!routine<T>("orgqr", orgqr)) return false;
        Int lda = lead(m), ask = -1, info = 0;
        T wanted = 0;
        orgqr(&m, &n, &k, nullptr, &lda, nullptr, &wanted, &ask, &info);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++)
            orgqr(&m, &n, &k, at<T>(a, i, m * n), &lda, at<T>(tau, i, k), work.data(), &size, &info);
        return true;
    });
}

bool symmetric_eigen(DType type, bool vectors, bool upper, int64_t batch, int64_t n, void* a, void* values, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*syevd)(const char*, const char*, Int*, T*, Int*, T*, T*, Int*, Int*, Int*, Int*, Length, Length);
        if (!routine<T>("syevd", syevd)) return false;
        const char *job = vectors ? "V" : "N", *half = upper ? "U" : "L";
        Int lda = lead(n), ask = -1, whole = 0, said = 0;
        T wanted = 0;
        syevd(job, half, &n, nullptr, &lda, nullptr, &wanted, &ask, &whole, &ask, &said, 1, 1);
        auto work = workspace(wanted);
        std::vector<Int> integers(std::max<Int>(1, whole));
        Int size = Int(work.size()), count = Int(integers.size());
        for (int64_t i = 0; i < batch; i++)
            syevd(job, half, &n, at<T>(a, i, n * n), &lda, at<T>(values, i, n), work.data(), &size, integers.data(),
                  &count, Said(info + i), 1, 1);
        return true;
    });
}

bool singular_values(DType type, char job, int64_t batch, int64_t m, int64_t n, void* a, void* s, void* u, void* vt,
                     int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*gesdd)(const char*, Int*, Int*, T*, Int*, T*, T*, Int*, T*, Int*, T*, Int*, Int*, Int*, Length);
        if (!routine<T>("gesdd", gesdd)) return false;
        Int k = std::min(m, n), lda = lead(m), ldu = lead(m), rows = job == 'A' ? n : k, ldvt = lead(rows), ask = -1, said = 0;
        int64_t u_step = m * (job == 'A' ? m : k), vt_step = rows * n;
        std::vector<Int> integers(std::max<Int>(1, 8 * k));
        T wanted = 0, none = 0;
        gesdd(&job, &m, &n, nullptr, &lda, nullptr, &none, &ldu, &none, &ldvt, &wanted, &ask, integers.data(), &said, 1);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++)
            gesdd(&job, &m, &n, at<T>(a, i, m * n), &lda, at<T>(s, i, k), job == 'N' ? &none : at<T>(u, i, u_step),
                  &ldu, job == 'N' ? &none : at<T>(vt, i, vt_step), &ldvt, work.data(), &size, integers.data(), Said(info + i), 1);
        return true;
    });
}

namespace {

template <class T>
bool solve_gels(int64_t batch, Int m, Int n, Int columns, void* a, void* b, int32_t* info) {
    void (*gels)(const char*, Int*, Int*, Int*, T*, Int*, T*, Int*, T*, Int*, Int*, Length);
    if (!routine<T>("gels", gels)) return false;
    Int lda = lead(m), ldb = lead(std::max(m, n)), ask = -1, said = 0;
    T wanted = 0;
    gels("N", &m, &n, &columns, nullptr, &lda, nullptr, &ldb, &wanted, &ask, &said, 1);
    auto work = workspace(wanted);
    Int size = Int(work.size());
    for (int64_t i = 0; i < batch; i++)
        gels("N", &m, &n, &columns, at<T>(a, i, m * n), &lda, at<T>(b, i, std::max(m, n) * columns), &ldb,
             work.data(), &size, Said(info + i), 1);
    return true;
}

template <class T>
bool solve_gelsy(int64_t batch, Int m, Int n, Int columns, void* a, void* b, double rcond, int64_t* rank, int32_t* info) {
    void (*gelsy)(Int*, Int*, Int*, T*, Int*, T*, Int*, Int*, T*, Int*, T*, Int*, Int*);
    if (!routine<T>("gelsy", gelsy)) return false;
    Int lda = lead(m), ldb = lead(std::max(m, n)), ask = -1, found = 0, said = 0;
    T wanted = 0, cut = T(rcond);
    std::vector<Int> pivots(std::max<Int>(1, n));
    gelsy(&m, &n, &columns, nullptr, &lda, nullptr, &ldb, pivots.data(), &cut, &found, &wanted, &ask, &said);
    auto work = workspace(wanted);
    Int size = Int(work.size());
    for (int64_t i = 0; i < batch; i++) {
        std::fill(pivots.begin(), pivots.end(), 0);
        gelsy(&m, &n, &columns, at<T>(a, i, m * n), &lda, at<T>(b, i, std::max(m, n) * columns), &ldb,
              pivots.data(), &cut, &found, work.data(), &size, Said(info + i));
        rank[i] = found;
    }
    return true;
}

template <class T>
bool solve_by_values(bool divide, int64_t batch, Int m, Int n, Int columns, void* a, void* b, double rcond, void* s,
                     int64_t* rank, int32_t* info) {
    void (*gelss)(Int*, Int*, Int*, T*, Int*, T*, Int*, T*, T*, Int*, T*, Int*, Int*) = nullptr;
    void (*gelsd)(Int*, Int*, Int*, T*, Int*, T*, Int*, T*, T*, Int*, T*, Int*, Int*, Int*) = nullptr;
    if (!(divide ? routine<T>("gelsd", gelsd) : routine<T>("gelss", gelss))) return false;
    Int lda = lead(m), ldb = lead(std::max(m, n)), found = 0, said = 0;
    T cut = T(rcond);
    std::vector<Int> integers(1);
    auto call = [&](T* each_a, T* each_b, T* each_s, T* work, Int size, Int* each_info) {
        if (divide)
            gelsd(&m, &n, &columns, each_a, &lda, each_b, &ldb, each_s, &cut, &found, work, &size, integers.data(), each_info);
        else
            gelss(&m, &n, &columns, each_a, &lda, each_b, &ldb, each_s, &cut, &found, work, &size, each_info);
    };
    T wanted = 0;
    call(nullptr, nullptr, nullptr, &wanted, -1, &said);
    integers.resize(std::max<size_t>(1, integers[0]));
    auto work = workspace(wanted);
    for (int64_t i = 0; i < batch; i++) {
        call(at<T>(a, i, m * n), at<T>(b, i, std::max(m, n) * columns), at<T>(s, i, std::min(m, n)),
             work.data(), Int(work.size()), Said(info + i));
        rank[i] = found;
    }
    return true;
}

}  // namespace

bool least_squares(DType type, char driver, int64_t batch, int64_t m, int64_t n, int64_t columns, void* a, void* b,
                   double rcond, void* s, int64_t* rank, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        if (driver == 'l') return solve_gels<T>(batch, m, n, columns, a, b, info);
        if (driver == 'y') return solve_gelsy<T>(batch, m, n, columns, a, b, rcond, rank, info);
        return solve_by_values<T>(driver == 'd', batch, m, n, columns, a, b, rcond, s, rank, info);
    });
}

bool symmetric_factor(DType type, int64_t batch, int64_t n, void* a, int32_t* pivots, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*sytrf)(const char*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("sytrf", sytrf)) return false;
        Int lda = lead(n), ask = -1, said = 0;
        T wanted = 0;
        std::vector<Int> order(n);
        sytrf("L", &n, nullptr, &lda, order.data(), &wanted, &ask, &said, 1);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++) {
            sytrf("L", &n, at<T>(a, i, n * n), &lda, order.data(), work.data(), &size, Said(info + i), 1);
            std::copy(order.begin(), order.end(), pivots + i * n);
        }
        return true;
    });
}

bool symmetric_solve(DType type, int64_t batch, int64_t n, int64_t columns, void* ld, int32_t* pivots, void* b) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*sytrs)(const char*, Int*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("sytrs", sytrs)) return false;
        Int lead_n = lead(n), info = 0;
        for (int64_t i = 0; i < batch; i++)
            sytrs("L", &n, &columns, at<T>(ld, i, n * n), &lead_n, widened(pivots + i * n, n).data(), at<T>(b, i, n * columns),
                  &lead_n, &info, 1);
        return true;
    });
}

void pivots_to_order(int64_t batch, int64_t n, int64_t k, const int32_t* pivots, int64_t* order) {
    for (int64_t i = 0; i < batch; i++, pivots += k, order += n) {
        for (int64_t row = 0; row < n; row++) order[row] = row;
        for (int64_t row = 0; row < k; row++)
            if (pivots[row] >= 1 && pivots[row] <= n) std::swap(order[row], order[pivots[row] - 1]);
    }
}

}  // namespace dg
