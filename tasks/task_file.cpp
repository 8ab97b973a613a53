#include "tasks/task_file.h"

#include "base/error.h"
#include "base/json.h"
#include "tasks/task_row.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace retort {

std::vector<Task> read_task_file(const std::string& path, const std::string& place,
                                 const TaskOptions& options, Split side) {
  std::error_code error;
  if (const auto kind = std::filesystem::status(path, error).type();
      kind == std::filesystem::file_type::character || kind == std::filesystem::file_type::block)
    throw UserError(place, "'" + path + "' is a device", "give the path of a JSON Lines file");
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
  if (text.starts_with(std::string_view("SQLite format 3\0", 16)))
    throw UserError(place, "'" + path + "' is a database",
                    "give a task store a name that ends in .db");
  const std::string stem = std::filesystem::path(path).stem().string();
  std::vector<Task> tasks;
  const JsonLine read_row = [&](const nlohmann::ordered_json& row, std::string_view line,
                                const std::string& row_place) {
    TaskRow read = read_task_row(row, line, row_place, options);
    Task task = std::move(read.task);
    if (task.family.empty()) {
      task.split = side;
      task.source = read.source.empty() ? stem : read.source;
    }
    apply_system_prompt(options.system_prompt, task);
    tasks.push_back(std::move(task));
  };
  parse_json_lines(text, path, read_row);
  if (tasks.empty())
    throw UserError(place, "'" + path + "' holds no task", "add rows, one JSON object a line");
  return tasks;
}

}  // namespace retort
