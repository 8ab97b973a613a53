#include "tools/retort/run_directory.h"

#include "base/error.h"

#include <filesystem>

namespace retort {
namespace {

std::string numbered(const std::string& config_path, int number) {
  const std::string stem = "runs/" + std::filesystem::path(config_path).stem().string();
  return number == 1 ? stem : stem + "-" + std::to_string(number);
}

}  // namespace

std::string new_run_directory(const std::string& config_path) {
  int number = 1;
  while (std::filesystem::exists(numbered(config_path, number))) ++number;
  return numbered(config_path, number);
}

std::string newest_run_directory(const std::string& config_path) {
  std::string newest;
  for (int number = 1; std::filesystem::exists(numbered(config_path, number)); ++number)
    newest = numbered(config_path, number);
  return newest;
}

std::string resume_command(const std::string& command, const std::string& run_dir,
                           const std::vector<std::string>& assignments) {
  std::string text = "retort " + command + " --run " + run_dir + " --resume";
  for (const std::string& assignment : assignments) {
    text += " --set '";
    for (const char c : assignment) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += "'";
  }
  return text;
}

RunPlace find_run_place(const std::string& config_path, const std::string& run_dir, bool resume) {
  std::string dir = run_dir;
  if (dir.empty()) dir = resume ? newest_run_directory(config_path) : "";
  if (dir.empty()) return {new_run_directory(config_path), false};
  const bool exists = std::filesystem::exists(dir + "/config.toml");
  for (const char* part : {"/checkpoints", "/run.db"})
    if (!exists && std::filesystem::exists(dir + part))
      throw UserError(dir + "/config.toml", "is missing, but there is " + dir + part,
                      "put it back, or name another directory");
  if (exists && !resume)
    throw UserError("--run", "'" + dir + "' holds a run already",
                    "add --resume to go on with it, or name another directory");
  return {dir, exists};
}

}  // namespace retort
