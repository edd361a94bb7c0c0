// What each pointwise row of opcodes.hpp computes on one element, and the rows of the table made of it.
#pragma once

#include "loops.hpp"
#include "special.hpp"
#include "trig.hpp"
#include "vecmath.hpp"

namespace dg {
namespace DG_ISA {

#define DG_OP1(name, ...)                                    \
    template <class T>                                       \
    struct name {                                            \
        explicit name(const Params&) {}                      \
        DG_INLINE T operator()(T x) const { __VA_ARGS__; }   \
    };
#define DG_OP2(name, ...)                                         \
    template <class T>                                            \
    struct name {                                                 \
        explicit name(const Params&) {}                           \
        DG_INLINE T operator()(T a, T b) const { __VA_ARGS__; }   \
    };
#define DG_TEST1(name, ...)                                        \
    template <class T>                                             \
    struct name {                                                  \
        explicit name(const Params&) {}                            \
        DG_INLINE uint8_t operator()(T x) const { __VA_ARGS__; }   \
    };
#define DG_TEST2(name, ...)                                             \
    template <class T>                                                  \
    struct name {                                                       \
        explicit name(const Params&) {}                                 \
        DG_INLINE uint8_t operator()(T a, T b) const { __VA_ARGS__; }   \
    };

template <class T>
constexpr bool is_integer = false;
template <>
constexpr bool is_integer<int64_t> = true;

// Integer arithmetic wraps; in C++ only unsigned arithmetic does.
DG_INLINE float plus(float a, float b) { return a + b; }
DG_INLINE double plus(double a, double b) { return a + b; }
DG_INLINE int64_t plus(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
DG_INLINE float times(float a, float b) { return a * b; }
DG_INLINE double times(double a, double b) { return a * b; }
DG_INLINE int64_t times(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
DG_INLINE int64_t negative(int64_t a) { return int64_t(0 - uint64_t(a)); }

template <class T>
DG_INLINE T scalar(const Params& p) { return is_integer<T> ? T(p.i) : T(p.a); }

template <class T>
DG_INLINE T sign_of(T x) { return T((0 < x) - (x < 0)); }

namespace unary {

DG_OP1(positive, return x)
DG_OP1(neg, if constexpr (is_integer<T>) return negative(x); else return -x)
DG_OP1(abs, return vm::abs(x))
DG_OP1(sign, return sign_of(x))
DG_OP1(square, return times(x, x))
DG_OP1(bitwise_not, return T(~int64_t(x)))
DG_OP1(floor, if constexpr (is_integer<T>) return x; else return lib::floor(x))
DG_OP1(ceil, if constexpr (is_integer<T>) return x; else return lib::ceil(x))
DG_OP1(round, if constexpr (is_integer<T>) return x; else return lib::nearbyint(x))
DG_OP1(trunc, if constexpr (is_integer<T>) return x; else return lib::trunc(x))
DG_OP1(relu, return x < 0 ? T(0) : x)

DG_OP1(exp, return vm::exp<T>(x))
DG_OP1(exp2, return vm::exp2<T>(x))
DG_OP1(expm1, return vm::expm1<T>(x))
DG_OP1(log, return vm::log<T>(x))
DG_OP1(log2, return vm::log2<T>(x))
DG_OP1(log10, return vm::log10<T>(x))
DG_OP1(log1p, return vm::log1p<T>(x))
DG_OP1(sqrt, return vm::sqrt(x))
DG_OP1(rsqrt, return T(1) / vm::sqrt(x))
DG_OP1(reciprocal, return T(1) / x)
DG_OP1(sin, return lib::sin(x))
DG_OP1(cos, return lib::cos(x))
DG_OP1(tan, return lib::tan(x))
DG_OP1(asin, return vm::asin<T>(x))
DG_OP1(acos, return vm::acos<T>(x))
DG_OP1(atan, return vm::atan<T>(x))
DG_OP1(sinh, return vm::sinh<T>(x))
DG_OP1(cosh, return vm::cosh<T>(x))
DG_OP1(tanh, return vm::tanh<T>(x))
DG_OP1(asinh, return vm::asinh<T>(x))
DG_OP1(acosh, return vm::acosh<T>(x))
DG_OP1(atanh, return vm::atanh<T>(x))
DG_OP1(sigmoid, return vm::sigmoid<T>(x))
DG_OP1(erf, if constexpr (sizeof(T) == 4) return vm::erf(x); else return lib::erf(x))
DG_OP1(erfc, return lib::erfc(x))
DG_OP1(erfinv, return lib::erfinv(x))
DG_OP1(lgamma, return lib::lgamma(x))
DG_OP1(digamma, return lib::digamma(x))
DG_OP1(frac, return x - lib::trunc(x))
DG_OP1(logsigmoid, return (x > 0 ? T(0) : x) - vm::log1p<T>(vm::exp<T>(-vm::abs(x))))
DG_OP1(silu, return x / (T(1) + vm::exp<T>(-x)))
DG_OP1(gelu_erf, return x * T(0.5) * (T(1) + erf<T>(Params())(x * T(0x1.6a09e667f3bcdp-1))))
DG_OP1(sinc, T y = x * T(lib::pi); T s = lib::sin(y) / y; return x == 0 ? T(1) : s)
DG_OP1(logit, return vm::log<T>(x / (T(1) - x)))

constexpr double root_2_over_pi = 0x1.9884533d43651p-1, gelu_cubic = 0.044715;
DG_OP1(gelu_tanh, return T(0.5) * x * (T(1) + vm::tanh<T>(T(root_2_over_pi) * (x + T(gelu_cubic) * x * x * x))))

// log(1 + e^(beta x)) / beta, and x itself where beta x passes the threshold
template <class T>
struct softplus {
    T beta, threshold;
    explicit softplus(const Params& p) : beta(T(p.a)), threshold(T(p.b)) {}
    DG_INLINE T operator()(T x) const {
        T z = x * beta, y = vm::log1p<T>(vm::exp<T>(z)) / beta;
        return z > threshold ? x : y;
    }
};

template <class T>
struct polygamma {
    int64_t n;
    explicit polygamma(const Params& p) : n(p.i) {}
    DG_INLINE T operator()(T x) const { return T(lib::polygamma(n, double(x))); }
};

}  // namespace unary

namespace binary {

template <class T>
struct add {
    T alpha;
    explicit add(const Params& p) : alpha(scalar<T>(p)) {}
    DG_INLINE T operator()(T a, T b) const { return plus(a, times(alpha, b)); }
};

template <class T>
struct mul {
    T alpha;
    explicit mul(const Params& p) : alpha(scalar<T>(p)) {}
    DG_INLINE T operator()(T a, T b) const { return times(times(alpha, a), b); }
};

DG_OP2(plain_add, return plus(a, b))
DG_OP2(plain_mul, return times(a, b))
DG_OP2(sub, if constexpr (is_integer<T>) return plus(a, negative(b)); else return a - b)
DG_OP2(maximum, return a < b || b != b ? b : a)
DG_OP2(minimum, return b < a || b != b ? b : a)
DG_OP2(fmax, return b > a || a != a ? b : a)
DG_OP2(fmin, return b < a || a != a ? b : a)

// Integer quotients: a divisor of zero is noted and gives 0; -1 is negation, for the least integer has no opposite.
template <class T>
struct Division {
    int* flag;
    explicit Division(const Params& p) : flag(p.flag) {}

    DG_INLINE bool undefined(T b) const {
        if (b == 0 && flag) *flag = 1;
        return b == 0;
    }
};

// How real remainders are taken: by the C library always, or by vector code where the quotient is small enough.
struct Careful {
    template <class T>
    DG_INLINE static T fmod(T a, T b) { return lib::fmod(a, b); }
};
struct Fast {
    template <class T>
    DG_INLINE static T fmod(T a, T b) { return vm::fmod(a, b); }
};

template <class T, class How = Careful>
struct div_floor : Division<T> {
    using Division<T>::Division;
    DG_INLINE T operator()(T a, T b) const {
        if constexpr (is_integer<T>) {
            if (b == -1) return negative(a);
            if (this->undefined(b)) return 0;
            return a / b - (a % b != 0 && (a < 0) != (b < 0));
        } else {
            T quotient = a / b, mod = How::fmod(a, b);
            T exact = (a - mod) / b, below = exact - T(1);
            T whole = mod != 0 && (b < 0) != (mod < 0) ? below : exact;
            T down = lib::floor(whole);
            down += T(whole - down > T(0.5));
            down = whole == 0 ? vm::copysign(T(0), quotient) : down;
            return b == 0 ? quotient : down;
        }
    }
};

template <class T>
struct div_trunc : Division<T> {
    using Division<T>::Division;
    DG_INLINE T operator()(T a, T b) const {
        if constexpr (is_integer<T>) {
            if (b == -1) return negative(a);
            return this->undefined(b) ? 0 : a / b;
        } else {
            return lib::trunc(a / b);
        }
    }
};

template <class T, class How = Careful>
struct fmod : Division<T> {
    using Division<T>::Division;
    DG_INLINE T operator()(T a, T b) const {
        if constexpr (is_integer<T>)
            return b == -1 || this->undefined(b) ? 0 : a % b;
        else
            return How::fmod(a, b);
    }
};

template <class T, class How = Careful>
struct remainder : Division<T> {
    using Division<T>::Division;
    DG_INLINE T operator()(T a, T b) const {
        T mod = fmod<T, How>(Params{.flag = this->flag})(a, b), shifted = plus(mod, b);
        return mod != 0 && (b < 0) != (mod < 0) ? shifted : mod;
    }
};

// A negative power of an integer is 0 unless its inverse is one.
DG_INLINE int64_t power(int64_t a, int64_t b) {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
    int64_t r = 1;
    for (; b; b >>= 1, a = times(a, a))
        if (b & 1) r = times(r, a);
    return r;
}
DG_INLINE float power(float a, float b) { return lib::pow(a, b); }
DG_INLINE double power(double a, double b) { return lib::pow(a, b); }
DG_OP2(pow, return power(a, b))
DG_OP1(cube, return times(times(x, x), x))
DG_OP1(inverse_square, return T(1) / (x * x))

DG_OP2(bitwise_and, return a & b)
DG_OP2(bitwise_or, return a | b)
DG_OP2(bitwise_xor, return a ^ b)
DG_OP2(shift_left, return b < 0 || b > 63 ? 0 : int64_t(uint64_t(a) << b))
DG_OP2(shift_right, return a >> (b < 0 || b > 63 ? 63 : b))

DG_OP2(div, return a / b)
DG_OP2(atan2, return vm::atan2<T>(a, b))
DG_OP2(copysign, return vm::copysign(a, b))
DG_OP2(xlogy, T y = a * vm::log<T>(b); return b != b ? b : a == 0 ? T(0) : y)
DG_OP2(hypot, return vm::hypot(a, b))
DG_OP2(logaddexp, T m = maximum<T>(Params())(a, b); T y = m + vm::log1p<T>(vm::exp<T>(-vm::abs(a - b)));
       return a == b && vm::abs(a) == vm::Format<T>::inf ? a : y)

DG_OP2(tanh_backward, return a * (T(1) - b * b))
DG_OP2(sigmoid_backward, return a * (T(1) - b) * b)
DG_OP2(relu_backward, return b <= 0 ? T(0) : a)
DG_OP2(square_backward, return a * (b + b))
DG_OP2(abs_backward, return a * sign_of(b))
DG_OP2(silu_backward, T s = vm::sigmoid<T>(b); return a * s * (T(1) + b * (T(1) - s)))
DG_OP2(logsigmoid_backward, T z = vm::exp<T>(-vm::abs(b)); T y = z / (T(1) + z); return a * (b < 0 ? T(1) - y : y))
DG_OP2(gelu_erf_backward, T cdf = T(0.5) * (T(1) + unary::erf<T>(Params())(b * T(0x1.6a09e667f3bcdp-1)));
       return a * (cdf + b * T(0x1.9884533d43651p-2) * vm::exp<T>(T(-0.5) * b * b)))
DG_OP2(gelu_tanh_backward, constexpr T k = T(unary::root_2_over_pi), c = T(unary::gelu_cubic);
       T t = vm::tanh<T>(k * (b + c * b * b * b)), inner = k * (T(1) + T(3) * c * b * b);
       return a * T(0.5) * (T(1) + t + b * (T(1) - t * t) * inner))

template <class T>
struct softplus_backward {
    T beta, threshold;
    explicit softplus_backward(const Params& p) : beta(T(p.a)), threshold(T(p.b)) {}
    DG_INLINE T operator()(T g, T x) const {
        T z = x * beta, e = vm::exp<T>(z), y = g * e / (e + T(1));
        return z > threshold ? g : y;
    }
};

}  // namespace binary

namespace test {

template <class T>
DG_INLINE T infinity() { if constexpr (is_integer<T>) return 0; else return vm::Format<T>::inf; }

DG_TEST1(isnan, return x != x)
DG_TEST1(isinf, return !is_integer<T> && vm::abs(x) == infinity<T>())
DG_TEST1(isfinite, return is_integer<T> || vm::abs(x) < infinity<T>())
DG_TEST1(signbit, if constexpr (is_integer<T>) return x < 0; else return vm::bits(x) >> (8 * sizeof(T) - 1) & 1)
DG_TEST1(is_zero, return x == 0)
DG_TEST1(is_nonzero, return x != 0)

}  // namespace test

namespace compare {

DG_TEST2(eq, return a == b)
DG_TEST2(ne, return a != b)
DG_TEST2(lt, return a < b)
DG_TEST2(le, return a <= b)
DG_TEST2(gt, return a > b)
DG_TEST2(ge, return a >= b)
DG_TEST2(logical_and, return (a != 0) & (b != 0))
DG_TEST2(logical_or, return (a != 0) | (b != 0))
DG_TEST2(logical_xor, return (a != 0) ^ (b != 0))

}  // namespace compare

namespace ternary {

template <class T>
struct where {
    explicit where(const Params&) {}
    DG_INLINE T operator()(uint8_t condition, T b, T c) const { return condition ? b : c; }
};

// NaN in any of the three comes out.
template <class T>
struct clamp {
    explicit clamp(const Params&) {}
    DG_INLINE T operator()(T x, T lo, T hi) const {
        return binary::minimum<T>(Params())(binary::maximum<T>(Params())(x, lo), hi);
    }
};

template <class T>
struct lerp {
    explicit lerp(const Params&) {}
    DG_INLINE T operator()(T a, T b, T weight) const {
        T from_a = a + weight * (b - a), from_b = b - (b - a) * (T(1) - weight);
        return vm::abs(weight) < T(0.5) ? from_a : from_b;
    }
};

template <class T>
struct addcmul {
    T value;
    explicit addcmul(const Params& p) : value(scalar<T>(p)) {}
    DG_INLINE T operator()(T a, T b, T c) const { return plus(a, times(times(value, b), c)); }
};

template <class T>
struct addcdiv {
    T value;
    explicit addcdiv(const Params& p) : value(scalar<T>(p)) {}
    DG_INLINE T operator()(T a, T b, T c) const { return a + value * b / c; }
};

}  // namespace ternary

// ---- loops that choose among several --------------------------------------------------------------------------------

template <class General, class Plain, class T>
void with_alpha(char* const* data, int64_t n, const Params* params) {
    if (scalar<T>(*params) == 1)
        binary_loop<Plain, T, T, T>(data, n, params);
    else
        binary_loop<General, T, T, T>(data, n, params);
}

template <class T>
void pow_strided(char* const* data, const int64_t* strides, int64_t n, const Params* params) {
    Loop loop = over_strides<binary_loop<binary::pow<T>, T, T, T>, T, T, T>;
    bool by_root = params->i == 0;  // the exponent is a number, not a tensor's element
    if (strides[2] == 0 && n > 0) {
        T b = *reinterpret_cast<const T*>(data[2]);
        if (b == T(2)) loop = over_strides<unary_loop<unary::square<T>, T, T>, T, T>;
        if (b == T(3)) loop = over_strides<unary_loop<binary::cube<T>, T, T>, T, T>;
        if constexpr (!is_integer<T>) {
            if (b == T(0.5) && by_root) loop = over_strides<unary_loop<unary::sqrt<T>, T, T>, T, T>;
            if (b == T(-0.5) && by_root) loop = over_strides<unary_loop<unary::rsqrt<T>, T, T>, T, T>;
            if (b == T(-1)) loop = over_strides<unary_loop<unary::reciprocal<T>, T, T>, T, T>;
            if (b == T(-2)) loop = over_strides<unary_loop<binary::inverse_square<T>, T, T>, T, T>;
        }
    }
    loop(data, strides, n, params);
}

namespace unary {
DG_OP1(fast_sin, return vm::sin<T>(x))
DG_OP1(fast_cos, return vm::cos<T>(x))
DG_OP1(fast_tan, return vm::tan<T>(x))
}  // namespace unary

template <class T>
bool angles_reducible(const T* x, int64_t n) {
    int outside = 0;
    for (int64_t i = 0; i < n; i++) outside |= !(vm::abs(x[i]) <= T(vm::trig_limit));
    return !outside;
}

template <class T>
bool quotients_small(const T* a, const T* b, int64_t n) {
    int outside = 0;
    for (int64_t i = 0; i < n; i++) outside |= !(vm::abs(a[i] / b[i]) < T(vm::mod_limit)) | (vm::abs(b[i]) < T(1e-30));
    return !outside;
}

// Vector code where the fast form holds for the whole block, the C library elsewhere.
template <class T, class Fast, class Careful>
void of_angles(char* const* data, int64_t n, const Params* params) {
    for (int64_t start = 0; start < n; start += block_size) {
        char* at[] = {data[0] + start * sizeof(T), data[1] + start * sizeof(T)};
        int64_t m = n - start < block_size ? n - start : block_size;
        bool fast = angles_reducible(reinterpret_cast<const T*>(at[1]), m);
        (fast ? unary_loop<Fast, T, T> : unary_loop<Careful, T, T>)(at, m, params);
    }
}

template <class T, class Fast, class Careful>
void of_quotients(char* const* data, int64_t n, const Params* params) {
    for (int64_t start = 0; start < n; start += block_size) {
        int64_t skip = start * int64_t(sizeof(T)), m = n - start < block_size ? n - start : block_size;
        char* at[] = {data[0] + skip, data[1] + skip, data[2] + skip};
        bool fast = quotients_small(reinterpret_cast<const T*>(at[1]), reinterpret_cast<const T*>(at[2]), m);
        (fast ? binary_loop<Fast, T, T, T> : binary_loop<Careful, T, T, T>)(at, m, params);
    }
}

// ---- the rows -------------------------------------------------------------------------------------------------------

template <template <class> class Op, class T>
constexpr Loop unary_row = over_strides<unary_loop<Op<T>, T, T>, T, T>;
template <template <class> class Op, class T>
constexpr Loop binary_row = over_strides<binary_loop<Op<T>, T, T, T>, T, T, T>;
template <template <class> class Op, class T>
constexpr Loop test_row = over_strides<unary_loop<Op<T>, uint8_t, T>, uint8_t, T>;
template <template <class> class Op, class T>
constexpr Loop compare_row = over_strides<binary_loop<Op<T>, uint8_t, T, T>, uint8_t, T, T>;
template <template <class> class Op, class T>
constexpr Loop ternary_row = over_strides<ternary_loop<Op<T>, T, T, T, T>, T, T, T, T>;

template <class General, class Plain, class T>
constexpr Loop alpha_row = over_strides<with_alpha<General, Plain, T>, T, T, T>;
template <class T, class Fast, class Careful>
constexpr Loop angle_row = over_strides<of_angles<T, Fast, Careful>, T, T>;
template <class T, template <class, class> class Op>
constexpr Loop quotient_row = over_strides<of_quotients<T, Op<T, binary::Fast>, Op<T, binary::Careful>>, T, T, T>;

template <class T, Compute C>
void fill_any_type(Kernels& k) {
#define DG_ROW(name) k.unary[op_##name][C] = unary_row<unary::name, T>;
    DG_UNARY_ANY(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.binary[op_##name][C] = binary_row<binary::name, T>;
    DG_BINARY_ANY(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.test[op_##name][C] = test_row<test::name, T>;
    DG_TEST(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.compare[op_##name][C] = compare_row<compare::name, T>;
    DG_COMPARE(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.ternary[op_##name][C] = ternary_row<ternary::name, T>;
    DG_TERNARY_ANY(DG_ROW)
#undef DG_ROW
    k.ternary[op_where][C] = over_strides<ternary_loop<ternary::where<T>, T, uint8_t, T, T>, T, uint8_t, T, T>;
    k.binary[op_pow][C] = pow_strided<T>;
    k.binary[op_add][C] = alpha_row<binary::add<T>, binary::plain_add<T>, T>;
    k.binary[op_mul][C] = alpha_row<binary::mul<T>, binary::plain_mul<T>, T>;
}

template <class T, Compute C>
void fill_float_type(Kernels& k) {
#define DG_ROW(name) k.unary[op_##name][C] = unary_row<unary::name, T>;
    DG_UNARY_FLOAT(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.binary[op_##name][C] = binary_row<binary::name, T>;
    DG_BINARY_FLOAT(DG_ROW)
#undef DG_ROW
#define DG_ROW(name) k.ternary[op_##name][C] = ternary_row<ternary::name, T>;
    DG_TERNARY_FLOAT(DG_ROW)
#undef DG_ROW
    k.unary[op_sin][C] = angle_row<T, unary::fast_sin<T>, unary::sin<T>>;
    k.unary[op_cos][C] = angle_row<T, unary::fast_cos<T>, unary::cos<T>>;
    k.unary[op_tan][C] = angle_row<T, unary::fast_tan<T>, unary::tan<T>>;
    k.binary[op_fmod][C] = quotient_row<T, binary::fmod>;
    k.binary[op_remainder][C] = quotient_row<T, binary::remainder>;
    k.binary[op_div_floor][C] = quotient_row<T, binary::div_floor>;
}

inline void fill_pointwise(Kernels& k) {
    fill_any_type<int64_t, C_I64>(k);
    fill_any_type<float, C_F32>(k);
    fill_any_type<double, C_F64>(k);
    fill_float_type<float, C_F32>(k);
    fill_float_type<double, C_F64>(k);
#define DG_ROW(name) k.binary[op_##name][C_I64] = binary_row<binary::name, int64_t>;
    DG_BINARY_INT(DG_ROW)
#undef DG_ROW
}

}  // namespace DG_ISA
}  // namespace dg

#undef DG_OP1
#undef DG_OP2
#undef DG_TEST1
#undef DG_TEST2
