// Weights that were packed before: as they are, or as bytes.
#pragma once

#include "gemm/bytes.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

// The memory that a weight takes when it is frozen, and then its scales, if it is of bytes.
template <class T>
std::size_t frozen_size(const Weight& weight, bool bytes) {
  if (!bytes) return packed_size<T>(weight) * sizeof(T);
  const std::size_t scales = static_cast<std::size_t>(round_up(weight.width, panel<T>)) * sizeof(T);
  return static_cast<std::size_t>(round_up(size_in_bytes<T>(weight), 64)) + scales;
}

template <class T>
Frozen freeze(const Weight& weight, bool bytes, void* memory) {
  if (bytes) {
    std::int8_t* packed = static_cast<std::int8_t*>(memory);
    T* scales = reinterpret_cast<T*>(packed + round_up(size_in_bytes<T>(weight), 64));
    pack_bytes<T>(weight, packed, scales);
    return {packed, scales, weight.depth, weight.width};
  }
  const int panels = static_cast<int>(round_up(weight.width, panel<T>) / panel<T>);
  pack<T>(weight, 0, panels, static_cast<T*>(memory));
  return {memory, nullptr, weight.depth, weight.width};
}

// Up to kMostRows rows, the first of which has the place `row`, times some panels of a frozen weight.
template <class T>
inline void multiply(int row, int rows, const T* a, std::ptrdiff_t a_stride, const Frozen& weight,
                     int first_panel, int panels, T* out, std::ptrdiff_t out_stride, bool add,
                     Shortened<T>* shortened) {
  const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(first_panel) * panel<T>;
  if (weight.scales == nullptr) {
    multiply<T>(rows, a, a_stride, weight.depth,
                static_cast<const T*>(weight.values) + column * weight.depth, panels, out,
                out_stride, add);
    return;
  }
  shortened->take(row, rows, a, a_stride, weight.depth);
  strip_of_bytes<T, kMostRows>(
      rows, shortened->data + row * shortened->stride, shortened->stride, shortened->scales + row,
      weight.depth,
      static_cast<const std::int8_t*>(weight.values) + column * 2 * pairs_of(weight.depth),
      static_cast<const T*>(weight.scales) + column, panels, out, out_stride, add);
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
