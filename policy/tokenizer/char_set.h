#pragma once
// A set of characters on its way from Oniguruma's notation to PCRE2's: the named sets (\s, \p{L},
// [:alpha:], …) with Oniguruma's members, and bracket expressions built from them.
//
// PCRE2's own \s, \w and \p differ from Oniguruma's in a few members (Mongolian vowel separator,
// marks as word characters, younger Unicode), so names are spelled out with corrections from
// unicode_tables.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

class CharSet {
 public:
  void add(uint32_t code_point) { add_range(code_point, code_point); }
  void add_range(uint32_t first, uint32_t last);
  void add_set(const CharSet& other);  // union
  void add_complement_of(const CharSet& other);
  void intersect(const CharSet& other);

  // A PCRE2 pattern that matches one character of the set (or, negated, one outside of it).
  std::string matcher(bool negated) const;

  // \p{NAME} without its braces: general categories, POSIX names, scripts, binary properties;
  // nothing when neither Oniguruma's list nor PCRE2 has the name. A leading ^ negates.
  static std::optional<CharSet> property(std::string_view name);

  // [:NAME:]; differs from \p{NAME} for punct and word.
  static std::optional<CharSet> posix(std::string_view name);

  // \s, \w, \d and \h by their letter.
  static CharSet shorthand(char letter);

 private:
  static CharSet categories(const std::vector<std::string_view>& names);
  static CharSet of(std::string_view items);

  std::string alternatives() const;

  std::string items_;                // content of a PCRE2 bracket expression
  std::vector<std::string> others_;  // patterns that match one character each; also in the union
};

// One character of a PCRE2 pattern, outside or inside of brackets.
std::string pcre2_character(uint32_t code_point);

}  // namespace retort
