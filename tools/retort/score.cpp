// retort score: verdicts of rewards for the completions of a file.
#include "rewards/score.h"

#include "base/error.h"
#include "base/json.h"
#include "rewards/command.h"
#include "rewards/registry.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/messages.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

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

StopReason stop_reason(const std::string& name, const std::string& place) {
  if (name == "eos") return StopReason::kEos;
  if (name == "length") return StopReason::kLength;
  if (name == "stop_string") return StopReason::kStopString;
  throw UserError(place, "\"meta\" has the stop '" + name + "'",
                  "write eos, length or stop_string, or leave it out");
}

// The gold of a row that stands where TRL's and verl's rows have it; null when it has none.
const Json& gold_of(const Json& row) {
  for (const char* key : {"answer", "solution", "ground_truth"})
    if (const Json& gold = value_of(row, key); !gold.is_null()) return gold;
  const Json& model = value_of(row, "reward_model");
  return model.is_object() ? value_of(model, "ground_truth") : value_of(row, "answer");
}

// What is there of {family, level, completion_tokens, stop}; further keys are the user's.
void read_meta(const Json& meta, const std::string& place, Row& row) {
  if (!meta.is_object())
    throw UserError(place, "\"meta\" is no object", "write \"meta\": {…} or leave it out");
  const auto refuse = [&](const char* key, const char* kind) {
    throw UserError(place, std::string("\"meta\" has a \"") + key + "\" that is no " + kind,
                    std::string("write a ") + kind + " or leave it out");
  };
  const auto text = [&](const char* key) -> std::optional<std::string> {
    if (value_of(meta, key).is_null()) return std::nullopt;
    if (!meta[key].is_string()) refuse(key, "text");
    return meta[key].get<std::string>();
  };
  const auto count = [&](const char* key) -> std::optional<int32_t> {
    if (value_of(meta, key).is_null()) return std::nullopt;
    if (!meta[key].is_number_unsigned() || !std::in_range<int32_t>(meta[key].get<uint64_t>()))
      refuse(key, "whole number of 31 bits");
    return meta[key].get<int32_t>();
  };
  row.task.family = text("family").value_or("");
  row.task.level = count("level").value_or(0);
  if (const auto tokens = count("completion_tokens")) row.completion.tokens = *tokens;
  if (const auto stop = text("stop")) row.completion.stop = stop_reason(*stop, place);
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
  row.task.answer = gold_of(json).dump();
  if (const Json& meta = value_of(json, "meta"); !meta.is_null()) read_meta(meta, place, row);
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

// Rows scored together, so that a program has several of them under way: full batches of a writer
// that is fast, what there is when it pauses, since it may wait for the answers.
class Batch {
 public:
  Batch(const RewardSet& rewards, RowWriter& writer, Progress& progress)
      : rewards_(rewards), writer_(writer), progress_(progress) {}

  size_t rows() const { return scored_ + waiting_.size(); }  // so far

  void add(Row row) {
    constexpr size_t kRows = 64;
    waiting_.push_back(std::move(row));
    if (waiting_.size() == kRows) score();
  }

  // What waits is scored, written and sent.
  void score() {
    if (waiting_.empty()) return;
    std::vector<ScoreRequest> requests;
    for (size_t i = 0; i < waiting_.size(); ++i)
      requests.push_back({{0, static_cast<uint32_t>(scored_ + i), 0, 0},
                          &waiting_[i].task,
                          waiting_[i].completion});
    const std::vector<Verdict> verdicts = rewards_.score_all(requests);
    for (size_t i = 0; i < waiting_.size(); ++i)
      writer_.write(verdict_line(waiting_[i].id, verdicts[i]));
    scored_ += waiting_.size();
    waiting_.clear();
    writer_.flush();
    progress_.update(static_cast<int64_t>(scored_));
  }

 private:
  const RewardSet& rewards_;
  RowWriter& writer_;
  Progress& progress_;
  std::vector<Row> waiting_;
  size_t scored_ = 0;
};

void list_rewards(bool as_json) {
  for (const RewardRow& row : reward_rows()) {
    if (as_json) {
      Json json = {{"name", row.name}, {"help", row.help}, {"options", Json::array()}};
      for (const RewardOptionRow& option : row.options)
        json["options"].push_back(
            {{"name", option.name}, {"values", option.values}, {"help", option.help}});
      fmt::print("{}\n", json.dump());
      continue;
    }
    fmt::print("{:20} {}\n", row.name, row.help);
    for (const RewardOptionRow& option : row.options)
      fmt::print("    {:18} {}{}{}\n", option.name, option.values,
                 option.values.empty() ? "" : ": ", option.help);
  }
}

double weight_of(const std::string& text) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(weight))
    throw UserError("--weight", "got '" + text + "'", "give a number such as 0.5");
  return weight;
}

