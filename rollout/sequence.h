#pragma once
// Sequence: one sample while it grows, and the group it came from.
#include "base/record/sample.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace retort {

// What the engine is asked for: `count` samples of one prompt, slots first_slot, first_slot + 1, ….
struct GroupRequest {
  SampleId first;  // id of the first sample; the others count `slot` up
  uint64_t task_uid = 0;
  std::vector<int32_t> prompt;  // token ids, at least one
  int64_t count = 1;
};

struct Sequence {
  Sample sample;               // tokens grow here
  int64_t computed = 0;        // tokens whose keys and values are in `pages`
  std::vector<int32_t> pages;  // of positions 0 .. computed, in order
  int64_t siblings = 0;        // samples still to be forked from this prompt when its prefill ends

  int64_t length() const { return static_cast<int64_t>(sample.tokens.size()); }
  int64_t pending() const { return length() - computed; }
};

}  // namespace retort
