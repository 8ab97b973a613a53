#pragma once
// The table of rewards and the names under which a user asks for one: NAME[:option=value,…]. A
// reward is a file that defines its row, and a line of the table in registry.cpp.
#include "rewards/reward.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

enum class OptionKind {
  kChoice,  // one of `values`, joined by '|'; the first is the default
  kList,    // some of `values`, joined by commas; all in their order are the default
  kNumber,  // a whole number of 0 or more; `values` is the default
  kText,    // any text without a comma; `values` is the default, "" must be given
};

struct RewardOptionRow {
  std::string_view name;
  OptionKind kind;
  std::string_view values;
  std::string_view help;  // one line
};

// Every option of the row, with the value the user gave or the default.
class RewardOptions {
 public:
  const std::string& text(std::string_view name) const;
  bool is(std::string_view name, std::string_view value) const { return text(name) == value; }
  int64_t number(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  void set(std::string_view name, std::string value);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

struct RewardRow {
  std::string_view name;
  std::string_view help;  // one line
  std::vector<RewardOptionRow> options;
  // `place` for UserErrors about options that do not go together.
  std::unique_ptr<Reward> (*make)(const RewardOptions& options, const std::string& place);
  // The option that stands alone behind the colon, as the path in command:PATH; "" for none.
  std::string_view first = "";
};

std::span<const RewardRow> reward_rows();

// The reward that `text` names, as "exact_match:extract=answer_tag". UserError at `place` for an
// unknown name, option or value.
std::unique_ptr<Reward> make_reward(std::string_view text, const std::string& place);

}  // namespace retort