// Exit code 1 when the program fails a check.
int check_programs(const std::vector<std::string>& rewards, bool as_json) {
  int code = 0;
  for (const std::string& reward : rewards) {
    const std::string kCommand = "command:";
    if (!reward.starts_with(kCommand))
      throw UserError("--check", "'" + reward + "' is no program", "give --reward command:PATH");
    const std::string path = reward.substr(kCommand.size(), reward.find(',') - kCommand.size());
    for (const CommandCheck& check : check_command(path, 10, "--reward")) {
      if (as_json)
        fmt::print("{}\n", Json({{"reward", reward},
                                 {"check", check.what},
                                 {"ok", check.trouble.empty()},
                                 {"detail", check.trouble}})
                               .dump(-1, ' ', false, Json::error_handler_t::replace));
      else
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
  std::vector<std::string> weights;
  bool list = false, check = false, as_json = false;
  Arguments parser("score", "Verdicts of rewards for completions.",
                   "echo '{\"completion\":\"<answer>7</answer>\",\"answer\":\"7\"}' | retort score "
                   "--reward exact_match:extract=answer_tag");
  parser.option("--reward", rewards,
                "NAME[:option=value,…]; several are added up (repeatable); see --list");
  parser.option("--weight", weights,
                "factor in the sum, one for each --reward in their order (repeatable); default 1");
  parser.option("--in", in,
                "JSON Lines of {\"completion\", \"answer\"} (the gold also where TRL's and verl's "
                "rows have it), optional \"id\", \"prompt\", "
                "\"meta\" {family, level, completion_tokens, stop}; - is standard input");
  parser.option("--out", out,
                "JSON Lines, one a row, in the order of the rows; - is standard output");
  parser.flag("--list", list, "the rewards and their options");
  parser.flag("--check", check,
              "asks the program of command:PATH everything the contract promises");
  parser.flag("--json", as_json,
              "one JSON object a line from --list and --check too; rows always have one");
  if (!parser.parse(arguments)) return 0;
  refuse_same_file(in, out);
  if (list) return list_rewards(as_json), 0;
  if (rewards.empty())
    throw UserError("--reward", "not given", "name a reward; retort score --list shows them");
  if (check) return check_programs(rewards, as_json);
  std::vector<RewardSetting> settings;
  if (!weights.empty() && weights.size() != rewards.size())
    throw UserError("--weight",
                    fmt::format("got {} for {} rewards", weights.size(), rewards.size()),
                    "give one for each --reward, or none");
  for (size_t i = 0; i < rewards.size(); ++i)
    settings.push_back({rewards[i], weights.empty() ? 1.0 : weight_of(weights[i])});
  const RewardSet set(settings, "--reward");
  set.self_test();
  RowWriter writer(out);
  Progress progress("rows", 0, parser.quiet());
  Batch batch(set, writer, progress);
  say_terminal_is_read(in, parser.quiet());
  read_json_lines(
      in,
      [&](const Json& json, const std::string& place) {
        batch.add(read_row(json, place, batch.rows()));
      },
      [&] { batch.score(); });
  batch.score();
  writer.close();
  return 0;
}

}  // namespace retort
