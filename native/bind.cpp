// The Python face of the native part: typed signatures, checks, and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <tuple>

#include "dlpack.hpp"
#include "loops/job.hpp"
#include "streams/chain.hpp"
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
namespace dlpack = headgate::dlpack;
namespace streams = headgate::streams;
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

  const headgate::Plan& data() const { return plan_; }

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

class Chain {
 public:
  // (address, entries, width) of a table; the projection; the address of its bias; a cell's plan;
  // its views as (mode, base, offset, columns, units); its weights; its widths; the columns of the
  // states that go on; whether what came in is added to them
  using PartTuple =
      std::tuple<std::tuple<std::uintptr_t, std::int64_t, int>, WeightTuple, std::uintptr_t,
                 std::shared_ptr<Plan>, std::vector<std::tuple<int, int, std::int64_t, int, int>>,
                 std::vector<WeightTuple>, std::vector<int>, std::vector<std::tuple<int, int>>,
                 bool>;

  Chain(const std::string& target, bool doubles, bool bytes, int features, int state,
        const std::vector<PartTuple>& parts)
      : data_(kernel(target, doubles), doubles, bytes, features, state, built(parts, plans_)),
        doubles_(doubles) {}
  Chain(const Chain&) = delete;

  bool doubles() const { return doubles_; }

  const streams::Chain& data() const { return data_; }
  std::size_t weight_bytes() const { return data_.weight_bytes(); }

 private:
  using Plans = std::vector<std::shared_ptr<Plan>>;

  static std::vector<streams::Part> built(const std::vector<PartTuple>& parts, Plans& plans) {
    std::vector<streams::Part> found;
    for (const auto& [table, projection, bias, plan, places, weights, widths, outputs, residual] :
         parts) {
      streams::Part part;
      const auto& [address, entries, width] = table;
      part.table = pointer<const void>(address);
      part.entries = entries;
      part.width = width;
      part.projection = weight_of(projection);
      part.bias = pointer<const void>(bias);
      if (plan) part.plan = &plan->data();
      plans.push_back(plan);
      for (const auto& [mode, base, offset, columns, units] : places) {
        part.places.push_back({Mode(mode), streams::Base(base), offset, columns, units});
      }
      for (const WeightTuple& weight : weights) part.weights.push_back(weight_of(weight));
      part.widths = widths;
      for (const auto& [first, count] : outputs) part.outputs.push_back({first, count});
      part.residual = residual;
      found.push_back(std::move(part));
    }
    return found;
  }

  Plans plans_;
  streams::Chain data_;
  bool doubles_;
};

class Stream {
 public:
  using Shape = std::vector<std::int64_t>;

  Stream(std::shared_ptr<Chain> chain, int rows, std::uintptr_t ring, int slots, Shape input,
         Shape output, nb::type_object tensor)
      : chain_(std::move(chain)),
        data_(chain_->data(), rows, pointer<void>(ring), slots),
        input_(std::move(input)),
        output_(std::move(output)),
        tensor_(std::move(tensor)) {
    const std::uint8_t bits = chain_->doubles() ? 64 : 32;
    number_ = {dlpack::kFloat, bits, 1};
    if (nb::hasattr(tensor_, "__dlpack_c_exchange_api__")) {
      const nb::object capsule = tensor_.attr("__dlpack_c_exchange_api__");
      void* found = PyCapsule_GetPointer(capsule.ptr(), dlpack::kCapsule);
      if (!found) PyErr_Clear();
      exchange_ = static_cast<const dlpack::Exchange*>(found);
      if (exchange_ && exchange_->version.major != 1) exchange_ = nullptr;
    }
  }
  Stream(const Stream&) = delete;

