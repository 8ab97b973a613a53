#include "policy/tokenizer/unicode_normalization.h"

#include "base/check.h"
#include "policy/tokenizer/unicode_tables.h"
#include "policy/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {
namespace {

// Below, no character has a combining class or is the second of a composition.
constexpr uint32_t kFirstMark = 0x300;

// A character of the result and how it came about: 1: put in; 0: in place of one character of the
// text; -n: in place of n + 1.
struct Changed {
  uint32_t code_point;
  int combining_class;
  int change;
};

int combining_class(uint32_t code_point) {
  if (code_point < kFirstMark || contains(opaque_to_normalization(), code_point)) return 0;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class;
}

// Full decompositions, marks in canonical order.
std::vector<Changed> decompose(std::string_view text, bool is_compatibility) {
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (is_compatibility ? UTF8PROC_COMPAT : 0));
  std::vector<Changed> out;
  out.reserve(text.size());
  size_t run = 0;  // where the marks behind the last starter begin
  const auto end_run = [&] {
    std::stable_sort(
        out.begin() + static_cast<std::ptrdiff_t>(run), out.end(),
        [](const Changed& a, const Changed& b) { return a.combining_class < b.combining_class; });
  };
  const auto add = [&](uint32_t code_point, bool is_first) {
    const int its_class = combining_class(code_point);
    if (its_class == 0) {
      if (out.size() > run + 1) end_run();
      run = out.size() + 1;
    }
    out.push_back({code_point, its_class, is_first ? 0 : 1});
  };
  std::array<utf8proc_int32_t, 32> parts;  // the longest full decomposition has 18
  for (size_t at = 0; at < text.size();) {
    const uint32_t code_point = next_code_point(text, &at);
    if (code_point < 0x80 || contains(opaque_to_normalization(), code_point)) {
      add(code_point, true);
      continue;
    }
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code_point), parts.data(), parts.size(), options, &boundary);
    RT_CHECK(count > 0 && count <= static_cast<utf8proc_ssize_t>(parts.size()))
        << utf8proc_errmsg(count);
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      add(static_cast<uint32_t>(parts[static_cast<size_t>(i)]), i == 0);
    }
  }
  end_run();
  return out;
}

// The character that two compose to, if they do.
std::optional<uint32_t> composition(uint32_t first, uint32_t second) {
  if (second < kFirstMark || contains(opaque_to_normalization(), first) ||
      contains(opaque_to_normalization(), second)) {
    return std::nullopt;
  }
  std::array<utf8proc_int32_t, 2> pair = {static_cast<utf8proc_int32_t>(first),
                                          static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (utf8proc_normalize_utf32(pair.data(), 2, options) != 1) return std::nullopt;
  return static_cast<uint32_t>(pair[0]);
}

// Canonical composition, in place: each starter takes the marks behind it that it composes with and
// that no mark of an equal or higher class separates from it.
void compose(std::vector<Changed>* text) {
  std::optional<size_t> starter;
  int last_class = -1;  // of the mark before, behind the starter; -1: none
  size_t size = 0;
  for (const Changed next : *text) {
    const bool is_blocked = last_class >= next.combining_class && last_class >= 0;
    if (starter && !is_blocked) {
      Changed& base = (*text)[*starter];
      if (const auto composed = composition(base.code_point, next.code_point)) {
        base.code_point = *composed;
        base.change += next.change - 1;
        continue;
      }
    }
    if (next.combining_class == 0) {
      starter = size;
      last_class = -1;
    } else if (starter) {
      last_class = next.combining_class;
    }
    (*text)[size++] = next;
  }
  text->resize(size);
}

// Puts the characters together with the origins of those of `from` that they replace.
TrackedText with_origins(const TrackedText& from, const std::vector<Changed>& changed) {
  TrackedText out = from.empty_copy();
  out.bytes.reserve(from.bytes.size());
  size_t at = 0;
  std::string character;
  for (const Changed& next : changed) {
    Origin origin;
    if (next.change > 0) {
      if (at > 0) origin = from.origin(at - 1, at);
    } else {
      const size_t begin = at;
      for (int i = next.change; i <= 0 && at < from.bytes.size(); ++i) {
        next_code_point(from.bytes, &at);
      }
      if (begin < at) origin = from.origin(begin, begin + 1);
    }
    character.clear();
    append_code_point(next.code_point, &character);
    out.append(character, origin);
  }
  return out;
}

}  // namespace

void normalize(NormalizationForm form, TrackedText* text) {
  const bool composes = form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
  const bool is_compatibility =
      form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd;
  // Up to U+02FF (lead byte CB) nothing changes in form C, up to U+007F in the others.
  const unsigned char first_lead = form == NormalizationForm::kNfc ? 0xCC : 0x80;
  const bool is_plain = std::ranges::all_of(
      text->bytes, [&](char c) { return static_cast<unsigned char>(c) < first_lead; });
  if (is_plain) return;
  std::vector<Changed> changed = decompose(text->bytes, is_compatibility);
  if (composes) compose(&changed);
  *text = with_origins(*text, changed);
}

void append_lower_case(uint32_t code_point, Origin origin, TrackedText* out) {
  std::string lower;
  if (code_point == 0x130) {
    lower = "i\u0307";
  } else {
    auto mapped =
        static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
    for (const CaseRange& row : lower_case_after_utf8proc()) {
      if (code_point >= row.first && code_point <= row.last) {
        mapped = static_cast<uint32_t>(static_cast<int64_t>(code_point) + row.to_lower);
      }
    }
    append_code_point(mapped, &lower);
  }
  out->append(lower, origin);
}

}  // namespace retort
