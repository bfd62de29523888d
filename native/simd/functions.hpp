// Elementary functions, lane by lane the same bits at every position.
//
// exp, expm1, sigmoid, tanh, log and log1p are within 2 units in the last place of the exact result
// wherever that is a normal number, in float and in double, with and without fused multiply-adds;
// NaN gives NaN and infinities their limits. A denormal result may come out as zero.
//
// The polynomials are minimax fits (Remez) of the relative error over the stated range.
#pragma once

#include "simd/vector.hpp"

namespace headgate {
namespace HEADGATE_TARGET {
namespace functions {

template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr float infinity = __builtin_inff();
  static constexpr float smallest = 1.17549435e-38f;  // of the normal numbers
  static constexpr float log2_e = 1.44269504f;
  static constexpr float ln2 = 0.69314718f;
  static constexpr float ln2_high = 0.693145752f;  // 16 bits: its product with an n is exact
  static constexpr float ln2_low = 1.42860677e-6f;
  static constexpr float sqrt_half = 0.707106769f;

  // (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2
  static constexpr float exp[] = {0.500000006f, 0.16666543f, 0.0416662822f, 0.00836657812f,
                                  0.00139464407f};
  // (tanh(x) - x) / x^3 in x^2, for x up to `tanh_small`
  static constexpr float tanh[] = {-0.333329575f, 0.133209419f, -0.0526841449f, 0.0164587611f};
  // (2 atanh(s) - 2 s) / s^3 in s^2, for s = f / (2 + f) and 1 + f from sqrt(1/2) to sqrt(2)
  static constexpr float log[] = {0.666667765f, 0.399775316f, 0.298720159f};

  // where each function has reached its limit
  static constexpr float exp_least = -88.0f, exp_most = 89.0f;
  static constexpr float expm1_least = -18.0f;
  static constexpr float sigmoid_least = -88.5f, sigmoid_most = 20.0f;
  static constexpr float tanh_most = 10.0f;
  static constexpr float tanh_small = 0.55f;        // tanh is a bit more than 1/2 there
  static constexpr float beyond_exponents = 89.5f;  // a bit more than (bias + 2) * ln(2)
};

template <>
struct Constants<double> {
  static constexpr double infinity = __builtin_inf();
  static constexpr double smallest = 2.2250738585072014e-308;
  static constexpr double log2_e = 1.4426950408889634;
  static constexpr double ln2 = 0.69314718055994531;
  static constexpr double ln2_high = 0.69314718055829871446;  // 38 bits
  static constexpr double ln2_low = 1.6465949582897081281e-12;
  static constexpr double sqrt_half = 0.70710678118654752;

  static constexpr double exp[] = {
      0.50000000000000055,   0.16666666666666686,    0.041666666666573697,  0.0083333333333146,
      0.0013888888932353803, 0.00019841269903010585, 2.4801504477615677e-5, 2.7557227974744018e-6,
      2.7626313337799211e-7, 2.5114465447897509e-8};
  static constexpr double tanh[] = {
      -0.33333333333332351,   0.1333333333317375,      -0.053968253878377515,
      0.021869486026171907,   -0.0088631951536667514,  0.0035917246585960641,
      -0.0014532400986918756, 0.00057920318745346428, -0.00021040605013313615,
      5.1090384433091175e-5};
  static constexpr double log[] = {0.66666666666667345, 0.39999999999413969, 0.28571428742562295,
                                   0.22222198553728675, 0.18183565410991326, 0.15314021013290422,
                                   0.14796262295602561};

