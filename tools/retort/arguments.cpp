#include "tools/retort/arguments.h"

#include "base/error.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace retort {

struct Arguments::Parser {
  CLI::App app;
  std::string command;
  Parser(const std::string& name, const std::string& help)
      : app(help, "retort " + name), command(name) {}
};

Arguments::Arguments(const std::string& command, const std::string& help,
                     const std::string& example)
    : parser_(std::make_unique<Parser>(command, help)) {
  parser_->app.footer("Example:\n  " + example);
  parser_->app.allow_extras(false);
}
Arguments::~Arguments() = default;

void Arguments::positional(const std::string& name, std::string& value, const std::string& help,
                           bool required) {
  parser_->app.add_option(name, value, help)->required(required);
}
void Arguments::positional(const std::string& name, std::vector<std::string>& values,
                           const std::string& help) {
  parser_->app.add_option(name, values, help);
}
void Arguments::option(const std::string& flag, std::string& value, const std::string& help,
                       bool required) {
  parser_->app.add_option(flag, value, help)->required(required)->capture_default_str();
}
void Arguments::option(const std::string& flag, int64_t& value, const std::string& help) {
  parser_->app.add_option(flag, value, help)->capture_default_str();
}
void Arguments::option(const std::string& flag, double& value, const std::string& help) {
  parser_->app.add_option(flag, value, help)->capture_default_str();
}
void Arguments::option(const std::string& flag, std::vector<std::string>& values,
                       const std::string& help) {
  parser_->app.add_option(flag, values, help)->take_all()->expected(1)->allow_extra_args(false);
}
void Arguments::flag(const std::string& flag, bool& value, const std::string& help) {
  parser_->app.add_flag(flag, value, help);
}

bool Arguments::parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(),
                                    arguments.rend());  // CLI11 takes them back to front
  try {
    parser_->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::cout << parser_->app.help();
    return false;
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    for (char& c : what)
      if (c == '\n') c = ' ';
    throw UserError(parser_->command, what, "see retort " + parser_->command + " --help");
  }
  return true;
}

bool Arguments::given(const std::string& flag) const {
  return parser_->app.get_option(flag)->count() > 0;
}

}  // namespace retort
