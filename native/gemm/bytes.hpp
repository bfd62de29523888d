// Products with weights of one byte: a scale for each column of the result, 16 bits for what they
// multiply.
//
// A row of the left side is scaled by its own greatest number, so that it gives the same bits alone
// and in a batch, in whatever chunks it comes. The sums are of integers, which have no order; after
// each block of terms they are added up as floating point.
#pragma once

#include "gemm/tile.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

using Bytes = std::int8_t __attribute__((vector_size(HEADGATE_BYTES / 2)));
using UnalignedBytes =
    std::int8_t __attribute__((vector_size(HEADGATE_BYTES / 2), aligned(1), may_alias));
using Shorts = std::int16_t __attribute__((vector_size(HEADGATE_BYTES)));
using Ints = std::int32_t __attribute__((vector_size(HEADGATE_BYTES)));

constexpr int kInts = HEADGATE_BYTES / 4;
constexpr int kGreatestByte = 127;
constexpr int kGreatestShort = 32767;  // 128 pairs of products, a block, stay below 2^31

template <class T>
constexpr int int_vectors = panel<T> / kInts;  // of a panel

constexpr int pairs_of(int depth) { return (depth + 1) / 2; }

template <class T>
constexpr std::size_t size_in_bytes(const Weight& weight) {
  return static_cast<std::size_t>(round_up(weight.width, panel<T>)) * 2 * pairs_of(weight.depth);
}

template <class T>
constexpr bool finite(T value) {
  return value - value == T(0);
}

// Packs a weight as [panel][pair of depth][column][2], and its scales, zeros past it.
template <class T>
void pack_bytes(const Weight& weight, std::int8_t* packed, T* scales) {
  const int pairs = pairs_of(weight.depth);
  std::memset(packed, 0, size_in_bytes<T>(weight));
  const T* source = static_cast<const T*>(weight.data);
  const std::ptrdiff_t next = weight.transposed ? 1 : weight.stride;  // along the depth
  const std::ptrdiff_t beside = weight.transposed ? weight.stride : 1;
  for (int j = 0; j < round_up(weight.width, panel<T>); ++j) scales[j] = T(0);
  for (int j = 0; j < weight.width; ++j) {
    const T* column = source + j * beside;
    T greatest = 0, strange = 0;
    for (int k = 0; k < weight.depth; ++k) {
      const T size = column[k * next] < 0 ? -column[k * next] : column[k * next];
      greatest = size > greatest ? size : greatest;
      strange += column[k * next] - column[k * next];  // not zero for what is not finite
    }
    scales[j] = greatest / kGreatestByte + strange;
    const T inverse = kGreatestByte / greatest;
    if (!finite(strange) || !finite(inverse)) continue;  // or so small that nothing is left
    std::int8_t* target =
        packed + (static_cast<std::ptrdiff_t>(j / panel<T>) * pairs * panel<T> + j % panel<T>) * 2;
    for (int k = 0; k < weight.depth; ++k) {
      const T value = column[k * next] * inverse;
      target[k / 2 * 2 * panel<T> + k % 2] =
          static_cast<std::int8_t>(value < 0 ? value - T(0.5) : value + T(0.5));
    }
  }
}

// A row as 16-bit numbers, an even count of them; gives their scale, NaN if one is not finite.
template <class T>
T shorten(const T* from, int depth, std::int16_t* to) {
  Vec<T> most{}, strange{};
  int k = 0;
  for (; k + lanes<T> <= depth; k += lanes<T>) {
    const Vec<T> value = load(from + k), size = absolute<T>(value);
    most = size > most ? size : most;
    strange += value - value;
  }
  T greatest = 0, odd = 0;
  for (int i = 0; i < lanes<T>; ++i) {
    greatest = most[i] > greatest ? most[i] : greatest;
    odd += strange[i];
  }
  for (; k < depth; ++k) {
    const T size = from[k] < 0 ? -from[k] : from[k];
    greatest = size > greatest ? size : greatest;
    odd += from[k] - from[k];
  }
  if (depth % 2) to[depth] = 0;
  const T inverse = greatest > 0 && finite(odd) ? kGreatestShort / greatest : T(0);
  if (!finite(inverse) || inverse == 0) {  // so small that nothing is left of it, or not finite
    for (int i = 0; i < depth; ++i) to[i] = 0;
    return odd;
  }
  for (int i = 0; i < depth; ++i) {
    const T value = from[i] * inverse;
    to[i] = static_cast<std::int16_t>(static_cast<int>(value < 0 ? value - T(0.5) : value + T(0.5)));
  }
  return greatest / kGreatestShort + odd;
}