  static constexpr double exp_least = -709.0, exp_most = 710.0;
  static constexpr double expm1_least = -38.0;
  static constexpr double sigmoid_least = -709.7, sigmoid_most = 40.0;
  static constexpr double tanh_most = 20.0;
  static constexpr double tanh_small = 0.55;
  static constexpr double beyond_exponents = 710.6;
};

template <class T, int N>
HEADGATE_INLINE Vec<T> polynomial(Vec<T> x, const T (&coefficients)[N]) {
  Vec<T> sum = broadcast<T>(coefficients[N - 1]);
  for (int i = N - 2; i >= 0; --i) sum = fma<T>(sum, x, broadcast<T>(coefficients[i]));
  return sum;
}

// The same where the square is there already: two coefficients at a time, which halves the wait of
// each step for the one before it.
template <class T, int N>
HEADGATE_INLINE Vec<T> polynomial(Vec<T> x, Vec<T> square, const T (&coefficients)[N]) {
  constexpr int kLast = (N - 1) / 2 * 2;
  Vec<T> sum = broadcast<T>(coefficients[kLast]);
  if constexpr (kLast < N - 1) sum = fma<T>(broadcast<T>(coefficients[N - 1]), x, sum);
  for (int i = kLast - 2; i >= 0; i -= 2) {
    const Vec<T> slope = broadcast<T>(coefficients[i + 1]);
    sum = fma<T>(sum, square, fma<T>(slope, x, broadcast<T>(coefficients[i])));
  }
  return sum;
}

// ---- Exponentials: exp(x) = 2^n exp(r), |r| <= ln(2) / 2.

template <class T>
struct Reduced {
  Vec<T> n;
  Vec<T> shifted;  // what power_of_two makes 2^n of; for `Half`, 2^(n - 1): n may be one larger
  Vec<T> most;     // x - n * ln2_high, exactly
  Vec<T> rest;     // r
};

template <class T, bool Half>
HEADGATE_INLINE Reduced<T> reduce(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> magic = broadcast<T>(Format<T>::magic + (Format<T>::bias - Half));
  const Vec<T> shifted = fma<T>(x, broadcast<T>(C::log2_e), magic);
  const Vec<T> n = shifted - magic;
  const Vec<T> most = fma<T>(n, broadcast<T>(-C::ln2_high), x);
  return {n, shifted, most, fma<T>(n, broadcast<T>(-C::ln2_low), most)};
}

// exp(r) - 1
template <class T>
HEADGATE_INLINE Vec<T> expm1_of_rest(Vec<T> r) {
  const Vec<T> square = r * r;
  return fma<T>(square, polynomial<T>(r, square, Constants<T>::exp), r);
}

template <class T>
HEADGATE_INLINE Vec<T> exp(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> bounded = at_least<T>(C::exp_least, at_most<T>(C::exp_most, x));
  const Reduced<T> parts = reduce<T, false>(bounded);
  // From the smallest normal number to past the largest finite one, 2^n has one exponent more than
  // there is room for. Large results are made as twice their half.
  const Mask<T> large = bounded > C::exp_most / 2;
  const Vec<T> scale = power_of_two<T>(parts.shifted - keep<T>(large, broadcast<T>(T(1))));
  // not scale * p + scale: without a fused instruction scale * p could be denormal
  const Vec<T> result = scale * (expm1_of_rest<T>(parts.rest) + T(1));
  return result + keep<T>(large, result);
}

template <class T>
HEADGATE_INLINE Vec<T> expm1(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> bounded = at_least<T>(C::expm1_least, at_most<T>(C::exp_most, x));
  const Reduced<T> parts = reduce<T, true>(bounded);
  const Vec<T> r = parts.rest;
  // what r lost to rounding, which shows where 2^n exp(r) and 1 nearly cancel
  const Vec<T> lost = fma<T>(parts.n, broadcast<T>(-C::ln2_low), parts.most - r);
  const Vec<T> square = r * r;
  const Vec<T> small = fma<T>(square, polynomial<T>(r, square, C::exp), lost);
  const Vec<T> scale = power_of_two<T>(parts.shifted);
  const Vec<T> half = fma<T>(scale, small, fma<T>(scale, r, scale - T(0.5)));
  // far below the rounding of 1 + x, where half of it could be denormal; and -0 stays -0
  return select<T>(absolute<T>(x) < T(1e-30), x, half + half);
}

// 1 / (1 + exp(-x)), all of it halved as in expm1.
template <class T>
HEADGATE_INLINE Vec<T> sigmoid(Vec<T> x) {
  using C = Constants<T>;
  // where the result would be denormal, the scale is made infinite and the sum's other terms finite
  // or +infinity, which gives 0
  const Vec<T> most = at_most<T>(C::sigmoid_most, x);
  const Mask<T> denormal = most < C::sigmoid_least;
  const Vec<T> bounded = select<T>(denormal, broadcast<T>(-C::beyond_exponents), most);
  const Reduced<T> parts = reduce<T, true>(-bounded);
  const Vec<T> scale = power_of_two<T>(parts.shifted);
  // The sum (scale * p + scale + 1/2) is rounded once, unless 1/2 would get lost in the scale.
  const Mask<T> steep = bounded < T(-8);
  const Vec<T> half = broadcast<T>(T(0.5));
  const Vec<T> first = select<T>(steep, half, scale + half);
  const Vec<T> p = expm1_of_rest<T>(parts.rest);
  const Vec<T> sum = fma<T>(scale, p, first) + keep<T>(steep, scale);
  return half / sum;
}

// A polynomial near 0 and 1 - 2 / (exp(2x) + 1) beyond, where the quotient is below 1/2 and brings
// less than its own rounding into the difference.
template <class T>
HEADGATE_INLINE Vec<T> tanh(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> size = absolute<T>(x);
  const Vec<T> bounded = at_most<T>(C::tanh_most, size);
  const Vec<T> twice = bounded + bounded;
  // one part of ln(2) is enough: the larger n, the less the quotient counts
  const Vec<T> magic = broadcast<T>(Format<T>::magic + (Format<T>::bias - 1));
  const Vec<T> shifted = fma<T>(twice, broadcast<T>(C::log2_e), magic);
  const Vec<T> rest = fma<T>(shifted - magic, broadcast<T>(-C::ln2), twice);
  const Vec<T> scale = power_of_two<T>(shifted);
  const Vec<T> sum = fma<T>(scale, expm1_of_rest<T>(rest), scale + T(0.5));
  const Vec<T> large = T(1) - T(1) / sum;
  const Vec<T> square = size * size;
  const Vec<T> small = fma<T>(square * size, polynomial<T>(square, C::tanh), size);
  return with_sign_of<T>(x, select<T>(size < C::tanh_small, small, large));
}

// ---- Logarithms: x = 2^n (1 + f), 1 + f from sqrt(1/2) to sqrt(2).

template <class T>
struct Split {
  Vec<T> n, f;
};

// Of positive normal numbers.
template <class T>
HEADGATE_INLINE Split<T> split(Vec<T> x) {
  using F = Format<T>;
  const Bits<T> one = to_bits<T>(broadcast<T>(T(1)));
  const Bits<T> low = to_bits<T>(broadcast<T>(Constants<T>::sqrt_half));
  const Bits<T> moved = to_bits<T>(x) + (one - low);  // so that the exponent steps at sqrt(1/2)
  const Vec<T> shifted = from_bits<T>(to_bits<T>(broadcast<T>(F::magic)) + (moved >> F::mantissa));
  const Bits<T> fraction = moved & ~to_bits<T>(broadcast<T>(-Constants<T>::infinity));
  return {shifted - (F::magic + F::bias), from_bits<T>(fraction + low) - T(1)};
}

// n * ln(2) + log(1 + f) + lost, as 2 atanh(f / (2 + f)) with f, its exact part, taken out.
template <class T>
HEADGATE_INLINE Vec<T> log_of_split(Vec<T> n, Vec<T> f, Vec<T> lost) {
  using C = Constants<T>;
  const Vec<T> s = f / (f + T(2));
  const Vec<T> square = s * s;
  const Vec<T> half = T(0.5) * f * f;
  const Vec<T> inner = fma<T>(square, polynomial<T>(square, C::log), half);
  const Vec<T> low = fma<T>(n, broadcast<T>(C::ln2_low), lost);
  return fma<T>(n, broadcast<T>(C::ln2_high), f - (half - fma<T>(s, inner, low)));
}

// `result` for 0 < x < infinity, and the logarithm's values for all other x.
template <class T>
HEADGATE_INLINE Vec<T> log_or_limit(Vec<T> x, Vec<T> result) {
  const Vec<T> infinity = broadcast<T>(Constants<T>::infinity);
  const Vec<T> none = infinity - infinity;
  const Vec<T> finite = select<T>(x < infinity, result, x);  // NaN stays
  return select<T>(x < Vec<T>{}, none, select<T>(x == Vec<T>{}, -infinity, finite));
}

template <class T>
HEADGATE_INLINE Vec<T> log(Vec<T> x) {
  constexpr int kShift = Format<T>::mantissa + 2;
  constexpr T kScale = T(std::int64_t{1} << kShift);
  const Mask<T> denormal = x < Constants<T>::smallest;
  const Split<T> parts = split<T>(select<T>(denormal, x * kScale, x));
  const Vec<T> n = select<T>(denormal, parts.n - T(kShift), parts.n);
  return log_or_limit<T>(x, log_of_split<T>(n, parts.f, Vec<T>{}));
}

template <class T>
HEADGATE_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> sum = x + T(1);
  const Vec<T> rounding = select<T>(x < T(1), x - (sum - T(1)), T(1) - (sum - x));
  const Split<T> parts = split<T>(sum);
  const Mask<T> exact = parts.n == Vec<T>{};  // then f is x
  const Vec<T> f = select<T>(exact, x, parts.f);
  const Vec<T> lost = select<T>(exact, Vec<T>{}, rounding / sum);
  const Vec<T> result = log_of_split<T>(parts.n, f, lost);
  return with_sign_of<T>(x, log_or_limit<T>(sum, result));
}

// ---- Lane by lane from the C library: no cell in use spends its time in them.

#define HEADGATE_BY_LANE(name)                                     \
  template <class T>                                               \
  HEADGATE_INLINE Vec<T> name(Vec<T> x) {                          \
    Vec<T> y{};                                                    \
    for (int i = 0; i < lanes<T>; ++i) {                           \
      if constexpr (is_float<T>) y[i] = __builtin_##name##f(x[i]); \
      else y[i] = __builtin_##name(x[i]);                          \
    }                                                              \
    return y;                                                      \
  }
HEADGATE_BY_LANE(erf)
HEADGATE_BY_LANE(sin)
HEADGATE_BY_LANE(cos)
#undef HEADGATE_BY_LANE

template <class T>
HEADGATE_INLINE Vec<T> pow(Vec<T> base, Vec<T> exponent) {
  Vec<T> y{};
  for (int i = 0; i < lanes<T>; ++i) {
    if constexpr (is_float<T>) y[i] = __builtin_powf(base[i], exponent[i]);
    else y[i] = __builtin_pow(base[i], exponent[i]);
  }
  return y;
}

}  // namespace functions
}  // namespace HEADGATE_TARGET
}  // namespace headgate
