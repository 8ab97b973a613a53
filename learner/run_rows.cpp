#include "learner/run_rows.h"

#include "base/check.h"
#include "base/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little, "blobs are written as the host's bytes");

template <class Number>
Blob blob_of(std::span<const Number> numbers) {
  return std::as_bytes(numbers);
}
template <class Number>
Blob blob_of(const std::vector<Number>& numbers) {
  return std::as_bytes(std::span<const Number>(numbers));
}

template <class Number>
bool all_are(const std::vector<Number>& values, Number value) {
  return std::all_of(values.begin(), values.end(), [&](Number v) { return v == value; });
}

// Text for readers: valid UTF-8, and no NUL, at which many programs stop.
std::string readable_text(const std::string& text) {
  std::string out = text;
  if (find_invalid_utf8(out) != std::string::npos)
    out = nlohmann::json::parse(json_quote(out)).get<std::string>();  // U+FFFD for what is invalid
  constexpr std::string_view kNul = "\xE2\x90\x80";                   // U+2400, the picture of NUL
  for (size_t at = out.find('\0'); at != std::string::npos; at = out.find('\0', at))
    out.replace(at, 1, kNul);
  return out;
}

std::string hex16(uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

std::optional<std::string> messages_json(const std::vector<Message>& messages) {
  if (messages.empty()) return std::nullopt;
  auto json = nlohmann::ordered_json::array();
  for (const Message& message : messages)
    json.push_back({{"role", message.role}, {"content", message.content}});
  return json.dump();
}

std::string tensors_json(const std::vector<TensorEntry>& tensors) {
  auto json = nlohmann::ordered_json::array();
  for (const TensorEntry& tensor : tensors)
    json.push_back({{"name", tensor.name}, {"dtype", tensor.dtype}, {"shape", tensor.shape}});
  return json.dump();
}

// Sums over the sampled tokens.
struct TokenSums {
  int64_t sampled = 0;
  double logprob = 0;
  std::optional<double> lowest_logprob;
  std::optional<double> entropy;
};
TokenSums sum_tokens(const Sample& sample) {
  TokenSums sums;
  if (!sample.entropies.empty() || sample.logprobs.empty()) sums.entropy = 0;
  for (size_t i = 0; i < sample.logprobs.size(); ++i) {
    if (sample.loss_mask[i] == 0) continue;
    const double logprob = static_cast<double>(sample.logprobs[i]);
    ++sums.sampled;
    sums.logprob += logprob;
    sums.lowest_logprob = std::min(sums.lowest_logprob.value_or(logprob), logprob);
    if (!sample.entropies.empty()) *sums.entropy += static_cast<double>(sample.entropies[i]);
  }
  return sums;
}

std::optional<double> score_of(Outcome outcome, double score) {
  return is_policys_doing(outcome) ? std::optional(score) : std::nullopt;
}

}  // namespace

