// retort score: verdicts of rewards for the completions of a file.
#include "rewards/score.h"

#include "base/error.h"
#include "base/json.h"
#include "rewards/command.h"
#include "rewards/registry.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/messages.h"
#include "tools/retort/rows.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

struct Row {
  Json id;
  Task task;
  Completion completion;
};

std::string completion_text(const Json& json, const std::string& place) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) return messages_from_json(json, place).back().content;
  throw UserError(place, "\"completion\" is neither a text nor a list of messages",
                  "write {\"completion\": \"…\", \"answer\": …}");
}

Row read_row(const Json& json, const std::string& place, size_t index) {
  Row row;
  row.id = json.contains("id") ? json["id"] : Json(index);
  if (!json.contains("completion"))
    throw UserError(place, "has no \"completion\"", "write {\"completion\": \"…\", \"answer\": …}");
  row.completion.text = completion_text(json["completion"], place);
  if (json.contains("prompt") && json["prompt"].is_array())
    row.task.messages = messages_from_json(json["prompt"], place);
  else if (json.contains("prompt") && json["prompt"].is_string())
    row.task.prompt = json["prompt"].get<std::string>();
  row.task.answer = json.contains("answer") ? json["answer"].dump() : "null";
  const Json meta = json.value("meta", Json::object());
  if (!meta.is_object())
    throw UserError(place, "\"meta\" is no object", "write \"meta\": {…} or leave it out");
  const auto text = [&](const char* key) {
    return meta.contains(key) && meta[key].is_string() ? meta[key].get<std::string>() : "";
  };
  row.task.family = text("family");
  if (meta.contains("level") && meta["level"].is_number_integer())
    row.task.level = meta["level"].get<int32_t>();
  if (meta.contains("completion_tokens") && meta["completion_tokens"].is_number_integer())
    row.completion.tokens = meta["completion_tokens"].get<int64_t>();
  if (text("stop") == "length") row.completion.stop = StopReason::kLength;
  return row;
}

Json part_json(const VerdictPart& part) {
  Json json = {{"name", part.name}, {"outcome", outcome_name(part.outcome)}};
  if (is_policys_doing(part.outcome)) json["score"] = part.score;
  json["weight"] = part.weight;
  json["detail"] = part.detail;
  return json;
}

std::string verdict_line(const Json& id, const Verdict& verdict) {
  Json json = {{"id", id}, {"outcome", outcome_name(verdict.outcome)}};
  if (is_policys_doing(verdict.outcome)) json["score"] = verdict.score;
  json["parts"] = Json::array();
  for (const VerdictPart& part : verdict.parts) json["parts"].push_back(part_json(part));
  json["ms"] = verdict.ms;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void list_rewards() {
  for (const RewardRow& row : reward_rows()) {
    fmt::print("{:20} {}\n", row.name, row.help);
    for (const RewardOptionRow& option : row.options)
      fmt::print("    {:18} {}{}{}\n", option.name, option.values,
                 option.values.empty() ? "" : ": ", option.help);
  }
}

// Exit code 1 when the program fails a check.
int check_programs(const std::vector<std::string>& rewards) {
  int code = 0;
  for (const std::string& reward : rewards) {
    const std::string kCommand = "command:";
    if (!reward.starts_with(kCommand))
      throw UserError("--check", "'" + reward + "' is no program", "give --reward command:PATH");
    const std::string path = reward.substr(kCommand.size(), reward.find(',') - kCommand.size());
    for (const CommandCheck& check : check_command(path, 10, "--reward")) {
      fmt::print("{:6} {}{}{}\n", check.trouble.empty() ? "ok" : "FAILED", check.what,
                 check.trouble.empty() ? "" : ": ", check.trouble);
      if (!check.trouble.empty()) code = 1;
    }
  }
  return code;
}

}  // namespace

int run_score(const CommandArguments& arguments) {
  std::vector<std::string> rewards;
  std::string in = "-", out = "-";
  bool list = false, check = false;
  Arguments parser("score", "Verdicts of rewards for completions.",
                   "echo '{\"completion\":\"<answer>7</answer>\",\"answer\":\"7\"}' | retort score "
                   "--reward exact_match:extract=answer_tag");
  parser.option("--reward", rewards,
                "NAME[:option=value,…]; several are added up (repeatable); see --list");
  parser.option("--in", in,
                "JSON Lines of {\"completion\", \"answer\"}, optional \"id\", \"prompt\", "
                "\"meta\" {family, level, completion_tokens, stop}; - is standard input");
  parser.option("--out", out,
                "JSON Lines, one a row, in the order of the rows; - is standard output");
  parser.flag("--list", list, "the rewards and their options");
  parser.flag("--check", check,
              "asks the program of command:PATH everything the contract promises");
  if (!parser.parse(arguments)) return 0;
  refuse_same_file(in, out);
  if (list) return list_rewards(), 0;
  if (rewards.empty())
    throw UserError("--reward", "not given", "name a reward; retort score --list shows them");
  if (check) return check_programs(rewards);
  std::vector<RewardSetting> settings;
  for (const std::string& reward : rewards) settings.push_back({reward, 1.0});
  const RewardSet set(settings, "--reward");
  set.self_test();
  RowWriter writer(out);
  uint32_t index = 0;
  read_json_lines(in, [&](const Json& json, const std::string& place) {
    const Row row = read_row(json, place, index);
    writer.write(verdict_line(row.id, set.score({0, index, 0, 0}, row.task, row.completion)));
    ++index;
  });
  writer.close();
  return 0;
}

}  // namespace retort
