#pragma once
// CURVE key pairs (CurveZMQ, Curve25519) and their files. A key is 40 characters of Z85.
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct CurveKeys {
  std::string public_key;
  std::string secret_key;
};

// A new pair from the system's random numbers.
CurveKeys make_curve_keys();
// 40 characters of Z85.
bool is_curve_key(std::string_view text);

// Writes both as two lines, `public KEY` and `secret KEY`, readable by the owner only (mode 0600).
// UserError when `path` exists or cannot be written: a pair is never overwritten.
void write_curve_keys(const std::string& path, const CurveKeys& keys);
// UserError: missing, no such file of keys, a pair whose halves do not belong together, or one that
// others may read.
CurveKeys read_curve_keys(const std::string& path);
// Public keys, one a line, `# ` starts a comment; a file of write_curve_keys counts as its public
// key.
std::vector<std::string> read_public_keys(const std::string& path);

}  // namespace retort
