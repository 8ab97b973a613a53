#pragma once
// First step of reading a template: text, tags and what is inside of them. White space around tags
// goes as Transformers sets it: trim_blocks (the newline behind a block tag) and lstrip_blocks
// (spaces before one on its line), {%- and -%}, and one newline at the end of the template.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort::jinja {

struct Token {
  enum class Kind {
    kText,      // between the tags
    kOpen,      // {%
    kClose,     // %}
    kPrint,     // {{
    kPrintEnd,  // }}
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };

  Kind kind = Kind::kEnd;
  int line = 1;
  std::string text;  // characters, name, unescaped string, operator
  int64_t integer = 0;
  double number = 0;

  bool is_operator(std::string_view symbol) const {
    return kind == Kind::kOperator && text == symbol;
  }
  bool is_name(std::string_view name) const { return kind == Kind::kName && text == name; }
};

// A template that cannot be read. Its owner adds where the template is.
class SyntaxFailure : public std::exception {
 public:
  SyntaxFailure(int at_line, std::string what_is_wrong)
      : line(at_line), text(std::move(what_is_wrong)) {}
  const char* what() const noexcept override { return text.c_str(); }

  int line;
  std::string text;
};

// The last token is kEnd. Comments are gone, raw blocks are text.
std::vector<Token> tokenize(std::string_view source);

}  // namespace retort::jinja
