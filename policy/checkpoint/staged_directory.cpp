#include "policy/checkpoint/staged_directory.h"

#include "base/error.h"
#include "base/file.h"

#include <filesystem>

namespace retort {

namespace fs = std::filesystem;

namespace {

// "out/" and "out" are one directory.
std::string without_trailing_slash(const std::string& path) {
  const fs::path lexical = fs::path(path).lexically_normal();
  return (lexical.has_filename() ? lexical : lexical.parent_path()).string();
}

}  // namespace

StagedDirectory::StagedDirectory(const std::string& path)
    : path_(without_trailing_slash(path)), staging_(path_ + ".retort-partial") {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_directory(status))
    throw UserError(path, "is a file", "name a directory that does not exist yet");
  if (fs::is_directory(status) && !fs::is_empty(path_, error))
    throw UserError(path, "is not empty", "name a directory that does not exist yet");
  fs::remove_all(staging_, error);
  make_folder(staging_);
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

std::string StagedDirectory::file(const std::string& name) const {
  return (fs::path(staging_) / name).string();
}

void StagedDirectory::write(const std::string& name, std::string_view text) const {
  write_file_atomic(file(name), text);
}

void StagedDirectory::commit() {
  rename_durably(staging_, path_);
  committed_ = true;
}

}  // namespace retort
