#pragma once
// Text cases: a test as a few lines of text, no C++.
//
//   # what this file tests
//   case: the last number counts
//   completion: Answer: 1\nAnswer: 2
//   score: 1
//
// A blank line ends a case; each begins with "case: NAME". Lines that begin with '#' are comments.
// In a value \n, \t, \\ and \xHH are escapes; one space after the colon is not part of it. A case
// whose key no test asks for fails, so that a slip of the pen cannot pass.
#include "base/error.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace retort::tests {

class TextCase {
 public:
  TextCase(std::string place, std::vector<std::pair<std::string, std::string>> values)
      : place_(std::move(place)), values_(std::move(values)) {}

  // FILE:LINE (NAME), for messages.
  const std::string& place() const { return place_; }

  // The value of a key; nullopt, or the given default, when the case has none.
  std::optional<std::string> find(const std::string& key) const;
  std::string get(const std::string& key, const std::string& otherwise) const;
  // A test failure when the case has none.
  std::string require(const std::string& key) const;

  // Keys that were never asked for.
  std::vector<std::string> unread_keys() const;

 private:
  std::string place_;
  std::vector<std::pair<std::string, std::string>> values_;  // in the order of the file
  mutable std::set<std::string> read_;
};

// The cases of text; throws std::runtime_error that names FILE:LINE for a line that is none.
std::vector<TextCase> parse_cases(const std::string& text, const std::string& file);

// Runs `check` on each case of a file below tests/cases; fails when the file has none, and for a
// case with keys that `check` did not read.
void run_cases(const std::string& file, const std::function<void(const TextCase&)>& check);

// The text of the UserError that `action` throws; "" when it throws none.
template <class Action>
std::string user_error(const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace retort::tests
