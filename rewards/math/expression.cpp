// Recursive descent over the characters:
//   sum     := product (("+" | "-") product)*
//   product := sign* power (("*" | "/" | juxtaposed) power)*
//   power   := atom ("^" whole exponent)* "%"*
//   atom    := number | "(" sum ")" | "{" sum "}" | \frac{}{} | \sqrt[]{} | \pi
#include "rewards/math/expression.h"

#include <cctype>
#include <charconv>

namespace retort::math {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxDigits = 3000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// What went wrong; thrown within this file only.
struct Unread {
  std::string why;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Value value() {
    Value value;
    skip();
    if (take("\\$")) value.unit = "$";
    value.number = sum();
    value.percent = last_percent_ == at_ && at_ > 0;
    read_unit(value);
    // 3+4i is not 7 of a unit i.
    if (is_sum_ && !value.unit.empty()) fail("is a sum with a name in it");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw Unread{why}; }
  static Number must(const std::optional<Number>& number) {
    if (!number) throw Unread{"has no exact form here"};
    return *number;
  }

  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool peek(std::string_view word) {
    skip();
    if (!text_.substr(at_).starts_with(word)) return false;
    // A command ends where its letters end.
    const size_t end = at_ + word.size();
    return word.front() != '\\' || !is_letter(word.back()) || end >= text_.size() ||
           !is_letter(text_[end]);
  }
  bool take(std::string_view word) {
    if (!peek(word)) return false;
    at_ += word.size();
    return true;
  }

  struct Depth {
    explicit Depth(Reader& reader) : reader_(reader) {
      if (++reader_.depth_ > kMaxDepth) reader_.fail("is nested too deeply");
    }
    ~Depth() { --reader_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    Reader& reader_;
  };

  Number sum() {
    const Depth depth(*this);
    const bool outermost = depth_ == 1;
    Number total = product();
    while (true) {
      const bool minus = take("-");
      if (!minus && !take("+")) return total;
      is_sum_ = is_sum_ || outermost;
      const Number next = product();
      total = must(Number::sum(total, minus ? next.negated() : next));
    }
  }

  Number product() {
    bool negative = false;
    for (bool more = true; more;) {
      more = take("-");
      negative = negative != more;
      if (!more) more = take("+");
    }
    whole_literal_ = false;
    Number total = power();
    bool after_slash = false;
    while (true) {
      if (take("\\times") || take("\\cdot") || take("*")) {
        total = must(Number::product(total, power()));
        after_slash = false;
      } else if (take("/") || take("\\div")) {
        total = must(Number::quotient(total, power()));
        after_slash = true;
      } else if (starts_atom()) {
        if (after_slash) fail("can be read in two ways: write brackets");
        const bool mixed = whole_literal_ && peek("\\frac");
        whole_literal_ = false;
        if (mixed)
          total = must(Number::sum(total, proper_fraction()));
        else
          total = must(Number::product(total, power()));
      } else {
        break;
      }
      whole_literal_ = false;
    }
    return negative ? total.negated() : total;
  }

  // What may follow a factor without a sign between them; a digit may not.
  bool starts_atom() {
    return peek("(") || peek("\\sqrt") || peek("\\frac") || peek("\\pi") || peek("{") ||
           peek("sqrt(") || peek_word("pi");
  }
  bool peek_word(std::string_view word) {
    return peek(word) &&
           (at_ + word.size() >= text_.size() || !is_letter(text_[at_ + word.size()]));
  }

  // The fraction of a mixed number: 1\frac{1}{2}.
  Number proper_fraction() {
    const Number value = power();
    const std::optional<mpq_class> fraction = value.rational();
    if (!fraction || *fraction <= 0 || *fraction >= 1) fail("is no mixed number");
    return value;
  }

  Number power() {
    const Depth depth(*this);
    Number value = atom();
    while (true) {
      if (peek("^\\circ") || peek("^{\\circ}")) return value;  // a unit
      if (take("^")) {
        whole_literal_ = false;
        value = raised(value);
      } else if (take("\\%") || take("%")) {
        whole_literal_ = false;
        value = must(Number::quotient(value, Number(100)));
        last_percent_ = at_;
      } else {
        return value;
      }
    }
  }

