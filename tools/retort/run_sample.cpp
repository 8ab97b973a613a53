#include "tools/retort/run_sample.h"

#include "base/error.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <span>

namespace retort {
namespace {

constexpr const char* kPlace = "--sample";

// STEP, TASK, SLOT.
struct Key {
  int64_t number[3] = {};
};

Key parse_key(const std::string& place) {
  Key key;
  const char* at = place.data();
  const char* end = place.data() + place.size();
  bool good = true;
  for (int i = 0; i < 3 && good; ++i) {
    if (i > 0) {
      good = at != end && *at == '/';
      at += good ? 1 : 0;
    }
    const auto [next, error] = std::from_chars(at, end, key.number[i]);
    good = good && error == std::errc() && key.number[i] >= 0;
    at = next;
  }
  if (!good || at != end)
    throw UserError(kPlace, "got '" + place + "'", "write STEP/TASK/SLOT, as 3/0/1");
  return key;
}

// What the run has, as far as the key is right.
std::string choices(Database& database, const Key& key) {
  Statement steps = database.prepare("SELECT min(step), max(step), count(*) FROM sample");
  steps.next();
  if (steps.integer(2) == 0) return "the run has no samples yet; leave --sample out";
  Statement inner = database.prepare(
      "SELECT min(task), max(task), min(slot), max(slot), count(*) FROM sample WHERE step = ?");
  inner.bind(1, key.number[0]);
  inner.next();
  if (inner.integer(4) == 0)
    return fmt::format("take a step from {} to {}", steps.integer(0), steps.integer(1));
  return fmt::format("take a task from {} to {} and a slot from {} to {}", inner.integer(0),
                     inner.integer(1), inner.integer(2), inner.integer(3));
}

template <class Number>
std::vector<Number> numbers_of(const Statement& row, int column) {
  const Blob blob = row.blob(column);
  std::vector<Number> numbers(blob.size() / sizeof(Number));
  if (!numbers.empty()) std::memcpy(numbers.data(), blob.data(), numbers.size() * sizeof(Number));
  return numbers;
}

std::optional<double> real_or_none(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.real(column));
}

}  // namespace

std::optional<RunSample> read_run_sample(Database& database, const std::string& place) {
  Statement row = database.prepare(
      "SELECT s.id, s.step, s.task, s.slot, t.family, t.level, coalesce(t.prompt, t.messages), "
      "t.answer, s.text, s.stop, s.prompt_tokens, s.version_min, s.version_max, v.outcome, "
      "v.score, k.ids, k.logprobs, k.loss_mask "
      "FROM sample s JOIN task t USING (step, task) JOIN verdict v ON v.sample = s.id "
      "JOIN token k ON k.sample = s.id WHERE " +
      std::string(place.empty() ? "s.step = (SELECT max(step) FROM sample)"
                                : "s.step = ? AND s.task = ? AND s.slot = ?") +
      " ORDER BY s.task, s.slot, s.branch LIMIT 1");
  Key key;
  if (!place.empty()) {
    key = parse_key(place);
    for (int i = 0; i < 3; ++i) row.bind(i + 1, key.number[i]);
  }
  if (!row.next()) {
    if (place.empty()) return std::nullopt;
    throw UserError(kPlace, "the run has no sample " + place, choices(database, key));
  }
  RunSample sample;
  sample.step = row.integer(1);
  sample.task = row.integer(2);
  sample.slot = row.integer(3);
  sample.family = row.text(4);
  sample.level = row.integer(5);
  sample.prompt = row.text(6);
  sample.answer = row.text(7);
  sample.text = row.text(8);
  sample.stop = row.text(9);
  sample.prompt_tokens = row.integer(10);
  sample.version_min = row.integer(11);
  sample.version_max = row.integer(12);
  sample.outcome = row.text(13);
  sample.score = real_or_none(row, 14);
  const auto ids = numbers_of<int32_t>(row, 15);
  const auto logprobs = numbers_of<float>(row, 16);
  const auto mask = numbers_of<uint8_t>(row, 17);
  if (ids.size() != logprobs.size() || (!mask.empty() && mask.size() != ids.size()))
    throw UserError(database.path(),
                    fmt::format("is damaged (sample {} has {} tokens and {} log-probabilities)",
                                row.integer(0), ids.size(), logprobs.size()),
                    "put a copy that is whole in its place");
  for (size_t i = 0; i < ids.size(); ++i)
    sample.tokens.push_back({ids[i], logprobs[i], mask.empty() || mask[i] != 0});

  Statement part = database.prepare(
      "SELECT name, weight, outcome, score, detail FROM part WHERE sample = ? ORDER BY part");
  part.bind(1, row.integer(0));
  while (part.next())
    sample.parts.push_back(
        {part.text(0), part.real(1), part.text(2), real_or_none(part, 3), part.text(4)});
  return sample;
}

}  // namespace retort
