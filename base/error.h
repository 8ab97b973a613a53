#pragma once
// The user's failures (design: three kinds of failure, never mixed). main() turns them into one
// line on stderr, `retort: PLACE: WHAT; FIX`, and the exit code. Our own bugs are RT_CHECK
// (base/check.h); expected outcomes are values (Verdict, ReceiveResult).
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// "PLACE: WHAT; FIX". A zero byte, at which what() would end, is written \x00.
std::string error_text(const std::string& place, const std::string& what, const std::string& fix);

// The user's mistake: exit code 2, nothing written.
//   throw UserError("[rollout.group_size]", "got 1", "set it to 2 or more");
class UserError : public std::runtime_error {
 public:
  UserError(const std::string& place, const std::string& what, const std::string& fix)
      : std::runtime_error(error_text(place, what, fix)) {}
};

// Something on this machine is missing: exit code 3; `fix` names the command that installs it.
class MissingError : public std::runtime_error {
 public:
  MissingError(const std::string& place, const std::string& what, const std::string& fix)
      : std::runtime_error(error_text(place, what, fix)) {}
};

// Ctrl-C after the state was saved: exit code 130; `resume_command` goes on from here.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(const std::string& resume_command)
      : std::runtime_error("interrupted, state saved; go on with: " + resume_command) {}
};

// " (did you mean NAME?)" for the closest of `known` within edit distance 1/3 of the length, else
// "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

// "a, b, c" for error texts that name the known values.
std::string join(const std::vector<std::string>& names, std::string_view separator = ", ");

}  // namespace retort
