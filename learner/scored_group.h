#pragma once
// ScoredGroup: what the learner is given of one task.
#include "base/record/sample.h"
#include "base/record/verdict.h"

#include <vector>

namespace retort {

// Samples and verdicts of one task, both ordered by slot.
struct ScoredGroup {
  std::vector<Sample> samples;
  std::vector<Verdict> verdicts;
};

}  // namespace retort
