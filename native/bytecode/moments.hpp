// The mean and the variance of a row, of one value or of several together.
//
// A tile holds some units of a row, so that a row is summed up in parts: for each panel of units the
// sum, and the sum of the squared distances from the panel's own mean. The parts of all tiles are
// then put together (Chan, Golub and LeVeque 1979), always in the same order: the bits depend neither
// on the tiles nor on the threads. A row of moments is all sums, value after value, then all squares.
#pragma once

#include <cmath>

#include "bytecode/tile.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

constexpr double kEpsilon = 1e-5;  // of a normalized row, as the notation has it

template <class T>
HEADGATE_INLINE T total(Vec<T> v) {
  T sum = v[0];
  for (int i = 1; i < lanes<T>; ++i) sum += v[i];
  return sum;
}

template <class T>
int panels_of(const View& view) {
  return static_cast<int>(round_up(view.initial_stride, panel<T>) / panel<T>);
}

// The parts of a value's rows that lie in a tile; `code.right` is the value's place among several.
template <class T>
inline void reduce_rows(const Tile<T>& tile, const Instruction& code) {
  const View& view = tile.job->views[code.target];
  const int panels = panels_of<T>(view);
  const Rows<T> from = tile.registers[code.left];
  const Rows<T> to = tile.first_unit().rows_of(view);
  for (int r = 0; r < tile.rows; ++r) {
    const T* row = from.data + r * from.stride;
    T* sums = to.data + r * to.stride + 2 * panels * code.right + tile.unit / panel<T>;
    T* squares = sums + panels;
    for (int j = 0; j < tile.units; j += panel<T>, ++sums, ++squares) {
      if (tile.units - j >= panel<T>) {
        const Vec<T> a = load(row + j), b = load(row + j + lanes<T>);
        *sums = total<T>(a + b);
        const Vec<T> mean = broadcast<T>(*sums / T(panel<T>));
        *squares = total<T>((a - mean) * (a - mean) + (b - mean) * (b - mean));
      } else {
        T sum = 0, square = 0;
        for (int i = j; i < tile.units; ++i) sum += row[i];
        const T mean = sum / T(tile.units - j);
        for (int i = j; i < tile.units; ++i) square += (row[i] - mean) * (row[i] - mean);
        *sums = sum;
        *squares = square;
      }
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
        panels_(panels_of<T>(tile.job->views[code.left])) {}

  double mean(int row) const {
    const T* sums = rows_.data + row * rows_.stride;
    double sum = 0;
    for (int v = 0; v < values_; ++v, sums += 2 * panels_) {
      for (int p = 0; p < panels_; ++p) sum += sums[p];
    }
    return sum / all();
  }

  double scale(int row) const {
    const double centre = mean(row);
    const int last = units_ - (panels_ - 1) * panel<T>;  // units of a value's last panel
    const T* sums = rows_.data + row * rows_.stride;
    double square = 0, apart = 0;  // within the panels, and between their means
    for (int v = 0; v < values_; ++v, sums += 2 * panels_) {
      const T* squares = sums + panels_;
      for (int p = 0; p < panels_; ++p) square += squares[p];
      for (int p = 0; p < panels_ - 1; ++p) {
        const double distance = sums[p] * (1.0 / panel<T>) - centre;
        apart += distance * distance;
      }
      const double distance = sums[panels_ - 1] / last - centre;
      square += last * distance * distance;
    }
    return 1 / std::sqrt((square + apart * panel<T>) / all() + kEpsilon);
  }

 private:
  double all() const { return static_cast<double>(units_) * values_; }

  Rows<T> rows_;
  int values_, units_, panels_;
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

}  // namespace HEADGATE_TARGET
}  // namespace headgate
