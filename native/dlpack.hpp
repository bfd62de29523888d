// What a tensor of another library looks like: the layout of DLPack 1, and its table of functions.
//
// Facts of an interface, https://dmlc.github.io/dlpack: only what is used here. The table stands on
// the type of a tensor, so that neither library is linked with the other.
#pragma once

#include <cstdint>

namespace headgate::dlpack {

constexpr int kCpu = 1;
constexpr std::uint8_t kSigned = 0, kFloat = 2;
constexpr const char* kCapsule = "dlpack_exchange_api";

struct Device {
  std::int32_t type, id;
};

struct DataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null where there are no gaps
  std::uint64_t byte_offset;
};

struct Version {
  std::uint32_t major, minor;
};

struct Managed {
  Version version;
  void* context;
  void (*deleter)(Managed*);
  std::uint64_t flags;
  Tensor tensor;
};

struct Exchange {
  Version version;
  Exchange* older;
  int (*allocate)(Tensor* like, Managed** out, void* error, void (*set)(void*, const char*, const char*));
  int (*managed_from)(void* object, Managed** out);
  int (*to_object)(Managed* tensor, void** object);
  int (*from_object)(void* object, Tensor* out);
  int (*current_stream)(std::int32_t type, std::int32_t id, void** out);
};

// The address of the first number, of a tensor of so many axes without gaps, on the CPU; else null.
inline void* plain(const Tensor& tensor, DataType dtype, const std::int64_t* shape, int ndim) {
  const DataType& own = tensor.dtype;
  if (tensor.device.type != kCpu || tensor.ndim != ndim || own.lanes != 1) return nullptr;
  if (own.code != dtype.code || own.bits != dtype.bits) return nullptr;
  std::int64_t stride = 1;
  for (int axis = ndim - 1; axis >= 0; --axis) {
    if (tensor.shape[axis] != shape[axis]) return nullptr;
    if (tensor.strides && shape[axis] != 1 && tensor.strides[axis] != stride) return nullptr;
    stride *= shape[axis];
  }
  return static_cast<char*>(tensor.data) + tensor.byte_offset;
}

}  // namespace headgate::dlpack
