#pragma once
// The rewards' factories, one a file, for the table in rewards/registry.cpp.
#include "rewards/registry.h"

#include <memory>

namespace retort {

std::unique_ptr<Reward> make_task_reward(const RewardOptions& options);
std::unique_ptr<Reward> make_exact_match(const RewardOptions& options);

}  // namespace retort
