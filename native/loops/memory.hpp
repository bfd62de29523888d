// Scratch memory on a cache line's border.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace headgate {
namespace HEADGATE_TARGET {

template <class T>
struct Memory {
  static constexpr std::size_t kLine = 64;

  explicit Memory(std::size_t count) : raw_(::malloc(count * sizeof(T) + kLine)) {
    const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(raw_);
    data = raw_ ? reinterpret_cast<T*>((address + kLine - 1) / kLine * kLine) : nullptr;
  }
  ~Memory() { ::free(raw_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  T* data;

 private:
  void* raw_;
};

}  // namespace HEADGATE_TARGET
}  // namespace headgate
