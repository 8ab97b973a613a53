#include "tasks/spec.h"

#include "base/error.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace retort {
namespace {

constexpr uint64_t kMaxCount = 1'000'000;
constexpr std::string_view kTraces = "traces";
constexpr std::string_view kStoreEnding = ".db";
constexpr std::string_view kStoreWhere = ".db:";

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// "chain_sum:1-10" of the family, for the fix of a message.
std::string example_levels(const FamilyRow& family) {
  return std::string(family.name) + ":" + std::to_string(family.low_level) + "-" +
         std::to_string(family.high_level);
}

bool is_family(std::string_view name) { return family_or_null(name) != nullptr; }

// "store.db" or "store.db:where", unless the text before the first ':' is a family's name.
std::optional<StoreSource> store_source(const std::string& part) {
  if (is_family(part.substr(0, part.find(':')))) return std::nullopt;
  const size_t where = part.find(kStoreWhere);
  if (where != std::string::npos)
    return StoreSource{part.substr(0, where + kStoreWhere.size() - 1),
                       part.substr(where + kStoreWhere.size())};
  if (part.ends_with(kStoreEnding)) return StoreSource{part, ""};
  return std::nullopt;
}

// A path, unless the text before the first ':' is a family's name.
std::optional<FileSource> file_source(const std::string& part) {
  if (is_family(part.substr(0, part.find(':')))) return std::nullopt;
  if (part.find_first_of("./") == std::string::npos) return std::nullopt;
  return FileSource{part};
}

// The SPECs between the commas; in a store's condition those in brackets and quotes do not count.
std::vector<std::string> split_sources(std::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = '\0';
  for (const char c : text) {
    std::string& part = parts.back();
    if (c == ',' && depth <= 0 && quote == '\0') {
      parts.emplace_back();
      depth = 0;
      continue;
    }
    if (part.find(kStoreWhere) != std::string::npos) {
      if (quote != '\0')
        quote = c == quote ? '\0' : quote;
      else if (c == '\'' || c == '"' || c == '`')
        quote = c;
      else
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    part += c;
  }
  return parts;
}

// The levels of "family:levels:…" in `fields`; the family is known to exist.
FamilySource family_source(const std::string& part, const std::vector<std::string>& fields,
                           const std::string& place) {
  const FamilyRow& row = find_family(fields[0], place);
  if (fields.size() < 2)
    throw UserError(place, in_quotes(part) + " has no levels", "write " + example_levels(row));
  FamilySource source;
  source.text = part;
  source.family = fields[0];
  source.levels = parse_levels(fields[1], row, place);
  return source;
}

void read_count_and_seed(const std::vector<std::string>& fields, const std::string& place,
                         FamilySource& source) {
  const std::string levels = fields[0] + ":" + fields[1];
  if (fields.size() < 3 || fields[2] == "train" || fields[2] == "repeat")
    throw UserError(place, in_quotes(source.text) + " has no count and no seed",
                    "write " + levels + ":COUNT:SEED, as in " + levels + ":256:1");
  const std::optional<uint64_t> count = number(fields[2]);
  if (!count || *count < 1 || *count > kMaxCount)
    throw UserError(place, "the count of " + in_quotes(source.text) + " is " + in_quotes(fields[2]),
                    "give a number from 1 to " + std::to_string(kMaxCount));
  if (fields.size() < 4 || fields[3] == "train" || fields[3] == "repeat")
    throw UserError(
        place, in_quotes(source.text) + " has no seed",
        "write " + levels + ":" + fields[2] + ":SEED, as in " + levels + ":" + fields[2] + ":1");
  const std::optional<uint64_t> seed = number(fields[3]);
  if (!seed || *seed > std::numeric_limits<uint32_t>::max())
    throw UserError(place, "the seed of " + in_quotes(source.text) + " is " + in_quotes(fields[3]),
                    "give a number from 0 to 4294967295");
  source.count = *count;
  source.seed = static_cast<uint32_t>(*seed);
}

FamilySource evaluation_source(const std::string& part, const std::string& place) {
  const std::vector<std::string> fields = split(part, ':');
  FamilySource source = family_source(part, fields, place);
  read_count_and_seed(fields, place, source);
  for (size_t i = 4; i < fields.size(); ++i) {
    bool twice = false;
    if (fields[i] == "train") {
      twice = source.side == Split::kTrain;
      source.side = Split::kTrain;
    } else if (fields[i] == "repeat") {
      twice = source.repeat;
      source.repeat = true;
    } else {
      throw UserError(place,
                      "unknown word '" + fields[i] + "' in " + in_quotes(part) +
                          did_you_mean(fields[i], {"train", "repeat"}),
                      "known: train, repeat");
    }
    if (twice)
      throw UserError(place, "'" + fields[i] + "' stands twice in " + in_quotes(part),
                      "write it once");
  }
  return source;
}

FamilySource training_source(const std::string& part, const std::string& place) {
  const std::vector<std::string> fields = split(part, ':');
  FamilySource source = family_source(part, fields, place);
  const std::string form = fields[0] + ":" + fields[1] + ":train";
  const bool says_train = std::find(fields.begin() + 2, fields.end(), "train") != fields.end();
  if (!says_train)
    throw UserError(place, in_quotes(part) + " means the held-out side, which is never trained on",
                    "write " + form);
  if (fields.size() > 3)
    throw UserError(place,
                    in_quotes(part) + " says more than the levels, but training draws without end",
                    "write " + form);
  source.side = Split::kTrain;
  return source;
}

FamilySource trace_source(const std::string& part, const std::string& place) {
  std::vector<std::string> fields = split(part, ':');
  if (fields.size() != 3 || fields[0] != kTraces)
    throw UserError(place, in_quotes(part) + " is not of the form traces:FAMILY:LEVELS",
                    "write it as in traces:chain_sum:1-6");
  fields.erase(fields.begin());
  FamilySource source = family_source(part, fields, place);
  source.side = Split::kTrain;
  return source;
}

// `read_family` reads one part that is no file.
template <class ReadFamily>
TaskSpec parse(std::string_view text, const std::string& place, bool files,
               ReadFamily read_family) {
  if (text.empty())
    throw UserError(place, "names no task set",
                    "give a family with levels, a task store or a JSON Lines file");
  TaskSpec spec{place, {}};
  for (const std::string& part : split_sources(text)) {
    if (part.empty())
      throw UserError(place, "an empty part in " + in_quotes(text), "remove the comma");
    std::optional<StoreSource> store = files ? store_source(part) : std::nullopt;
    std::optional<FileSource> file = files ? file_source(part) : std::nullopt;
    if (store)
      spec.sources.emplace_back(std::move(*store));
    else if (file)
      spec.sources.emplace_back(std::move(*file));
    else
      spec.sources.emplace_back(read_family(part, place));
  }
  return spec;
}

}  // namespace

LevelRange parse_levels(std::string_view text, const FamilyRow& family, const std::string& place) {
  const size_t dash = text.find('-');
  const std::optional<uint64_t> low = number(text.substr(0, dash));
  const std::optional<uint64_t> high =
      dash == std::string_view::npos ? low : number(text.substr(dash + 1));
  const std::string known =
      "use " + std::to_string(family.low_level) + "-" + std::to_string(family.high_level);
  if (!low || !high)
    throw UserError(place, in_quotes(text) + " is not a level of " + std::string(family.name),
                    known);
  for (const uint64_t level : {*low, *high})
    if (level < static_cast<uint64_t>(family.low_level) ||
        level > static_cast<uint64_t>(family.high_level))
      throw UserError(place, std::string(family.name) + " has no level " + std::to_string(level),
                      known);
  if (*low > *high)
    throw UserError(place, "the levels " + in_quotes(text) + " run backwards",
                    "write " + std::to_string(*high) + "-" + std::to_string(*low));
  return {static_cast<int>(*low), static_cast<int>(*high)};
}

TaskSpec parse_evaluation_spec(std::string_view text, const std::string& place) {
  return parse(text, place, /*files=*/true, evaluation_source);
}

TaskSpec parse_training_spec(std::string_view text, const std::string& place) {
  return parse(text, place, /*files=*/true, training_source);
}

bool is_trace_spec(std::string_view text) { return text.starts_with("traces:"); }

TaskSpec parse_trace_spec(std::string_view text, const std::string& place) {
  return parse(text, place, /*files=*/false, trace_source);
}

}  // namespace retort