  Number raised(const Number& base) {
    bool negative = false;
    Number exponent;
    if (peek("{") || peek("(")) {
      exponent = atom();
    } else {
      negative = take("-");
      exponent = number();
    }
    const std::optional<mpq_class> q = exponent.rational();
    if (!q || !q->get_num().fits_slong_p() || !q->get_den().fits_slong_p())
      fail("has an exponent that is not read");
    const int64_t top = negative ? -q->get_num().get_si() : q->get_num().get_si();
    const int64_t bottom = q->get_den().get_si();
    const Number root =
        bottom == 1 ? base : must(Number::root(base, static_cast<uint64_t>(bottom)));
    return must(Number::power(root, top));
  }

  Number atom() {
    const Depth depth(*this);
    skip();
    if (at_ >= text_.size()) fail("ends too early");
    if (is_digit(text_[at_]) || text_[at_] == '.') return number();
    if (take("(")) return closed(")");
    if (take("{")) return closed("}");
    if (take("\\pi")) return Number::pi();
    if (peek_word("pi") && take("pi")) return Number::pi();
    if (take("sqrt(")) return must(Number::root(closed(")"), 2));
    if (take("\\frac")) {
      const Number top = argument();
      return must(Number::quotient(top, argument()));
    }
    if (take("\\sqrt")) {
      uint64_t degree = 2;
      if (take("[")) {
        const std::optional<mpq_class> q = closed("]").rational();
        if (!q || q->get_den() != 1 || !q->get_num().fits_ulong_p()) fail("has an odd root");
        degree = q->get_num().get_ui();
      }
      return must(Number::root(argument(), degree));
    }
    fail("has '" + std::string(text_.substr(at_, 12)) + "', which is not read");
  }

  Number closed(std::string_view bracket) {
    const Number inside = sum();
    if (!take(bracket)) fail("has a bracket that is not closed");
    return inside;
  }

  // {…}, or one digit; LaTeX takes one character, a reader might take the whole number.
  Number argument() {
    skip();
    if (take("{")) return closed("}");
    if (peek("\\pi")) return atom();
    if (peek("(")) return atom();
    if (at_ < text_.size() && is_digit(text_[at_])) {
      const char digit = text_[at_++];
      return Number(digit - '0');
    }
    fail("has a command without its argument");
  }

  // 12, 1,234,567, 1234.5, .5, 0.\overline{3}, 1.5e6
  Number number() {
    skip();
    std::string whole, decimals, repeating;
    while (at_ < text_.size() && is_digit(text_[at_])) whole += text_[at_++];
    bool plain = true;
    while (!whole.empty() && groups_follow()) {
      whole += text_.substr(at_ + 1, 3);
      at_ += 4;
    }
    if (at_ < text_.size() && text_[at_] == '.' && at_ + 1 < text_.size() &&
        (is_digit(text_[at_ + 1]) || text_.substr(at_ + 1).starts_with("\\overline{"))) {
      plain = false;
      ++at_;
      while (at_ < text_.size() && is_digit(text_[at_])) decimals += text_[at_++];
      if (take("\\overline{")) {
        while (at_ < text_.size() && is_digit(text_[at_])) repeating += text_[at_++];
        if (repeating.empty() || !take("}")) fail("has an odd \\overline");
      }
    }
    if (whole.empty() && decimals.empty() && repeating.empty())
      fail("has no number where one is due");
    if (whole.size() + decimals.size() + repeating.size() > kMaxDigits) fail("is too long");
    mpq_class value(ten_digits(whole + decimals), power_of_ten(decimals.size()));
    value.canonicalize();
    if (!repeating.empty()) {
      const mpz_class nines = power_of_ten(repeating.size()) - 1;
      mpq_class tail(ten_digits(repeating), nines * power_of_ten(decimals.size()));
      tail.canonicalize();
      value += tail;
    }
    plain = !read_exponent(value) && plain;
    whole_literal_ = plain;
    return Number(value);
  }

