// The instruction sets that headgate has code for, and which of them this machine can run.
#pragma once

#include <string>
#include <vector>

namespace headgate::targets {

// In rising order: each set includes the ones before it. `portable` is what the compiler emits
// without flags (on AArch64 that has NEON already).
enum class Target { portable, avx2, avx512 };

// "portable", "avx2", "avx512".
std::string name(Target target);

// The sets that both the processor and the operating system support, in rising order.
std::vector<Target> supported();

}  // namespace headgate::targets
