// A tile of a matrix product: a few rows times a few panels of packed weights.
//
// Each number of the result is a sum in one fixed order: chains of fused multiply-adds over blocks
// of `kBlock` terms, each from zero, added up in turn. The order depends neither on how many rows
// a tile has nor on the thread that runs it, so a row alone gives the bits that it gives in a batch.
#pragma once

#include <cstddef>
#include <cstring>

#include "loops/job.hpp"
#include "simd/vector.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

constexpr int kBlock = 256;
constexpr int kPanelVectors = 2;
constexpr int kMostRows = HEADGATE_BYTES == 64 ? 12 : 6;  // what the registers hold
constexpr int kTileVectors = 48;                           // of one bytecode register

template <class T>
constexpr int panel = kPanelVectors* lanes<T>;

constexpr std::ptrdiff_t round_up(std::ptrdiff_t value, std::ptrdiff_t to) {
  return (value + to - 1) / to * to;
}

template <class T>
constexpr std::size_t packed_size(const Weight& weight) {
  return static_cast<std::size_t>(round_up(weight.width, panel<T>)) * weight.depth;
}

// Packs panels [first, last) of a weight as [panel][depth][columns of the panel], zeros past it.
template <class T>
void pack(const Weight& weight, int first, int last, T* packed) {
  const T* source = static_cast<const T*>(weight.data);
  for (int p = first; p < last; ++p) {
    T* target = packed + static_cast<std::size_t>(p) * panel<T> * weight.depth;
    const int column = p * panel<T>;
    const int count = weight.width - column < panel<T> ? weight.width - column : panel<T>;
    if (count < panel<T>) std::memset(target, 0, sizeof(T) * panel<T> * weight.depth);
    if (weight.transposed) {
      for (int j = 0; j < count; ++j) {
        const T* row = source + (column + j) * weight.stride;
        for (int k = 0; k < weight.depth; ++k) target[k * panel<T> + j] = row[k];
      }
    } else {
      for (int k = 0; k < weight.depth; ++k) {
        std::memcpy(target + k * panel<T>, source + k * weight.stride + column, sizeof(T) * count);
      }
    }
  }
}

// Rows x Panels of the product over one block; `add` to what is there, or overwrite it.
template <class T, int Rows, int Panels>
inline void block(const T* a, std::ptrdiff_t a_stride, int depth, const T* panels,
                  std::ptrdiff_t panel_stride, T* out, std::ptrdiff_t out_stride, bool add) {
  constexpr int kVectors = Panels * kPanelVectors;
  Vec<T> sums[Rows][kVectors];
  for (auto& row : sums) {
    for (auto& sum : row) sum = broadcast<T>(T(0));
  }
  for (int k = 0; k < depth; ++k) {
    Vec<T> b[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      b[v] = load(panels + v / kPanelVectors * panel_stride + k * panel<T> +
                  v % kPanelVectors * lanes<T>);
    }
    for (int r = 0; r < Rows; ++r) {
      const Vec<T> left = broadcast<T>(a[r * a_stride + k]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma<T>(left, b[v], sums[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      T* place = out + r * out_stride + v * lanes<T>;
      store(place, add ? load(place) + sums[r][v] : sums[r][v]);
    }
  }
}

// `Rows` rows times panels [0, panels) over the whole depth, block by block.
template <class T, int Rows>
void strip(const T* a, std::ptrdiff_t a_stride, int depth, const T* packed, int panels, T* out,
           std::ptrdiff_t out_stride, bool add) {
  // so many sums at once that none waits for the one before it
  constexpr int kWide = Rows == 1 ? 4 : Rows <= 3 ? 2 : 1;
  const std::ptrdiff_t panel_stride = static_cast<std::ptrdiff_t>(depth) * panel<T>;
  for (int k = 0; k < depth; k += kBlock) {
    const int length = depth - k < kBlock ? depth - k : kBlock;
    const T* from = packed + static_cast<std::ptrdiff_t>(k) * panel<T>;
    const bool more = add || k > 0;
    int p = 0;
    for (; p + kWide <= panels; p += kWide) {
      block<T, Rows, kWide>(a + k, a_stride, length, from + p * panel_stride, panel_stride,
                            out + p * panel<T>, out_stride, more);
    }
    for (; p < panels; ++p) {
      block<T, Rows, 1>(a + k, a_stride, length, from + p * panel_stride, panel_stride,
                        out + p * panel<T>, out_stride, more);
    }
  }
}

template <class T, int Rows>
void strip_of(int rows, const T* a, std::ptrdiff_t a_stride, int depth, const T* packed,
              int panels, T* out, std::ptrdiff_t out_stride, bool add) {
  if constexpr (Rows > 0) {
    if (rows == Rows) {
      strip<T, Rows>(a, a_stride, depth, packed, panels, out, out_stride, add);
    } else {
      strip_of<T, Rows - 1>(rows, a, a_stride, depth, packed, panels, out, out_stride, add);
    }
  }
}

// The product of 1 to kMostRows rows and some panels: out (+)= a * packed. The columns of `out` are
// as many as the panels have, also past the weight's width.
template <class T>
inline void multiply(int rows, const T* a, std::ptrdiff_t a_stride, int depth, const T* packed,
                     int panels, T* out, std::ptrdiff_t out_stride, bool add) {
  strip_of<T, kMostRows>(rows, a, a_stride, depth, packed, panels, out, out_stride, add);
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
