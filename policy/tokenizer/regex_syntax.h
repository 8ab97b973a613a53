#pragma once
// Patterns of tokenizer.json are Oniguruma's in Ruby's syntax; ours are run by PCRE2. This is the
// way from one to the other.
#include <string>
#include <string_view>

namespace retort {

// The same pattern for PCRE2, to be compiled with UTF, UCP and MULTILINE and line feed as the only
// newline. What differs and is rewritten: members of \s, \w, \d, \h, \p and POSIX names
// (char_set.h), \b, \v, sets with && or nested brackets, {n,m}+ (not possessive), {n}? (optional),
// {,m}, stacked quantifiers, an option in the middle of a branch, (?m) for the dot. Not rewritten:
// without regard to case, Oniguruma lets ß match ss and the like (one character for several).
// UserError at `place` for what has no counterpart (conditions, absent operators, callouts, …).
std::string pcre2_pattern(std::string_view pattern, const std::string& place);

// The pattern that matches exactly this text.
std::string pcre2_literal(std::string_view text);

}  // namespace retort
