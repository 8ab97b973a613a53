#pragma once
// Advantages from the rewards of groups: a file and a row of advantage_table.cpp each.
#include "base/registry.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace retort {

struct AdvantageSettings {
  int64_t ddof = 1;
  double eps = 1e-6;
};

// [group][sample], the samples that count, of all groups that a step learns from. Groups may differ
// in size; none is empty.
using GroupRewards = std::vector<std::vector<double>>;

// Rewards in, advantages of the same shape out. Sums run in the order of the groups and slots, in
// double.
using AdvantageFunction = GroupRewards (*)(const GroupRewards&, const AdvantageSettings&);
using AdvantageRow = RegistryRow<AdvantageFunction>;

std::span<const AdvantageRow> advantage_rows();
// UserError "[learner.advantage]" for an unknown name.
AdvantageFunction find_advantage(const std::string& name);

}  // namespace retort
