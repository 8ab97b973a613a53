#include "policy/tokenizer/regex_syntax.h"

#include "base/error.h"
#include "policy/tokenizer/char_set.h"
#include "policy/tokenizer/utf8.h"

#include <cctype>
#include <optional>

namespace retort {
namespace {

constexpr int kMaxDepth = 200;  // groups and brackets inside each other

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& place)
      : pattern_(pattern), place_(place) {}

  std::string run() {
    std::string out = alternatives();
    if (!done()) fail("unmatched )");
    return out;
  }

 private:
  bool done() const { return at_ >= pattern_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  bool skip_if(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  uint32_t take() {
    if (done()) fail("it ends too early");
    return next_code_point(pattern_, &at_);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(place_,
                    "regular expression '" + std::string(pattern_) + "', byte " +
                        std::to_string(at_) + ": " + what,
                    "write it in the syntax of Oniguruma that PCRE2 has too");
  }

  // Branches up to the end of the group or of the pattern.
  std::string alternatives() {
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    const bool extended = extended_;
    std::string out;
    while (!done() && peek() != ')') out += skip_if("|") ? "|" : quantified();
    extended_ = extended;
    --depth_;
    return out;
  }

  // An atom with all its quantifiers.
  std::string quantified() {
    if (extended_ && skip_free_space()) return "";
    std::string out = atom();
    bool is_quantified = false;
    while (true) {
      if (extended_) skip_free_space();
      const std::string quantifier = next_quantifier();
      if (quantifier.empty()) return out;
      if (is_quantified) out = "(?:" + out + ")";
      out += quantifier;
      is_quantified = true;
    }
  }

  bool skip_free_space() {
    const size_t start = at_;
    while (!done()) {
      if (peek() == '#') {
        while (!done() && peek() != '\n') ++at_;
      } else if (std::isspace(static_cast<unsigned char>(peek())) != 0) {
        ++at_;
      } else {
        break;
      }
    }
    return at_ != start;
  }

  // Empty when what follows is none.
  std::string next_quantifier() {
    const char c = peek();
    if (c == '*' || c == '+' || c == '?') {
      if (done()) return "";
      ++at_;
      std::string out(1, c);
      if (peek() == '?' || peek() == '+') out += pattern_[at_++];
      return out;
    }
    if (c != '{') return "";
    size_t end = at_ + 1;
    const auto digits = [&] {
      std::string text;
      while (end < pattern_.size() && std::isdigit(static_cast<unsigned char>(pattern_[end]))) {
        text += pattern_[end++];
      }
      return text;
    };
    const std::string low = digits();
    std::string high = low;
    const bool is_range = end < pattern_.size() && pattern_[end] == ',';
    if (is_range) {
      ++end;
      high = digits();
    }
    if (end >= pattern_.size() || pattern_[end] != '}' || (low.empty() && high.empty())) return "";
    at_ = end + 1;
    if (!is_range) return "{" + low + "}";
    const std::string lazy = skip_if("?") ? "?" : "";
    return "{" + (low.empty() ? "0" : low) + "," + high + "}" + lazy;
  }

  std::string atom() {
    switch (peek()) {
      case '(':
        return group();
      case '[': {
        ++at_;
        bool negated = false;
        const CharSet set = bracket(&negated);
        return set.matcher(negated);
      }
      case '\\':
        ++at_;
        return escape();
      case '.':
      case '^':
      case '$':
        return std::string(1, pattern_[at_++]);
      case '*':
      case '+':
      case '?':
        fail("nothing to repeat");
      default:
        return pcre2_character(take());
    }
  }

  std::string closed(const std::string& head) {
    std::string out = head + alternatives();
    if (!skip_if(")")) fail("a group has no )");
    return out + ")";
  }

  std::string group() {
    ++at_;
    if (!skip_if("?")) {
      if (peek() == '*') fail("callouts and verbs are not supported");
      return closed("(");
    }
    if (skip_if("#")) {
      while (!done() && peek() != ')') at_ += peek() == '\\' ? 2 : 1;
      if (!skip_if(")")) fail("a comment has no )");
      return "";
    }
    for (const char* head : {":", "=", "!", ">", "<=", "<!"}) {
      if (skip_if(head)) return closed(std::string("(?") + head);
    }
    if (peek() == '<' || peek() == '\'') {
      const char close = peek() == '<' ? '>' : '\'';
      const size_t end = pattern_.find(close, at_ + 1);
      if (end == std::string_view::npos) fail("a group's name does not end");
      const std::string name(pattern_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return closed("(?<" + name + ">");
    }
    return option();
  }

  // (?imx-imx) holds for the rest of the group, further branches included; (?imx-imx:…) for its
  // own.
  std::string option() {
    std::string flags;
    bool on = true;
    const bool outer = extended_;
    while (true) {
      const char c = peek();
      if (c == ')' || c == ':') break;
      if (done()) fail("an option does not end");
      ++at_;
      if (c == '-') {
        on = false;
        flags += '-';
      } else if (c == 'i') {
        flags += 'i';
      } else if (c == 'm') {
        flags += 's';
      } else if (c == 'x') {
        extended_ = on;
      } else {
        --at_;
        fail("this kind of group is not supported");
      }
    }
    if (flags.ends_with('-')) flags.pop_back();
    const std::string head = "(?" + flags + ":";
    if (skip_if(":")) {
      std::string out = closed(head);
      extended_ = outer;
      return out;
    }
    ++at_;
    return head + alternatives() + ")";
  }

  std::string escape() {
    const uint32_t c = take();
    switch (c) {
      case 's':
      case 'w':
      case 'd':
      case 'h':
        return CharSet::shorthand(static_cast<char>(c)).matcher(false);
      case 'S':
      case 'W':
      case 'D':
      case 'H':
        return CharSet::shorthand(static_cast<char>(c - 'A' + 'a')).matcher(true);
      case 'p':
      case 'P':
        return property().matcher(c == 'P');
      case 'b':
      case 'B': {
        const std::string word = CharSet::shorthand('w').matcher(false);
        const std::string in = "(?<=" + word + ")";
        const std::string not_in = "(?<!" + word + ")";
        const std::string on = "(?=" + word + ")";
        const std::string not_on = "(?!" + word + ")";
        return c == 'b' ? "(?:" + in + not_on + "|" + not_in + on + ")"
                        : "(?:" + in + on + "|" + not_in + not_on + ")";
      }
      case 'A':
      case 'Z':
      case 'z':
      case 'G':
      case 'R':
      case 'X':
      case 'K':
        return std::string("\\") + static_cast<char>(c);
      case 'N':
        return "(?-s:.)";
      case 'O':
        return "(?s:.)";
      case 'k':
      case 'g': {
        const size_t end = pattern_.find('>', at_);
        if (peek() != '<' || end == std::string_view::npos) fail("a reference needs <name>");
        const std::string name(pattern_.substr(at_, end + 1 - at_));
        at_ = end + 1;
        return std::string("\\") + static_cast<char>(c) + name;
      }
      case 'y':
      case 'Y':
        fail("text segment boundaries are not supported");
      default:
        if (c >= '1' && c <= '9') return digits(c);
        return pcre2_character(escaped_character(c));
    }
  }

  // Behind a backslash and a digit that is not 0: one digit refers back, more are an octal number.
  std::string digits(uint32_t first) {
    if (std::isdigit(static_cast<unsigned char>(peek())) == 0) {
      return std::string("\\g{") + static_cast<char>(first) + "}";
    }
    --at_;
    const size_t start = at_;
    const uint32_t value = number(8, 3);
    if (at_ == start) fail("references above 9 are not supported");
    return pcre2_character(value);
  }

  // The character that an escape stands for, inside and outside of brackets.
  uint32_t escaped_character(uint32_t c) {
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return '\a';
      case 'e':
        return 0x1B;
      case 'x':
        if (skip_if("{")) {
          const uint32_t value = number(16, 8);
          if (!skip_if("}")) fail("\\x{ does not end");
          return value;
        }
        return number(16, 2);
      case 'u':
        return number(16, 4);
      case '0':
        return number(8, 2);
      case 'c':
        return take() & 0x9F;
      case 'C':
      case 'M':
        fail("\\C- and \\M- are not supported");
      default:
        return c;
    }
  }

  uint32_t number(int base, int max_digits) {
    uint32_t value = 0;
    for (int i = 0; i < max_digits; ++i) {
      const char c = peek();
      const bool is_hex = std::isxdigit(static_cast<unsigned char>(c)) != 0;
      if (!is_hex || (base == 8 && (c < '0' || c > '7'))) break;
      value = value * static_cast<uint32_t>(base) +
              static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      ++at_;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) fail("not a character");
    return value;
  }

  CharSet property() {
    const size_t end = pattern_.find('}', at_);
    if (peek() != '{' || end == std::string_view::npos) fail("a property needs {name}");
    const std::string_view name = pattern_.substr(at_ + 1, end - at_ - 1);
    const std::optional<CharSet> set = CharSet::property(name);
    if (!set) fail("unknown property '" + std::string(name) + "'");
    at_ = end + 1;
    return *set;
  }

  // Behind the [ of a bracket expression; moves behind its ]. The set without regard to a leading
  // ^.
  CharSet bracket(bool* negated) {
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    *negated = skip_if("^");
    std::optional<CharSet> left;  // of &&
    CharSet set;
    for (bool first = true;; first = false) {
      if (done()) fail("a bracket expression has no ]");
      if (peek() == ']' && !first) break;
      if (skip_if("&&")) {
        if (left) set.intersect(*left);
        left = set;
        set = CharSet();
      } else if (skip_if("[:")) {
        posix_name(&set);
      } else if (skip_if("[")) {
        bool inner_negated = false;
        const CharSet inner = bracket(&inner_negated);
        if (inner_negated) {
          set.add_complement_of(inner);
        } else {
          set.add_set(inner);
        }
      } else {
        bracket_item(&set);
      }
    }
    ++at_;
    if (left) set.intersect(*left);
    --depth_;
    return set;
  }

  void posix_name(CharSet* set) {
    const bool negated = skip_if("^");
    const size_t end = pattern_.find(":]", at_);
    if (end == std::string_view::npos) fail("[: has no :]");
    const std::string_view name = pattern_.substr(at_, end - at_);
    const std::optional<CharSet> members = CharSet::posix(name);
    if (!members) fail("unknown POSIX name '" + std::string(name) + "'");
    at_ = end + 2;
    if (negated) {
      set->add_complement_of(*members);
    } else {
      set->add_set(*members);
    }
  }

  // A set, a character or a range.
  void bracket_item(CharSet* set) {
    std::optional<uint32_t> low = bracket_character(set);
    if (!low) return;
    const bool is_range = peek() == '-' && peek(1) != ']' && peek(1) != '\0' && peek(1) != '[';
    if (!is_range) {
      set->add(*low);
      return;
    }
    ++at_;
    CharSet named;
    const std::optional<uint32_t> high = bracket_character(&named);
    if (!high) fail("a range ends in a set");
    if (*high < *low) fail("a range runs backwards");
    set->add_range(*low, *high);
  }

  // One character, or nothing after adding the set that an escape names.
  std::optional<uint32_t> bracket_character(CharSet* set) {
    uint32_t c = take();
    if (c != '\\') return c;
    c = take();
    switch (c) {
      case 's':
      case 'w':
      case 'd':
      case 'h':
        set->add_set(CharSet::shorthand(static_cast<char>(c)));
        return std::nullopt;
      case 'S':
      case 'W':
      case 'D':
      case 'H':
        set->add_complement_of(CharSet::shorthand(static_cast<char>(c - 'A' + 'a')));
        return std::nullopt;
      case 'p':
        set->add_set(property());
        return std::nullopt;
      case 'P':
        set->add_complement_of(property());
        return std::nullopt;
      case 'b':
        return '\b';
      case 'R':
      case 'X':
        fail("\\R and \\X have no meaning in brackets");
      default:
        if (c >= '1' && c <= '7') {
          --at_;
          return number(8, 3);
        }
        return escaped_character(c);
    }
  }

  std::string_view pattern_;
  const std::string& place_;
  size_t at_ = 0;
  int depth_ = 0;
  bool extended_ = false;
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern, const std::string& place) {
  return Translator(pattern, place).run();
}

std::string pcre2_literal(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) out += pcre2_character(next_code_point(text, &at));
  return out;
}

}  // namespace retort
