#pragma once
// Files that are whole or not there. Failures on a path that a user named are UserError at that
// path.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// The whole file. UserError when it cannot be read (missing, a folder, a device, no
// permission).
std::string read_file(const std::string& path);

// The lines of a file, one at a time in memory; "-": of standard input. UserError as read_file's
// (a device is read), and for a line of more than 256 MiB: its end may never come. One thread.
class LineReader {
 public:
  // With `at_rest`, next() calls it before it goes on to wait for a writer from whom nothing has
  // come for some milliseconds (a terminal, a pipe that stays open): the moment to answer what
  // came.
  explicit LineReader(std::string path, std::function<void()> at_rest = {});
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its line feed, which the last one need not have; false after the last.
  bool next(std::string& line);

 private:
  void rest() const;

  std::string path_;
  int descriptor_;
  std::function<void()> at_rest_;
  std::string block_;  // read, from begin_ on not yet handed out
  size_t begin_ = 0;
};

// Makes `path` hold exactly these bytes, or leaves it as it was: written beside as `path.tmp`,
// synced, renamed over `path`, and the folder synced. A crash at any instruction leaves the old
// file or the new.
// `mode` as the process's umask leaves it.
void write_file_atomic(const std::string& path, std::string_view bytes, unsigned mode = 0666);

// Names under `folder`, sorted; without "." and "..". UserError when it is no readable folder.
std::vector<std::string> list_folder(const std::string& folder);

// The folder and its missing parents.
void make_folder(const std::string& folder);

// Renames a folder or file to `to` and syncs the folder above, so that it is there after a power
// cut. `to` may not exist, or be an empty folder or a file.
void rename_durably(const std::string& from, const std::string& to);

// fsync of a file or folder; for what other code has written.
void sync_path(const std::string& path);

// Points the symbolic link `link` at `target`, replacing what it pointed at in one step.
void replace_link(const std::string& link, const std::string& target);

// The folder part, "." when there is none; the part after the last '/'.
std::string folder_of(const std::string& path);
std::string name_of(const std::string& path);

// A file that grows by whole lines; the text of a line is in the file when append_line returns, and
// on the disk after sync(). One thread.
class LineFile {
 public:
  // Opens or makes the file. With `keep_bytes` the file is first cut to that length (a resumed
  // view).
  explicit LineFile(std::string path);
  LineFile(std::string path, uint64_t keep_bytes);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append_line(std::string_view line);  // '\n' is added
  void append(std::string_view bytes);      // for a file of records instead of lines
  void sync();
  uint64_t size() const { return size_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace retort
