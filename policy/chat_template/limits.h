#pragma once
// What a template may use, so that a broken or hostile one ends with an error.
#include "policy/chat_template/value.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace retort::jinja {

constexpr int64_t kMaxSteps = 5'000'000;       // statements and expressions that are evaluated
constexpr size_t kMaxText = size_t{64} << 20;  // bytes of the output and of any string
constexpr int64_t kMaxItems = 1'000'000;       // of any list
constexpr int64_t kMaxRange = 100'000;         // of range(); Jinja's sandbox has the same
constexpr int kMaxCallDepth = 100;             // macros and loops inside each other
constexpr int kMaxEvaluationDepth = 1000;      // expressions inside each other, macros included
constexpr int kMaxValueDepth = 500;            // lists and objects inside each other

// Fails when a string of so many bytes would be too long. Called before it is made.
inline void check_text_size(size_t bytes) {
  if (bytes > kMaxText) throw TemplateFailure("a text grows beyond 64 MiB");
}

inline void check_item_count(int64_t items) {
  if (items > kMaxItems) throw TemplateFailure("a list grows beyond a million items");
}

}  // namespace retort::jinja
