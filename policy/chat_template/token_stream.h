#pragma once
// Tokens one after the other, as the parsers take them.
#include "policy/chat_template/lexer.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  const Token& next() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool at_operator(std::string_view symbol) const { return current().is_operator(symbol); }
  bool at_name(std::string_view name) const { return current().is_name(name); }
  bool skip_operator(std::string_view symbol) {
    if (!at_operator(symbol)) return false;
    next();
    return true;
  }
  bool skip_name(std::string_view name) {
    if (!at_name(name)) return false;
    next();
    return true;
  }

  void expect_operator(std::string_view symbol) {
    if (!skip_operator(symbol)) fail("expected '" + std::string(symbol) + "'");
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail("expected '" + std::string(name) + "'");
  }
  const Token& expect(Token::Kind kind, std::string_view what) {
    if (current().kind != kind) fail("expected " + std::string(what));
    return next();
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw SyntaxFailure(current().line, what + ", got " + described(current()));
  }

 private:
  static std::string described(const Token& token) {
    switch (token.kind) {
      case Token::Kind::kText:
        return "text";
      case Token::Kind::kOpen:
        return "'{%'";
      case Token::Kind::kClose:
        return "'%}'";
      case Token::Kind::kPrint:
        return "'{{'";
      case Token::Kind::kPrintEnd:
        return "'}}'";
      case Token::Kind::kEnd:
        return "the end of the template";
      default:
        return "'" + token.text + "'";
    }
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace retort::jinja
