// A chain kept running: some steps of every link in turn, over weights that were packed before.
#pragma once

#include "loops/run.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

template <class T>
std::size_t scratch_size(int n_registers) {
  return static_cast<std::size_t>(n_registers) * kTileVectors * lanes<T> * sizeof(T);
}

template <class T>
std::size_t registers_size(int n_registers) {
  return static_cast<std::size_t>(n_registers) * sizeof(Rows<T>);
}

template <class T>
void look_up(const Link& link, const std::int64_t* ids, int rows) {
  const T* table = static_cast<const T*>(link.table);
  T* out = static_cast<T*>(link.output);
  for (int r = 0; r < rows; ++r) {
    std::memcpy(out + static_cast<std::ptrdiff_t>(r) * link.width, table + ids[r] * link.width,
                sizeof(T) * link.width);
  }
}

// Adds a bias to the rows of a projection.
template <class T>
void add_bias(const T* bias, int width, int rows, T* output) {
  for (int r = 0; r < rows; ++r, output += width) {
    for (int j = 0; j < width; ++j) output[j] += bias[j];
  }
}

// One panel times all rows, block by block of the depth, so that a block stays in the first cache
// while the rows pass by. The sums are those of project_rows: a chunk gives the bits of a whole run.
template <class T>
void project_panel(const Link& link, int p, const T* input, int features, int rows) {
  const int width = link.projection.width, column = p * panel<T>;
  const int count = width - column < panel<T> ? width - column : panel<T>;
  const T* packed = static_cast<const T*>(link.projection.values) +
                    static_cast<std::ptrdiff_t>(column) * features;
  alignas(64) T tile[kMostRows * panel<T>];
  for (int k = 0; k < features; k += kBlock) {
    const int depth = features - k < kBlock ? features - k : kBlock;
    T* out = static_cast<T*>(link.inputs) + column;
    for (int row = 0; row < rows; row += kMostRows) {
      const int some = rows - row < kMostRows ? rows - row : kMostRows;
      const T* from = input + static_cast<std::ptrdiff_t>(row) * features + k;
      const T* block = packed + static_cast<std::ptrdiff_t>(k) * panel<T>;
      if (count == panel<T>) {
        multiply<T>(some, from, features, depth, block, 1, out, width, k > 0);
        out += static_cast<std::ptrdiff_t>(kMostRows) * width;
        continue;
      }
      multiply<T>(some, from, features, depth, block, 1, tile, panel<T>, false);
      for (int r = 0; r < some; ++r, out += width) {
        for (int j = 0; j < count; ++j) {
          const T value = tile[r * panel<T> + j];
          out[j] = k > 0 ? out[j] + value : value;
        }
      }
    }
  }
}

template <class T>
void project_chunk(const Link& link, const T* input, int features, int rows,
                   Shortened<T>& shortened) {
  constexpr int kAtOnce = 4;  // panels, which stay near while all rows pass by
  const int width = link.projection.width;
  const int panels = static_cast<int>(round_up(width, panel<T>) / panel<T>);
  const T* bias = static_cast<const T*>(link.bias);
  if (rows > kMostRows && link.projection.scales == nullptr) {
    for (int p = 0; p < panels; ++p) project_panel<T>(link, p, input, features, rows);
    if (bias) add_bias(bias, width, rows, static_cast<T*>(link.inputs));
    return;
  }
  alignas(64) T tile[kMostRows * kAtOnce * panel<T>];
  shortened.forget();
  for (int p = 0; p < panels; p += kAtOnce) {
    const int wide = panels - p < kAtOnce ? panels - p : kAtOnce;
    const int stride = wide * panel<T>, column = p * panel<T>;
    const int count = width - column < stride ? width - column : stride;
    for (int row = 0; row < rows; row += kMostRows) {
      const int some = rows - row < kMostRows ? rows - row : kMostRows;
      const T* from = input + static_cast<std::ptrdiff_t>(row) * features;
      multiply<T>(row, some, from, features, link.projection, p, wide, tile, stride, false,
                  &shortened);
      T* out = static_cast<T*>(link.inputs) + static_cast<std::ptrdiff_t>(row) * width + column;
      for (int r = 0; r < some; ++r, out += width) {
        for (int j = 0; j < count; ++j) {
          out[j] = bias ? tile[r * stride + j] + bias[column + j] : tile[r * stride + j];
        }
      }
    }
  }
}

// What goes on of the states that a step has left.
template <class T>
void hand_on(const Steps& job, const Link& link, const T* source, std::int64_t now,
             std::int64_t next) {
  for (int r = 0; r < job.rows; ++r) {
    T* out = static_cast<T*>(link.output) + (now + r) * link.width;
    const T* states = static_cast<const T*>(job.ring) + (next + r) * job.state;
    const T* came = source + (now + r) * link.width;
    for (int i = 0; i < link.n_outputs; ++i) {
      const Columns& part = link.outputs[i];
      if (link.residual) {
        for (int j = 0; j < part.count; ++j) out[j] = states[part.first + j] + came[j];
      } else {
        std::memcpy(out, states + part.first, sizeof(T) * part.count);
      }
      out += part.count;
      came += part.count;
    }
  }
}

template <class T>
void step_cell(const Steps& job, const Link& link, const T* source, Shortened<T>& shortened) {
  Worker<T> worker(link.cell, link.weights, 0, 1, static_cast<T*>(job.scratch),
                   static_cast<Rows<T>*>(job.registers), &shortened);
  int slot = job.slot;
  for (int i = 0; i < job.steps; ++i) {
    const int after = slot + 1 == job.slots ? 0 : slot + 1;
    const std::int64_t now = static_cast<std::int64_t>(i) * job.rows;
    const std::int64_t next = static_cast<std::int64_t>(after) * job.rows;
    worker.step(now, static_cast<std::int64_t>(slot) * job.rows, next, job.rows);
    hand_on<T>(job, link, source, now, next);
    slot = after;
  }
}

template <class T>
void advance(const Steps& job) {
  FlushDenormals flush;
  Shortened<T> shortened;
  shortened.data = static_cast<std::int16_t*>(job.shortened);
  shortened.stride = job.shortened_stride;
  shortened.scales = static_cast<T*>(job.scales);
  shortened.of = static_cast<const T**>(job.shortened_of);
  shortened.rows = job.shortened_rows;
  const int rows = job.rows * job.steps;
  const T* source = static_cast<const T*>(job.input);
  int features = job.features;
  for (int i = 0; i < job.n_links; ++i) {
    const Link& link = job.links[i];
    if (link.table) {
      look_up<T>(link, static_cast<const std::int64_t*>(job.input), rows);
    } else {
      if (link.projection.values) project_chunk<T>(link, source, features, rows, shortened);
      if (link.cell.plan) step_cell<T>(job, link, source, shortened);
    }
    source = static_cast<const T*>(link.output);
    features = link.width;
  }
  std::memcpy(job.output, source, sizeof(T) * static_cast<std::size_t>(rows) * features);
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
