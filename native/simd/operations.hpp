// What a cell's step may do with numbers: the operations of the pointwise code, with torch's values
// at every kink, for NaN and for infinities.
//
// HEADGATE_UNARY and HEADGATE_BINARY list them; each is a type in `ops` with one function,
// `run<T>(a)` or `run<T>(a, b)`.
#pragma once

#include "simd/functions.hpp"

#define HEADGATE_UNARY(X)                                                                 \
  X(neg) X(abs) X(sqrt) X(exp) X(log) X(square) X(sigmoid) X(tanh) X(sin) X(cos) X(relu)  \
  X(elu) X(gelu) X(hardsigmoid) X(hardtanh) X(leaky_relu) X(silu) X(softplus) X(softsign) \
  X(step) X(sign)

#define HEADGATE_BINARY(X)                                                                \
  X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(sigmoid_backward)            \
  X(tanh_backward) X(relu_backward) X(elu_backward) X(hardsigmoid_backward)               \
  X(hardtanh_backward) X(leaky_relu_backward) X(softplus_backward) X(silu_backward)       \
  X(gelu_backward) X(softsign_backward) X(masked)

namespace headgate {
namespace HEADGATE_TARGET {
namespace ops {

constexpr double kLeakySlope = 0.01;
constexpr double kSoftplusThreshold = 20;
constexpr double kSqrtHalf = 0.70710678118654752;
constexpr double kNormalDensityAt0 = 0.39894228040143268;  // 1 / sqrt(2 pi)

// The normal distribution's function: gelu(a) is a times it.
template <class T>
HEADGATE_INLINE Vec<T> normal_cdf(Vec<T> a) {
  return T(0.5) * (T(1) + functions::erf<T>(a * T(kSqrtHalf)));
}

#define HEADGATE_UNARY_OPERATION(name, value)     \
  struct name {                                   \
    template <class T>                            \
    static HEADGATE_INLINE Vec<T> run(Vec<T> a) { \
      return value;                               \
    }                                             \
  };

#define HEADGATE_BINARY_OPERATION(name, first, second, value)        \
  struct name {                                                      \
    template <class T>                                               \
    static HEADGATE_INLINE Vec<T> run(Vec<T> first, Vec<T> second) { \
      return value;                                                  \
    }                                                                \
  };

HEADGATE_UNARY_OPERATION(neg, -a)
HEADGATE_UNARY_OPERATION(abs, absolute<T>(a))
HEADGATE_UNARY_OPERATION(sqrt, square_root<T>(a))
HEADGATE_UNARY_OPERATION(exp, functions::exp<T>(a))
HEADGATE_UNARY_OPERATION(log, functions::log<T>(a))
HEADGATE_UNARY_OPERATION(square, a * a)
HEADGATE_UNARY_OPERATION(sigmoid, functions::sigmoid<T>(a))
HEADGATE_UNARY_OPERATION(tanh, functions::tanh<T>(a))
HEADGATE_UNARY_OPERATION(sin, functions::sin<T>(a))
HEADGATE_UNARY_OPERATION(cos, functions::cos<T>(a))
HEADGATE_UNARY_OPERATION(relu, at_least<T>(T(0), a))
HEADGATE_UNARY_OPERATION(elu, select<T>(a > T(0), a, functions::expm1<T>(a)))
HEADGATE_UNARY_OPERATION(gelu, a * normal_cdf<T>(a))
HEADGATE_UNARY_OPERATION(hardsigmoid, at_most<T>(T(6), at_least<T>(T(0), a + T(3))) / T(6))
HEADGATE_UNARY_OPERATION(hardtanh, at_most<T>(T(1), at_least<T>(T(-1), a)))
HEADGATE_UNARY_OPERATION(leaky_relu, select<T>(a > T(0), a, a * T(kLeakySlope)))
HEADGATE_UNARY_OPERATION(silu, a * functions::sigmoid<T>(a))
HEADGATE_UNARY_OPERATION(softsign, a / (T(1) + absolute<T>(a)))
HEADGATE_UNARY_OPERATION(softplus, select<T>(a > T(kSoftplusThreshold), a,
                                             functions::log1p<T>(functions::exp<T>(a))))

// The derivative of relu with its middle at the kink; NaN is neither below nor at zero.
HEADGATE_UNARY_OPERATION(step, select<T>(a < T(0), Vec<T>{},
                                         select<T>(a == T(0), broadcast<T>(T(0.5)),
                                                   broadcast<T>(T(1)))))

// 0 for NaN, as torch's.
HEADGATE_UNARY_OPERATION(sign, select<T>(a > T(0), broadcast<T>(T(1)),
                                         select<T>(a < T(0), broadcast<T>(T(-1)), Vec<T>{})))

HEADGATE_BINARY_OPERATION(add, a, b, a + b)
HEADGATE_BINARY_OPERATION(sub, a, b, a - b)
HEADGATE_BINARY_OPERATION(mul, a, b, a * b)
HEADGATE_BINARY_OPERATION(div, a, b, a / b)
HEADGATE_BINARY_OPERATION(pow, a, b, functions::pow<T>(a, b))

// A NaN on either side: the inner choice gives b for one in b, the outer one a for one in a.
HEADGATE_BINARY_OPERATION(maximum, a, b, select<T>(a == a, greater_or_second<T>(a, b), a))
HEADGATE_BINARY_OPERATION(minimum, a, b, select<T>(a == a, less_or_second<T>(a, b), a))

// What a zero hides may be NaN.
HEADGATE_BINARY_OPERATION(masked, a, mask, select<T>(mask == T(0), Vec<T>{}, a * mask))

// Gradients: d is that of the result. y is the result itself and a the argument, whichever gives
// the derivative with less work. A comparison says what NaN does: torch's differ from each other.
HEADGATE_BINARY_OPERATION(sigmoid_backward, d, y, d * ((T(1) - y) * y))
HEADGATE_BINARY_OPERATION(tanh_backward, d, y, d * fma<T>(-y, y, broadcast<T>(T(1))))
HEADGATE_BINARY_OPERATION(relu_backward, d, y, select<T>(y <= T(0), Vec<T>{}, d))
HEADGATE_BINARY_OPERATION(elu_backward, d, y, select<T>(y > T(0), d, d * (y + T(1))))
HEADGATE_BINARY_OPERATION(leaky_relu_backward, d, y, select<T>(y > T(0), d, d * T(kLeakySlope)))
HEADGATE_BINARY_OPERATION(softplus_backward, d, y,
                          select<T>(y > T(kSoftplusThreshold), d, -d * functions::expm1<T>(-y)))

struct hardsigmoid_backward {
  template <class T>
  static HEADGATE_INLINE Vec<T> run(Vec<T> d, Vec<T> y) {
    return select<T>((y > T(0)) & (y < T(1)), d / T(6), Vec<T>{});
  }
};

struct hardtanh_backward {
  template <class T>
  static HEADGATE_INLINE Vec<T> run(Vec<T> d, Vec<T> y) {
    return select<T>((y > T(-1)) & (y < T(1)), d, Vec<T>{});
  }
};

struct silu_backward {
  template <class T>
  static HEADGATE_INLINE Vec<T> run(Vec<T> d, Vec<T> a) {
    const Vec<T> s = functions::sigmoid<T>(a);
    return d * (s * fma<T>(a, T(1) - s, broadcast<T>(T(1))));
  }
};

struct gelu_backward {
  template <class T>
  static HEADGATE_INLINE Vec<T> run(Vec<T> d, Vec<T> a) {
    const Vec<T> density = functions::exp<T>(T(-0.5) * a * a) * T(kNormalDensityAt0);
    return d * fma<T>(a, density, normal_cdf<T>(a));
  }
};

struct softsign_backward {
  template <class T>
  static HEADGATE_INLINE Vec<T> run(Vec<T> d, Vec<T> a) {
    const Vec<T> s = T(1) + absolute<T>(a);
    return d / (s * s);
  }
};

#undef HEADGATE_UNARY_OPERATION
#undef HEADGATE_BINARY_OPERATION

}  // namespace ops
}  // namespace HEADGATE_TARGET
}  // namespace headgate
