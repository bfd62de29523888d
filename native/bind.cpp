// The Python face of the native part: typed signatures, checks, and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <tuple>

#include "loops/job.hpp"
#include "targets/kernels.hpp"
#include "targets/targets.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nb = nanobind;
using headgate::Instruction;
using headgate::Job;
using headgate::Kernel;
using headgate::Mode;
using headgate::Product;
using headgate::Stage;
using headgate::Term;
using headgate::View;
using headgate::Weight;
namespace targets = headgate::targets;

namespace {

// A child of fork has torch's pool of threads in name only: to wait for it would be for ever.
bool forked = false;

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (targets::Target target : targets::supported()) names.push_back(targets::name(target));
  return names;
}

std::string best() { return targets::name(targets::supported().back()); }

const Kernel& kernel(const std::string& name, bool doubles) {
  static const std::vector<std::string> names = instruction_sets();  // asking the processor is slow
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw nb::value_error(("no instruction set " + name + " here").c_str());
  const Kernel* tables[] = {headgate::kernels_portable,
#if defined(HEADGATE_X86_64)
                            headgate::kernels_avx2, headgate::kernels_avx512
#endif
  };
  return tables[found - names.begin()][doubles ? 1 : 0];
}

std::vector<std::string> operations() {
  const Kernel& any = headgate::kernels_portable[0];
  return {any.operations, any.operations + any.n_operations};
}

template <class T>
T* pointer(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

// (data, stride, depth, width, transposed)
using WeightTuple = std::tuple<std::uintptr_t, std::ptrdiff_t, int, int, bool>;
// (mode, data, stride, initial, stride of initial)
using ViewTuple =
    std::tuple<int, std::uintptr_t, std::ptrdiff_t, std::uintptr_t, std::ptrdiff_t>;

Weight weight_of(const WeightTuple& given) {
  const auto& [data, stride, depth, width, transposed] = given;
  return {pointer<const void>(data), stride, depth, width, transposed};
}

class Plan {
 public:
  // (width, products, instructions); a product is (register, [(view, weight)])
  using Terms = std::vector<std::tuple<int, int>>;
  using StageTuple = std::tuple<int, std::vector<std::tuple<int, Terms>>,
                                std::vector<std::array<int, 7>>>;

  Plan(const std::vector<StageTuple>& stages, std::vector<double> constants, int registers)
      : constants_(std::move(constants)) {
    for (const auto& [width, products, code] : stages) {
      const Stage stage{width, int(products_.size()), int(products.size()), int(code_.size()),
                        int(code_.size() + code.size())};
      for (const auto& [target, terms] : products) {
        products_.push_back({target, int(terms_.size()), int(terms.size())});
        for (const auto& [view, weight] : terms) terms_.push_back({view, weight});
      }
      for (const auto& [operation, target, left, right, third, fourth, fifth] : code) {
        code_.push_back({operation, target, left, right, third, fourth, fifth});
      }
      stages_.push_back(stage);
    }
    plan_ = {stages_.data(),    products_.data(),        terms_.data(), code_.data(),
             constants_.data(), int(stages_.size()), registers};
  }
  Plan(const Plan&) = delete;

  void run(const std::string& target, bool doubles, const std::vector<ViewTuple>& views,
           const std::vector<WeightTuple>& weights, const std::vector<int>& widths,
           std::uintptr_t offsets, int steps, int walk, int direction, int threads,
           bool columns) const {
    std::vector<View> seen;
    for (const auto& [mode, data, stride, initial, initial_stride] : views) {
      seen.push_back({Mode(mode), pointer<void>(data), stride, pointer<void>(initial),
                      initial_stride});
    }
    std::vector<Weight> held;
    for (const WeightTuple& weight : weights) held.push_back(weight_of(weight));
    const Job job{&plan_, seen.data(), held.data(), int(held.size()), widths.data(),
                  pointer<const std::int64_t>(offsets), steps, walk, direction,
                  forked ? 1 : threads, columns};
    const Kernel& chosen = kernel(target, doubles);
    nb::gil_scoped_release released;
    if (!chosen.run(job)) throw std::bad_alloc();
  }

 private:
  std::vector<Stage> stages_;
  std::vector<Product> products_;
  std::vector<Term> terms_;
  std::vector<Instruction> code_;
  std::vector<double> constants_;
  headgate::Plan plan_;
};

void project(const std::string& target, bool doubles, std::uintptr_t input,
             std::ptrdiff_t input_stride, const WeightTuple& weight, std::uintptr_t bias,
             std::uintptr_t output, std::ptrdiff_t output_stride, std::int64_t rows,
             int threads) {
  const headgate::Projection job{pointer<const void>(input), input_stride, weight_of(weight),
                                 pointer<const void>(bias), pointer<void>(output), output_stride,
                                 rows, forked ? 1 : threads};
  const Kernel& chosen = kernel(target, doubles);
  nb::gil_scoped_release released;
  if (!chosen.project(job)) throw std::bad_alloc();
}

void unary(const std::string& target, bool doubles, int operation, std::uintptr_t in,
           std::uintptr_t out, std::ptrdiff_t count) {
  kernel(target, doubles).unary(operation, pointer<const void>(in), pointer<void>(out), count);
}

}  // namespace

NB_MODULE(_native, m) {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif
  // plans live as long as the programs they were made from, which may be for good
  nb::set_leak_warnings(false);
  m.doc() = "The native part of headgate; headgate.kernels.native is its one importer.";
  m.def("instruction_sets", &instruction_sets,
        "The instruction sets that this processor and operating system run, in rising order.");
  m.def("best", &best, "The last of them: the one whose kernels run.");
  m.def("operations", &operations,
        "The names of the bytecode's operations; the place of each is its code.");
  m.def("project", &project, nb::arg("target"), nb::arg("doubles"), nb::arg("input"),
        nb::arg("input_stride"), nb::arg("weight"), nb::arg("bias"), nb::arg("output"),
        nb::arg("output_stride"), nb::arg("rows"), nb::arg("threads"),
        "Multiply all rows of an input by a weight and add a bias.");
  m.def("unary", &unary, nb::arg("target"), nb::arg("doubles"), nb::arg("operation"),
        nb::arg("input"), nb::arg("output"), nb::arg("count"),
        "Apply one operation of the bytecode to contiguous numbers.");
  nb::class_<Plan>(m, "Plan", "Stages of products and pointwise code, ready to run over time.")
      .def(nb::init<const std::vector<Plan::StageTuple>&, std::vector<double>, int>(),
           nb::arg("stages"), nb::arg("constants"), nb::arg("registers"))
      .def("run", &Plan::run, nb::arg("target"), nb::arg("doubles"), nb::arg("views"),
           nb::arg("weights"), nb::arg("widths"), nb::arg("offsets"), nb::arg("steps"),
           nb::arg("walk"), nb::arg("direction"), nb::arg("threads"), nb::arg("columns"),
           "Run over time; addresses are those of live, suitably sized arrays.");
}
