// The mean and the variance of a row, of one value or of several together.
//
// A tile holds some units of a row, so that a row is summed up in parts: of each panel's two vectors
// the sum, lane by lane, and half the squared difference, which is what the two numbers of a lane
// lie apart from their own mean. The parts of all tiles are then put together (Chan, Golub and LeVeque
// 1979), always in the same order: the bits depend neither on the tiles nor on the threads. A row of
// moments has for each value all its sums, then all its squares.
#pragma once

#include <cmath>

#include "bytecode/tile.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

constexpr double kEpsilon = 1e-5;  // of a normalized row, as the notation has it

template <class T>
HEADGATE_INLINE double total(Vec<T> v) {
  double sum = v[0];
  for (int i = 1; i < lanes<T>; ++i) sum += v[i];
  return sum;
}

// How many numbers the sums of a value are.
template <class T>
int parts_of(const View& view) {
  return static_cast<int>(round_up(view.initial_stride, panel<T>) / kPanelVectors);
}

// The parts of a value's rows that lie in a tile; `code.right` is the value's place among several.
template <class T>
inline void reduce_rows(const Tile<T>& tile, const Instruction& code) {
  static_assert(kPanelVectors == 2, "a lane of a panel has two numbers");
  const View& view = tile.job->views[code.target];
  const int parts = parts_of<T>(view);
  const Rows<T> from = tile.registers[code.left];
  const Rows<T> to = tile.first_unit().rows_of(view);
  for (int r = 0; r < tile.rows; ++r) {
    const T* row = from.data + r * from.stride;
    T* sums = to.data + r * to.stride + 2 * parts * code.right + tile.unit / kPanelVectors;
    int j = 0;
    for (; j + panel<T> <= tile.units; j += panel<T>, sums += lanes<T>) {
      const Vec<T> a = load(row + j), b = load(row + j + lanes<T>);
      store(sums, a + b);
      store(sums + parts, (a - b) * (a - b) * T(0.5));
    }
    for (int i = 0; j < tile.units && i < lanes<T>; ++i) {
      // of the last panel's lanes some have one number, some none
      const T a = j + i < tile.units ? row[j + i] : T(0);
      const bool two = j + i + lanes<T> < tile.units;
      const T b = two ? row[j + i + lanes<T>] : T(0);
      sums[i] = a + b;
      sums[parts + i] = two ? (a - b) * (a - b) * T(0.5) : T(0);
    }
  }
}

// The parts of a row's sums put together.
template <class T>
class Parts {
 public:
  Parts(const Tile<T>& tile, const Instruction& code)
      : rows_(tile.first_unit().rows_of(tile.job->views[code.left])),
        values_(code.right),
        units_(static_cast<int>(tile.job->views[code.left].initial_stride)),
        parts_(parts_of<T>(tile.job->views[code.left])) {}

  double mean(int row) const {
    const T* sums = rows_.data + row * rows_.stride;
    Vec<T> even{}, odd{};  // two, as each addition waits for the one before
    for (int v = 0; v < values_; ++v, sums += 2 * parts_) {
      int i = 0;
      for (; i + panel<T> <= parts_; i += panel<T>) {
        even += load(sums + i);
        odd += load(sums + i + lanes<T>);
      }
      if (i < parts_) even += load(sums + i);
    }
    return total<T>(even + odd) / all();
  }

  double scale(int row) const {
    const double centre = mean(row);
    const Vec<T> middle = broadcast<T>(static_cast<T>(centre));
    const int whole = units_ / panel<T> * lanes<T>, rest = units_ % panel<T>;
    const T* sums = rows_.data + row * rows_.stride;
    Vec<T> square{};
    double last = 0;
    for (int v = 0; v < values_; ++v, sums += 2 * parts_) {
      for (int i = 0; i < whole; i += lanes<T>) {
        const Vec<T> apart = load(sums + i) * T(0.5) - middle;
        square += load(sums + parts_ + i) + apart * apart * T(2);
      }
      for (int i = 0; i < rest && i < lanes<T>; ++i) {
        const int count = i + lanes<T> < rest ? 2 : 1;
        const double apart = sums[whole + i] / count - centre;
        last += sums[parts_ + whole + i] + count * apart * apart;
      }
    }
    return 1 / std::sqrt((total<T>(square) + last) / all() + kEpsilon);
  }

 private:
  double all() const { return static_cast<double>(units_) * values_; }

  Rows<T> rows_;
  int values_, units_, parts_;
};

// Fills each row of a register with one number.
template <class T, class Number>
inline void spread(Tile<T>& tile, const Instruction& code, Number number) {
  const Rows<T> to = tile.own(code.target);
  for (int r = 0; r < tile.rows; ++r) {
    const Vec<T> value = broadcast<T>(static_cast<T>(number(r)));
    T* row = to.data + r * to.stride;
    for (int i = 0; i < to.stride; i += lanes<T>) store(row + i, value);
  }
  tile.registers[code.target] = to;
}

template <class T>
inline void spread_mean(Tile<T>& tile, const Instruction& code) {
  const Parts<T> parts(tile, code);
  spread(tile, code, [&](int row) { return parts.mean(row); });
}

template <class T>
inline void spread_scale(Tile<T>& tile, const Instruction& code) {
  const Parts<T> parts(tile, code);
  spread(tile, code, [&](int row) { return parts.scale(row); });
}

template <class T>
inline void spread_column(Tile<T>& tile, const Instruction& code) {
  const Rows<T> from = tile.first_unit().rows_of(tile.job->views[code.left]);
  spread(tile, code, [&](int row) { return from.data[row * from.stride]; });
}

// (value - mean) scale. What a row has one of fills its row, so that the first vector tells it.
template <class T>
inline void normalize_rows(Tile<T>& tile, const Instruction& code) {
  const Rows<T> to = tile.own(code.target);
  const Rows<T> value = tile.registers[code.left];
  const Rows<T> mean = tile.registers[code.right], scale = tile.registers[code.third];
  for (int r = 0; r < tile.rows; ++r) {
    const T* from = value.data + r * value.stride;
    const Vec<T> m = load(mean.data + r * mean.stride), s = load(scale.data + r * scale.stride);
    along<T>(to.data + r * to.stride, tile.length(false), [=](int i) HEADGATE_INLINE_LAMBDA {
      return (load(from + i) - m) * s;
    });
  }
  tile.registers[code.target] = to;
}

// (d - level - y share) scale: level is the mean of d, share that of d y.
template <class T>
inline void normalize_rows_backward(Tile<T>& tile, const Instruction& code) {
  const Rows<T> to = tile.own(code.target);
  const Rows<T> gradient = tile.registers[code.left], normal = tile.registers[code.right];
  const Rows<T> level = tile.registers[code.third], share = tile.registers[code.fourth];
  const Rows<T> scale = tile.registers[code.fifth];
  for (int r = 0; r < tile.rows; ++r) {
    const T* d = gradient.data + r * gradient.stride;
    const T* y = normal.data + r * normal.stride;
    const Vec<T> l = load(level.data + r * level.stride), a = load(share.data + r * share.stride);
    const Vec<T> s = load(scale.data + r * scale.stride);
    along<T>(to.data + r * to.stride, tile.length(false), [=](int i) HEADGATE_INLINE_LAMBDA {
      return (load(d + i) - l - load(y + i) * a) * s;
    });
  }
  tile.registers[code.target] = to;
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
