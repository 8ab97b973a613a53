#include "base/channel/curve_keys.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

namespace retort {
namespace {

constexpr size_t kKeyCharacters = 40;
constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

// `public KEY` and `secret KEY` in a text of lines; a line that is a key alone is a public key.
// Lines that begin with "# " are comments (a key may begin with #).
struct KeyLines {
  std::vector<std::string> public_keys, secret_keys;
};
KeyLines key_lines(const std::string& path) {
  KeyLines found;
  std::istringstream lines(read_file(path));
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
    if (line.empty() || line == "#" || line.starts_with("# ")) continue;
    const bool secret = line.starts_with("secret ");
    const std::string key = secret || line.starts_with("public ") ? line.substr(7) : line;
    if (!is_curve_key(key))
      throw UserError(path + ":" + std::to_string(number), "is no CURVE key",
                      "write `public KEY` with the 40 characters that `retort keys` printed");
    (secret ? found.secret_keys : found.public_keys).push_back(key);
  }
  return found;
}

}  // namespace

bool is_curve_key(std::string_view text) {
  return text.size() == kKeyCharacters && std::all_of(text.begin(), text.end(), [](char c) {
           return kZ85.find(c) != std::string_view::npos;
         });
}

CurveKeys make_curve_keys() {
  char public_key[kKeyCharacters + 1], secret_key[kKeyCharacters + 1];
  if (zmq_curve_keypair(public_key, secret_key) != 0)
    throw MissingError("libzmq", "is built without CURVE", "apt-get install libzmq5 libsodium23");
  return {public_key, secret_key};
}

void write_curve_keys(const std::string& path, const CurveKeys& keys) {
  const std::string text = "public " + keys.public_key + "\nsecret " + keys.secret_key + "\n";
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0 && errno == EEXIST)
    throw UserError(one_line(path), "exists", "give another name, or remove it first");
  const auto fail = [&](int reason) {
    throw UserError(one_line(path), std::string("cannot be written: ") + std::strerror(reason),
                    "give a path in a folder that can be written");
  };
  if (descriptor < 0) fail(errno);
  // Whatever the umask: nobody else's, and one's own.
  bool good = ::fchmod(descriptor, 0600) == 0;
  size_t written = 0;
  while (good && written < text.size()) {
    const ssize_t count = ::write(descriptor, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    good = count > 0;
    if (good) written += static_cast<size_t>(count);
  }
  good = good && ::fsync(descriptor) == 0;
  const int reason = errno;
  ::close(descriptor);
  if (good) return;
  ::unlink(path.c_str());
  fail(reason);
}

CurveKeys read_curve_keys(const std::string& path) {
  const KeyLines found = key_lines(path);
  if (found.public_keys.size() != 1 || found.secret_keys.size() != 1)
    throw UserError(one_line(path), "is no pair of keys", "make one with `retort keys FILE`");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    throw UserError(one_line(path), "can be read by others",
                    "run chmod 600 on it, or make a new pair if others were there");
  char belongs[kKeyCharacters + 1];
  if (zmq_curve_public(belongs, found.secret_keys[0].c_str()) != 0 ||
      found.public_keys[0] != belongs)
    throw UserError(one_line(path), "holds two keys that do not belong together",
                    "make a pair with `retort keys FILE`");
  return {found.public_keys[0], found.secret_keys[0]};
}

std::vector<std::string> read_public_keys(const std::string& path) {
  std::vector<std::string> keys = key_lines(path).public_keys;
  if (keys.empty())
    throw UserError(one_line(path), "holds no public key",
                    "write one line with each key that `retort keys` printed");
  return keys;
}

}  // namespace retort
