#include "rewards/row_program.h"

#include "base/error.h"
#include "base/log.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxAnswerBytes = size_t{1} << 20;
constexpr size_t kMaxShown = 80;

std::string row_of(int64_t id, const Question& question) {
  const Task& task = *question.task;
  Json row;
  row["id"] = id;
  if (task.messages.empty()) {
    row["prompt"] = task.prompt;
  } else {
    row["prompt"] = Json::array();
    for (const Message& message : task.messages)
      row["prompt"].push_back({{"role", message.role}, {"content", message.content}});
  }
  row["completion"] = question.completion->text;
  row["answer"] = Json::parse(task.answer, nullptr, false);
  if (row["answer"].is_discarded()) row["answer"] = nullptr;
  row["meta"] = {{"family", task.family}, {"level", task.level}};
  if (question.completion->tokens) row["meta"]["completion_tokens"] = *question.completion->tokens;
  return row.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What a line with a row's id says.
RowAnswer read_answer(const nlohmann::json& json, const std::string& shown) {
  if (json.contains("outcome")) {
    const auto outcome = json["outcome"].is_string()
                             ? outcome_from_name(json["outcome"].get<std::string>())
                             : std::nullopt;
    if (!outcome) return {std::nullopt, "answered with an unknown outcome: '" + shown + "'"};
    if (*outcome != Outcome::kValue) {
      const bool detail = json.contains("detail") && json["detail"].is_string();
      return {
          Judgement{*outcome, 0,
                    detail ? one_line(json["detail"].get<std::string>()) : "the program says so"},
          ""};
    }
  }
  if (!json.contains("score") || !json["score"].is_number() ||
      !std::isfinite(json["score"].get<double>()))
    return {std::nullopt, "answered '" + shown + "' without a number \"score\""};
  return {Judgement{Outcome::kValue, json["score"].get<double>(), ""}, ""};
}

}  // namespace

struct RowProgram::Round {
  std::span<const Question> questions;
  std::vector<RowAnswer> answers;
  std::deque<size_t> waiting;  // indices of questions, in order
  std::deque<Row> asked;       // under way, the oldest first
  Deadline oldest_due = Deadline::never();
  size_t alone = 0;  // so many of those that wait are asked one at a time
  size_t failures_in_a_row = 0;
};

void RowProgram::start() {
  const std::lock_guard lock(mutex_);
  if (!process_) process_ = std::make_unique<LineProcess>(path_, place_);
}

bool RowProgram::finish() {
  const std::lock_guard lock(mutex_);
  const bool well = process_ && process_->finish(Deadline::after(deadline_s_));
  process_.reset();
  return well;
}

std::vector<RowAnswer> RowProgram::ask(std::span<const Question> questions,
                                       const ScoreLimits& limits) {
  const std::lock_guard lock(mutex_);
  Round round{questions, std::vector<RowAnswer>(questions.size()), {}, {}};
  for (size_t i = 0; i < questions.size(); ++i) round.waiting.push_back(i);
  const auto give_up = [&](const std::string& trouble) {
    for (const size_t index : round.waiting) round.answers[index].trouble = trouble;
    round.waiting.clear();
  };
  while (!round.waiting.empty() || !round.asked.empty()) {
    if (limits.until.passed()) give_up("was not asked before the deadline");
    if (round.failures_in_a_row >= limits.failures_in_a_row && round.asked.empty())
      give_up(fmt::format("was not asked, after {} failures in a row", round.failures_in_a_row));
    if (round.waiting.empty() && round.asked.empty()) break;
    if (!process_) try {
        process_ = std::make_unique<LineProcess>(path_, place_);
      } catch (const UserError& error) {
        give_up(error.what());  // nothing is under way without a process
        continue;
      }
    send_rows(round);
    std::string line;
    const LineProcess::Status status = process_->next_line(line, round.oldest_due, kMaxAnswerBytes);
    if (status == LineProcess::Status::kOk)
      take_line(round, line);
    else
      fail(round, std::string(status_text(status)), status == LineProcess::Status::kDeadline);
  }
  return std::move(round.answers);
}

void RowProgram::send_rows(Round& round) {
  const size_t most = round.alone > 0 ? 1 : rows_at_once_;
  while (round.asked.size() < most && !round.waiting.empty()) {
    if (round.asked.empty()) round.oldest_due = Deadline::after(deadline_s_);
    const Row row{++last_id_, round.waiting.front()};
    process_->send(row_of(row.id, round.questions[row.index]));
    round.asked.push_back(row);
    round.waiting.pop_front();
  }
}

void RowProgram::take_line(Round& round, const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  const std::string shown = one_line(line.substr(0, kMaxShown));
  if (!json.is_object())
    return fail(round, "answered '" + shown + "', which is no JSON object", false);
  if (!json.contains("id") || !json["id"].is_number_integer())
    return fail(round, "answered '" + shown + "' without the row's id", false);
  const auto id = json["id"].get<int64_t>();
  const auto row = std::find_if(round.asked.begin(), round.asked.end(),
                                [&](const Row& one) { return one.id == id; });
  if (row != round.asked.end())
    return answer(round, static_cast<size_t>(row - round.asked.begin()), read_answer(json, shown));
  const std::string trouble =
      fmt::format("answered row {} when row {} was asked", id, round.asked.front().id);
  if (id < 1 || id > last_id_) return fail(round, trouble, false);
  // A second answer to an earlier row says nothing about the others.
  if (!std::exchange(said_late_, true)) log::warn(path_ + ": " + trouble);
}

void RowProgram::answer(Round& round, size_t place, RowAnswer answer) {
  if (answer.judgement) round.failures_in_a_row = 0;
  if (round.alone > 0) --round.alone;
  round.answers[round.asked[place].index] = std::move(answer);
  round.asked.erase(round.asked.begin() + static_cast<std::ptrdiff_t>(place));
  if (place == 0) round.oldest_due = Deadline::after(deadline_s_);
}

void RowProgram::fail(Round& round, const std::string& trouble, bool blamed) {
  const std::string errors = one_line(process_->errors());
  log::detail(fmt::format("{}: {}; it is started again{}{}", path_, trouble,
                          errors.empty() ? "" : "; its standard error ends: ", errors));
  process_.reset();
  if (blamed || round.asked.size() == 1) {
    ++round.failures_in_a_row;
    answer(round, 0, {std::nullopt, trouble});
  } else {
    round.alone += round.asked.size();
  }
  for (; !round.asked.empty(); round.asked.pop_back())
    round.waiting.push_front(round.asked.back().index);
}

}  // namespace retort
