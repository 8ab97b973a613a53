#pragma once
// A folder that is empty at first and goes when the test ends.
#include "base/check.h"
#include "base/file.h"

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace retort::tests {

class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& within = std::filesystem::temp_directory_path())
      : path_(within + "/retort-test-XXXXXX") {
    RT_CHECK(mkdtemp(path_.data()) != nullptr) << path_;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // A folder within.
  std::string make(const std::string& name) const {
    make_folder(path_ + "/" + name);
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace retort::tests
