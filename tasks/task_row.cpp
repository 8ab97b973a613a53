#include "tasks/task_row.h"

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "tasks/family.h"
#include "tasks/row_text.h"
#include "tasks/task_uid.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRewardModel = "reward_model";
constexpr std::string_view kExtraInfo = "extra_info";
constexpr std::array<std::string_view, 3> kGoldKeys = {"answer", "solution", "ground_truth"};

// The words that data sets use for the side that is not trained on.
constexpr std::array<std::string_view, 7> kHeldOutWords = {
    "held_out", "test", "validation", "valid", "val", "dev", "eval"};

// What chat templates write out beside the content: a prompt without it would be another one.
constexpr std::array<std::string_view, 4> kUnreadKeys = {"tool_calls", "function_call",
                                                         "reasoning_content", "thinking"};

// Of the numbers in procedural prompts; sums of longer ones could overflow.
constexpr int kMostDigits = 9;

class RowReader {
 public:
  RowReader(const Json& row, std::string_view line, const std::string& place,
            const TaskOptions& options)
      : row_(row), line_(line), place_(place), options_(options) {
    const auto extra = row.find(kExtraInfo);
    if (extra != row.end() && extra->is_object()) extra_ = &*extra;
    const auto model = row.find(kRewardModel);
    verl_ = options.answer_key == kGoldKeys[0] && model != row.end() && model->is_object();
  }

  TaskRow read() const {
    if (const std::optional<RowFault> fault = find_row_fault(line_)) fail(fault->what, fault->fix);
    TaskRow result;
    result.shape = verl_ ? RowShape::kVerl : RowShape::kTrl;
    result.prompt_key = options_.prompt_key;
    read_prompt(member(options_.prompt_key, options_.prompt_setting), result.task);
    result.answer_key = verl_ ? std::string(kRewardModel) : gold_key();
    result.task.answer = result.answer_key.empty() ? std::string(kNoGold)
                                                   : canonical_json(gold_text(result.answer_key));
    result.source = text_or_empty("data_source");
    result.level = integer("level");
    read_split(result);
    if (options_.answer_key == kGoldKeys[0]) read_family(result);
    result.task.uid = task_uid(result.task);
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& fix) const {
    throw UserError(place_, what, fix);
  }

  const Json& member(const std::string& key, const std::string& setting) const {
    const auto at = row_.find(key);
    if (at != row_.end() && at->is_null())
      fail("'" + key + "' is null", "give a value, or name the row's own key with " + setting);
    if (at != row_.end()) return *at;
    std::vector<std::string> keys;
    for (const auto& item : row_.items()) keys.push_back(item.key());
    fail("no key '" + key + "'" + did_you_mean(key, keys),
         "add it, or name the row's own key with " + setting);
  }

  void read_prompt(const Json& prompt, Task& task) const {
    const std::string& key = options_.prompt_key;
    if (prompt.is_string()) {
      task.prompt = prompt.get<std::string>();
      if (task.prompt.empty()) fail("'" + key + "' is empty", "give a text or a list of messages");
      return;
    }
    if (!prompt.is_array() || prompt.empty())
      fail("'" + key + "' is neither a text nor a list of messages", "give one of the two");
    for (const Json& message : prompt) task.messages.push_back(read_message(message));
    if (task.messages.back().role == "assistant")
      fail("'" + key + "' ends with the assistant's words, which training does not go on from",
           "end it with a message of the user");
    // TRL's templates write them into the prompt.
    const auto tools = row_.find("tools");
    if (tools != row_.end() && !tools->empty() && *tools != "" && *tools != "[]")
      fail("'tools' are offered, which prompts of a training do not take",
           "leave the row out, or its 'tools' to train without them");
  }

  Message read_message(const Json& message) const {
    const auto text = [&](const char* key) {
      const auto at = message.is_object() ? message.find(key) : message.end();
      if (at == message.end() || !at->is_string())
        fail("a message of '" + options_.prompt_key + "' has no text '" + key + "'",
             "write it as {\"role\": \"user\", \"content\": \"…\"}");
      return at->get<std::string>();
    };
    for (const std::string_view key : kUnreadKeys) {
      const auto at = message.is_object() ? message.find(key) : message.end();
      if (at != message.end() && !at->empty() && *at != "")
        fail("a message of '" + options_.prompt_key + "' has '" + std::string(key) +
                 "', which prompts of a training do not take",
             "leave the row out, or write what it says into 'content'");
    }
    return {text("role"), text("content")};
  }

  // The row's own key of the gold, outside verl's shape.
  std::string gold_key() const {
    if (options_.answer_key == kGoldKeys[0]) {
      for (const std::string_view key : kGoldKeys) {
        const auto at = row_.find(key);
        if (at != row_.end() && !at->is_null()) return std::string(key);
      }
    }
    if (row_.contains(options_.answer_key) || options_.answer_key != kGoldKeys[0] ||
        looks_like_gold())
      member(options_.answer_key, options_.answer_setting);
    const auto model = row_.find(kRewardModel);
    if (model != row_.end() && !model->is_null() && !row_.contains(options_.answer_key))
      fail("'reward_model' is no object",
           "write {\"style\": \"rule\", \"ground_truth\": …}, or give the gold as '" +
               options_.answer_key + "'");
    return row_.contains(options_.answer_key) ? options_.answer_key : "";
  }

