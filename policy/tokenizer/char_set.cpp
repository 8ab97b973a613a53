#include "policy/tokenizer/char_set.h"

#include "policy/tokenizer/unicode_tables.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace retort {
namespace {

// Lower case without spaces, hyphens and underscores: how property names are compared.
std::string loose(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    key.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return key;
}

struct Category {
  std::string_view name;  // two letters
  std::string_view long_name;
};

constexpr std::array<Category, 29> kCategories = {
    {{"Lu", "uppercaseletter"},    {"Ll", "lowercaseletter"},  {"Lt", "titlecaseletter"},
     {"Lm", "modifierletter"},     {"Lo", "otherletter"},      {"Mn", "nonspacingmark"},
     {"Mc", "spacingmark"},        {"Me", "enclosingmark"},    {"Nd", "decimalnumber"},
     {"Nl", "letternumber"},       {"No", "othernumber"},      {"Pc", "connectorpunctuation"},
     {"Pd", "dashpunctuation"},    {"Ps", "openpunctuation"},  {"Pe", "closepunctuation"},
     {"Pi", "initialpunctuation"}, {"Pf", "finalpunctuation"}, {"Po", "otherpunctuation"},
     {"Sm", "mathsymbol"},         {"Sc", "currencysymbol"},   {"Sk", "modifiersymbol"},
     {"So", "othersymbol"},        {"Zs", "spaceseparator"},   {"Zl", "lineseparator"},
     {"Zp", "paragraphseparator"}, {"Cc", "control"},          {"Cf", "format"},
     {"Co", "privateuse"},         {"Cs", "surrogate"}}};

struct Group {
  std::string_view name;
  std::string_view long_name;
  std::vector<std::string_view> members;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> kGroups = {
      {"l", "letter", {"L"}},
      {"m", "mark", {"M"}},
      {"n", "number", {"N"}},
      {"p", "punctuation", {"P"}},
      {"s", "symbol", {"S"}},
      {"z", "separator", {"Z"}},
      {"lc", "casedletter", {"Lu", "Ll", "Lt"}},
  };
  return kGroups;
}

const std::vector<std::string_view> kAssigned = {"L", "M", "N", "P", "S", "Z", "Cc", "Cf", "Co"};

bool pcre2_knows(const std::string& property) {
  const std::string pattern = "\\p{" + property + "}";
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

}  // namespace

std::string pcre2_character(uint32_t code_point) {
  const bool plain = (code_point >= '0' && code_point <= '9') ||
                     (code_point >= 'A' && code_point <= 'Z') ||
                     (code_point >= 'a' && code_point <= 'z');
  if (plain) return std::string(1, static_cast<char>(code_point));
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "\\x{%X}", code_point);
  return text.data();
}

void CharSet::add_range(uint32_t first, uint32_t last) {
  items_ += pcre2_character(first);
  if (last != first) items_ += "-" + pcre2_character(last);
}

void CharSet::add_set(const CharSet& other) {
  items_ += other.items_;
  others_.insert(others_.end(), other.others_.begin(), other.others_.end());
}

void CharSet::add_complement_of(const CharSet& other) { others_.push_back(other.matcher(true)); }

void CharSet::intersect(const CharSet& other) {
  std::string both = "(?:(?=" + matcher(false) + ")" + other.matcher(false) + ")";
  items_.clear();
  others_ = {std::move(both)};
}

std::string CharSet::alternatives() const {
  std::string text = items_.empty() ? "" : "[" + items_ + "]";
  for (const std::string& other : others_) text += (text.empty() ? "" : "|") + other;
  return text;
}

std::string CharSet::matcher(bool negated) const {
  if (others_.empty() && items_.empty()) return negated ? "(?s:.)" : "(?!)";
  if (others_.empty()) return (negated ? "[^" : "[") + items_ + "]";
  if (!negated && items_.empty() && others_.size() == 1) return others_[0];
  if (negated) return "(?:(?!" + alternatives() + ")(?s:.))";
  return "(?:" + alternatives() + ")";
}

CharSet CharSet::of(std::string_view items) {
  CharSet set;
  set.items_ = items;
  return set;
}

