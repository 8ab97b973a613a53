#pragma once
// XXH3-128 over tensors: name, dtype, shape, bytes, in the order they are added (design: sorted by
// name).
#include "base/record/version.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace retort {

class WeightsDigest {
 public:
  WeightsDigest();
  ~WeightsDigest();
  void add(const TensorEntry& entry, const void* bytes, size_t count);
  // The same in parts: the head of a tensor, then its bytes in order.
  void begin(const TensorEntry& entry);
  void append(const void* bytes, size_t count);
  std::string hex() const;  // 32 hex digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// XXH3-128 of a text.
std::string text_digest(std::string_view text);

}  // namespace retort
