#pragma once
// Rows out of the row-wise commands (base/json.h reads them): JSON Lines files, `-` for standard
// output.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace retort {

// A file that is written line by line; `-` is standard output. A file is written beside its place
// and renamed by close(), so a failure leaves nothing.
class RowWriter {
 public:
  explicit RowWriter(const std::string& path);
  ~RowWriter();
  void write(const std::string& line);
  void flush();  // to the reader of standard output; a file appears with close()
  void close();

 private:
  std::string path_, partial_;
  std::FILE* file_ = nullptr;
};

// Tells a person whose terminal is read that it is: `in` is `-`, and nobody sent a file or a pipe.
void say_terminal_is_read(const std::string& in, bool quiet);

// UserError when --out names the file that --in reads: the rows would be lost. Before any work.
void refuse_same_file(const std::string& in, const std::string& out);

// fp32 with every bit (%.9g), JSON's null for what is not finite; as 8 hex digits of the pattern
// with `hex`.
std::string float_text(float value, bool hex = false);
std::string float_list(const std::vector<float>& values, bool hex = false);
std::string int_list(const std::vector<int32_t>& values);

}  // namespace retort
