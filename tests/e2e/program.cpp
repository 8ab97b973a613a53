#include "tests/e2e/program.h"

#include "base/metric.h"

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace retort::testing {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "retort_test_XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}
TemporaryFolder::~TemporaryFolder() { fs::remove_all(path_); }

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

ProgramResult run_retort(const std::string& arguments, const std::string& prefix) {
  const char* program = std::getenv("RETORT_PROGRAM");
  if (!program)
    throw std::runtime_error("RETORT_PROGRAM names no program; run the test through ctest");
  const TemporaryFolder folder;
  const std::string command = prefix + " '" + program + "' " + arguments + " >'" +
                              folder.path("out") + "' 2>'" + folder.path("err") + "'";
  const int status = std::system(command.c_str());
  ProgramResult result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = file_text(folder.path("out"));
  result.err = file_text(folder.path("err"));
  return result;
}

std::string tree_digest(const std::string& folder) {
  std::vector<std::string> lines;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      lines.push_back(fs::relative(entry.path(), folder).string() + ' ' +
                      std::to_string(std::hash<std::string>()(file_text(entry.path().string()))) +
                      ' ' + std::to_string(entry.file_size()));
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

std::vector<int> processes_of(const std::string& run) {
  const fs::path program = fs::canonical(std::getenv("RETORT_PROGRAM"));
  std::vector<int> learners, workers;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code gone;
    if (fs::read_symlink(entry.path() / "exe", gone) != program) continue;
    const std::string line = file_text(entry.path() / "cmdline");
    if (line.find(run + "/config.toml") != std::string::npos)
      workers.push_back(std::stoi(name));
    else if (line.find(run) != std::string::npos)
      learners.push_back(std::stoi(name));
  }
  learners.insert(learners.end(), workers.begin(), workers.end());
  return learners;
}

size_t processes_left(const std::string& run) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::vector<int> left = processes_of(run);
  while (!left.empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    left = processes_of(run);
  }
  return left.size();
}

std::vector<nlohmann::json> metrics_of(const std::string& run) {
  std::vector<nlohmann::json> rows;
  std::istringstream lines(file_text(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

std::string deterministic_metrics(const std::string& run) {
  std::string text;
  for (const nlohmann::json& row : metrics_of(run)) {
    nlohmann::json kept;
    for (const auto& [name, value] : row.items())
      if (find_metric(name)->deterministic) kept[name] = value;
    text += kept.dump() + '\n';
  }
  return text;
}

}  // namespace retort::testing
