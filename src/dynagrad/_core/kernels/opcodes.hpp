// The names of the element kernels, listed once. A name here is a function template in the header of its family and a
// row of the table in `table.hpp`; what each computes is stated beside it.
#pragma once

// ---- out = f(a), a and out of the compute type ----------------------------------------------------------------------
// For every compute type (int64, float32, float64):
#define DG_UNARY_ANY(X) \
    X(positive) X(neg) X(abs) X(sign) X(square) X(bitwise_not) X(floor) X(ceil) X(round) X(trunc)\
    X(relu)
// For float32 and float64 only (integers are promoted to the default floating type before). `softplus` has
// params.a = beta and params.b = threshold, and so has its backward row; `polygamma` is of order params.i:
#define DG_UNARY_FLOAT(X)                                                                                             \
    X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sqrt) X(rsqrt) X(reciprocal) X(sin) X(cos) X(tan)       \
    X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(sigmoid) X(erf) X(erfc) X(erfinv)     \
    X(lgamma) X(digamma) X(frac) X(softplus) X(logsigmoid) X(silu) X(gelu_erf) X(gelu_tanh) X(sinc) X(logit)\
    X(polygamma)

// ---- out = f(a, b) --------------------------------------------------------------------------------------------------
// `add` is a + params.a * b (params.i for int64), `mul` is params.a * a * b (params.i for int64).
// `div_floor`, `div_trunc`, `remainder`, `fmod` on int64 never divide by zero: they give 0 and set params.flag instead.
// `remainder` takes the sign of the divisor, `fmod` that of the dividend. `maximum`/`minimum` propagate NaN,
// `fmax`/`fmin` do not.
#define DG_BINARY_ANY(X)                                                                                              \
    X(add) X(sub) X(mul) X(div_floor) X(div_trunc) X(remainder) X(fmod) X(pow) X(maximum) X(minimum) X(fmax) X(fmin)
#define DG_BINARY_INT(X) X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(shift_left) X(shift_right)
// a is the incoming gradient in the `_backward` rows; r is the saved result, x the saved input.
#define DG_BINARY_FLOAT(X)                                                                                            \
    X(div) X(atan2) X(hypot) X(copysign) X(xlogy) X(logaddexp)                                                        \
    X(tanh_backward)     /* g (1 - r r)      */                                                                      \
    X(sigmoid_backward)  /* g r (1 - r)      */                                                                      \
    X(relu_backward)     /* r > 0 ? g : 0    */                                                                      \
    X(square_backward)   /* 2 g x            */                                                                      \
    X(abs_backward)      /* g sign(x)        */                                                                      \
    X(gelu_erf_backward) X(gelu_tanh_backward) X(silu_backward) X(softplus_backward) X(logsigmoid_backward)

// ---- out(bool) = f(a) and out(bool) = f(a, b) -----------------------------------------------------------------------
#define DG_TEST(X) X(isnan) X(isinf) X(isfinite) X(signbit) X(is_zero) X(is_nonzero)
#define DG_COMPARE(X) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(logical_and) X(logical_or) X(logical_xor)

// ---- out = f(a, b, c) -----------------------------------------------------------------------------------------------
// `where`: a is bool, out = a ? b : c.  `clamp`: min(max(a, b), c), NaN in a stays.  `lerp`: a + c (b - a), evaluated
// from the nearer end.  `addcmul`: a + params.a b c.  `addcdiv`: a + params.a b / c.
#define DG_TERNARY_ANY(X) X(where) X(clamp) X(addcmul)
#define DG_TERNARY_FLOAT(X) X(lerp) X(addcdiv)

// ---- reductions: out[i] = fold over j of f(in[i, j]) ----------------------------------------------------------------
// `sum_abs_pow` adds |x|^params.a; `sum_sq_dev` adds (x - mean[i])^2, the means coming as a second input;
// `any` and `all` have bool output.
#define DG_REDUCE_ANY(X) X(sum) X(prod) X(amax) X(amin) X(any) X(all) X(count_nonzero)
#define DG_REDUCE_FLOAT(X) X(sum_abs) X(sum_sq) X(sum_abs_pow) X(max_abs) X(min_abs) X(sum_sq_dev) X(nansum)