  // One step of what needs no conversion, into `out` or a new tensor; else None, nothing done.
  nb::object step(nb::handle x, nb::handle out, int slot) const {
    if (!exchange_) return nb::none();
    const bool ids = chain_->data().looks_up();
    std::int64_t id = 0;
    const void* from = nullptr;
    if (ids && input_.empty() && PyLong_CheckExact(x.ptr())) {
      id = PyLong_AsLongLong(x.ptr());
      if (id == -1 && PyErr_Occurred()) PyErr_Clear();  // far too large: no id either
      from = &id;
    } else {
      from = address(x, ids ? dlpack::DataType{dlpack::kSigned, 64, 1} : number_, input_);
      if (from && negated(x)) return nb::none();
    }
    dlpack::Managed* made = nullptr;
    void* to = from ? (out.is_none() ? allocate(&made) : address(out, number_, output_)) : nullptr;
    if (!to) return nb::none();
    std::int64_t wrong;
    {
      nb::gil_scoped_release released;
      wrong = data_.run(from, 1, slot, to);
    }
    if (wrong >= 0) {
      if (made) made->deleter(made);
      return nb::none();
    }
    if (!made) return nb::borrow(out);
    void* object = nullptr;
    if (exchange_->to_object(made, &object) != 0) throw nb::python_error();
    return nb::steal(static_cast<PyObject*>(object));
  }

  std::int64_t run(std::uintptr_t input, std::int64_t steps, int slot,
                   std::uintptr_t output) const {
    nb::gil_scoped_release released;
    return data_.run(pointer<const void>(input), steps, slot, pointer<void>(output));
  }

 private:
  // Of a plain tensor of this shape; null for all else.
  void* address(nb::handle object, dlpack::DataType dtype, const Shape& shape) const {
    if (Py_TYPE(object.ptr()) != reinterpret_cast<PyTypeObject*>(tensor_.ptr())) return nullptr;
    dlpack::Tensor tensor;
    if (exchange_->from_object(object.ptr(), &tensor) != 0) {
      PyErr_Clear();
      return nullptr;
    }
    return dlpack::plain(tensor, dtype, shape.data(), static_cast<int>(shape.size()));
  }

  // torch may keep a minus sign beside a view's numbers, of which DLPack has no word.
  static bool negated(nb::handle tensor) {
    static const nb::object name = nb::str("is_neg");
    PyObject* found = PyObject_CallMethodObjArgs(tensor.ptr(), name.ptr(), nullptr);
    if (!found) throw nb::python_error();
    Py_DECREF(found);
    return found == Py_True;
  }

  void* allocate(dlpack::Managed** made) const {
    dlpack::Tensor like{nullptr,
                        {dlpack::kCpu, 0},
                        static_cast<std::int32_t>(output_.size()),
                        number_,
                        const_cast<std::int64_t*>(output_.data()),
                        nullptr,
                        0};
    const auto ignore = [](void*, const char*, const char*) {};
    if (exchange_->allocate(&like, made, nullptr, ignore) != 0) return nullptr;
    return static_cast<char*>((*made)->tensor.data) + (*made)->tensor.byte_offset;
  }

  std::shared_ptr<Chain> chain_;
  streams::Stream data_;
  Shape input_, output_;
  nb::type_object tensor_;
  dlpack::DataType number_{};
  const dlpack::Exchange* exchange_ = nullptr;
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
  nb::class_<Chain>(m, "Chain", "Layers with frozen weights, which streams share.")
      .def(nb::init<const std::string&, bool, bool, int, int,
                    const std::vector<Chain::PartTuple>&>(),
           nb::arg("target"), nb::arg("doubles"), nb::arg("bytes"), nb::arg("features"),
           nb::arg("state"), nb::arg("parts"))
      .def_prop_ro("weight_bytes", &Chain::weight_bytes, "The memory of the frozen weights.");
  nb::class_<Stream>(m, "Stream", "A chain kept running, with all the memory that it needs.")
      .def(nb::init<std::shared_ptr<Chain>, int, std::uintptr_t, int, Stream::Shape, Stream::Shape,
                    nb::type_object>(),
           nb::arg("chain"), nb::arg("rows"), nb::arg("ring"), nb::arg("slots"), nb::arg("input"),
           nb::arg("output"), nb::arg("tensor"))
      .def("step", &Stream::step, nb::arg("x").none(), nb::arg("out").none(), nb::arg("slot"),
           "Take one step of a tensor that needs no conversion, into another or a new one; None, "
           "and nothing done, for all else.")
      .def("run", &Stream::run, nb::arg("input"), nb::arg("steps"), nb::arg("slot"),
           nb::arg("output"),
           "Take steps from the states in a slot; give the place of the first id that is none of "
           "the table's, before anything is done, or -1.");
}
