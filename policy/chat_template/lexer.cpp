#include "policy/chat_template/lexer.h"

#include "policy/chat_template/python_text.h"
#include "policy/tokenizer/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace retort::jinja {
namespace {

constexpr size_t kNone = std::string_view::npos;

constexpr std::array<std::string_view, 27> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
    "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", "!"};

// Line ends become \n; one at the end goes.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_plain_newlines(source)), rest_(source_) {}

  std::vector<Token> run() {
    while (at_ < rest_.size()) root();
    add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw SyntaxFailure(line_, what); }

  char peek(size_t ahead = 0) const {
    return at_ + ahead < rest_.size() ? rest_[at_ + ahead] : '\0';
  }

  // Moves on and counts lines.
  void advance(size_t end) {
    line_ += static_cast<int>(std::count(rest_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         rest_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    if (end > at_) line_starts_ = rest_[end - 1] == '\n';
    at_ = end;
  }

  Token& add(Token::Kind kind, std::string text) {
    Token& token = tokens_.emplace_back();
    token.kind = kind;
    token.line = line_;
    token.text = std::move(text);
    return token;
  }

  void skip_space() {
    size_t end = at_;
    while (end < rest_.size()) {
      size_t next = end;
      if (!python::is_space(next_code_point(rest_, &next))) break;
      end = next;
    }
    advance(end);
  }

  // Text up to a tag, without the white space that the tag takes away. `sign` is the character
  // behind the tag's opening; `is_block`: {% or {#, which clear their line's indentation.
  void add_text(std::string_view text, char sign, bool is_block) {
    if (sign == '-') {
      text = python::strip(text, python::Side::kRight);
    } else if (sign != '+' && is_block) {
      const size_t newline = text.rfind('\n');
      const size_t start = newline == kNone ? 0 : newline + 1;
      const std::string_view indentation = text.substr(start);
      if ((start > 0 || line_starts_) && python::is_all_space(indentation)) {
        text = text.substr(0, start);
      }
    }
    if (!text.empty()) add(Token::Kind::kText, std::string(text));
  }

  static bool is_sign(char c) { return c == '-' || c == '+'; }

  // Text and the tag behind it.
  void root() {
    size_t open = at_;
    while (true) {
      open = rest_.find('{', open);
      if (open == kNone || open + 1 >= rest_.size()) {
        add(Token::Kind::kText, std::string(rest_.substr(at_)));
        advance(rest_.size());
        return;
      }
      const char next = rest_[open + 1];
      if (next == '%' || next == '{' || next == '#') break;
      ++open;
    }
    const char kind = rest_[open + 1];
    const char sign = open + 2 < rest_.size() ? rest_[open + 2] : '\0';
    add_text(rest_.substr(at_, open - at_), sign, kind != '{');
    advance(open);
    const size_t inside = open + 2 + (is_sign(sign) ? 1 : 0);
    if (kind == '#') {
      comment(inside);
    } else if (kind == '%' && raw_begins(inside)) {
      raw();
    } else {
      add(kind == '%' ? Token::Kind::kOpen : Token::Kind::kPrint, "");
      advance(inside);
      tag(kind == '%');
    }
  }

  // Behind a closing %} or #}: the newline that goes with it, or all white space after a minus.
  void close(size_t end, char sign, bool trims_newline) {
    advance(end);
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && trims_newline && peek() == '\n') {
      advance(at_ + 1);
    }
  }

  void comment(size_t inside) {
    const size_t end = rest_.find("#}", inside);
    if (end == kNone) fail("a comment has no #}");
    const char sign = end > inside ? rest_[end - 1] : '\0';
    close(end + 2, sign, true);
  }

  // The position behind spaces, a word and spaces, or nothing.
  std::optional<size_t> word_at(size_t at, std::string_view word) const {
    const auto skip = [&] {
      while (at < rest_.size()) {
        size_t next = at;
        if (!python::is_space(next_code_point(rest_, &next))) break;
        at = next;
      }
    };
    skip();
    if (!rest_.substr(at).starts_with(word)) return std::nullopt;
    at += word.size();
    skip();
    return at;
  }

  bool raw_begins(size_t inside) {
    const std::optional<size_t> end = word_at(inside, "raw");
    if (!end) return false;
    const bool has_minus = rest_.substr(*end).starts_with("-%}");
    if (!has_minus && !rest_.substr(*end).starts_with("%}")) return false;
    close(*end + (has_minus ? 3 : 2), has_minus ? '-' : '\0', false);
    return true;
  }

  // Text up to {% endraw %}.
  void raw() {
    for (size_t open = rest_.find("{%", at_); open != kNone; open = rest_.find("{%", open + 1)) {
      const char sign = open + 2 < rest_.size() ? rest_[open + 2] : '\0';
      const std::optional<size_t> end = word_at(open + 2 + (is_sign(sign) ? 1 : 0), "endraw");
      if (!end) continue;
      const char end_sign = *end < rest_.size() ? rest_[*end] : '\0';
      const size_t close_at = *end + (is_sign(end_sign) ? 1 : 0);
      if (!rest_.substr(close_at).starts_with("%}")) continue;
      add_text(rest_.substr(at_, open - at_), sign, true);
      close(close_at + 2, end_sign, true);
      return;
    }
    fail("{% raw %} has no {% endraw %}");
  }

  // Tokens up to the tag's end, which counts only outside of brackets.
  void tag(bool is_block) {
    const std::string_view end = is_block ? "%}" : "}}";
    std::string open_brackets;
    while (true) {
      skip_space();
      if (at_ >= rest_.size()) fail(is_block ? "a {% has no %}" : "a {{ has no }}");
      if (open_brackets.empty()) {
        const char sign = peek();
        const bool has_sign = sign == '-' || (is_block && sign == '+');
        if (rest_.substr(at_ + (has_sign ? 1 : 0)).starts_with(end)) {
          add(is_block ? Token::Kind::kClose : Token::Kind::kPrintEnd, "");
          close(at_ + (has_sign ? 3 : 2), has_sign ? sign : '\0', is_block);
          return;
        }
      }
      token(&open_brackets);
    }
  }

  void token(std::string* open_brackets) {
    const char c = peek();
    if (c == '\'' || c == '"') return string(c);
    if (c >= '0' && c <= '9') return number();
    size_t end = at_;
    while (end < rest_.size() && is_word(&end)) {
    }
    if (end > at_) {
      add(Token::Kind::kName, std::string(rest_.substr(at_, end - at_)));
      return advance(end);
    }
    const auto symbol = std::ranges::find_if(
        kOperators, [&](std::string_view s) { return rest_.substr(at_).starts_with(s); });
    if (symbol == kOperators.end() || *symbol == "!") {
      size_t behind = at_;
      next_code_point(rest_, &behind);
      fail("unexpected character '" + std::string(rest_.substr(at_, behind - at_)) + "'");
    }
    balance(*symbol, open_brackets);
    add(Token::Kind::kOperator, std::string(*symbol));
    advance(at_ + symbol->size());
  }

  // Moves `*at` over a word character.
  bool is_word(size_t* at) const {
    size_t next = *at;
    const uint32_t c = next_code_point(rest_, &next);
    const std::string_view character = rest_.substr(*at, next - *at);
    if (c != '_' && !python::is_alnum(character)) return false;
    *at = next;
    return true;
  }

  void balance(std::string_view symbol, std::string* open_brackets) const {
    constexpr std::string_view kOpening = "([{";
    constexpr std::string_view kClosing = ")]}";
    if (kOpening.find(symbol) != kNone) {
      open_brackets->push_back(kClosing[kOpening.find(symbol)]);
    } else if (kClosing.find(symbol) != kNone) {
      if (open_brackets->empty() || open_brackets->back() != symbol[0]) {
        fail("unexpected '" + std::string(symbol) + "'");
      }
      open_brackets->pop_back();
    }
  }

  // Python's numbers: 1_000, 0x1F, 0o7, 0b1, 1.5, 1e-3.
  void number() {
    const char base_letter = peek() == '0' ? static_cast<char>(peek(1) | 0x20) : '\0';
    const int base = base_letter == 'x' ? 16 : base_letter == 'o' ? 8 : base_letter == 'b' ? 2 : 10;
    size_t end = at_ + (base == 10 ? 0 : 2);
    std::string digits;
    const auto take_digits = [&](int in_base) {
      const size_t before = digits.size();
      for (; end < rest_.size(); ++end) {
        const char c = rest_[end];
        if (c == '_' && digits.size() > before) continue;
        const int value = c >= '0' && c <= '9' ? c - '0' : ((c | 0x20) - 'a' + 10);
        const bool is_digit =
            (c >= '0' && c <= '9') || (in_base == 16 && value >= 10 && value < 16);
        if (!is_digit || value >= in_base) break;
        digits += c;
      }
      return digits.size() > before;
    };
    if (!take_digits(base)) fail("a number has no digits");
    bool is_float = false;
    const auto is_digit_at = [&](size_t i) {
      return i < rest_.size() && rest_[i] >= '0' && rest_[i] <= '9';
    };
    const bool follows_dot = !tokens_.empty() && tokens_.back().is_operator(".");
    if (base == 10 && !follows_dot) {
      if (end < rest_.size() && rest_[end] == '.' && is_digit_at(end + 1)) {
        is_float = true;
        digits += rest_[end++];
        take_digits(10);
      }
      const bool has_e = end < rest_.size() && (rest_[end] | 0x20) == 'e';
      const size_t sign = has_e && end + 1 < rest_.size() && is_sign(rest_[end + 1]) ? 1 : 0;
      if (has_e && is_digit_at(end + 1 + sign)) {
        is_float = true;
        digits += 'e';
        if (sign == 1 && rest_[end + 1] == '-') digits += '-';
        end += 1 + sign;
        take_digits(10);
      }
    }
    if (base == 10 && !is_float && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string::npos) {
      fail("the number " + digits + " begins with 0");
    }
    Token& token = add(is_float ? Token::Kind::kFloat : Token::Kind::kInteger, digits);
    const char* last = digits.data() + digits.size();
    const auto read = is_float ? std::from_chars(digits.data(), last, token.number)
                               : std::from_chars(digits.data(), last, token.integer, base);
    if (read.ec != std::errc() && is_float) {  // beyond the range of a float
      token.number = digits.find("e-") != kNone ? 0 : std::numeric_limits<double>::infinity();
    } else if (read.ec != std::errc()) {
      fail("the number " + digits + " is too large");
    }
    advance(end);
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) fail("a string does not end");
    std::string text = unescaped(rest_.substr(at_ + 1, end - at_ - 1));
    add(Token::Kind::kString, std::move(text));
    advance(end + 1);
  }

  // Python's escapes. An unknown one stays as it is.
  std::string unescaped(std::string_view text) const {
    constexpr std::string_view kLetters = "abfnrtv\\'\"";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    std::string out;
    for (size_t at = 0; at < text.size();) {
      if (text[at] != '\\' || at + 1 >= text.size()) {
        out += text[at++];
        continue;
      }
      const char c = text[at + 1];
      const size_t meaning = kLetters.find(c);
      if (meaning != kNone) {
        out += kMeanings[meaning];
        at += 2;
      } else if (c == '\n') {
        at += 2;
      } else if (c >= '0' && c <= '7') {
        size_t end = at + 1;
        while (end < text.size() && end < at + 4 && text[end] >= '0' && text[end] <= '7') ++end;
        append_code_point(number_in(text.substr(at + 1, end - at - 1), 8), &out);
        at = end;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::string_view hex = text.substr(std::min(at + 2, text.size()), digits);
        if (hex.size() < digits) fail("an escape \\" + std::string(1, c) + " is cut short");
        append_code_point(number_in(hex, 16), &out);
        at += 2 + digits;
      } else if (c == 'N') {
        fail("\\N{…} is not supported");
      } else {
        out += '\\';
        ++at;
      }
    }
    return out;
  }

  uint32_t number_in(std::string_view digits, int base) const {
    uint32_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool is_character = value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || !is_character) {
      fail("an escape in a string is not a character");
    }
    return value;
  }

  std::string source_;
  std::string_view rest_;  // all of source_
  size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // whether at_ is at the start of a line
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace retort::jinja
