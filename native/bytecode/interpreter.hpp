// Pointwise code over a tile of rows and units that stays in the first cache.
#pragma once

#include "bytecode/tile.hpp"
#include "bytecode/moments.hpp"
#include "simd/operations.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

// The operations in the order of the lists, after those that move values.
enum Operation : int {
  kLoad,   // register <- view
  kStore,  // view <- register
  kSum,    // view, added up over rows <- register
  kReduce,  // moments <- register
  kMean,    // register <- moments
  kScale,   // register <- moments
  kSpread,  // register <- view of one number a row
  kNormalize,
  kNormalizeBackward,
#define HEADGATE_NAME(name) k_##name,
  HEADGATE_UNARY(HEADGATE_NAME) HEADGATE_BINARY(HEADGATE_NAME)
#undef HEADGATE_NAME
  kOperations
};
// Which side of a binary operation is a constant in place of a register.
constexpr int kRightConstant = 1 << 16;
constexpr int kLeftConstant = 1 << 17;

template <class T>
inline void load_rows(Tile<T>& tile, const Instruction& code) {
  const Rows<T> from = tile.rows_of(tile.job->views[code.left]);
  // whole vectors are read where they lie, unless a store comes before their last use; rows as far
  // apart as those of the scratch would be read as one, which half a panel is too short for
  const bool as_one = from.stride == tile.stride() && tile.units != tile.stride();
  if (tile.units % lanes<T> == 0 && !code.right && !as_one) {
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

// The rows of a tile are few and summed as they are; the sum over all rows and steps is one of
// doubles, since it would lose digits in single precision.
template <class T>
inline void sum_rows(const Tile<T>& tile, const Instruction& code) {
  const View& view = tile.job->views[code.target];
  double* target = static_cast<double*>(view.data) + tile.thread * view.stride + tile.unit;
  const Rows<T> from = tile.registers[code.left];
  int j = 0;
  for (; j + lanes<T> <= tile.units; j += lanes<T>) {
    Vec<T> sum = load(from.data + j);
    for (int r = 1; r < tile.rows; ++r) sum += load(from.data + r * from.stride + j);
    for (int i = 0; i < lanes<T>; ++i) target[j + i] += sum[i];
  }
  for (; j < tile.units; ++j) {
    T sum = from.data[j];
    for (int r = 1; r < tile.rows; ++r) sum += from.data[r * from.stride + j];
    target[j] += sum;
  }
}

template <class T, class Op>
inline void unary(Tile<T>& tile, const Instruction& code) {
  const Rows<T> a = tile.registers[code.left], to = tile.own(code.target);
  // rows without gaps are one long row
  const bool flat = a.stride == to.stride;
  const int rows = flat ? 1 : tile.rows, count = tile.length(flat);
  for (int r = 0; r < rows; ++r) {
    const T* left = a.data + r * a.stride;
    along<T>(to.data + r * to.stride, count, [=](int i) HEADGATE_INLINE_LAMBDA {
      return Op::template run<T>(load(left + i));
    });
  }
  tile.registers[code.target] = to;
}

template <class T, class Op>
inline void with_constant(Tile<T>& tile, const Instruction& code, bool constant_is_left) {
  const Rows<T> to = tile.own(code.target);
  const double value = tile.job->plan->constants[constant_is_left ? code.left : code.right];
  const Vec<T> constant = broadcast<T>(static_cast<T>(value));
  const Rows<T> a = tile.registers[constant_is_left ? code.right : code.left];
  const bool flat = a.stride == to.stride;
  const int rows = flat ? 1 : tile.rows, count = tile.length(flat);
  for (int r = 0; r < rows; ++r) {
    const T* other = a.data + r * a.stride;
    T* out = to.data + r * to.stride;
    if (constant_is_left) {
      along<T>(out, count, [=](int i) HEADGATE_INLINE_LAMBDA {
        return Op::template run<T>(constant, load(other + i));
      });
    } else {
      along<T>(out, count, [=](int i) HEADGATE_INLINE_LAMBDA {
        return Op::template run<T>(load(other + i), constant);
      });
    }
  }
  tile.registers[code.target] = to;
}

template <class T, class Op>
inline void binary(Tile<T>& tile, const Instruction& code) {
  if (code.operation & (kRightConstant | kLeftConstant)) {
    with_constant<T, Op>(tile, code, code.operation & kLeftConstant);
    return;
  }
  const Rows<T> to = tile.own(code.target);
  const Rows<T> a = tile.registers[code.left], b = tile.registers[code.right];
  const bool flat = a.stride == to.stride && b.stride == to.stride;
  const int rows = flat ? 1 : tile.rows, count = tile.length(flat);
  for (int r = 0; r < rows; ++r) {
    const T* left = a.data + r * a.stride;
    const T* right = b.data + r * b.stride;
    along<T>(to.data + r * to.stride, count, [=](int i) HEADGATE_INLINE_LAMBDA {
      return Op::template run<T>(load(left + i), load(right + i));
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
    if (view.mode == Mode::shared || view.mode == Mode::summed) continue;
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
      case kReduce:
        reduce_rows(tile, code);
        break;
      case kMean:
        spread_mean(tile, code);
        break;
      case kScale:
        spread_scale(tile, code);
        break;
      case kNormalize:
        normalize_rows(tile, code);
        break;
      case kNormalizeBackward:
        normalize_rows_backward(tile, code);
        break;
      case kSpread:
        spread_column(tile, code);
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
