#pragma once
// How many records a run's event file holds, by the lengths in it: one more than the lines of
// metrics.jsonl when no step is there twice. -1 when the file is cut, missing, or not the only one.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace retort::tests {

inline int64_t event_records(const std::string& run_dir) {
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(run_dir)) {
    const std::string name = entry.path().filename().string();
    if (name.find("tfevents") == std::string::npos) continue;
    if (!path.empty()) return -1;
    path = entry.path().string();
  }
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  int64_t records = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    uint64_t length = 0;
    if (bytes.size() - at < 16) return -1;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    if (length > bytes.size() - at - 16) return -1;
    at += length + 16;
    ++records;
  }
  return path.empty() ? -1 : records;
}

}  // namespace retort::tests
