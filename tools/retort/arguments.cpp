#include "tools/retort/arguments.h"

#include "base/error.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace retort {
namespace {

// What follows the first `begin` in `text`, up to `end`; "" when it is not there.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const size_t from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

// Of a number: the library takes "" for 0.
std::string problem_of_empty(const std::string& text) { return text.empty() ? "no number" : ""; }

}  // namespace

struct Arguments::Parser {
  CLI::App app;
  std::string command;
  bool quiet = false;
  Parser(const std::string& name, const std::string& help)
      : app(help, "retort " + name), command(name) {}

  std::string see_help() const { return "see retort " + command + " --help"; }

  // "--samples" or "CONFIG".
  const CLI::Option* find(const std::string& name) const {
    for (const CLI::Option* option : app.get_options())
      if (option->get_name() == name || option->check_name(name)) return option;
    return nullptr;
  }

  UserError unknown(const std::string& argument) const {
    if (!argument.starts_with("-") || argument == "-")
      return {command, "unexpected argument '" + argument + "'", see_help()};
    const std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& one : option->get_lnames()) known.push_back("--" + one);
    // A single dash before a name is a slip as well.
    const std::string meant = name.starts_with("--") ? name : "-" + name;
    return {command, "unknown option '" + name + "'" + did_you_mean(meant, known), see_help()};
  }

  UserError missing(const std::string& name) const {
    const CLI::Option* option = find(name);
    return {command, name + " is missing",
            "give " + (option == nullptr ? name : name + ", " + option->get_description())};
  }

  UserError wrong_kind(const std::string& name, const std::string& value) const {
    const CLI::Option* option = find(name);
    const bool whole = option != nullptr && option->get_type_name() == "INT";
    return {name, "got '" + value + "'",
            std::string("give a ") + (whole ? "whole number" : "number") + ", " +
                (option == nullptr ? "" : option->get_description())};
  }

  // What the library found, in our words. Arguments that nobody asked for are told first: a slip in
  // the name of an option that must be given is one.
  UserError mistake(const CLI::ParseError& error) const {
    const std::string what = error.what();
    std::vector<std::string> left = app.remaining();
    for (const std::string& argument : left)
      if (argument.size() > 1 && argument[0] == '-') return unknown(argument);
    if (error.get_name() == "RequiredError") return missing(what.substr(0, what.find(" is ")));
    if (!left.empty()) return unknown(left.front());
    if (error.get_name() == "ArgumentMismatch" && what.ends_with(" missing")) {
      const std::string name = what.substr(0, what.find(':'));
      const CLI::Option* option = find(name);
      return {name, "has no value",
              "give one, " + (option == nullptr ? "" : option->get_description())};
    }
    // The only check there is: problem_of_empty().
    if (error.get_name() == "ValidationError")
      return wrong_kind(what.substr(0, what.find(':')), "");
    const std::string name = between(what, "Could not convert: ", " = ");
    if (!name.empty()) return wrong_kind(name, what.substr(what.find(" = ") + 3));
    return {command, one_line_of(what), see_help()};
  }

  static std::string one_line_of(std::string text) {
    for (char& c : text)
      if (c == '\n') c = ' ';
    return text;
  }
};

Arguments::Arguments(const std::string& command, const std::string& help,
                     const std::string& example)
    : parser_(std::make_unique<Parser>(command, help)) {
  parser_->app.footer("Example:\n  " + example);
  parser_->app.allow_extras(false);
  flag("--quiet", parser_->quiet, "no progress: the answer, warnings and errors only");
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
  parser_->app.add_option(flag, value, help)->capture_default_str()->check(problem_of_empty);
}
void Arguments::option(const std::string& flag, double& value, const std::string& help) {
  parser_->app.add_option(flag, value, help)->capture_default_str()->check(problem_of_empty);
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
    throw parser_->mistake(error);
  }
  return true;
}

bool Arguments::given(const std::string& flag) const {
  return parser_->app.get_option(flag)->count() > 0;
}

bool Arguments::quiet() const { return parser_->quiet; }

}  // namespace retort
