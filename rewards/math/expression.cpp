// Recursive descent over the characters:
//   value   := "\$"? sum suffix?
//   sum     := product (("+" | "-") product)*
//   product := sign* power (("*" | "/" | juxtaposed) power)*, or a mixed number
//   power   := atom (("^" | "**") exponent)?
//   atom    := number | "(" sum ")" | "{" sum "}" | "{" sum \over sum "}" | \text{ sum } |
//              \frac{}{} | \sqrt[]{} | \pi
#include "rewards/math/expression.h"

#include "rewards/math/plain.h"
#include "rewards/math/unit.h"

#include <cctype>
#include <charconv>
#include <utility>

namespace retort::math {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxDigits = 3000;
constexpr const char* kTwoWays = "can be read in two ways: write brackets";

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
    const bool dollars = take("\\$");
    value.number = sum();
    if (take("\\over")) value.number = over(value.number);
    skip();
    const std::string_view rest = text_.substr(at_);
    std::string why;
    const std::optional<Suffix> suffix = read_suffix(rest, &why);
    if (!suffix) fail(why);
    // 3+4i is not 7 of a unit i; 1/2x may be 1/(2x).
    if (!rest.empty() && is_sum_) fail("is a sum with more behind it");
    const bool set_off = !rest.empty() && (text_[at_ - 1] == ' ' || rest.front() == '\\');
    if (!rest.empty() && open_slash_ && (suffix->percent || !set_off)) fail(kTwoWays);
    if (suffix->factor != 1)
      value.number = must(Number::product(value.number, Number(suffix->factor)));
    if (suffix->percent) value.number = must(Number::quotient(value.number, Number(100)));
    value.percent = suffix->percent;
    value.unit = suffix->unit;
    if (dollars && (value.percent || (!value.unit.empty() && value.unit != "dollar")))
      fail("has two units");
    if (dollars) value.unit = "dollar";
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

