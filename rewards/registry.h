#pragma once
// The table of rewards and the names under which a user asks for one: NAME[:option=value,…].
#include "rewards/reward.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retort {

// Every option of the row, with the value the user gave or the default.
using RewardOptions = std::map<std::string, std::string, std::less<>>;

struct RewardOptionRow {
  std::string_view name;
  std::string_view values;  // "yes|no"; the first is the default
  std::string_view help;    // one line
};

struct RewardRow {
  std::string_view name;
  std::string_view help;  // one line
  std::span<const RewardOptionRow> options;
  std::unique_ptr<Reward> (*make)(const RewardOptions& options);
};

std::span<const RewardRow> reward_rows();

// The reward that `text` names, as "exact_match:extract=answer_tag". UserError at `place` for an
// unknown name, option or value.
std::unique_ptr<Reward> make_reward(std::string_view text, const std::string& place);

}  // namespace retort
