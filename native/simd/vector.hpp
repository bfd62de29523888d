// Vectors of numbers, as wide as the registers of the instruction set that the file is compiled
// for: HEADGATE_TARGET names the set and HEADGATE_BYTES the width.
//
// Compilers' vector extensions, which have arithmetic, comparisons and `mask ? a : b` on whole
// vectors. What they lack stands in section "Instructions".
// The type of number is always written out: `fma<T>(a, b, c)`, since it cannot be deduced.
//
// Nothing here or in what includes it is a function of the standard library's headers: one that is
// not inlined is merged by the linker with its copy for another instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#if !defined(HEADGATE_TARGET) || !defined(HEADGATE_BYTES)
#error "Compile with -DHEADGATE_TARGET=portable|avx2|avx512 and -DHEADGATE_BYTES=16|32|64."
#endif

#if defined(__SSE2__)
// GCC 12 takes the registers that its own AVX-512 header leaves undefined for a mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define HEADGATE_INLINE inline __attribute__((always_inline))
#define HEADGATE_INLINE_LAMBDA __attribute__((always_inline))

namespace headgate {
namespace HEADGATE_TARGET {

template <class T>
struct vector_of;

template <>
struct vector_of<float> {
  using bits = std::uint32_t __attribute__((vector_size(HEADGATE_BYTES)));
  using type = float __attribute__((vector_size(HEADGATE_BYTES)));
  using unaligned = float
      __attribute__((vector_size(HEADGATE_BYTES), aligned(alignof(float)), may_alias));
};

template <>
struct vector_of<double> {
  using bits = std::uint64_t __attribute__((vector_size(HEADGATE_BYTES)));
  using type = double __attribute__((vector_size(HEADGATE_BYTES)));
  using unaligned = double
      __attribute__((vector_size(HEADGATE_BYTES), aligned(alignof(double)), may_alias));
};

template <class T>
using Vec = typename vector_of<T>::type;

// The same register as unsigned integers.
template <class T>
using Bits = typename vector_of<T>::bits;

// What a comparison gives: all ones in the lanes where it holds.
template <class T>
using Mask = decltype(Vec<T>{} < Vec<T>{});

template <class T>
constexpr int lanes = HEADGATE_BYTES / static_cast<int>(sizeof(T));

// ---- Memory: no alignment is asked for.

template <class T>
HEADGATE_INLINE Vec<T> load(const T* from) {
  return *reinterpret_cast<const typename vector_of<T>::unaligned*>(from);
}

template <class T>
HEADGATE_INLINE void store(T* to, Vec<T> value) {
  *reinterpret_cast<typename vector_of<T>::unaligned*>(to) = value;
}

template <class T>
HEADGATE_INLINE Vec<T> broadcast(T value) {
  // x - 0 is x also for x = -0, which x + 0 is not
  return value - Vec<T>{};
}

// ---- Bits.

template <class T>
HEADGATE_INLINE Bits<T> to_bits(Vec<T> value) {
  return reinterpret_cast<Bits<T>>(value);
}

template <class T>
HEADGATE_INLINE Vec<T> from_bits(Bits<T> bits) {
  return reinterpret_cast<Vec<T>>(bits);
}

template <class T>
HEADGATE_INLINE Bits<T> sign_of(Vec<T> value) {
  return to_bits<T>(value) & to_bits<T>(broadcast<T>(T(-0.0)));
}

template <class T>
HEADGATE_INLINE Vec<T> absolute(Vec<T> value) {
  return from_bits<T>(to_bits<T>(value) & ~to_bits<T>(broadcast<T>(T(-0.0))));
}

// `value`, which is positive or has the sign already, with the sign of `like`.
template <class T>
HEADGATE_INLINE Vec<T> with_sign_of(Vec<T> like, Vec<T> value) {
  return from_bits<T>(to_bits<T>(value) | sign_of<T>(like));
}

// ---- Instructions: what the vector extensions lack or compile badly. On another processor, and at
// another width than the instruction set's own, what stands last in each function serves.

#if defined(__AVX512F__) && HEADGATE_BYTES == 64
#define HEADGATE_X86(name) _mm512_##name
#elif defined(__AVX__) && HEADGATE_BYTES == 32
#define HEADGATE_X86(name) _mm256_##name
#elif defined(__SSE2__) && HEADGATE_BYTES == 16
#define HEADGATE_X86(name) _mm_##name
#elif defined(__aarch64__) && HEADGATE_BYTES == 16
#define HEADGATE_NEON 1
#endif

template <class T>
constexpr bool is_float = sizeof(T) == sizeof(float);

// a * b + c, rounded once where the instruction set can. Not left to the compiler's contraction,
// which depends on whether `a * b` has other uses, so on the code around it.
template <class T>
HEADGATE_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
#if defined(HEADGATE_X86) && defined(__FMA__)
  if constexpr (is_float<T>) return HEADGATE_X86(fmadd_ps)(a, b, c);
  else return HEADGATE_X86(fmadd_pd)(a, b, c);
#elif defined(HEADGATE_NEON)
  if constexpr (is_float<T>) return vfmaq_f32(c, a, b);
  else return vfmaq_f64(c, a, b);
#else
  return a * b + c;
#endif
}

template <class T>
HEADGATE_INLINE Vec<T> square_root(Vec<T> value) {
#if defined(HEADGATE_X86)
  if constexpr (is_float<T>) return HEADGATE_X86(sqrt_ps)(value);
  else return HEADGATE_X86(sqrt_pd)(value);
#elif defined(HEADGATE_NEON)
  if constexpr (is_float<T>) return vsqrtq_f32(value);
  else return vsqrtq_f64(value);
#else
  for (int i = 0; i < lanes<T>; ++i) {
    if constexpr (is_float<T>) value[i] = __builtin_sqrtf(value[i]);
    else value[i] = __builtin_sqrt(value[i]);
  }
  return value;
#endif
}

// a < b ? a : b, so b where one is NaN.
template <class T>
HEADGATE_INLINE Vec<T> less_or_second(Vec<T> a, Vec<T> b) {
#if defined(HEADGATE_X86)
  if constexpr (is_float<T>) return HEADGATE_X86(min_ps)(a, b);
  else return HEADGATE_X86(min_pd)(a, b);
#else
  return a < b ? a : b;
#endif
}

// a > b ? a : b, so b where one is NaN.
template <class T>
HEADGATE_INLINE Vec<T> greater_or_second(Vec<T> a, Vec<T> b) {
#if defined(HEADGATE_X86)
  if constexpr (is_float<T>) return HEADGATE_X86(max_ps)(a, b);
  else return HEADGATE_X86(max_pd)(a, b);
#else
  return a > b ? a : b;
#endif
}

// ---- Choices. A comparison with NaN is false, so the order of operands says where NaN goes.

template <class T>
HEADGATE_INLINE Vec<T> select(Mask<T> where, Vec<T> yes, Vec<T> no) {
  return where ? yes : no;
}

// `value`, or 0 where the mask does not hold.
template <class T>
HEADGATE_INLINE Vec<T> keep(Mask<T> where, Vec<T> value) {
  return from_bits<T>(to_bits<T>(value) & reinterpret_cast<Bits<T>>(where));
}

// NaN in `value` stays NaN.
template <class T>
HEADGATE_INLINE Vec<T> at_most(T limit, Vec<T> value) {
  return less_or_second<T>(broadcast<T>(limit), value);
}

template <class T>
HEADGATE_INLINE Vec<T> at_least(T limit, Vec<T> value) {
  return greater_or_second<T>(broadcast<T>(limit), value);
}

// ---- Whole numbers and powers of two, without the conversions that AVX2 lacks for 64 bits.

template <class T>
struct Format;

template <>
struct Format<float> {
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float magic = 12582912.0f;  // 1.5 * 2^23: a sum with it is whole
};

template <>
struct Format<double> {
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
};

// 2^n for `shifted` = n + bias + magic, of which the lowest bits are the exponent's field: 0 gives
// 0 and 2^(bias + 1) gives infinity. n + bias outside of the field gives garbage.
template <class T>
HEADGATE_INLINE Vec<T> power_of_two(Vec<T> shifted) {
  return from_bits<T>(to_bits<T>(shifted) << Format<T>::mantissa);
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
