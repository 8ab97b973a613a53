#pragma once
// A model directory that appears whole or not at all: filled beside its place, then renamed.
#include <string>
#include <string_view>

namespace retort {

class StagedDirectory {
 public:
  // UserError at `path` unless it is absent or an empty directory. What an earlier attempt at the
  // same path left behind is removed.
  explicit StagedDirectory(const std::string& path);
  ~StagedDirectory();  // removes what was not committed
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  std::string file(const std::string& name) const;  // its path until commit
  void write(const std::string& name, std::string_view text) const;
  void commit();

 private:
  std::string path_;
  std::string staging_;
  bool committed_ = false;
};

}  // namespace retort
