// The Python face of the native part: typed signatures and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "targets/targets.hpp"

namespace nb = nanobind;
namespace targets = headgate::targets;

namespace {

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (targets::Target target : targets::supported()) names.push_back(targets::name(target));
  return names;
}

std::string best() { return targets::name(targets::supported().back()); }

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "The native part of headgate; headgate.kernels.native is its one importer.";
  m.def("instruction_sets", &instruction_sets,
        "The instruction sets that this processor and operating system run, in rising order.");
  m.def("best", &best, "The last of them: the one whose kernels run.");
}