  // ",123" and then no further digit.
  bool groups_follow() const {
    if (text_.size() < at_ + 4 || text_[at_] != ',') return false;
    for (size_t i = 1; i <= 3; ++i)
      if (!is_digit(text_[at_ + i])) return false;
    return text_.size() == at_ + 4 || !is_digit(text_[at_ + 4]);
  }

  static mpz_class ten_digits(const std::string& digits) {
    return digits.empty() ? mpz_class(0) : mpz_class(digits, 10);
  }
  static mpz_class power_of_ten(size_t exponent) {
    mpz_class power;
    mpz_ui_pow_ui(power.get_mpz_t(), 10, exponent);
    return power;
  }

  // "e6", "E-3" directly behind a number.
  bool read_exponent(mpq_class& value) {
    if (at_ >= text_.size() || (text_[at_] != 'e' && text_[at_] != 'E')) return false;
    size_t end = at_ + 1;
    const bool negative = end < text_.size() && text_[end] == '-';
    if (end < text_.size() && (text_[end] == '-' || text_[end] == '+')) ++end;
    const size_t first = end;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    if (end == first || (end < text_.size() && is_letter(text_[end]))) return false;
    size_t exponent = 0;
    const auto read = std::from_chars(text_.data() + first, text_.data() + end, exponent);
    if (read.ec != std::errc() || exponent > kMaxDigits) fail("has too large an exponent");
    if (negative)
      value /= power_of_ten(exponent);
    else
      value *= power_of_ten(exponent);
    at_ = end;
    return true;
  }

  // Words behind the number: "cm^2", "\text{ apples}", "^\circ".
  void read_unit(Value& value) {
    std::string unit;
    while (true) {
      skip();
      if (at_ >= text_.size()) break;
      if (take("^{\\circ}") || take("^\\circ") || take("\\circ")) {
        unit += "degree";
      } else if (take("\\text{") || take("\\mathrm{") || take("\\textrm{") || take("\\mbox{")) {
        const size_t end = text_.find('}', at_);
        if (end == std::string_view::npos) fail("has a bracket that is not closed");
        add_unit(unit, text_.substr(at_, end - at_));
        at_ = end + 1;
      } else if (is_letter(text_[at_]) || static_cast<unsigned char>(text_[at_]) >= 0x80) {
        size_t end = at_;
        while (end < text_.size() &&
               (is_letter(text_[end]) || static_cast<unsigned char>(text_[end]) >= 0x80))
          ++end;
        add_unit(unit, text_.substr(at_, end - at_));
        at_ = end;
      } else if (!unit.empty() && (take("^") || take("/"))) {
        unit += text_[at_ - 1];
        const bool braced = take("{");
        while (at_ < text_.size() && is_digit(text_[at_])) unit += text_[at_++];
        if (braced && !take("}")) fail("has an odd unit");
      } else {
        fail("goes on with '" + std::string(text_.substr(at_, 12)) + "'");
      }
    }
    if (unit == "degrees") unit = "degree";
    if (!unit.empty() && !value.unit.empty()) fail("has two units");
    if (!unit.empty()) value.unit = unit;
  }

  void add_unit(std::string& unit, std::string_view text) const {
    for (const char c : text) {
      if (c == ' ') continue;
      if (is_digit(c) || c == '\\' || c == '=') fail("goes on with '" + std::string(text) + "'");
      unit += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  size_t last_percent_ = 0;     // where the last percent sign ended
  bool is_sum_ = false;         // outside of brackets
  bool whole_literal_ = false;  // the factor just read is digits alone
};

}  // namespace

std::optional<Value> read_value(std::string_view text, std::string* why) {
  try {
    return Reader(text).value();
  } catch (const Unread& unread) {
    *why = unread.why;
    return std::nullopt;
  }
}

}  // namespace retort::math
