// command:PATH: the user's own program in any language. It is started once, reads a row a line and
// answers each with a line {"id", "score"} or {"id", "outcome"}. What it cannot answer is
// infra_error, never a 0: it is killed and started again for the next row.
#include "rewards/command.h"

#include "base/error.h"
#include "base/line_process.h"
#include "base/log.h"
#include "rewards/registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <mutex>
#include <optional>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

std::string row_of(int64_t id, const Task& task, const Completion& completion) {
  Json row;
  row["id"] = id;
  if (task.messages.empty()) {
    row["prompt"] = task.prompt;
  } else {
    row["prompt"] = Json::array();
    for (const Message& message : task.messages)
      row["prompt"].push_back({{"role", message.role}, {"content", message.content}});
  }
  row["completion"] = completion.text;
  row["answer"] = Json::parse(task.answer, nullptr, false);
  if (row["answer"].is_discarded()) row["answer"] = nullptr;
  row["meta"] = {{"family", task.family}, {"level", task.level}};
  if (completion.tokens) row["meta"]["completion_tokens"] = *completion.tokens;
  return row.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// An answer to the row `id`; the text of what is wrong with it otherwise. `late`: it is an answer
// to an earlier row.
struct Answer {
  std::optional<Judgement> judgement;
  std::string trouble;
  bool late = false;
};

Answer read_answer(const std::string& line, int64_t id) {
  Answer answer;
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  const std::string shown = one_line(line.substr(0, 80));
  if (!json.is_object()) {
    answer.trouble = "answered '" + shown + "', which is no JSON object";
  } else if (!json.contains("id") || !json["id"].is_number_integer()) {
    answer.trouble = "answered '" + shown + "' without the row's id";
  } else if (json["id"].get<int64_t>() != id) {
    answer.late = json["id"].get<int64_t>() < id;
    answer.trouble =
        fmt::format("answered row {} when row {} was asked", json["id"].get<int64_t>(), id);
  } else if (json.contains("outcome")) {
    const auto outcome = json["outcome"].is_string()
                             ? outcome_from_name(json["outcome"].get<std::string>())
                             : std::nullopt;
    if (!outcome)
      answer.trouble = "answered with the unknown outcome " + json["outcome"].dump();
    else if (*outcome != Outcome::kValue)
      answer.judgement = {*outcome, 0, json.value("detail", std::string("the program says so"))};
  }
  if (answer.judgement || !answer.trouble.empty()) return answer;
  if (!json.contains("score") || !json["score"].is_number() ||
      !std::isfinite(json["score"].get<double>()))
    answer.trouble = "answered '" + shown + "' without a number \"score\"";
  else
    answer.judgement = {Outcome::kValue, json["score"].get<double>(), ""};
  return answer;
}

// The program, started when a row needs it. One row at a time.
class Program {
 public:
  Program(std::string path, double deadline_s, std::string place)
      : path_(std::move(path)), deadline_s_(deadline_s), place_(std::move(place)) {}

  Answer ask(const Task& task, const Completion& completion) {
    const std::lock_guard lock(mutex_);
    Answer answer = ask_once(task, completion);
    if (!answer.judgement) stop(answer.trouble);
    return answer;
  }

  void start() {
    const std::lock_guard lock(mutex_);
    if (!process_) process_ = std::make_unique<LineProcess>(path_, place_);
  }

  // True when it ends by itself with exit code 0.
  bool finish() {
    const std::lock_guard lock(mutex_);
    const bool well = process_ && process_->finish(Deadline::after(deadline_s_));
    process_.reset();
    return well;
  }

 private:
  Answer ask_once(const Task& task, const Completion& completion) {
    Answer answer;
    if (!process_) try {
        process_ = std::make_unique<LineProcess>(path_, place_);
      } catch (const UserError& error) {
        answer.trouble = error.what();
        return answer;
      }
    const int64_t id = ++asked_;
    const Deadline deadline = Deadline::after(deadline_s_);
    LineProcess::Status status = process_->write_line(row_of(id, task, completion), deadline);
    for (std::string line; status == LineProcess::Status::kOk;) {
      status = process_->read_line(line, deadline, kMaxAnswerBytes);
      if (status != LineProcess::Status::kOk) break;
      answer = read_answer(line, id);
      if (!answer.late) return answer;
      // A second answer to an earlier row says nothing about this one.
      if (!std::exchange(said_late_, true)) log::warn(path_ + ": " + answer.trouble);
    }
    answer = {std::nullopt, std::string(status_text(status)), false};
    return answer;
  }

  void stop(const std::string& trouble) {
    const std::string errors = process_ ? one_line(process_->errors()) : "";
    log::detail(fmt::format("{}: {}; started again for the next row{}{}", path_, trouble,
                            errors.empty() ? "" : "; its standard error ends: ", errors));
    process_.reset();
  }

  const std::string path_;
  const double deadline_s_;
  const std::string place_;
  std::mutex mutex_;
  std::unique_ptr<LineProcess> process_;  // guarded by mutex_, as all below
  int64_t asked_ = 0;
  bool said_late_ = false;
};

class Command final : public Reward {
 public:
  Command(const std::string& path, double deadline_s, const std::string& place)
      : path_(path), program_(path, deadline_s, place) {}

  Judgement score(const Task& task, const Completion& completion) const override {
    Answer answer = program_.ask(task, completion);
    if (answer.judgement) return std::move(*answer.judgement);
    return {Outcome::kInfraError, 0, path_ + " " + answer.trouble};
  }

  std::vector<KnownAnswer> known_answers() const override { return {}; }

  bool is_users_own() const override { return true; }

  void check(const std::string& place) const override {
    program_.start();
    Task probe;
    probe.answer = "null";
    const Answer answer = program_.ask(probe, Completion{});
    if (!answer.judgement)
      throw UserError(place, "'" + path_ + "' " + answer.trouble + " to an empty row",
                      "see retort score --check --reward command:" + path_);
  }

 private:
  const std::string path_;
  mutable Program program_;
};

}  // namespace