RunRows::RunRows(Database& database)
    : step_(database.prepare("INSERT OR IGNORE INTO step VALUES (?, ?, NULL)")),
      finish_(database.prepare("UPDATE step SET finished_at = ? WHERE step = ?")),
      task_(database.prepare("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")),
      sample_(database.prepare("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                               "?, ?, ?, ?)")),
      token_(database.prepare("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")),
      verdict_(database.prepare("INSERT INTO verdict VALUES (?, ?, ?, ?, ?)")),
      part_(database.prepare("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)")),
      metric_(database.prepare("INSERT INTO metric VALUES (?, ?, ?, ?)")),
      event_(database.prepare("INSERT INTO event VALUES (NULL, ?, ?, ?, ?)")),
      version_(database.prepare("INSERT INTO version VALUES (?, ?, ?, ?)")),
      decision_(database.prepare("INSERT INTO decision VALUES (?, ?, ?, ?, ?)")) {
  for (const char* table : {"part", "verdict", "token"})
    deletions_.push_back(
        database.prepare(std::string("DELETE FROM ") + table +
                         " WHERE sample IN (SELECT id FROM sample WHERE step > ?)"));
  for (const char* table : {"sample", "task", "metric", "event", "step"})
    deletions_.push_back(database.prepare(std::string("DELETE FROM ") + table + " WHERE step > ?"));
  deletions_.push_back(database.prepare("DELETE FROM version WHERE number > ?"));
}

void RunRows::add_step(int64_t step, double at) { step_.run(step, at); }
void RunRows::finish_step(int64_t step, double at) { finish_.run(at, step); }

void RunRows::add_task(int64_t step, int64_t index, const Task& task) {
  const bool is_chat = !task.messages.empty();
  const auto prompt = is_chat ? std::nullopt : std::optional<std::string_view>(task.prompt);
  const auto messages = messages_json(task.messages);
  const auto rewards =
      task.rewards.empty() ? std::nullopt : std::optional(nlohmann::json(task.rewards).dump());
  const std::string uid = hex16(task.uid);
  task_.run(step, index, uid, task.family, task.level, task.seed,
            task.split == Split::kTrain ? "train" : "held_out", prompt, messages, task.answer,
            rewards);
}

void RunRows::add_sample(int64_t id, const Sample& sample, const Verdict& verdict,
                         const std::string* text) {
  const TokenSums sums = sum_tokens(sample);
  std::optional<std::string> readable;
  if (text != nullptr) readable = readable_text(*text);
  const std::optional<double> entropy_sum = sums.entropy;
  sample_.run(id, sample.id.step, sample.id.task, sample.id.slot, sample.id.branch,
              stop_name(sample.stop), sample.prompt_length, sample.completion_length(),
              sums.sampled, sample.version_min(), sample.version_max(), sums.logprob,
              sums.lowest_logprob, entropy_sum, sample.started_s, sample.finished_s, readable);

  const auto tokens = std::span<const int32_t>(sample.tokens);
  const auto prompt_length = static_cast<size_t>(sample.prompt_length);
  // What is the same for every token, or was not there, takes no room.
  const auto unless = [](bool absent, Blob blob) {
    return absent ? std::nullopt : std::optional<Blob>(blob);
  };
  const bool one_version = all_are(sample.versions, sample.version_min());
  token_.run(
      id, blob_of(tokens.first(prompt_length)), blob_of(tokens.subspan(prompt_length)),
      blob_of(sample.logprobs),
      unless(sample.entropies.empty() && !sample.logprobs.empty(), blob_of(sample.entropies)),
      unless(one_version, blob_of(sample.versions)),
      unless(all_are<uint8_t>(sample.loss_mask, 1), blob_of(sample.loss_mask)),
      unless(sample.kept_begin.empty(), blob_of(sample.kept_ids)),
      unless(sample.kept_begin.empty(), blob_of(sample.kept_begin)));

  verdict_.run(id, outcome_name(verdict.outcome), score_of(verdict.outcome, verdict.score),
               verdict.isolation, verdict.ms);
  for (size_t i = 0; i < verdict.parts.size(); ++i) {
    const VerdictPart& part = verdict.parts[i];
    part_.run(id, i, part.name, part.weight, outcome_name(part.outcome),
              score_of(part.outcome, part.score), part.detail);
  }
}

void RunRows::add_metrics(int64_t step, const MetricRow& row) {
  for (size_t i = 0; i < row.entries().size(); ++i) {
    const MetricRow::Entry& entry = row.entries()[i];
    if (const auto* integer = std::get_if<int64_t>(&entry.value))
      metric_.run(step, i, entry.name, *integer);
    else if (const auto* number = std::get_if<double>(&entry.value))
      metric_.run(step, i, entry.name, *number);
    else
      metric_.run(step, i, entry.name, nullptr);
  }
}

void RunRows::add_event(int64_t step, double at, const std::string& kind, const std::string& text) {
  event_.run(step, at, kind, readable_text(text));
}

void RunRows::add_version(const Version& version, bool with_tensors) {
  std::optional<std::string> tensors;
  if (with_tensors) tensors = tensors_json(version.tensors);
  version_.run(version.number, version.digest, version.numerics, tensors);
}

void RunRows::add_decision(uint32_t step, uint32_t task, uint32_t replaced_by,
                           const std::string& reason, double at) {
  decision_.run(step, task, replaced_by, reason, at);
}

void RunRows::delete_after(int64_t step) {
  for (Statement& deletion : deletions_) deletion.run(step);
}

}  // namespace retort
