// The kernels of one instruction set. This file is compiled once for each, with the set's flags and
// its name as HEADGATE_TARGET.
#include "gemm/project.hpp"
#include "loops/run.hpp"
#include "loops/steps.hpp"
#include "targets/kernels.hpp"

namespace headgate {
namespace HEADGATE_TARGET {

template <class T>
void apply(int operation, const void* in, void* out, std::ptrdiff_t count) {
  FlushDenormals flush;
  for (std::ptrdiff_t i = 0; i < count; i += lanes<T>) {
    const std::ptrdiff_t some = count - i < lanes<T> ? count - i : lanes<T>;
    alignas(64) T values[lanes<T>] = {};
    std::memcpy(values, static_cast<const T*>(in) + i, sizeof(T) * some);
    Vec<T> v = load(values);
    switch (operation) {
#define HEADGATE_CASE(name)          \
  case k_##name:                     \
    v = ops::name::template run<T>(v); \
    break;
      HEADGATE_UNARY(HEADGATE_CASE)
#undef HEADGATE_CASE
      default:
        break;
    }
    store(values, v);
    std::memcpy(static_cast<T*>(out) + i, values, sizeof(T) * some);
  }
}

constexpr const char* kNames[] = {"load", "store", "sum", "reduce", "mean", "scale", "spread", "normalize",
                                  "normalize_backward",
#define HEADGATE_NAME(name) #name,
                                  HEADGATE_UNARY(HEADGATE_NAME) HEADGATE_BINARY(HEADGATE_NAME)
#undef HEADGATE_NAME
};

template <class T>
constexpr Kernel kernel = {run<T>,          advance<T>,        frozen_size<T>, freeze<T>,
                           scratch_size<T>, registers_size<T>, project<T>,     apply<T>,
                           kNames,          kOperations};

}  // namespace HEADGATE_TARGET

#define HEADGATE_JOIN(a, b) a##b
#define HEADGATE_TABLE(target) HEADGATE_JOIN(kernels_, target)
extern const Kernel HEADGATE_TABLE(HEADGATE_TARGET)[2] = {HEADGATE_TARGET::kernel<float>,
                                                          HEADGATE_TARGET::kernel<double>};

}  // namespace headgate
