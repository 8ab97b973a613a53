#include "rewards/registry.h"

#include "base/error.h"
#include "base/registry.h"
#include "rewards/factories.h"

namespace retort {
namespace {

constexpr RewardOptionRow kExactMatchOptions[] = {
    {"extract", "whole|answer_tag",
     "what is compared: the whole completion, or the text of its last <answer>…</answer>"},
    {"strip", "yes|no",
     "white space at both ends is left out, of the completion and of the answer"},
    {"ignore_case", "no|yes", "ASCII letters are equal in both cases"},
};

constexpr RewardRow kRewards[] = {
    {"task", "what the verifier of the task's own family says", {}, &make_task_reward},
    {"exact_match", "1 if the completion is the answer, character by character", kExactMatchOptions,
     &make_exact_match},
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

RewardOptions defaults(const RewardRow& row) {
  RewardOptions options;
  for (const RewardOptionRow& option : row.options)
    options[std::string(option.name)] = option.values.substr(0, option.values.find('|'));
  return options;
}

// Sets one "option=value".
void set_option(const RewardRow& row, const std::string& assignment, const std::string& place,
                RewardOptions& options) {
  const std::string reward(row.name);
  if (row.options.empty())
    throw UserError(place, reward + " takes no options, got '" + assignment + "'",
                    "write " + reward);
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos)
    throw UserError(place, "'" + assignment + "' is no option of " + reward,
                    "write option=value, several joined by commas");
  const std::string name = assignment.substr(0, equals);
  const RewardOptionRow& option = find_row(row.options, name, place, "option of " + reward);
  const std::vector<std::string> values = split(option.values, '|');
  const std::string value = assignment.substr(equals + 1);
  for (const std::string& known : values) {
    if (value != known) continue;
    options[name] = value;
    return;
  }
  throw UserError(
      place,
      "option " + name + " of " + reward + " got '" + value + "'" + did_you_mean(value, values),
      "known: " + join(values));
}

}  // namespace

std::span<const RewardRow> reward_rows() { return kRewards; }

std::unique_ptr<Reward> make_reward(std::string_view text, const std::string& place) {
  const size_t colon = text.find(':');
  const RewardRow& row = find_row(reward_rows(), text.substr(0, colon), place, "reward");
  RewardOptions options = defaults(row);
  if (colon != std::string_view::npos)
    for (const std::string& assignment : split(text.substr(colon + 1), ','))
      set_option(row, assignment, place, options);
  return row.make(options);
}

}  // namespace retort
