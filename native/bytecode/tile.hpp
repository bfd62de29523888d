// The part of a step that is computed at once, and where its values lie.
#pragma once

#include <cstring>

#include "gemm/tile.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

// Where the rows of a register lie: in the scratch, or where a view has them.
template <class T>
struct Rows {
  T* data;
  std::ptrdiff_t stride;
};

// The part of a step that a tile covers, and the scratch of one thread.
template <class T>
struct Tile {
  const Job* job;
  std::int64_t now, before;  // the first packed rows of this step and of the one before it
  std::int64_t next;         // in a ring of states: of the one that this step writes
  bool initial;              // there is no step before
  int thread;
  int row, rows, unit, units;
  int vectors;  // of a row in the scratch
  T* scratch;
  Rows<T>* registers;

  std::ptrdiff_t stride() const { return static_cast<std::ptrdiff_t>(vectors) * lanes<T>; }

  // How many numbers a row has, or all rows where they have no gaps.
  int length(bool flat) const {
    return flat ? rows * static_cast<int>(stride())
                : static_cast<int>(round_up(units, lanes<T>));
  }

  Tile first_unit() const {
    Tile whole = *this;
    whole.unit = 0;
    return whole;
  }

  Rows<T> own(int index) const {
    return {scratch + static_cast<std::ptrdiff_t>(index) * kTileVectors * lanes<T>, stride()};
  }

  Rows<T> rows_of(const View& view) const {
    T* data = static_cast<T*>(view.data);
    switch (view.mode) {
      case Mode::sequence:
        return {data + (now + row) * view.stride + unit, view.stride};
      case Mode::previous:
        if (initial) {
          return {static_cast<T*>(view.initial) + row * view.initial_stride + unit,
                  view.initial_stride};
        }
        return {data + (before + row) * view.stride + unit, view.stride};
      case Mode::next:
        return {data + (next + row) * view.stride + unit, view.stride};
      case Mode::rolling:
      case Mode::moments:
        return {data + row * view.stride + unit, view.stride};
      case Mode::shared:
      case Mode::summed:  // which sum_rows finds by itself
        break;
    }
    return {data + unit, 0};
  }
};

// Applies a function of places to all vectors of a tile: `apply(i)` gives the vector whose operands
// lie i numbers behind their rows' beginnings.
template <class T, class Apply>
HEADGATE_INLINE void along(T* to, int count, Apply apply) {
#pragma GCC unroll 2
  for (int i = 0; i < count; i += lanes<T>) store(to + i, apply(i));
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
