// One parallel region a sequence, in the pool that torch uses too.
//
// OpenMP is compiled in and not linked: its functions are those of the library that torch has
// loaded, so both share one pool and torch.set_num_threads.
#pragma once

#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#endif

namespace headgate {
namespace HEADGATE_TARGET {

// Numbers below the smallest normal one count as zero inside: a gated state that fades away would
// otherwise cost a hundred cycles an operation. What the caller had is put back.
class FlushDenormals {
 public:
  FlushDenormals() {
#if defined(__SSE__)
    before_ = _mm_getcsr();
    _mm_setcsr(before_ | 0x8040u);
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (std::uint64_t{1} << 24)));
#endif
  }
  ~FlushDenormals() {
#if defined(__SSE__)
    _mm_setcsr(before_);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before_));
#endif
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE__)
  unsigned before_ = 0;
#else
  std::uint64_t before_ = 0;
#endif
};

// All threads wait for the last. They spin, since a step is shorter than waking up takes, and
// give way after a while, since another program may have the last one's core.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}

  void expect(int threads) { threads_ = threads; }

  void wait() {
    if (threads_ == 1) return;
    const int round = __atomic_load_n(&round_, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == threads_) {
      __atomic_store_n(&arrived_, 0, __ATOMIC_RELAXED);
      __atomic_store_n(&round_, round + 1, __ATOMIC_RELEASE);
      return;
    }
    for (int turn = 0; __atomic_load_n(&round_, __ATOMIC_ACQUIRE) == round; ++turn) {
#if defined(__SSE__)
      _mm_pause();
#endif
#if defined(__unix__) || defined(__APPLE__)
      if (turn > 2000) sched_yield();
#endif
    }
  }

 private:
  alignas(64) int arrived_ = 0;
  alignas(64) int round_ = 0;
  int threads_;
};

// The first of `total` things that are a thread's, all shares as equal as can be.
template <class Count>
constexpr Count share(Count total, int thread, int threads) {
  return static_cast<Count>(static_cast<std::int64_t>(total) * thread / threads);
}

// Calls work(thread, threads, barrier) on so many threads of the pool.
template <class Work>
void parallel(int wanted, Work work) {
#if defined(_OPENMP)
  if (wanted > 1) {
    Barrier shared(1);
#pragma omp parallel num_threads(wanted)
    {
      // a pool inside another one may give fewer than were asked for
      const int threads = omp_get_num_threads();
#pragma omp single
      shared.expect(threads);
      FlushDenormals flush;
      work(omp_get_thread_num(), threads, shared);
    }
    return;
  }
#endif
  Barrier alone(1);
  FlushDenormals flush;
  work(0, 1, alone);
}

}  // namespace HEADGATE_TARGET
}  // namespace headgate
