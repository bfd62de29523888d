// A chain of links with frozen weights, and the streams that run over it.
//
// A chain never changes once it is made, so that any number of streams share it, from any thread. A
// stream has all the memory that its steps need from the beginning.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "loops/job.hpp"

namespace headgate::streams {

// Memory on a cache line's border, zeroed.
class Room {
 public:
  explicit Room(std::size_t bytes);
  void* data() const { return data_; }

 private:
  std::unique_ptr<char[]> raw_;
  void* data_;
};

// Where a view of a cell's step lies.
enum class Base : int {
  shared,   // at an address, for all rows
  inputs,   // among the projections of a chunk
  state,    // among the states of the ring
  own,      // in memory of the stream, a row for each row of the batch
  source,   // in what comes in
};

struct Place {
  Mode mode;
  Base base;
  std::int64_t offset;  // an address, or the first column
  int columns;          // of memory of the stream
  int units;            // of `moments`
};

// What a link is made of. Addresses are of live, contiguous arrays; those of weights are read once.
struct Part {
  const void* table = nullptr;
  std::int64_t entries = 0;
  int width = 0;  // of a table
  Weight projection{};
  const void* bias = nullptr;
  const Plan* plan = nullptr;
  std::vector<Place> places;
  std::vector<Weight> weights;
  std::vector<int> widths;
  std::vector<Columns> outputs;
  bool residual = false;
};

class Chain {
 public:
  Chain(const Kernel& kernel, bool doubles, bool bytes, int features, int state,
        std::vector<Part> parts);

  int width() const { return widths_.back(); }  // of what comes out
  bool looks_up() const { return parts_.front().table != nullptr; }
  std::size_t weight_bytes() const { return weight_bytes_; }

 private:
  friend class Stream;

  Frozen freeze(const Weight& weight);

  const Kernel& kernel_;
  const std::size_t size_;  // of a number
  const bool bytes_;
  const int features_, state_;
  std::vector<Part> parts_;
  std::vector<int> widths_;  // of what goes out of each part
  std::vector<Frozen> projections_;
  std::vector<std::vector<Frozen>> weights_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::size_t weight_bytes_ = 0;
  int greatest_depth_ = 0;
};

class Stream {
 public:
  // `ring` is [slots, rows, state]; it and the chain outlive the stream.
  Stream(const Chain& chain, int rows, void* ring, int slots);
  Stream(const Stream&) = delete;

  // Steps of all rows, from the states in a slot; gives the place of the first id that is none of
  // the table's, before anything is done, or -1.
  std::int64_t run(const void* input, std::int64_t steps, int slot, void* output) const;

 private:
  void build(int index, int chunk);
  View view_of(const Place& place, int index);
  void* room(std::size_t bytes);

  const Chain& chain_;
  Steps job_{};
  int chunk_;
  std::vector<Link> links_;
  std::vector<std::vector<View>> views_;
  std::vector<std::unique_ptr<Room>> rooms_;
};

}  // namespace headgate::streams
