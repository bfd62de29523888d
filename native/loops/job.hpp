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

// The code of one instruction set and one type of number. False: no memory.
struct Kernel {
  bool (*run)(const Job&);
  bool (*project)(const Projection&);
  void (*unary)(int operation, const void* in, void* out, std::ptrdiff_t count);
  const char* const* operations;  // the bytecode's, by their codes
  int n_operations;
};

}  // namespace headgate
