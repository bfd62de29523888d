// A plan run over time.
#pragma once

#include "bytecode/interpreter.hpp"
#include "gemm/frozen.hpp"
#include "loops/memory.hpp"
#include "loops/threads.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

constexpr std::size_t kCached = 512 * 1024;  // of packed weights, kept near while rows pass by

// What one thread does, and what it needs for it.
template <class T>
class Worker {
 public:
  Worker(const Job& job, const Frozen* packed, int thread, int threads, T* scratch,
         Rows<T>* registers, Shortened<T>* shortened = nullptr)
      : job_(job), plan_(*job.plan), packed_(packed), shortened_(shortened), thread_(thread),
        threads_(threads) {
    tile_.job = &job;
    tile_.thread = thread;
    tile_.scratch = scratch;
    tile_.registers = registers;
  }

  void run(Barrier& barrier, int first_row, int last_row) {
    int t = job_.walk > 0 ? 0 : job_.steps - 1;
    for (int i = 0; i < job_.steps; ++i, t += job_.walk) {
      step_ = t;
      const int before = t - job_.direction;
      tile_.now = job_.offsets[t];
      tile_.initial = before < 0 || before >= job_.steps;
      tile_.before = tile_.initial ? 0 : job_.offsets[before];
      const int active = static_cast<int>(job_.offsets[t + 1] - job_.offsets[t]);
      const int last = last_row < active ? last_row : active;
      for (int s = 0; s < plan_.n_stages; ++s) {
        if (first_row < last) stage(plan_.stages[s], first_row, last);
        if (job_.columns) barrier.wait();
      }
    }
  }

  // One step of all rows, whose states lie in a ring.
  void step(std::int64_t now, std::int64_t before, std::int64_t next, int rows) {
    tile_.now = now;
    tile_.before = before;
    tile_.next = next;
    for (int s = 0; s < plan_.n_stages; ++s) stage(plan_.stages[s], 0, rows);
  }

 private:
  // Units in blocks whose weights stay near, rows in tiles of equal height.
  void stage(const Stage& stage, int first, int last) {
    if (shortened_ != nullptr) shortened_->forget();  // another stage may have changed the rows
    const int width = job_.widths[stage.width];
    const int tiles = (last - first + kMostRows - 1) / kMostRows;
    const int height = (last - first + tiles - 1) / tiles;
    const int panels = static_cast<int>(round_up(width, panel<T>) / panel<T>);
    const int begin = job_.columns ? share(panels, thread_, threads_) : 0;
    const int end = job_.columns ? share(panels, thread_ + 1, threads_) : panels;
    const int step = panels_at_once(stage, height, tiles, end - begin);
    first_unit_ = begin * panel<T>;
    for (int p = begin; p < end; p += step) {
      const int count = end - p < step ? end - p : step;
      tile_.unit = p * panel<T>;
      tile_.units = width - tile_.unit < count * panel<T> ? width - tile_.unit : count * panel<T>;
      tile_.vectors = count * kPanelVectors;
      for (int i = 0; i < tiles; ++i) {
        place(first, last, i, tiles);
        fetch_next(stage, first, last, p + step < end ? tile_.unit + step * panel<T> : -1);
        products(stage, p, count);
        interpret(tile_, stage.begin, stage.end);
      }
    }
  }

  void place(int first, int last, int index, int tiles) {
    tile_.row = first + share(last - first, index, tiles);
    tile_.rows = first + share(last - first, index + 1, tiles) - tile_.row;
  }

  // What the next tile reads and writes comes near while this one is computed: the tile below, or
  // else the first one of the next units, or else that of the next step.
  void fetch_next(const Stage& stage, int first, int last, int next_unit) {
    Tile<T> next = tile_;
    next.row += tile_.rows;
    if (next.row >= last) {
      next.row = first;
      if (next_unit >= 0) {
        next.unit = next_unit;
      } else {
        const int step = step_ + job_.walk;
        if (step < 0 || step >= job_.steps) return;
        next.unit = first_unit_;
        next.now = job_.offsets[step];
      }
    }
    fetch(next, stage.begin, stage.end);
  }

