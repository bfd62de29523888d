// The projection of all steps at once: one large product in the same order of sums as a tile's.
#pragma once

#include "gemm/frozen.hpp"
#include "loops/memory.hpp"
#include "loops/threads.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

constexpr int kRowsAtOnce = 96;  // so that they stay in the second cache beside a panel

template <class T>
void project_rows(const Projection& job, const T* packed, std::int64_t first, std::int64_t last) {
  const int panels = static_cast<int>(round_up(job.weight.width, panel<T>) / panel<T>);
  const T* bias = static_cast<const T*>(job.bias);
  alignas(64) T tile[kMostRows * panel<T>];
  for (std::int64_t begin = first; begin < last; begin += kRowsAtOnce) {
    const std::int64_t end = last - begin < kRowsAtOnce ? last : begin + kRowsAtOnce;
    for (int p = 0; p < panels; ++p) {
      const T* from = packed + static_cast<std::ptrdiff_t>(p) * panel<T> * job.weight.depth;
      const int column = p * panel<T>;
      const int width = job.weight.width - column;
      const int count = width < panel<T> ? width : panel<T>;
      for (std::int64_t row = begin; row < end;) {
        const int left = static_cast<int>(end - row);
        const int rows = left < kMostRows ? left : kMostRows;
        const T* a = static_cast<const T*>(job.input) + row * job.input_stride;
        multiply<T>(rows, a, job.input_stride, job.weight.depth, from, 1, tile, panel<T>, false);
        T* out = static_cast<T*>(job.output) + row * job.output_stride + column;
        for (int r = 0; r < rows; ++r, out += job.output_stride) {
          for (int j = 0; j < count; ++j) {
            out[j] = bias ? tile[r * panel<T> + j] + bias[column + j] : tile[r * panel<T> + j];
          }
        }
        row += rows;
      }
    }
  }
}

template <class T>
bool project(const Projection& job) {
  Memory<T> packed(packed_size<T>(job.weight));
  if (!packed.data) return false;
  const int panels = static_cast<int>(round_up(job.weight.width, panel<T>) / panel<T>);
  parallel(job.threads, [&](int thread, int threads, Barrier& barrier) {
    pack<T>(job.weight, share(panels, thread, threads), share(panels, thread + 1, threads),
            packed.data);
    barrier.wait();
    project_rows<T>(job, packed.data, share(job.rows, thread, threads),
                    share(job.rows, thread + 1, threads));
  });
  return true;
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
