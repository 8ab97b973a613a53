#pragma once
// Expressions of the template language, by precedence: condition, or, and, not, comparison, + -, ~,
// * / // %,
// **, sign, postfix (attribute, item, call), filters and tests.
#include "policy/chat_template/ast.h"
#include "policy/chat_template/token_stream.h"

#include <set>
#include <string>
#include <string_view>

namespace retort::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream* tokens) : tokens_(*tokens) {}

  ExpressionPtr expression(bool with_condition = true);

  // One expression or, with commas, a tuple. `end` is a name that ends it besides the usual ends.
  ExpressionPtr tuple(bool with_condition = true, std::string_view end = "",
                      bool may_be_empty = false);

  // What an assignment may go to. `end` as above; `with_attribute` allows namespace.name.
  Target target(std::string_view end, bool with_attribute);

  // |name(…)|name(…), around `value`, which is null for blocks. Null when there is none.
  ExpressionPtr filters(ExpressionPtr value, bool starts_inline);

  CallArguments arguments();

  // Names that have been read: tells what a macro refers to.
  std::set<std::string> names;

 private:
  class Depth;

  ExpressionPtr make(Expression::Kind kind, int line);
  void link();
  ExpressionPtr binary(Expression::Kind kind, int line, ExpressionPtr left, ExpressionPtr right);
  ExpressionPtr condition();
  ExpressionPtr or_chain();
  ExpressionPtr and_chain();
  ExpressionPtr not_chain();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr list();
  ExpressionPtr dictionary();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr subscribed();
  ExpressionPtr call(ExpressionPtr function);
  ExpressionPtr filters_and_tests(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  std::string dotted_name(std::string_view what);
  Target single_target(bool with_attribute);
  bool ends_tuple(std::string_view end) const;

  TokenStream& tokens_;
  int depth_ = 0;
  int links_ = 0;  // of the outermost expression
};

}  // namespace retort::jinja
