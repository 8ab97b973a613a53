#include "rewards/registry.h"

#include "base/error.h"
#include "base/registry.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace retort {

RewardRow task_row();
RewardRow exact_match_row();
RewardRow format_think_answer_row();
RewardRow multiple_choice_row();
RewardRow math_equal_row();
RewardRow overlong_row();
RewardRow command_row();

std::span<const RewardRow> reward_rows() {
  static const std::vector<RewardRow> rows = {
      task_row(),
      exact_match_row(),
      math_equal_row(),
      multiple_choice_row(),
      format_think_answer_row(),
      overlong_row(),
      command_row(),
  };
  return rows;
}

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string default_value(const RewardOptionRow& option) {
  if (option.kind == OptionKind::kChoice)
    return std::string(option.values.substr(0, option.values.find('|')));
  std::string value(option.values);
  if (option.kind == OptionKind::kList) std::replace(value.begin(), value.end(), '|', ',');
  return value;
}

// Checks a value; UserError with what the option takes.
void check_value(const RewardRow& row, const RewardOptionRow& option, const std::string& value,
                 const std::string& place) {
  const std::string what = "option " + std::string(option.name) + " of " + std::string(row.name) +
                           " got '" + value + "'";
  const auto one_of = [&](const std::string& item) {
    const std::vector<std::string> known = split(option.values, '|');
    if (std::find(known.begin(), known.end(), item) == known.end())
      throw UserError(place, what + did_you_mean(item, known), "known: " + join(known));
  };
  switch (option.kind) {
    case OptionKind::kChoice:
      return one_of(value);
    case OptionKind::kList:
      for (const std::string& item : split(value, ',')) one_of(item);
      return;
    case OptionKind::kNumber: {
      int64_t number = -1;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size() || number < 0)
        throw UserError(place, what, "set it to a whole number of 0 or more");
      return;
    }
    case OptionKind::kText:
      if (value.empty()) throw UserError(place, what, "set it to " + std::string(option.help));
      return;
  }
}

// "NAME", "NAME:option=value,…", "NAME:FIRST,option=value,…". A piece without '=' goes on with the
// list before it: extract=boxed,last.
RewardOptions parse_options(const RewardRow& row, std::string_view text, bool given,
                            const std::string& place) {
  const std::string reward(row.name);
  std::map<std::string, std::string> values;
  for (const RewardOptionRow& option : row.options)
    values[std::string(option.name)] = default_value(option);
  if (given && row.options.empty())
    throw UserError(place, reward + " takes no options, got '" + std::string(text) + "'",
                    "write " + reward);
  std::string* list = nullptr;
  bool first = !row.first.empty();
  for (const std::string& piece : given ? split(text, ',') : std::vector<std::string>()) {
    const size_t equals = piece.find('=');
    if (std::exchange(first, false)) {
      values[std::string(row.first)] = piece;
    } else if (equals == std::string::npos && list != nullptr) {
      *list += "," + piece;
    } else if (equals == std::string::npos) {
      throw UserError(place, "'" + piece + "' is no option of " + reward,
                      "write option=value, several joined by commas");
    } else {
      const RewardOptionRow& option =
          find_row(std::span<const RewardOptionRow>(row.options), piece.substr(0, equals), place,
                   "option of " + reward);
      std::string& value = values[std::string(option.name)];
      value = piece.substr(equals + 1);
      list = option.kind == OptionKind::kList ? &value : nullptr;
    }
  }
  RewardOptions options;
  for (const RewardOptionRow& option : row.options) {
    const std::string& value = values[std::string(option.name)];
    check_value(row, option, value, place);
    options.set(option.name, value);
  }
  return options;
}

}  // namespace

const std::string& RewardOptions::text(std::string_view name) const {
  return values_.find(name)->second;
}
int64_t RewardOptions::number(std::string_view name) const { return std::stoll(text(name)); }
std::vector<std::string> RewardOptions::list(std::string_view name) const {
  return split(text(name), ',');
}
void RewardOptions::set(std::string_view name, std::string value) {
  values_[std::string(name)] = std::move(value);
}

std::unique_ptr<Reward> make_reward(std::string_view text, const std::string& place) {
  const size_t colon = text.find(':');
  const RewardRow& row = find_row(reward_rows(), text.substr(0, colon), place, "reward");
  const bool given = colon != std::string_view::npos;
  return row.make(parse_options(row, given ? text.substr(colon + 1) : "", given, place), place);
}

}  // namespace retort