  enum class Factor { kWhole, kGroup, kOther };  // digits alone; {…}; the rest

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
    Number total = power();
    bool after_slash = false, mixed = false;
    for (bool first = true;; first = false) {
      const Factor last = std::exchange(last_factor_, Factor::kOther);
      const bool times = take("\\times") || take("\\cdot") || take("*");
      const bool slash = !times && (take("/") || take("\\div"));
      const bool beside = !times && !slash && starts_atom();
      if (mixed && (times || slash || beside)) fail(kTwoWays);
      if (times) {
        total = must(Number::product(total, power()));
        after_slash = false;
      } else if (slash) {
        total = must(Number::quotient(total, power()));
        after_slash = true;
      } else if (beside) {
        // Which of the two is 1/2\pi, and are 2*1\frac{1}{2} and {1}\frac{1}{2} mixed numbers?
        const bool fraction = peek("\\frac");
        const bool whole = fraction && last == Factor::kWhole;
        if (after_slash || (fraction && last == Factor::kGroup) || (whole && !first))
          fail(kTwoWays);
        total = whole ? beside_whole(total, mixed) : must(Number::product(total, power()));
      } else if (first && last == Factor::kWhole && read_fraction(total)) {
        mixed = true;
      } else {
        break;
      }
    }
    open_slash_ = after_slash;
    return negative ? total.negated() : total;
  }

  // What may follow a factor without a sign between them; a digit or a group may not.
  bool starts_atom() {
    return peek("(") || peek("\\sqrt") || peek("\\frac") || peek("\\pi") || peek("sqrt(") ||
           peek_word("pi");
  }
  bool peek_word(std::string_view word) {
    return peek(word) &&
           (at_ + word.size() >= text_.size() || !is_letter(text_[at_ + word.size()]));
  }

  // 1\frac{1}{2}: a mixed number; 2\frac{\pi}{3}: a product.
  Number beside_whole(const Number& whole, bool& mixed) {
    const Number value = atom();
    last_factor_ = Factor::kOther;
    const std::optional<mpq_class> fraction = value.rational();
    if (!fraction) return must(Number::product(whole, value));
    const bool proper = sgn(*fraction) > 0 && fraction->get_num() < fraction->get_den();
    if (!proper) fail("is no mixed number");
    mixed = true;
    return must(Number::sum(whole, value));
  }

  // The " 1/2" of the mixed number 1 1/2, added to its whole.
  bool read_fraction(Number& whole) {
    skip();
    if (at_ == 0 || text_[at_ - 1] != ' ') return false;
    size_t end = at_;
    const auto digits = [&] {
      const size_t begin = end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      return std::string(text_.substr(begin, end - begin));
    };
    const std::string top = digits();
    if (top.empty() || end >= text_.size() || text_[end] != '/') return false;
    ++end;
    const std::string bottom = digits();
    const bool goes_on = end < text_.size() && text_[end] != ' ' && text_[end] != '\\';
    if (bottom.empty() || goes_on || end - at_ > kMaxDigits) return false;
    const mpz_class n(top, 10), d(bottom, 10);
    if (n <= 0 || n >= d) fail("is no mixed number");
    mpq_class fraction(n, d);
    fraction.canonicalize();
    whole = must(Number::sum(whole, Number(fraction)));
    at_ = end;
    return true;
  }

  // ^\circ and ^{\circ} are units.
  bool peek_degree() {
    if (!peek("^")) return false;
    size_t look = text_.find_first_not_of(" {", at_ + 1);
    return look != std::string_view::npos && text_.substr(look).starts_with("\\circ");
  }

  Number power() {
    const Depth depth(*this);
    skip();
    const bool digits = at_ < text_.size() && is_digit(text_[at_]);
    const bool group = peek("{") || !font_command(text_.substr(at_)).empty();
    Number value = atom();
    last_factor_ = digits && plain_ ? Factor::kWhole : group ? Factor::kGroup : Factor::kOther;
    if (peek_degree() || !(take("^") || take("**"))) return value;
    value = raised(value);
    last_factor_ = Factor::kOther;
    if ((peek("^") && !peek_degree()) || peek("**")) fail(kTwoWays);  // 2^3^2
    return value;
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
    // The principal value of (-8)^{1/3} is not real.
    if (bottom != 1 && base.is_negative_term()) fail("has a root of a negative number");
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
    if (take_font()) return closed("}");
    if (take("\\pi")) return Number::pi();
    if (peek_word("pi") && take("pi")) return Number::pi();
    if (take("sqrt(")) return must(Number::root(closed(")"), 2));
    if (take("\\frac")) {
      const Number top = argument(false);
      return must(Number::quotient(top, argument(false)));
    }
    if (take("\\sqrt")) {
      uint64_t degree = 2;
      if (take("[")) {
        const std::optional<mpq_class> q = closed("]").rational();
        if (!q || q->get_den() != 1 || !q->get_num().fits_ulong_p()) fail("has an odd root");
        degree = q->get_num().get_ui();
      }
      return must(Number::root(argument(true), degree));
    }
    fail("has '" + std::string(text_.substr(at_, 12)) + "', which is not read");
  }

  // "\\text{" and its like: what they set is read as it stands.
  bool take_font() {
    skip();
    const std::string_view font = font_command(text_.substr(at_));
    at_ += font.size();
    return !font.empty();
  }

  // 1+2 \over 3 divides all that stands before it within the brackets by all that follows.
  Number over(const Number& top) {
    is_sum_ = false;
    const Number quotient = must(Number::quotient(top, sum()));
    open_slash_ = true;
    return quotient;
  }

  Number closed(std::string_view bracket) {
    Number inside = sum();
    if (bracket == "}" && take("\\over")) inside = over(inside);
    if (!take(bracket)) fail("has a bracket that is not closed");
    return inside;
  }

  // {…}, or one digit; LaTeX takes one character, a reader might take the whole number.
  Number argument(bool round_bracket) {
    skip();
    if (take("{")) return closed("}");
    if (peek("\\pi")) return atom();
    if (round_bracket && peek("(")) return atom();
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
    plain_ = true;
    const bool first_group = !whole.empty() && whole.size() <= 3 && whole.front() != '0';
    while (first_group && groups_follow()) {
      whole += text_.substr(at_ + 1, 3);
      at_ += 4;
    }
    if (at_ < text_.size() && text_[at_] == '.' && at_ + 1 < text_.size() &&
        (is_digit(text_[at_ + 1]) || text_.substr(at_ + 1).starts_with("\\overline{") ||
         text_.substr(at_ + 1).starts_with("\\bar{"))) {
      plain_ = false;
      ++at_;
      while (at_ < text_.size() && is_digit(text_[at_])) decimals += text_[at_++];
      if (take("\\overline{") || take("\\bar{")) {
        while (at_ < text_.size() && is_digit(text_[at_])) repeating += text_[at_++];
        if (repeating.empty() || !take("}")) fail("has an odd repeating decimal");
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
    if (read_exponent(value)) plain_ = false;
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

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  Factor last_factor_ = Factor::kOther;  // the one read last
  bool plain_ = false;                   // the number read last is digits alone
  bool is_sum_ = false;                  // outside of brackets
  bool open_slash_ = false;              // the product read last ends with a division
};

}  // namespace

std::optional<Value> read_value(std::string_view text, std::string* why) {
  std::string dense;
  for (const char c : text)
    if (c != ' ') dense += c;
  if (dense == "\\infty" || dense == "+\\infty" || dense == "-\\infty") {
    Value value;
    value.infinite = dense.front() == '-' ? -1 : 1;
    return value;
  }
  try {
    return Reader(text).value();
  } catch (const Unread& unread) {
    *why = unread.why;
    return std::nullopt;
  }
}

}  // namespace retort::math
