#include "base/channel/version_stream.h"

#include "base/check.h"
#include "base/record/weights_digest.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace retort {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 62;

uint64_t bytes_of_type(const std::string& dtype) {
  static constexpr std::pair<std::string_view, uint64_t> kTypes[] = {
      {"F64", 8}, {"I64", 8}, {"F32", 4}, {"I32", 4}, {"BF16", 2},
      {"F16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
  for (const auto& [name, bytes] : kTypes)
    if (name == dtype) return bytes;
  return 0;
}

// Memory that is not touched before bytes are copied into it, in large pages where the system has
// them: a page fault for every 4 KiB would cost more than the copy.
std::shared_ptr<uint8_t> buffer_of(uint64_t bytes) {
  constexpr uint64_t kLargePage = uint64_t{2} << 20;
  const uint64_t rounded =
      (std::max<uint64_t>(bytes, 1) + kLargePage - 1) / kLargePage * kLargePage;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kLargePage, rounded));
  if (memory != nullptr) ::madvise(memory, rounded, MADV_HUGEPAGE);
  return {memory, [](uint8_t* start) { std::free(start); }};
}

// The memory of a Version that VersionAssembly made, when nobody else holds it and it holds
// `bytes`.
std::shared_ptr<uint8_t> memory_of(std::shared_ptr<const VersionBytes> spare, uint64_t bytes) {
  if (!spare || spare.use_count() != 1 || version_bytes(spare->version).value_or(0) < bytes)
    return nullptr;
  std::shared_ptr<const void> owner = spare->owner;
  spare.reset();
  if (owner.use_count() != 1) return nullptr;
  return std::static_pointer_cast<uint8_t>(std::const_pointer_cast<void>(owner));
}

}  // namespace

std::optional<uint64_t> tensor_bytes(const TensorEntry& tensor) {
  uint64_t bytes = bytes_of_type(tensor.dtype);
  if (bytes == 0) return std::nullopt;
  for (const int64_t dim : tensor.shape) {
    if (dim < 0) return std::nullopt;
    if (dim > 0 && bytes > kMostBytes / static_cast<uint64_t>(dim)) return std::nullopt;
    bytes *= static_cast<uint64_t>(dim);
  }
  return bytes;
}

std::optional<uint64_t> version_bytes(const Version& version) {
  uint64_t sum = 0;
  for (const TensorEntry& tensor : version.tensors) {
    const auto bytes = tensor_bytes(tensor);
    if (!bytes || *bytes > kMostBytes - sum) return std::nullopt;
    sum += *bytes;
  }
  return sum;
}

std::string version_problem(const VersionBytes& version) {
  const std::string name = "Version " + std::to_string(version.version.number);
  const auto& table = version.version.tensors;
  if (table.size() != version.tensors.size())
    return name + " has bytes of " + std::to_string(version.tensors.size()) + " tensors where " +
           std::to_string(table.size()) + " are in its table";
  WeightsDigest digest;
  for (size_t i = 0; i < table.size(); ++i) {
    const auto bytes = tensor_bytes(table[i]);
    if (!bytes || *bytes != version.tensors[i].size())
      return name + ": tensor " + table[i].name + " has " +
             std::to_string(version.tensors[i].size()) + " bytes, not those of its shape";
    digest.add(table[i], version.tensors[i].data(), version.tensors[i].size());
  }
  const std::string found = digest.hex();
  if (found == version.version.digest) return "";
  return name + " has the digest " + found + " where " + version.version.digest + " is named";
}

struct VersionAssembly::State {
  Version version;
  uint64_t total = 0;
  uint64_t received = 0;
  std::shared_ptr<uint8_t> buffer;
  WeightsDigest digest;
  size_t begun = 0;          // tensors whose head is in the digest
  uint64_t tensor_ends = 0;  // where the last of them ends

  // Heads of the tensors that begin where `received` stands; empty ones too.
  void begin_tensors() {
    while (begun < version.tensors.size() && tensor_ends == received) {
      digest.begin(version.tensors[begun]);
      tensor_ends += *tensor_bytes(version.tensors[begun]);
      ++begun;
    }
  }
};

VersionAssembly::VersionAssembly(std::unique_ptr<State> state) : state_(std::move(state)) {}
VersionAssembly::~VersionAssembly() = default;

std::unique_ptr<VersionAssembly> VersionAssembly::of(const Version& version, uint64_t max_bytes,
                                                     std::string* problem,
                                                     std::shared_ptr<const VersionBytes> spare) {
  const std::string name = "Version " + std::to_string(version.number);
  const auto total = version_bytes(version);
  if (!total) {
    *problem = name + " has a tensor of a type or shape that is none";
    return nullptr;
  }
  auto state = std::make_unique<State>();
  if (*total <= max_bytes) {
    state->buffer = memory_of(std::move(spare), *total);
    if (!state->buffer) state->buffer = buffer_of(*total);
  }
  if (!state->buffer) {
    *problem =
        name + " takes " + std::to_string(*total) + " bytes, more than this worker has room for";
    return nullptr;
  }
  state->version = version;
  state->total = *total;
  state->begin_tensors();
  return std::unique_ptr<VersionAssembly>(new VersionAssembly(std::move(state)));
}

const Version& VersionAssembly::version() const { return state_->version; }
uint64_t VersionAssembly::total() const { return state_->total; }
uint64_t VersionAssembly::received() const { return state_->received; }

void VersionAssembly::append(std::span<const uint8_t> bytes) {
  State& state = *state_;
  RT_CHECK_LE(bytes.size(), state.total - state.received);
  while (!bytes.empty()) {
    const size_t count = std::min<uint64_t>(bytes.size(), state.tensor_ends - state.received);
    std::memcpy(state.buffer.get() + state.received, bytes.data(), count);
    // From the copy: it is in the cache, the original may be shared with others.
    state.digest.append(state.buffer.get() + state.received, count);
    state.received += count;
    bytes = bytes.subspan(count);
    state.begin_tensors();
  }
}

std::shared_ptr<const VersionBytes> VersionAssembly::finish() {
  State& state = *state_;
  RT_CHECK_EQ(state.received, state.total);
  if (state.digest.hex() != state.version.digest) return nullptr;
  auto whole = std::make_shared<VersionBytes>();
  whole->version = state.version;
  whole->owner = state.buffer;
  uint64_t offset = 0;
  for (const TensorEntry& tensor : state.version.tensors) {
    const uint64_t bytes = *tensor_bytes(tensor);
    whole->tensors.emplace_back(state.buffer.get() + offset, bytes);
    offset += bytes;
  }
  return whole;
}

}  // namespace retort
