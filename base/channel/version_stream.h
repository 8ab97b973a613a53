#pragma once
// How the weights of a Version cross: as plain bytes, in chunks that the worker asks for. So memory
// is bounded by one Version and a window of chunks, and a stream that broke goes on where it was.
// Both sides check the digest (base/record/weights_digest.h): the publisher before anyone can have
// it, the worker before it hands it out. Over any wire: RemoteLearner::publish,
// RemoteWorker::version.
#include "base/channel/channel.h"
#include "base/record/version.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retort {

inline constexpr uint64_t kVersionChunkBytes = uint64_t{1} << 18;
inline constexpr size_t kVersionWindow = 64;  // chunks asked for and not here yet

// A Version with its bytes; copies share them.
struct VersionBytes {
  Version version;
  // One per row of version.tensors, in its order (sorted by name).
  std::vector<std::span<const uint8_t>> tensors;
  std::shared_ptr<const void> owner;  // keeps `tensors` alive
};

struct VersionReceived {
  ReceiveKind kind = ReceiveKind::kClosed;
  std::shared_ptr<const VersionBytes> version;  // when kReceived
  // When kTimeout: for what, and who holds it. When kClosed: why it cannot be had; "" when the
  // channel is closed.
  std::string waited;
  // With kClosed: nobody asks for it any more. The learner has later ones, or it is a new one that
  // resumed the run and assigns anew what its predecessor had assigned.
  bool over = false;
};

// Bytes of a tensor; nullopt for a type that is not known, a negative dimension, or more than 2^62.
std::optional<uint64_t> tensor_bytes(const TensorEntry& tensor);
// Sum over the table; nullopt as above.
std::optional<uint64_t> version_bytes(const Version& version);
// What is wrong with the bytes of a Version (a size, its digest), in one line, or "".
std::string version_problem(const VersionBytes& version);

// Puts a Version together from bytes that come in order, tensor after tensor, and computes its
// digest on the way. One thread.
class VersionAssembly {
 public:
  // nullptr, and `*problem` says why: a table that version_bytes() refuses, or too large a Version.
  // A `spare` that nobody else holds and that is large enough gives its memory.
  static std::unique_ptr<VersionAssembly> of(const Version& version, uint64_t max_bytes,
                                             std::string* problem,
                                             std::shared_ptr<const VersionBytes> spare = nullptr);
  ~VersionAssembly();

  const Version& version() const;
  uint64_t total() const;     // bytes of the whole
  uint64_t received() const;  // so many are here
  // The next bytes. RT_CHECK: no more than are missing.
  void append(std::span<const uint8_t> bytes);
  // When all is here: the Version, or nullptr when its digest is another than the table names.
  std::shared_ptr<const VersionBytes> finish();

 private:
  struct State;
  explicit VersionAssembly(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace retort
