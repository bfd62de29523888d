#include "streams/chain.hpp"

#include <algorithm>
#include <cstring>

namespace headgate::streams {

namespace {

constexpr std::size_t kLine = 64;
constexpr int kChunkRows = 64;  // of the batch and of its steps, projected together

}  // namespace

Room::Room(std::size_t bytes) : raw_(new char[bytes + kLine]()) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(raw_.get());
  data_ = reinterpret_cast<void*>((address + kLine - 1) / kLine * kLine);
}

Chain::Chain(const Kernel& kernel, bool doubles, bool bytes, int features, int state,
             std::vector<Part> parts)
    : kernel_(kernel),
      size_(doubles ? sizeof(double) : sizeof(float)),
      bytes_(bytes),
      features_(features),
      state_(state),
      parts_(std::move(parts)) {
  for (const Part& part : parts_) {
    projections_.push_back(part.projection.data ? freeze(part.projection) : Frozen{});
    weights_.emplace_back();
    for (const Weight& weight : part.weights) weights_.back().push_back(freeze(weight));
    int width = part.table ? part.width : part.projection.width;
    if (part.plan) {
      width = 0;
      for (const Columns& columns : part.outputs) width += columns.count;
    }
    widths_.push_back(width);
  }
}

Frozen Chain::freeze(const Weight& weight) {
  const std::size_t size = kernel_.frozen_size(weight, bytes_);
  rooms_.push_back(std::make_unique<Room>(size));
  weight_bytes_ += size;
  greatest_depth_ = std::max(greatest_depth_, weight.depth);
  return kernel_.freeze(weight, bytes_, rooms_.back()->data());
}

Stream::Stream(const Chain& chain, int rows, void* ring, int slots) : chain_(chain) {
  chunk_ = std::max(1, kChunkRows / rows);
  job_.features = chain.features_;
  job_.rows = rows;
  job_.slots = slots;
  job_.ring = ring;
  job_.state = chain.state_;
  int registers = 0;
  for (const Part& part : chain.parts_) {
    if (part.plan) registers = std::max(registers, part.plan->n_registers);
  }
  links_.resize(chain.parts_.size());
  views_.resize(chain.parts_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) build(static_cast<int>(i), chunk_ * rows);
  job_.links = links_.data();
  job_.n_links = static_cast<int>(links_.size());
  job_.scratch = room(chain.kernel_.scratch_size(registers));
  job_.registers = room(chain.kernel_.registers_size(registers));
  if (!chain.bytes_) return;
  job_.shortened_rows = chunk_ * rows;
  job_.shortened_stride = (chain.greatest_depth_ + 1) / 2 * 2;
  job_.shortened = room(sizeof(std::int16_t) * job_.shortened_stride * job_.shortened_rows);
  job_.scales = room(chain.size_ * job_.shortened_rows);
  job_.shortened_of = room(sizeof(void*) * job_.shortened_rows);
}

void* Stream::room(std::size_t bytes) {
  rooms_.push_back(std::make_unique<Room>(bytes));
  return rooms_.back()->data();
}

void Stream::build(int index, int chunk) {
  const Part& part = chain_.parts_[index];
  Link& link = links_[index];
  link = Link{};
  link.table = part.table;
  link.entries = part.entries;
  link.projection = chain_.projections_[index];
  link.bias = part.bias;
  link.weights = chain_.weights_[index].data();
  link.outputs = part.outputs.data();
  link.n_outputs = static_cast<int>(part.outputs.size());
  link.residual = part.residual;
  link.width = chain_.widths_[index];
  link.output = room(chain_.size_ * link.width * chunk);
  link.inputs = link.output;
  if (!part.plan) return;
  if (link.projection.values) link.inputs = room(chain_.size_ * link.projection.width * chunk);
  for (const Place& place : part.places) views_[index].push_back(view_of(place, index));
  link.cell = Job{part.plan, views_[index].data(), nullptr, 0, part.widths.data(), nullptr,
                  1,         1,                    1,       1, false};
}

View Stream::view_of(const Place& place, int index) {
  const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(chain_.size_);
  View view{place.mode, nullptr, 0, nullptr, place.units};
  switch (place.base) {
    case Base::shared:
      view.data = reinterpret_cast<void*>(place.offset);
      break;
    case Base::inputs:
      view.data = static_cast<char*>(links_[index].inputs) + size * place.offset;
      view.stride = links_[index].projection.width;
      break;
    case Base::source:
      view.data = static_cast<char*>(links_[index - 1].output) + size * place.offset;
      view.stride = links_[index - 1].width;
      break;
    case Base::own:
      view.data = room(size * place.columns * job_.rows);
      view.stride = place.columns;
      break;
    case Base::state:
      view.data = static_cast<char*>(job_.ring) + size * place.offset;
      view.stride = job_.state;
      break;
  }
  return view;
}

std::int64_t Stream::run(const void* input, std::int64_t steps, int slot, void* output) const {
  const char* from = static_cast<const char*>(input);
  char* to = static_cast<char*>(output);
  const std::size_t in = chain_.looks_up() ? sizeof(std::int64_t) : chain_.size_ * job_.features;
  if (chain_.looks_up()) {
    const std::int64_t* ids = static_cast<const std::int64_t*>(input);
    const std::int64_t entries = links_.front().entries;
    for (std::int64_t i = 0; i < steps * job_.rows; ++i) {
      if (ids[i] < 0 || ids[i] >= entries) return i;
    }
  }
  Steps job = job_;
  for (std::int64_t done = 0; done < steps; done += job.steps) {
    job.steps = static_cast<int>(std::min<std::int64_t>(chunk_, steps - done));
    job.input = from + in * job.rows * done;
    job.output = to + chain_.size_ * links_.back().width * job.rows * done;
    job.slot = static_cast<int>((slot + done) % job.slots);
    chain_.kernel_.advance(job);
  }
  return -1;
}

}  // namespace headgate::streams
