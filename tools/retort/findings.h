#pragma once
// What `retort doctor` found: one row a thing, as a table for a person and as JSON.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retort {

enum class FindingState {
  kOk,
  kAbsent,   // not here, and `train` on a CPU does without
  kMissing,  // `train` on a CPU needs it
};

struct Finding {
  std::string name;  // "memory"
  FindingState state = FindingState::kOk;
  std::string text;   // what there is, or why it is not
  std::string fix{};  // the command or the step that mends it; never "" when it is missing
  // Numbers for a program: bytes, cores. -1: no limit.
  std::vector<std::pair<std::string, double>> numbers{};
};

using Findings = std::vector<Finding>;

// The first thing that `train` on a CPU lacks; null when it has all.
const Finding* first_missing(const Findings& findings);

std::string findings_table(const Findings& findings, bool colours);
// {"ready": bool, "findings": [{"name", "state": "ok|absent|missing", "text", "fix", …}]}
std::string findings_json(const Findings& findings);

}  // namespace retort
