// Pointwise code over a tile of rows and units that stays in the first cache.
#pragma once

#include <cstring>

#include "gemm/tile.hpp"
#include "simd/operations.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

// The operations in the order of the lists, after the four that move values.
enum Operation : int {
  kLoad,   // register <- view
  kStore,  // view <- register
  kSum,    // view, added up over rows <- register
#define HEADGATE_NAME(name) k_##name,
  HEADGATE_UNARY(HEADGATE_NAME) HEADGATE_BINARY(HEADGATE_NAME)
#undef HEADGATE_NAME
  kOperations
};
// Which side of a binary operation is a constant in place of a register.
constexpr int kRightConstant = 1 << 16;
constexpr int kLeftConstant = 1 << 17;

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
  bool initial;              // there is no step before
  int thread;
  int row, rows, unit, units;
  int vectors;  // of a row in the scratch
  T* scratch;
  Rows<T>* registers;

  std::ptrdiff_t stride() const { return static_cast<std::ptrdiff_t>(vectors) * lanes<T>; }

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
      case Mode::rolling:
        return {data + row * view.stride + unit, view.stride};
      case Mode::shared:
        return {data + unit, 0};
      case Mode::summed:
        break;
    }
    return {data + thread * view.stride + unit, 0};
  }
};

template <class T>
inline void load_rows(Tile<T>& tile, const Instruction& code) {
  const Rows<T> from = tile.rows_of(tile.job->views[code.left]);
  if (tile.units % lanes<T> == 0) {  // whole vectors are read where they lie
    tile.registers[code.target] = from;
    return;
  }
  const Rows<T> to = tile.own(code.target);
  for (int r = 0; r < tile.rows; ++r) {
    T* row = to.data + r * to.stride;
    std::memcpy(row, from.data + r * from.stride, sizeof(T) * tile.units);
    for (int j = tile.units; j % lanes<T>; ++j) row[j] = T(0);
  }
  tile.registers[code.target] = to;
}

template <class T>
inline void store_rows(const Tile<T>& tile, const Instruction& code) {
  const Rows<T> to = tile.rows_of(tile.job->views[code.target]);
  const Rows<T> from = tile.registers[code.left];
  for (int r = 0; r < tile.rows; ++r) {
    T* target = to.data + r * to.stride;
    const T* source = from.data + r * from.stride;
    int j = 0;
    for (; j + lanes<T> <= tile.units; j += lanes<T>) store(target + j, load(source + j));
    for (; j < tile.units; ++j) target[j] = source[j];
  }
}

template <class T>
inline void sum_rows(const Tile<T>& tile, const Instruction& code) {
  T* target = tile.rows_of(tile.job->views[code.target]).data;
  const Rows<T> from = tile.registers[code.left];
  for (int r = 0; r < tile.rows; ++r) {
    for (int j = 0; j < tile.units; ++j) target[j] += from.data[r * from.stride + j];
  }
}

template <class T, class Apply>
inline void each(const Tile<T>& tile, const Rows<T>& to, Apply apply) {
  const int end = static_cast<int>(round_up(tile.units, lanes<T>));
  for (int r = 0; r < tile.rows; ++r) {
    for (int j = 0; j < end; j += lanes<T>) store(to.data + r * to.stride + j, apply(r, j));
  }
}

template <class T, class Op>
inline void unary(Tile<T>& tile, const Instruction& code) {
  const Rows<T> a = tile.registers[code.left], to = tile.own(code.target);
  each(tile, to, [&](int r, int j) {
    return Op::template run<T>(load(a.data + r * a.stride + j));
  });
  tile.registers[code.target] = to;
}

template <class T, class Op>
inline void binary(Tile<T>& tile, const Instruction& code) {
  const Rows<T> to = tile.own(code.target);
  if (code.operation & kRightConstant) {
    const Rows<T> a = tile.registers[code.left];
    const Vec<T> b = broadcast<T>(static_cast<T>(tile.job->plan->constants[code.right]));
    each(tile, to, [&](int r, int j) {
      return Op::template run<T>(load(a.data + r * a.stride + j), b);
    });
  } else if (code.operation & kLeftConstant) {
    const Vec<T> a = broadcast<T>(static_cast<T>(tile.job->plan->constants[code.left]));
    const Rows<T> b = tile.registers[code.right];
    each(tile, to, [&](int r, int j) {
      return Op::template run<T>(a, load(b.data + r * b.stride + j));
    });
  } else {
    const Rows<T> a = tile.registers[code.left], b = tile.registers[code.right];
    each(tile, to, [&](int r, int j) {
      return Op::template run<T>(load(a.data + r * a.stride + j), load(b.data + r * b.stride + j));
    });
  }
  tile.registers[code.target] = to;
}

// Asks for the memory that the loads and stores of a tile will touch.
template <class T>
void fetch(const Tile<T>& tile, int begin, int end) {
  constexpr int kLine = 64 / sizeof(T);
  for (int i = begin; i < end; ++i) {
    const Instruction& code = tile.job->plan->code[i];
    const bool loads = code.operation == kLoad;
    if (!loads && code.operation != kStore) continue;
    const View& view = tile.job->views[loads ? code.left : code.target];
    if (view.mode == Mode::shared) continue;
    const Rows<T> rows = tile.rows_of(view);
    for (int r = 0; r < tile.rows; ++r) {
      const T* row = rows.data + r * rows.stride;
      for (int j = 0; j < tile.units; j += kLine) {
        // the second argument, to write, has to be known when this is compiled
        if (loads) __builtin_prefetch(row + j, 0);
        else __builtin_prefetch(row + j, 1);
      }
    }
  }
}

template <class T>
void interpret(Tile<T>& tile, int begin, int end) {
  for (int i = begin; i < end; ++i) {
    const Instruction& code = tile.job->plan->code[i];
    switch (code.operation & (kRightConstant - 1)) {
      case kLoad:
        load_rows(tile, code);
        break;
      case kStore:
        store_rows(tile, code);
        break;
      case kSum:
        sum_rows(tile, code);
        break;
#define HEADGATE_CASE(name)           \
  case k_##name:                      \
    unary<T, ops::name>(tile, code);  \
    break;
        HEADGATE_UNARY(HEADGATE_CASE)
#undef HEADGATE_CASE
#define HEADGATE_CASE(name)           \
  case k_##name:                      \
    binary<T, ops::name>(tile, code); \
    break;
        HEADGATE_BINARY(HEADGATE_CASE)
#undef HEADGATE_CASE
      default:
        break;
    }
  }
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
