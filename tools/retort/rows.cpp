#include "tools/retort/rows.h"

#include "base/error.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace retort {

RowWriter::RowWriter(const std::string& path) : path_(path), partial_(path + ".partial") {
  if (path == "-") {
    file_ = stdout;
    return;
  }
  file_ = std::fopen(partial_.c_str(), "wb");
  if (!file_)
    throw UserError(path, std::string("cannot be written: ") + std::strerror(errno),
                    "name a file in a folder that can be written");
}

RowWriter::~RowWriter() {
  if (!file_ || file_ == stdout) return;
  std::fclose(file_);
  unlink(partial_.c_str());
}

void RowWriter::write(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() ||
      std::fputc('\n', file_) == EOF)
    throw UserError(path_ == "-" ? "standard output" : path_,
                    std::string("cannot be written: ") + std::strerror(errno),
                    "make room, or keep the reader open");
}

void RowWriter::flush() {
  if (path_ == "-" && std::fflush(file_) != 0)
    throw UserError("standard output", std::string("cannot be written: ") + std::strerror(errno),
                    "keep the reader open");
}

void RowWriter::close() {
  const bool flushed = std::fflush(file_) == 0;
  if (path_ == "-") {
    file_ = nullptr;
    if (!flushed) throw UserError("standard output", std::strerror(errno), "keep the reader open");
    return;
  }
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (!flushed || !closed || std::rename(partial_.c_str(), path_.c_str()) != 0) {
    unlink(partial_.c_str());
    throw UserError(path_, std::string("cannot be written: ") + std::strerror(errno),
                    "make room on the disk");
  }
}

void say_terminal_is_read(const std::string& in, bool quiet) {
  if (in == "-" && !quiet && ::isatty(STDIN_FILENO) != 0)
    fmt::print(stderr, "rows are read from the terminal, one a line; Ctrl-D ends them\n");
}

void refuse_same_file(const std::string& in, const std::string& out) {
  std::error_code missing;  // of either: another place complains, or there is nothing to lose
  if (in != "-" && out != "-" && std::filesystem::equivalent(in, out, missing))
    throw UserError("--out", "'" + out + "' is the file that is read", "name another file");
}

std::string float_text(float value, bool hex) {
  if (hex) return fmt::format("\"{:08x}\"", std::bit_cast<uint32_t>(value));
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null";
}

std::string float_list(const std::vector<float>& values, bool hex) {
  std::string text = "[";
  for (const float value : values) {
    if (text.size() > 1) text += ',';
    text += float_text(value, hex);
  }
  text += ']';
  return text;
}

std::string int_list(const std::vector<int32_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

}  // namespace retort
