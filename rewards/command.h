#pragma once
// A user's own reward: a program that answers rows (command-line contract, `command:PATH`).
#include <string>
#include <vector>

namespace retort {

// One thing that `retort score --check` asks of a program.
struct CommandCheck {
  std::string what;     // "answers a row with text beyond ASCII"
  std::string trouble;  // "" when it does
};

// Starts the program and asks it everything the contract promises; seconds. UserError at `place`
// when it cannot be run.
std::vector<CommandCheck> check_command(const std::string& path, double deadline_s,
                                        const std::string& place);

}  // namespace retort