  int panels_at_once(const Stage& stage, int height, int tiles, int most) const {
    int fit = kTileVectors / height / kPanelVectors;
    std::size_t bytes = 0;  // of a panel's weights
    for (int i = stage.first; i < stage.first + stage.count; ++i) {
      for (int j = 0; j < plan_.products[i].count; ++j) {
        bytes += sizeof(T) * panel<T> *
                 static_cast<std::size_t>(
                     packed_[plan_.terms[plan_.products[i].first + j].weight].depth);
      }
    }
    if (tiles > 1 && bytes > 0) {
      const int cached = static_cast<int>(kCached / bytes);
      fit = cached < fit ? cached : fit;
    }
    fit = fit < most ? fit : most;
    return fit < 1 ? 1 : fit;
  }

  void products(const Stage& stage, int first_panel, int panels) {
    for (int i = stage.first; i < stage.first + stage.count; ++i) {
      const Product& product = plan_.products[i];
      const Rows<T> out = tile_.own(product.target);
      for (int j = 0; j < product.count; ++j) {
        const Term& term = plan_.terms[product.first + j];
        Tile<T> whole = tile_;
        whole.unit = 0;  // the product sums over all units of its operand
        const Rows<T> a = whole.rows_of(job_.views[term.view]);
        multiply<T>(tile_.row, tile_.rows, a.data, a.stride, packed_[term.weight], first_panel, panels,
                    out.data, out.stride, j > 0, shortened_);
      }
      tile_.registers[product.target] = out;
    }
  }

  const Job& job_;
  const Plan& plan_;
  const Frozen* packed_;
  Shortened<T>* shortened_;
  int thread_, threads_;
  int step_ = 0, first_unit_ = 0;
  Tile<T> tile_{};
};

// The first row of a thread, so that each has its share of all steps: the longest rows come first.
inline int first_row_of(const Job& job, int thread, int threads) {
  const int rows = static_cast<int>(job.offsets[1]);
  if (thread == threads) return rows;
  const std::int64_t wanted = share(job.offsets[job.steps], thread, threads);
  std::int64_t sum = 0;
  int row = 0, length = job.steps;
  for (; row < rows && sum < wanted; ++row) {
    while (length > 0 && job.offsets[length] - job.offsets[length - 1] <= row) --length;
    sum += length;
  }
  return row;
}

template <class T>
struct Scratch {
  Scratch(const Plan& plan, int threads)
      : values(static_cast<std::size_t>(threads) * size(plan)),
        rows(static_cast<std::size_t>(threads) * plan.n_registers) {}
  static std::size_t size(const Plan& plan) {
    return static_cast<std::size_t>(plan.n_registers) * kTileVectors * lanes<T>;
  }
  Memory<T> values;
  Memory<Rows<T>> rows;
};

template <class T>
bool run(const Job& job) {
  std::size_t total = 0;
  for (int w = 0; w < job.n_weights; ++w) total += round_up(packed_size<T>(job.weights[w]), 16);
  Memory<T> memory(total);
  Memory<Frozen> packed(job.n_weights + 1);
  Scratch<T> scratch(*job.plan, job.threads);
  if (!memory.data || !packed.data || !scratch.values.data || !scratch.rows.data) return false;
  T* next = memory.data;
  for (int w = 0; w < job.n_weights; ++w) {
    packed.data[w] = {next, nullptr, job.weights[w].depth, job.weights[w].width};
    next += round_up(packed_size<T>(job.weights[w]), 16);
  }
  parallel(job.threads, [&](int thread, int threads, Barrier& barrier) {
    for (int w = 0; w < job.n_weights; ++w) {
      const int panels = static_cast<int>(round_up(job.weights[w].width, panel<T>) / panel<T>);
      pack<T>(job.weights[w], share(panels, thread, threads), share(panels, thread + 1, threads),
              static_cast<T*>(const_cast<void*>(packed.data[w].values)));
    }
    barrier.wait();
    const int rows = static_cast<int>(job.offsets[1]);
    Worker<T> worker(job, packed.data, thread, threads,
                     scratch.values.data + thread * Scratch<T>::size(*job.plan),
                     scratch.rows.data + thread * job.plan->n_registers);
    worker.run(barrier, job.columns ? 0 : first_row_of(job, thread, threads),
               job.columns ? rows : first_row_of(job, thread + 1, threads));
  });
  return true;
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
