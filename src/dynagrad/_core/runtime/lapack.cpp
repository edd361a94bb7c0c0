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

template <class T>
T* at(void* base, int64_t i, int64_t step) {
    return static_cast<T*>(base) + i * step;
}

}  // namespace

bool lu_factor(DType type, int64_t batch, int32_t m, int32_t n, void* a, int32_t* pivots, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*getrf)(Int*, Int*, T*, Int*, Int*, Int*);
        if (!routine<T>("getrf", getrf)) return false;
        Int lda = lead(m);
        for (int64_t i = 0; i < batch; i++)
            getrf(&m, &n, at<T>(a, i, int64_t(m) * n), &lda, pivots + i * std::min(m, n), info + i);
        return true;
    });
}

bool lu_solve(DType type, bool trans, int64_t batch, int32_t n, int32_t columns, void* lu, int32_t* pivots, void* b) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*getrs)(const char*, Int*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("getrs", getrs)) return false;
        Int ld = lead(n), info = 0;
        for (int64_t i = 0; i < batch; i++)
            getrs(trans ? "T" : "N", &n, &columns, at<T>(lu, i, int64_t(n) * n), &ld, pivots + i * n,
                  at<T>(b, i, int64_t(n) * columns), &ld, &info, 1);
        return true;
    });
}

bool cholesky(DType type, bool upper, int64_t batch, int32_t n, void* a, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*potrf)(const char*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("potrf", potrf)) return false;
        Int lda = lead(n);
        for (int64_t i = 0; i < batch; i++) potrf(upper ? "U" : "L", &n, at<T>(a, i, int64_t(n) * n), &lda, info + i, 1);
        return true;
    });
}

bool triangular_solve(DType type, bool left, bool upper, bool trans, bool unit, int64_t batch, int32_t m, int32_t n,
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
                 static_cast<const T*>(a) + i * int64_t(order) * order, &lda, at<T>(b, i, int64_t(m) * n), &ldb, 1, 1, 1, 1);
        return true;
    });
}

bool qr_factor(DType type, int64_t batch, int32_t m, int32_t n, void* a, void* tau) {
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
            geqrf(&m, &n, at<T>(a, i, int64_t(m) * n), &lda, at<T>(tau, i, std::min(m, n)), work.data(), &size, &info);
        return true;
    });
}

bool reflectors_to_q(DType type, int64_t batch, int32_t m, int32_t n, int32_t k, void* a, void* tau) {
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
            orgqr(&m, &n, &k, at<T>(a, i, int64_t(m) * n), &lda, at<T>(tau, i, k), work.data(), &size, &info);
        return true;
    });
}

bool symmetric_eigen(DType type, bool vectors, bool upper, int64_t batch, int32_t n, void* a, void* values, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*syevd)(const char*, const char*, Int*, T*, Int*, T*, T*, Int*, Int*, Int*, Int*, Length, Length);
        if (!routine<T>("syevd", syevd)) return false;
        const char *job = vectors ? "V" : "N", *half = upper ? "U" : "L";
        Int lda = lead(n), ask = -1, whole = 0;
        T wanted = 0;
        syevd(job, half, &n, nullptr, &lda, nullptr, &wanted, &ask, &whole, &ask, info, 1, 1);
        auto work = workspace(wanted);
        std::vector<Int> integers(std::max<Int>(1, whole));
        Int size = Int(work.size()), count = Int(integers.size());
        for (int64_t i = 0; i < batch; i++)
            syevd(job, half, &n, at<T>(a, i, int64_t(n) * n), &lda, at<T>(values, i, n), work.data(), &size, integers.data(),
                  &count, info + i, 1, 1);
        return true;
    });
}

bool singular_values(DType type, char job, int64_t batch, int32_t m, int32_t n, void* a, void* s, void* u, void* vt,
                     int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*gesdd)(const char*, Int*, Int*, T*, Int*, T*, T*, Int*, T*, Int*, T*, Int*, Int*, Int*, Length);
        if (!routine<T>("gesdd", gesdd)) return false;
        Int k = std::min(m, n), lda = lead(m), ldu = lead(m), rows = job == 'A' ? n : k, ldvt = lead(rows), ask = -1;
        int64_t u_step = int64_t(m) * (job == 'A' ? m : k), vt_step = int64_t(rows) * n;
        std::vector<Int> integers(std::max<Int>(1, 8 * k));
        T wanted = 0, none = 0;
        gesdd(&job, &m, &n, nullptr, &lda, nullptr, &none, &ldu, &none, &ldvt, &wanted, &ask, integers.data(), info, 1);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++)
            gesdd(&job, &m, &n, at<T>(a, i, int64_t(m) * n), &lda, at<T>(s, i, k), job == 'N' ? &none : at<T>(u, i, u_step),
                  &ldu, job == 'N' ? &none : at<T>(vt, i, vt_step), &ldvt, work.data(), &size, integers.data(), info + i, 1);
        return true;
    });
}

