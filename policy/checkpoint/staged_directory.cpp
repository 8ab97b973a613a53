#include "policy/checkpoint/staged_directory.h"

#include "base/error.h"
#include "policy/checkpoint/atomic_file.h"

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
  if (!fs::create_directories(staging_, error))
    throw UserError(path, "cannot be made: " + error.message(), "check the folder's permissions");
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

std::string StagedDirectory::file(const std::string& name) const {
  return (fs::path(staging_) / name).string();
}

void StagedDirectory::write(const std::string& name, std::string_view text) const {
  write_file_atomically(file(name), text);
}

void StagedDirectory::commit() {
  std::error_code error;
  fs::rename(staging_, path_, error);  // also over an empty directory
  if (error)
    throw UserError(path_, "cannot be made: " + error.message(), "check the folder's permissions");
  committed_ = true;
}

}  // namespace retort
