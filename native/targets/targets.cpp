#include "targets/targets.hpp"

#if defined(HEADGATE_X86_64)
#include <cstdint>
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace headgate::targets {

namespace {

#if defined(HEADGATE_X86_64)

struct Registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zeros, that is "no such feature", for a leaf the processor does not have.
Registers cpuid(std::uint32_t leaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuid(out, 0);
  if (static_cast<std::uint32_t>(out[0]) < leaf) return r;
  __cpuidex(out, static_cast<int>(leaf), 0);
  r.eax = static_cast<std::uint32_t>(out[0]);
  r.ebx = static_cast<std::uint32_t>(out[1]);
  r.ecx = static_cast<std::uint32_t>(out[2]);
  r.edx = static_cast<std::uint32_t>(out[3]);
#else
  __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// The registers that the operating system saves when it switches threads. Written as assembly
// because the intrinsic would need the whole file compiled with -mxsave.
std::uint64_t saved_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
#endif
}

constexpr bool has(std::uint64_t word, std::uint64_t bits) { return (word & bits) == bits; }

constexpr std::uint32_t bit(int position) { return std::uint32_t{1} << position; }

// Leaf 1, ecx: FMA, OSXSAVE, AVX, F16C. Leaf 7, ebx: AVX2, and AVX-512 F, DQ, BW, VL.
constexpr std::uint32_t kOsXsave = bit(27);
constexpr std::uint32_t kAvx = bit(12) | bit(28) | bit(29);
constexpr std::uint32_t kAvx2 = bit(5);
constexpr std::uint32_t kAvx512 = bit(16) | bit(17) | bit(30) | bit(31);

// XCR0: xmm and ymm; then the masks and both halves of zmm. macOS turns AVX-512 on at its first
// use, so there it counts as absent: slower, never wrong.
constexpr std::uint64_t kYmmSaved = 0x06;
constexpr std::uint64_t kZmmSaved = 0xe6;

Target highest() {
  const Registers basic = cpuid(1);
  if (!has(basic.ecx, kOsXsave)) return Target::portable;  // xgetbv itself would trap
  const std::uint64_t saved = saved_state();
  const Registers extended = cpuid(7);
  if (!has(basic.ecx, kAvx) || !has(extended.ebx, kAvx2) || !has(saved, kYmmSaved)) {
    return Target::portable;
  }
  const bool wide = has(extended.ebx, kAvx512) && has(saved, kZmmSaved);
  return wide ? Target::avx512 : Target::avx2;
}

#else

Target highest() { return Target::portable; }

#endif

}  // namespace

std::string name(Target target) {
  switch (target) {
    case Target::avx512:
      return "avx512";
    case Target::avx2:
      return "avx2";
    case Target::portable:
      break;
  }
  return "portable";
}

std::vector<Target> supported() {
  std::vector<Target> found;
  for (Target target : {Target::portable, Target::avx2, Target::avx512}) {
    if (target <= highest()) found.push_back(target);
  }
  return found;
}

}  // namespace headgate::targets