// Bytes as 16-bit numbers. What compilers make of the conversion alone takes it in two halves.
HEADGATE_INLINE Shorts widen(const std::int8_t* from) {
#if HEADGATE_BYTES == 64 && defined(__AVX512BW__)
  return reinterpret_cast<Shorts>(
      _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
#elif HEADGATE_BYTES == 32 && defined(__AVX2__)
  return reinterpret_cast<Shorts>(
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
#else
  return __builtin_convertvector(*reinterpret_cast<const UnalignedBytes*>(from), Shorts);
#endif
}

// Sums of two products each: of a pair on the left with the pair of each column.
HEADGATE_INLINE Ints pair_products(Shorts left, Shorts right) {
#if HEADGATE_BYTES == 64 && defined(__AVX512BW__)
  return reinterpret_cast<Ints>(_mm512_madd_epi16(reinterpret_cast<__m512i>(left),
                                                  reinterpret_cast<__m512i>(right)));
#elif HEADGATE_BYTES == 32 && defined(__AVX2__)
  return reinterpret_cast<Ints>(_mm256_madd_epi16(reinterpret_cast<__m256i>(left),
                                                  reinterpret_cast<__m256i>(right)));
#elif HEADGATE_BYTES == 16 && defined(__SSE2__)
  return reinterpret_cast<Ints>(_mm_madd_epi16(reinterpret_cast<__m128i>(left),
                                               reinterpret_cast<__m128i>(right)));
#else
  Ints sums{};
  for (int i = 0; i < kInts; ++i) {
    sums[i] = left[2 * i] * right[2 * i] + left[2 * i + 1] * right[2 * i + 1];
  }
  return sums;
#endif
}

// Rows x Panels over one block of pairs; `sums` are [Rows][Panels * panel].
template <class T, int Rows, int Panels>
inline void block_of_bytes(const std::int16_t* a, std::ptrdiff_t a_stride, int pairs,
                           const std::int8_t* panels, std::ptrdiff_t panel_stride, T* sums,
                           bool add) {
  constexpr int kVectors = Panels * int_vectors<T>;
  Ints found[Rows][kVectors] = {};
  const auto right = [=](int k, int v) HEADGATE_INLINE_LAMBDA {
    return widen(panels + v / int_vectors<T> * panel_stride +
                 2 * (k * panel<T> + v % int_vectors<T> * kInts));
  };
  for (int k = 0; k < pairs; ++k) {
    // of one row a vector is used once: to hold all of them first would spill a sum
    Shorts b[kVectors];
    for (int v = 0; Rows > 1 && v < kVectors; ++v) b[v] = right(k, v);
    for (int r = 0; r < Rows; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, a + r * a_stride + 2 * k, sizeof(pair));
      const Shorts left = reinterpret_cast<Shorts>(Ints{} + pair);
      for (int v = 0; v < kVectors; ++v) {
        found[r][v] += pair_products(left, Rows > 1 ? b[v] : right(k, v));
      }
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      T* place = sums + r * Panels * panel<T> + v * kInts;
      for (int i = 0; i < kInts; ++i) {
        const T value = static_cast<T>(found[r][v][i]);
        place[i] = add ? place[i] + value : value;
      }
    }
  }
}

template <class T, int Rows, int Panels>
inline void columns_of_bytes(const std::int16_t* a, std::ptrdiff_t a_stride, const T* a_scales,
                             int depth, const std::int8_t* packed, const T* scales, T* out,
                             std::ptrdiff_t out_stride, bool add) {
  const int pairs = pairs_of(depth);
  const std::ptrdiff_t panel_stride = static_cast<std::ptrdiff_t>(pairs) * 2 * panel<T>;
  alignas(64) T sums[Rows * Panels * panel<T>];
  for (int k = 0; k < pairs; k += kBlock / 2) {
    const int length = pairs - k < kBlock / 2 ? pairs - k : kBlock / 2;
    block_of_bytes<T, Rows, Panels>(a + 2 * k, a_stride, length, packed + k * 2 * panel<T>,
                                    panel_stride, sums, k > 0);
  }
  for (int r = 0; r < Rows; ++r) {
    T* row = out + r * out_stride;
    const Vec<T> own = broadcast<T>(a_scales[r]);
    for (int j = 0; j < Panels * panel<T>; j += lanes<T>) {
      const Vec<T> value = load(sums + r * Panels * panel<T> + j) * (load(scales + j) * own);
      store(row + j, add ? load(row + j) + value : value);
    }
  }
}

template <class T, int Rows>
void strip_of_bytes(int rows, const std::int16_t* a, std::ptrdiff_t a_stride, const T* a_scales,
                    int depth, const std::int8_t* packed, const T* scales, int panels, T* out,
                    std::ptrdiff_t out_stride, bool add) {
  if constexpr (Rows > 0) {
    if (rows != Rows) {
      strip_of_bytes<T, Rows - 1>(rows, a, a_stride, a_scales, depth, packed, scales, panels, out,
                                  out_stride, add);
      return;
    }
    constexpr int kWide = Rows == 1 ? 4 : Rows == 2 ? 2 : 1;
    const std::ptrdiff_t panel_stride = static_cast<std::ptrdiff_t>(pairs_of(depth)) * 2 * panel<T>;
    int p = 0;
    for (; p + kWide <= panels; p += kWide) {
      columns_of_bytes<T, Rows, kWide>(a, a_stride, a_scales, depth, packed + p * panel_stride,
                                       scales + p * panel<T>, out + p * panel<T>, out_stride, add);
    }
    for (; p < panels; ++p) {
      columns_of_bytes<T, Rows, 1>(a, a_stride, a_scales, depth, packed + p * panel_stride,
                                   scales + p * panel<T>, out + p * panel<T>, out_stride, add);
    }
  }
}

// Rows of left sides as 16-bit numbers, kept while the same ones are multiplied again.
template <class T>
struct Shortened {
  std::int16_t* data;     // [rows][stride]
  std::ptrdiff_t stride;  // at least the greatest depth, even
  T* scales;
  const T** of;  // which row each of them is
  int rows;

  void forget() {
    for (int r = 0; r < rows; ++r) of[r] = nullptr;
  }

  void take(int first, int count, const T* a, std::ptrdiff_t a_stride, int depth) {
    for (int r = first; r < first + count; ++r, a += a_stride) {
      if (of[r] == a) continue;
      scales[r] = shorten(a, depth, data + r * stride);
      of[r] = a;
    }
  }
};

}  // namespace HEADGATE_TARGET
}  // namespace headgate
