// The kernels of each instruction set that was compiled: of float, then of double.
#pragma once

#include "loops/job.hpp"
#include "targets/targets.hpp"

namespace headgate {

extern const Kernel kernels_portable[2];
#if defined(HEADGATE_X86_64)
extern const Kernel kernels_avx2[2];
extern const Kernel kernels_avx512[2];
#endif

}  // namespace headgate
