#pragma once
// What a verifier is given and what it says: the small change between families, rewards and
// scoring.
#include "base/record/sample.h"
#include "base/record/verdict.h"

#include <cstdint>
#include <optional>
#include <string>

namespace retort {

// A completion as text. Example: {"<think>8+19=27</think><answer>27</answer>", StopReason::kEos}.
struct Completion {
  std::string text;  // decoded with special tokens left out, so without the final end of text
  StopReason stop = StopReason::kEos;
  // A special token other than the final end of text was sampled (padding, begin of text). Such a
  // completion is not the text it looks like, and an exact grammar refuses it.
  bool stray_special = false;
  std::optional<int64_t> tokens{};  // sampled, an end of text included; absent for a bare text
};

// One verifier's answer. A wrong answer is {kValue, 0}; a gold answer that cannot be read is
// {kVerifierError, 0} and says so in `detail`.
struct Judgement {
  Outcome outcome = Outcome::kValue;
  double score = 0;    // 0 unless outcome is kValue
  std::string detail;  // one line for a reader; "" when there is nothing to say
  bool operator==(const Judgement&) const = default;
};

inline Judgement right() { return {Outcome::kValue, 1.0, ""}; }
inline Judgement wrong(std::string detail) { return {Outcome::kValue, 0.0, std::move(detail)}; }
inline Judgement verifier_error(std::string detail) {
  return {Outcome::kVerifierError, 0.0, std::move(detail)};
}

}  // namespace retort