  // A key that may be a slip of the pen for that of the gold.
  bool looks_like_gold() const {
    std::vector<std::string> keys;
    for (const auto& item : row_.items()) keys.push_back(item.key());
    return std::ranges::any_of(kGoldKeys, [&](std::string_view gold) {
      return row_.contains(gold) || !did_you_mean(gold, keys).empty();
    });
  }

  // The text of the gold as the row has it.
  std::string_view gold_text(const std::string& key) const {
    for (const RowMember& column : row_members(line_)) {
      if (column.key != key) continue;
      if (!verl_) return column.value;
      for (const RowMember& part : row_members(column.value))
        if (part.key == "ground_truth" && part.value != "null") return part.value;
      fail("'reward_model' has no 'ground_truth'",
           "add it, or name the row's own key with " + options_.answer_setting);
    }
    RT_CHECK(false) << place_ << " has no " << key;
    return {};
  }

  // A column beside the prompt, else in extra_info; null when there is none.
  const Json* column(const char* key) const {
    for (const Json* object : {&row_, extra_}) {
      if (object == nullptr) continue;
      const auto at = object->find(key);
      if (at != object->end() && !at->is_null()) return &*at;
    }
    return nullptr;
  }

  std::optional<int64_t> integer(const char* key) const {
    const Json* value = column(key);
    if (value == nullptr || !value->is_number_integer()) return std::nullopt;
    if (value->is_number_unsigned() &&
        value->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return std::nullopt;
    return value->get<int64_t>();
  }

  std::string text_or_empty(const char* key) const {
    const Json* value = column(key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : "";
  }

  void read_split(TaskRow& result) const {
    const std::string word = text_or_empty("split");
    const bool held_out = std::ranges::count(kHeldOutWords, word) > 0;
    result.has_split = held_out || word == "train";
    result.task.split = held_out ? Split::kHeldOut : Split::kTrain;
  }

  void read_family(TaskRow& result) const {
    const std::string name = text_or_empty("family");
    const std::optional<int64_t> seed = integer("seed");
    const Family* family = family_or_null(name);
    if (family == nullptr || !result.level || !seed) return;
    const FamilyRow& about = find_family(name, place_);
    if (*result.level < about.low_level || *result.level > about.high_level)
      fail(name + " has no level " + std::to_string(*result.level),
           "use " + std::to_string(about.low_level) + "-" + std::to_string(about.high_level));
    if (*seed < 0) fail("the seed is " + std::to_string(*seed), "give 0 or more");
    Task& task = result.task;
    task.family = name;
    task.level = static_cast<int32_t>(*result.level);
    task.seed = static_cast<uint64_t>(*seed);
    // verl's shape has no text prompts: there one is a user's only message.
    PhiloxStream stream({0, Purpose::kTaskDraw, 0}, 0, 0, 0);
    const bool writes_text = family->draw(task.level, stream, Split::kTrain, 0).messages.empty();
    if (verl_ && writes_text && task.messages.size() == 1 && task.messages[0].role == "user") {
      task.prompt = task.messages[0].content;
      task.messages.clear();
    }
    if (writes_text != task.messages.empty() || !solves_its_own(*family, task))
      fail("is no task of the family '" + name + "' that it names",
           "mend prompt and answer, or give the column 'family' another name");
    task.split = family->side_of(task);
    result.has_split = true;
  }

  static bool has_long_number(std::string_view text) {
    int digits = 0;
    for (const char c : text) {
      digits = c >= '0' && c <= '9' ? digits + 1 : 0;
      if (digits > kMostDigits) return true;
    }
    return false;
  }

  // Whether the family's own solution of the task is right.
  static bool solves_its_own(const Family& family, const Task& task) {
    bool long_number = has_long_number(task.prompt);
    for (const Message& message : task.messages)
      long_number = long_number || has_long_number(message.content);
    if (long_number) return false;
    try {
      return family.score(task, {family.worked(task)}) == right();
    } catch (const InternalError&) {
      return false;  // a prompt that the family never writes
    }
  }

  const Json& row_;
  const std::string_view line_;
  const std::string& place_;
  const TaskOptions& options_;
  const Json* extra_ = nullptr;
  bool verl_ = false;
};

}  // namespace

std::string_view shape_name(RowShape shape) { return shape == RowShape::kTrl ? "trl" : "verl"; }

std::string_view split_name(Split split) { return split == Split::kTrain ? "train" : "held_out"; }

TaskRow read_task_row(const Json& row, std::string_view line, const std::string& place,
                      const TaskOptions& options) {
  return RowReader(row, line, place, options).read();
}

std::string messages_json(const std::vector<Message>& messages) {
  std::string text = "[";
  for (const Message& message : messages) {
    if (text.size() > 1) text += ',';
    text += "{\"role\":" + json_quote(message.role) +
            ",\"content\":" + json_quote(message.content) + "}";
  }
  return text + "]";
}

std::string procedural_source(const std::string& family) { return "retort/" + family; }

std::string procedural_row(const Task& task) {
  const std::string prompt =
      task.messages.empty() ? json_quote(task.prompt) : messages_json(task.messages);
  return "{\"prompt\":" + prompt + ",\"answer\":" + task.answer +
         ",\"family\":" + json_quote(task.family) + ",\"level\":" + std::to_string(task.level) +
         ",\"seed\":" + std::to_string(task.seed) +
         ",\"split\":" + json_quote(split_name(task.split)) + "}";
}

}  // namespace retort
