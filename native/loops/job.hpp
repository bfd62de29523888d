// What is run over time, as plain data: the one thing that the code compiled for each instruction
// set and the code that calls it share. It holds no standard containers, since their functions,
// compiled once for each set, would be merged by the linker into one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace headgate {

// How a view finds the row of a step.
enum class Mode : int {
  sequence,  // a row for each step
  previous,  // the row of the step before; of the initial state before the first step
  rolling,   // one row for each row of the batch, overwritten at each step
  shared,    // one row for all: a vector of parameters
  summed,    // added up over rows and steps as doubles, one row for each thread
  moments,   // parts of the sums over each row of the batch, of one or several values
  next,      // the row after `previous`, in a ring of states
};

struct View {
  Mode mode;
  void* data;
  std::ptrdiff_t stride;  // from row to row, in elements
  void* initial;          // of `previous`
  std::ptrdiff_t initial_stride;  // of `moments`: the units of each value
};

// A matrix as the product's right side: `depth` is summed over, `width` comes out.
struct Weight {
  const void* data;
  std::ptrdiff_t stride;
  int depth, width;
  bool transposed;  // stored as [width, depth]
};

// A matrix that was packed before, as its kernel needs it.
struct Frozen {
  const void* values;
  const void* scales;  // of each column of the result, where the values are bytes; else null
  int depth, width;
};

// One product of a view and a weight; several of them add up to one value.
struct Term {
  int view, weight;
};

struct Product {
  int target;  // the register
  int first, count;  // its terms
};

// Products, then pointwise code over their results, for each tile of rows and units.
struct Stage {
  int width;  // which of the widths
  int first, count;  // its products
  int begin, end;  // its instructions
};

struct Instruction {
  int operation, target, left, right;
  int third, fourth, fifth;  // registers, of the operations that have so many
};

struct Plan {
  const Stage* stages;
  const Product* products;
  const Term* terms;
  const Instruction* code;
  const double* constants;
  int n_stages, n_registers;
};

struct Job {
  const Plan* plan;
  const View* views;
  const Weight* weights;
  int n_weights;
  const int* widths;
  const std::int64_t* offsets;  // the first packed row of each step, and the number of rows
  int steps;
  int walk;       // +1: from the first step to the last
  int direction;  // +1: the step before t is t - 1; -1: it is t + 1
  int threads;
  bool columns;  // threads share the units of a row, not the rows
};

// Y = X W' + b: the projections of all steps at once.
struct Projection {
  const void* input;
  std::ptrdiff_t input_stride;
  Weight weight;
  const void* bias;  // or null
  void* output;
  std::ptrdiff_t output_stride;
  std::int64_t rows;
  int threads;
};

// Columns of a row.
struct Columns {
  int first, count;
};

// One part of a chain that is kept running: a lookup, a projection, a cell after its projection.
struct Link {
  const void* table;     // of a lookup: a row for each id
  std::int64_t entries;  // how many rows it has
  Frozen projection;     // of what comes in; without values a cell reads that as it is
  const void* bias;      // of the projection, or null
  void* inputs;          // the projections of a chunk
  Job cell;              // one step of a cell; without a plan there is none
  const Frozen* weights;
  const Columns* outputs;  // of the states: what goes on, side by side
  int n_outputs;
  bool residual;  // what came in is added to what goes on
  void* output;   // the rows of a chunk
  int width;      // of these rows
};

// Some steps of a chain. Nothing is allocated: all memory is the caller's.
struct Steps {
  const Link* links;
  int n_links;
  const void* input;  // ids, or rows of features
  int features;
  void* output;
  int rows;   // of the batch
  int steps;  // of this chunk, no more than the links have memory for
  int slot, slots;  // of the ring of states: the present one, and how many there are
  void* ring;
  int state;  // columns of the ring
  void* scratch;
  void* registers;
  // for weights of bytes: rows as 16-bit numbers, their scales, and which rows they are
  void* shortened;
  std::ptrdiff_t shortened_stride;
  void* scales;
  void* shortened_of;
  int shortened_rows;
};

// The code of one instruction set and one type of number. False: no memory.
struct Kernel {
  bool (*run)(const Job&);
  void (*advance)(const Steps&);
  std::size_t (*frozen_size)(const Weight&, bool bytes);
  Frozen (*freeze)(const Weight&, bool bytes, void* memory);
  std::size_t (*scratch_size)(int n_registers);  // in bytes
  std::size_t (*registers_size)(int n_registers);
  bool (*project)(const Projection&);
  void (*unary)(int operation, const void* in, void* out, std::ptrdiff_t count);
  const char* const* operations;  // the bytecode's, by their codes
  int n_operations;
};

}  // namespace headgate