// Names of one letter stand for all categories that begin with it.
CharSet CharSet::categories(const std::vector<std::string_view>& names) {
  CharSet set;
  for (const std::string_view name : names) {
    set.items_ += "\\p{" + std::string(name) + "}";
    for (const CategoryRange& row : categories_after_unicode_14()) {
      if (row.category.starts_with(name)) set.add_range(row.first, row.last);
    }
  }
  return set;
}

CharSet CharSet::shorthand(char letter) {
  switch (letter) {
    case 's':
      return of(R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F})"
                R"(\x{205F}\x{3000})");
    case 'd':
      return categories({"Nd"});
    case 'h':
      return of("0-9A-Fa-f");
    default: {  // w: Alphabetic, marks, decimal digits, connectors and Oniguruma's Latin-1 numbers
      CharSet set = categories({"L", "M", "Nd", "Nl", "Pc"});
      set.items_ += R"(\p{Alphabetic}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
      return set;
    }
  }
}

std::optional<CharSet> CharSet::posix(std::string_view name) {
  if (name == "alpha") {
    CharSet set = categories({"L", "Nl"});
    set.items_ += "\\p{Alphabetic}";
    return set;
  }
  if (name == "alnum") {
    CharSet set = *posix("alpha");
    set.add_set(categories({"Nd"}));
    return set;
  }
  if (name == "blank") return of("\\x09\\p{Zs}");
  if (name == "cntrl") return categories({"Cc"});
  if (name == "digit") return categories({"Nd"});
  if (name == "space") return shorthand('s');
  if (name == "xdigit") return shorthand('h');
  if (name == "punct") return categories({"P", "S"});
  if (name == "ascii") return of("\\x00-\\x7F");
  if (name == "upper" || name == "lower") {
    CharSet set = categories({name == "upper" ? "Lu" : "Ll"});
    set.items_ += name == "upper" ? "\\p{Uppercase}" : "\\p{Lowercase}";
    return set;
  }
  if (name == "word") {
    CharSet set = categories({"L", "M", "Nd", "Nl", "Pc"});
    set.items_ += "\\p{Alphabetic}";
    return set;
  }
  if (name == "graph" || name == "print") {  // assigned, neither space nor control
    CharSet set = categories({"L", "M", "N", "P", "S", "Cf", "Co"});
    if (name == "print") set.items_ += "\\p{Zs}";
    return set;
  }
  return std::nullopt;
}

std::optional<CharSet> CharSet::property(std::string_view name) {
  if (name.starts_with('^')) {
    const std::optional<CharSet> set = property(name.substr(1));
    if (!set) return std::nullopt;
    CharSet complement;
    complement.add_complement_of(*set);
    return complement;
  }
  const std::string key = loose(name);
  for (const Category& row : kCategories) {
    if (key == loose(row.name) || key == row.long_name) return categories({row.name});
  }
  for (const Group& row : groups()) {
    if (key == row.name || key == row.long_name) return categories(row.members);
  }
  CharSet set;
  if (key == "any") return of("\\x{0}-\\x{10FFFF}");
  if (key == "assigned") return categories(kAssigned);
  if (key == "cn" || key == "unassigned") {
    set.add_complement_of(categories(kAssigned));
    return set;
  }
  if (key == "c" || key == "other") {
    set.add_complement_of(categories({"L", "M", "N", "P", "S", "Z"}));
    return set;
  }
  if (key == "punct") return categories({"P"});
  if (key == "word") return shorthand('w');
  if (const std::optional<CharSet> posix_set = posix(key)) return posix_set;
  const bool is_plain = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
  if (!is_plain) return std::nullopt;
  if (pcre2_knows("sc:" + key)) {
    set = of("\\p{sc:" + key + "}");
    if (key == "han" || key == "hani") {
      for (const CodePointRange& row : han_after_unicode_14()) set.add_range(row.first, row.last);
    }
    return set;
  }
  if (pcre2_knows(key)) return of("\\p{" + key + "}");
  return std::nullopt;
}

}  // namespace retort
