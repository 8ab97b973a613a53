#include "tasks/task_export.h"

#include "base/error.h"
#include "base/json.h"
#include "tasks/row_text.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace retort {
namespace {

constexpr std::string_view kFlattened = "reward_model_";

// A JSON object, member by member; a key may stand in it once.
class ObjectText {
 public:
  explicit ObjectText(int64_t task) : task_(task) {}

  void add(const std::string& key, std::string_view value) {
    if (!keys_.insert(key).second)
      throw UserError("task " + std::to_string(task_),
                      "its column '" + key + "' is in the way of one that this shape has",
                      "export it in the shape it was imported in");
    text_ += (text_.size() > 1 ? "," : "") + json_quote(key) + ":";
    text_ += value;
  }
  std::string done() const { return text_ + "}"; }

 private:
  const int64_t task_;
  std::string text_ = "{";
  std::set<std::string> keys_;
};

const RowMember* find(const std::vector<RowMember>& members, std::string_view key) {
  const auto at = std::ranges::find(members, key, &RowMember::key);
  return at != members.end() ? &*at : nullptr;
}

std::string_view text_or(const RowMember* member, std::string_view otherwise) {
  return member != nullptr ? member->value : otherwise;
}

std::string trl_row(const StoredTask& stored) {
  ObjectText out(stored.id);
  for (const RowMember& member : row_members(stored.text)) {
    if (member.key != stored.row.answer_key) {
      out.add(member.key, member.value);
      continue;
    }
    for (const RowMember& part : row_members(member.value))
      out.add(part.key == "ground_truth" ? "answer" : std::string(kFlattened) + part.key,
              part.value);
  }
  return out.done();
}

std::string extra_info(const StoredTask& stored) {
  std::string text = "{";
  if (stored.row.has_split)
    text += "\"split\":" + json_quote(split_name(stored.row.task.split)) + ",";
  return text + "\"index\":" + std::to_string(stored.id) + "}";
}

std::string verl_row(const StoredTask& stored) {
  const std::vector<RowMember> members = row_members(stored.text);
  const Task& task = stored.row.task;
  const std::vector<Message> messages =
      task.messages.empty() ? std::vector<Message>{{"user", task.prompt}} : task.messages;
  const RowMember* prompt = find(members, stored.row.prompt_key);
  const RowMember* gold = find(members, stored.row.answer_key);

  std::string reward_model =
      "{\"style\":" +
      std::string(text_or(find(members, std::string(kFlattened) + "style"), "\"rule\"")) +
      ",\"ground_truth\":" + std::string(text_or(gold, task.answer));
  for (const RowMember& member : members)
    if (member.key.starts_with(kFlattened) && member.key != std::string(kFlattened) + "style")
      reward_model +=
          "," + json_quote(member.key.substr(kFlattened.size())) + ":" + std::string(member.value);

  ObjectText out(stored.id);
  out.add("data_source", text_or(find(members, "data_source"), json_quote(stored.row.source)));
  out.add("prompt",
          task.messages.empty() || prompt == nullptr ? messages_json(messages) : prompt->value);
  out.add("ability", text_or(find(members, "ability"), json_quote(task.family)));
  out.add("reward_model", reward_model + "}");
  out.add("extra_info", text_or(find(members, "extra_info"), extra_info(stored)));
  for (const RowMember& member : members) {
    if (&member == prompt || &member == gold || member.key.starts_with(kFlattened)) continue;
    if (member.key == "data_source" || member.key == "ability" || member.key == "extra_info")
      continue;
    out.add(member.key, member.value);
  }
  return out.done();
}

}  // namespace

std::string row_in_shape(const StoredTask& stored, RowShape shape) {
  if (shape == stored.row.shape) return stored.text;
  if (stored.row.answer_key.empty())
    throw UserError("task " + std::to_string(stored.id),
                    "has no gold answer, which a row in verl's shape has",
                    "leave it out with --where, or export in TRL's shape");
  return shape == RowShape::kTrl ? trl_row(stored) : verl_row(stored);
}

}  // namespace retort
