#pragma once
// Where the Unicode data of PCRE2 and utf8proc differ from those that the tokenizers library
// carries. Measured by tests/parity/make_unicode_tables.py, which writes unicode_tables.cpp. The
// rows add to what the libraries know: a newer PCRE2 or utf8proc makes some of them redundant, not
// wrong.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace retort {

// First and last code point, both inside.
struct CodePointRange {
  uint32_t first;
  uint32_t last;
};

struct CategoryRange {
  uint32_t first;
  uint32_t last;
  std::string_view category;  // general category, two letters
};

struct CaseRange {
  uint32_t first;
  uint32_t last;
  int32_t to_lower;  // added to an upper-case letter
};

// General categories in Oniguruma of code points that Unicode 14 left unassigned, by code point.
const std::vector<CategoryRange>& categories_after_unicode_14();
const std::vector<CodePointRange>& han_after_unicode_14();

// Pre-tokenizer Digits: numeric beyond category N.
const std::vector<CodePointRange>& numeric_after_oniguruma();

// Pre-tokenizer Punctuation: category P and all ASCII punctuation, plus the first, minus the
// second.
const std::vector<CodePointRange>& punctuation_beyond_category();
const std::vector<CodePointRange>& category_beyond_punctuation();

// Normalizer Lowercase.
const std::vector<CaseRange>& lower_case_after_utf8proc();

// Normalizers NFC, NFD, NFKC, NFKD: characters that the library does not decompose, compose or
// reorder.
const std::vector<CodePointRange>& opaque_to_normalization();

// Whether a code point lies in one of the ranges, which are ascending.
inline bool contains(const std::vector<CodePointRange>& ranges, uint32_t code_point) {
  const auto row = std::ranges::lower_bound(ranges, code_point, {}, &CodePointRange::last);
  return row != ranges.end() && row->first <= code_point;
}

}  // namespace retort
