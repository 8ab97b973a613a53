#include "tasks/task_file.h"

#include "base/error.h"
#include "base/json.h"
#include "tasks/task_uid.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

// One row; `place` is FILE:LINE.
class RowReader {
 public:
  RowReader(std::string place, const TaskOptions& options)
      : place_(std::move(place)), options_(options) {}

  Task read(const Json& row) const {
    Task task;
    read_prompt(member(row, options_.prompt_key, options_.prompt_setting), task);
    // Keys in order: the same answer is the same text however the file orders them.
    task.answer = nlohmann::json(member(row, options_.answer_key, options_.answer_setting)).dump();
    return task;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& fix) const {
    throw UserError(place_, what, fix);
  }

  const Json& member(const Json& row, const std::string& key, const std::string& setting) const {
    const auto at = row.find(key);
    if (at != row.end() && at->is_null())
      fail("'" + key + "' is null", "give a value, or name the row's own key with " + setting);
    if (at != row.end()) return *at;
    std::vector<std::string> keys;
    for (const auto& item : row.items()) keys.push_back(item.key());
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
  }

  Message read_message(const Json& message) const {
    const auto text = [&](const char* key) {
      const auto at = message.is_object() ? message.find(key) : message.end();
      if (at == message.end() || !at->is_string())
        fail("a message of '" + options_.prompt_key + "' has no text '" + key + "'",
             "write it as {\"role\": \"user\", \"content\": \"…\"}");
      return at->get<std::string>();
    };
    return {text("role"), text("content")};
  }

  std::string place_;
  const TaskOptions& options_;
};

}  // namespace

std::vector<Task> read_task_file(const std::string& path, const std::string& place,
                                 const TaskOptions& options, Split side) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  // A folder opens but has nothing to read: peek() fails with its reason.
  if (file) file.peek();
  if (file.bad() || (!file && !file.eof()))
    throw UserError(place, "cannot read '" + path + "' (" + std::strerror(errno) + ")",
                    "give the path of a JSON Lines file");
  file.clear();
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad())
    throw UserError(place, "reading '" + path + "' failed (" + std::strerror(errno) + ")",
                    "copy the file to a disk that can be read");
  std::vector<Task> tasks;
  parse_json_lines(text, path, [&](const Json& row, const std::string& row_place) {
    Task task = RowReader(row_place, options).read(row);
    task.split = side;
    task.uid = task_uid(task);
    apply_system_prompt(options.system_prompt, task);
    tasks.push_back(std::move(task));
  });
  if (tasks.empty())
    throw UserError(place, "'" + path + "' holds no task", "add rows, one JSON object a line");
  return tasks;
}

}  // namespace retort
