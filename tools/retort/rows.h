#pragma once
// Rows in and out of the row-wise commands: JSON Lines files, `-` for standard input or output.
#include <cstdio>
#include <fstream>
#include <functional>
#include <iosfwd>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace retort {

// Calls `visit` with each row (an object) and its place, "FILE:LINE"; blank lines are skipped. UserError with the place
// for a line that is no JSON object or no UTF-8, and when the file cannot be read or has no row.
void for_each_row(const std::string& path, const std::function<void(const nlohmann::ordered_json&, const std::string&)>& visit);

// A file that is written line by line; `-` is standard output. A file is written beside its place and renamed by
// close(), so a failure leaves nothing.
class RowWriter {
 public:
  explicit RowWriter(const std::string& path);
  ~RowWriter();
  void write(const std::string& line);
  void close();

 private:
  std::string path_, partial_;
  std::FILE* file_ = nullptr;
};

// fp32 with every bit (%.9g), JSON's null for what is not finite; as 8 hex digits of the pattern with `hex`.
std::string float_text(float value, bool hex = false);
std::string float_list(const std::vector<float>& values, bool hex = false);
std::string int_list(const std::vector<int32_t>& values);

}  // namespace retort
