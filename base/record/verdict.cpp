#include "base/record/verdict.h"

#include "base/check.h"

namespace retort {
namespace {

const OutcomeRow& row_of(Outcome outcome) {
  for (const OutcomeRow& row : kOutcomes)
    if (row.outcome == outcome) return row;
  RT_CHECK(false) << "outcome " << static_cast<int>(outcome);
  __builtin_unreachable();
}

}  // namespace

std::string_view outcome_name(Outcome outcome) { return row_of(outcome).name; }

std::optional<Outcome> outcome_from_name(std::string_view name) {
  for (const OutcomeRow& row : kOutcomes)
    if (row.name == name) return row.outcome;
  return std::nullopt;
}

bool is_policys_doing(Outcome outcome) { return row_of(outcome).policys_doing; }

}  // namespace retort
