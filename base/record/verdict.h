#pragma once
// Verdict: what the rewards say of one sample. Crosses from rewards to learner and run.db.
#include "base/record/sample.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// The closed enumeration of outcomes, and whose doing each is (table kOutcomes below).
enum class Outcome : uint8_t {
  kValue = 0,
  kTimeout = 1,
  kMemory = 2,
  kCrash = 3,
  kOutputLimit = 4,
  kUnverifiable = 5,
  kVerifierError = 6,
  kInfraError = 7,
};

struct OutcomeRow {
  Outcome outcome;
  std::string_view name;
  bool policys_doing;  // true: counts as its score (0 unless `value`); false: ours, counted, never
                       // scored
  std::string_view help;
};
inline constexpr OutcomeRow kOutcomes[] = {
    {Outcome::kValue, "value", true, "the verifier decided; the score is its answer"},
    {Outcome::kTimeout, "timeout", true, "the policy's program ran out of time: score 0"},
    {Outcome::kMemory, "memory", true, "the policy's program used too much memory: score 0"},
    {Outcome::kCrash, "crash", true, "the policy's program crashed: score 0"},
    {Outcome::kOutputLimit, "output_limit", true, "the policy's program printed too much: score 0"},
    {Outcome::kUnverifiable, "unverifiable", true,
     "the policy's answer cannot be decided: score 0"},
    {Outcome::kVerifierError, "verifier_error", false,
     "the gold answer cannot be read or the verifier broke: masked out of the group's statistics"},
    {Outcome::kInfraError, "infra_error", false,
     "a pool or service died: scored again until the group's deadline"},
};
std::string_view outcome_name(Outcome outcome);
std::optional<Outcome> outcome_from_name(std::string_view name);
bool is_policys_doing(Outcome outcome);

struct VerdictPart {
  std::string name;  // reward's name
  double weight = 1;
  Outcome outcome = Outcome::kValue;
  double score = 0;
  std::string detail;  // one line for a reader; "" when there is nothing to say
  bool operator==(const VerdictPart&) const = default;
};

// Example: {id {1,0,3,0}, outcome kValue, score 1.0, parts {{"task", 1.0, kValue, 1.0, ""}}}.
struct Verdict {
  SampleId id;
  Outcome outcome = Outcome::kValue;  // of the parts: the first that is not the policy's doing,
                                      // else the first not kValue
  double score = 0;  // weighted sum of the parts; meaningless unless is_policys_doing(outcome)
  std::vector<VerdictPart> parts;
  std::string isolation;  // level reached by a sandbox; "" when none was used
  double ms = 0;          // time the scoring took; never deterministic
  bool operator==(const Verdict&) const = default;
};

}  // namespace retort