namespace {

template <class T>
bool solve_gels(int64_t batch, Int m, Int n, Int columns, void* a, void* b, int32_t* info) {
    void (*gels)(const char*, Int*, Int*, Int*, T*, Int*, T*, Int*, T*, Int*, Int*, Length);
    if (!routine<T>("gels", gels)) return false;
    Int lda = lead(m), ldb = lead(std::max(m, n)), ask = -1;
    T wanted = 0;
    gels("N", &m, &n, &columns, nullptr, &lda, nullptr, &ldb, &wanted, &ask, info, 1);
    auto work = workspace(wanted);
    Int size = Int(work.size());
    for (int64_t i = 0; i < batch; i++)
        gels("N", &m, &n, &columns, at<T>(a, i, int64_t(m) * n), &lda, at<T>(b, i, int64_t(std::max(m, n)) * columns), &ldb,
             work.data(), &size, info + i, 1);
    return true;
}

template <class T>
bool solve_gelsy(int64_t batch, Int m, Int n, Int columns, void* a, void* b, double rcond, int64_t* rank, int32_t* info) {
    void (*gelsy)(Int*, Int*, Int*, T*, Int*, T*, Int*, Int*, T*, Int*, T*, Int*, Int*);
    if (!routine<T>("gelsy", gelsy)) return false;
    Int lda = lead(m), ldb = lead(std::max(m, n)), ask = -1, found = 0;
    T wanted = 0, cut = T(rcond);
    std::vector<Int> pivots(std::max<Int>(1, n));
    gelsy(&m, &n, &columns, nullptr, &lda, nullptr, &ldb, pivots.data(), &cut, &found, &wanted, &ask, info);
    auto work = workspace(wanted);
    Int size = Int(work.size());
    for (int64_t i = 0; i < batch; i++) {
        std::fill(pivots.begin(), pivots.end(), 0);
        gelsy(&m, &n, &columns, at<T>(a, i, int64_t(m) * n), &lda, at<T>(b, i, int64_t(std::max(m, n)) * columns), &ldb,
              pivots.data(), &cut, &found, work.data(), &size, info + i);
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
    Int lda = lead(m), ldb = lead(std::max(m, n)), found = 0;
    T cut = T(rcond);
    std::vector<Int> integers(1);
    auto call = [&](T* each_a, T* each_b, T* each_s, T* work, Int size, int32_t* each_info) {
        if (divide)
            gelsd(&m, &n, &columns, each_a, &lda, each_b, &ldb, each_s, &cut, &found, work, &size, integers.data(), each_info);
        else
            gelss(&m, &n, &columns, each_a, &lda, each_b, &ldb, each_s, &cut, &found, work, &size, each_info);
    };
    T wanted = 0;
    call(nullptr, nullptr, nullptr, &wanted, -1, info);
    integers.resize(std::max<size_t>(1, integers[0]));
    auto work = workspace(wanted);
    for (int64_t i = 0; i < batch; i++) {
        call(at<T>(a, i, int64_t(m) * n), at<T>(b, i, int64_t(std::max(m, n)) * columns), at<T>(s, i, std::min(m, n)),
             work.data(), Int(work.size()), info + i);
        rank[i] = found;
    }
    return true;
}

}  // namespace

bool least_squares(DType type, char driver, int64_t batch, int32_t m, int32_t n, int32_t columns, void* a, void* b,
                   double rcond, void* s, int64_t* rank, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        if (driver == 'l') return solve_gels<T>(batch, m, n, columns, a, b, info);
        if (driver == 'y') return solve_gelsy<T>(batch, m, n, columns, a, b, rcond, rank, info);
        return solve_by_values<T>(driver == 'd', batch, m, n, columns, a, b, rcond, s, rank, info);
    });
}

bool symmetric_factor(DType type, int64_t batch, int32_t n, void* a, int32_t* pivots, int32_t* info) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*sytrf)(const char*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("sytrf", sytrf)) return false;
        Int lda = lead(n), ask = -1;
        T wanted = 0;
        sytrf("L", &n, nullptr, &lda, pivots, &wanted, &ask, info, 1);
        auto work = workspace(wanted);
        Int size = Int(work.size());
        for (int64_t i = 0; i < batch; i++)
            sytrf("L", &n, at<T>(a, i, int64_t(n) * n), &lda, pivots + i * n, work.data(), &size, info + i, 1);
        return true;
    });
}

bool symmetric_solve(DType type, int64_t batch, int32_t n, int32_t columns, void* ld, int32_t* pivots, void* b) {
    return typed(type, [&](auto t) {
        using T = decltype(t);
        void (*sytrs)(const char*, Int*, Int*, T*, Int*, Int*, T*, Int*, Int*, Length);
        if (!routine<T>("sytrs", sytrs)) return false;
        Int lead_n = lead(n), info = 0;
        for (int64_t i = 0; i < batch; i++)
            sytrs("L", &n, &columns, at<T>(ld, i, int64_t(n) * n), &lead_n, pivots + i * n, at<T>(b, i, int64_t(n) * columns),
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
