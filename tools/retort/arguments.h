#pragma once
// Command-line arguments of one subcommand: declared once, parsed, and printed as help. Every
// subcommand has --help, and --quiet, with which only answers, warnings and errors are written.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace retort {

class Arguments {
 public:
  // `example` is one command line that works, shown at the end of the help.
  Arguments(const std::string& command, const std::string& help, const std::string& example);
  ~Arguments();

  void positional(const std::string& name, std::string& value, const std::string& help,
                  bool required = true);
  void positional(const std::string& name, std::vector<std::string>& values,
                  const std::string& help);  // any number, none too
  void option(const std::string& flag, std::string& value, const std::string& help,
              bool required = false);
  void option(const std::string& flag, int64_t& value, const std::string& help);
  void option(const std::string& flag, double& value, const std::string& help);
  void option(const std::string& flag, std::vector<std::string>& values,
              const std::string& help);  // repeatable
  void flag(const std::string& flag, bool& value, const std::string& help);

  // False when help was asked for and printed. UserError for what does not parse: an option that
  // there is not, with the nearest one that there is; what is missing; a value of another kind.
  bool parse(const std::vector<std::string>& arguments);
  bool given(const std::string& flag) const;  // on the command line
  bool quiet() const;                         // after parse()

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace retort
