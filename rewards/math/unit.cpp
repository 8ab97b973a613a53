#include "rewards/math/unit.h"

#include "rewards/math/plain.h"
#include "rewards/text.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace retort::math {
namespace {

// One spelling first. Letters' case counts in symbols (mW, MW), not in words of four letters or
// more, which may have an s behind them.
constexpr std::string_view kUnits[][5] = {
    {"mm", "millimeter", "millimetre"},
    {"cm", "centimeter", "centimetre"},
    {"m", "meter", "metre"},
    {"km", "kilometer", "kilometre"},
    {"in", "inch", "inches"},
    {"ft", "foot", "feet"},
    {"yd", "yard"},
    {"mi", "mile"},
    {"mg", "milligram"},
    {"g", "gram"},
    {"kg", "kilogram"},
    {"lb", "lbs"},  // pounds may be money
    {"oz", "ounce"},
    {"ml", "mL", "milliliter", "millilitre"},
    {"l", "L", "liter", "litre"},
    {"gal", "gallon"},
    {"s", "sec", "second"},
    {"min", "mins", "minute"},
    {"h", "hr", "hrs", "hour"},
    {"day", "days"},
    {"week"},
    {"month"},
    {"yr", "year"},
    {"degree", "deg"},
    {"rad", "radian"},
    {"dollar", "USD"},
    {"cent"},
    {"euro", "EUR"},
    {"unit"},
};

struct Factor {
  std::string_view name;
  int64_t value;
};
constexpr Factor kFactors[] = {{"hundred", 100},
                               {"thousand", 1'000},
                               {"million", 1'000'000},
                               {"billion", 1'000'000'000},
                               {"trillion", 1'000'000'000'000}};

// Words that change a number in a way that is not read.
constexpr std::string_view kUnread[] = {"dozen", "hundreds", "thousands", "millions", "billions",
                                        "half",  "halves",   "k",         "mod",      "or",
                                        "and",   "plus",     "minus",     "times",    "not",
                                        "pi",    "squared",  "cubed",     "to",       "over"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// The one spelling of a known unit; "" for another word.
std::string_view known_unit(const std::string& word) {
  constexpr size_t kWord = 4;
  const std::string low = lower(word);
  const auto is = [&](std::string_view name) {
    if (word == name) return true;
    return name.size() >= kWord && (low == name || low == std::string(name) + "s");
  };
  for (const auto& row : kUnits)
    for (const std::string_view name : row)
      if (!name.empty() && is(name)) return row[0];
  return "";
}

// One piece: letters, or a sign.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    if (is_letter(text[at]))
      while (end < text.size() && is_letter(text[end])) ++end;
    else if (is_digit(text[at]))
      while (end < text.size() && is_digit(text[end])) ++end;
    else if (text.substr(at).starts_with("\\circ"))
      end = at + 5;
    if (text[at] != ' ' && text[at] != '{' && text[at] != '}')
      pieces.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

// Without the commands of fonts.
std::string flattened(std::string_view text) {
  std::string flat;
  while (!text.empty()) {
    const size_t slash = text.find('\\');
    flat += text.substr(0, slash);
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash);
    const size_t open = text.find('{');
    const size_t end = open == std::string_view::npos ? open : group_end(text, open);
    const std::string_view whole = end == std::string_view::npos ? text : text.substr(0, end + 1);
    const std::string_view inside = without_font(whole);
    if (end != std::string_view::npos && inside.size() < whole.size()) {
      flat += ' ' + std::string(inside) + ' ';
      text.remove_prefix(whole.size());
    } else {
      flat += text.front();
      text.remove_prefix(1);
    }
  }
  return flat;
}

class SuffixReader {
 public:
  explicit SuffixReader(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}

  std::optional<Suffix> read(std::string* why) {
    Suffix suffix;
    if (take("\\")) {
      if (!take("%")) return fail(why);
      suffix.percent = true;
    } else {
      suffix.percent = take("%") || take("percent");
    }
    for (const Factor& factor : kFactors)
      if (suffix.factor == 1 && take(factor.name)) suffix.factor = factor.value;
    while (at_ < pieces_.size())
      if (!read_factor(suffix.unit)) return fail(why);
    if (suffix.percent && (suffix.factor != 1 || !suffix.unit.empty())) return fail(why);
    return suffix;
  }

 private:
  bool take(std::string_view piece) {
    if (at_ >= pieces_.size() || pieces_[at_] != piece) return false;
    ++at_;
    return true;
  }
  std::optional<Suffix> fail(std::string* why) const {
    *why = "goes on with '" + (at_ < pieces_.size() ? pieces_[at_] : pieces_.back()) + "'";
    return std::nullopt;
  }

  bool read_factor(std::string& unit) {
    if (take("/") || take("per")) {
      if (unit.empty() || unit.find('/') != std::string::npos) return false;
      unit += '/';
    } else if (!unit.empty()) {
      unit += '*';
    }
    if (unit.empty() && take("^")) {  // 45^\circ
      if (!take("\\circ")) return false;
      unit = "degree";
      return true;
    }
    int64_t power = 1;
    if (take("square") || take("sq")) power = 2;
    if (power == 1 && (take("cubic") || take("cu"))) power = 3;
    if (at_ >= pieces_.size() || !is_letter(pieces_[at_].front())) return false;
    const std::string word = pieces_[at_];
    const auto is_word = [&](std::string_view other) { return lower(word) == other; };
    if (std::any_of(std::begin(kUnread), std::end(kUnread), is_word)) return false;
    if (std::any_of(std::begin(kFactors), std::end(kFactors),
                    [&](const Factor& factor) { return is_word(factor.name); }) ||
        is_word("percent"))
      return false;
    ++at_;
    const std::string_view known = known_unit(word);
    unit += !known.empty() ? std::string(known) : word.size() >= 4 ? lower(word) : word;
    if (take("^")) {
      if (power != 1 || at_ >= pieces_.size() || !is_digit(pieces_[at_].front())) return false;
      unit += '^' + pieces_[at_++];
    } else if (power != 1) {
      unit += '^' + std::to_string(power);
    }
    return true;
  }

  std::vector<std::string> pieces_;
  size_t at_ = 0;
};

// The words of a unit all known: "cm^2", "mi/h".
bool all_known(std::string_view unit) {
  for (const std::string& piece : pieces_of(unit))
    if (is_letter(piece.front()) && known_unit(piece).empty()) return false;
  return true;
}

}  // namespace

std::optional<Suffix> read_suffix(std::string_view text, std::string* why) {
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  if (count('{') != count('}')) {
    *why = "has a bracket that is not closed";
    return std::nullopt;
  }
  return SuffixReader(pieces_of(flattened(text))).read(why);
}

bool known_to_differ(std::string_view a, std::string_view b) {
  return a != b && (a.empty() || b.empty() || (all_known(a) && all_known(b)));
}

}  // namespace retort::math