std::vector<CommandCheck> check_command(const std::string& path, double deadline_s,
                                        const std::string& place) {
  Program program(path, deadline_s, place);
  program.start();
  std::vector<CommandCheck> checks;
  const auto ask = [&](const std::string& what, const Task& task, const std::string& text) {
    checks.push_back({what, program.ask(task, Completion{text}).trouble});
  };
  Task task;
  task.answer = "null";
  ask("answers an empty row", task, "");
  task.prompt = "1+1=";
  task.answer = R"("2")";
  ask("answers a text prompt", task, "2");
  ask("answers text beyond ASCII and control characters", task, "α\n\t\"\\ \x01 日本 😀");
  ask("answers a completion of a million characters", task, std::string(1'000'000, 'x'));
  task.prompt = "";
  task.messages = {{"user", "1+1="}};
  ask("answers a prompt of messages", task, "2");
  task.answer = R"({"numbers": [1, 2], "target": 3})";
  ask("answers a gold answer that is an object", task, "3");
  std::string trouble;
  for (int row = 0; row < 200 && trouble.empty(); ++row)
    trouble = program.ask(task, Completion{std::to_string(row)}).trouble;
  checks.push_back({"answers 200 rows one after the other", trouble});
  checks.push_back({"ends with exit code 0 when its input ends",
                    program.finish() ? "" : "did not, or ended before"});
  return checks;
}

RewardRow command_row() {
  return {"command",
          "a program of yours, as command:PATH: rows in, scores out, a line each; any finite score",
          {{"path", OptionKind::kText, "", "the path of an executable program"},
           {"deadline_s", OptionKind::kNumber, "10", "seconds it may take for a row"}},
          [](const RewardOptions& options, const std::string& place) -> std::unique_ptr<Reward> {
            return std::make_unique<Command>(
                options.text("path"), static_cast<double>(options.number("deadline_s")), place);
          },
          "path"};
}

}  // namespace retort
