#pragma once
// The text of a JSON row, where its value is not enough: numbers beyond any type keep their digits,
// members their order. All texts given here are valid JSON already.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Levels of nesting that a row may have, itself included.
inline constexpr size_t kMaxRowDepth = 1000;

// What makes a row ambiguous or dangerous although it is valid JSON, as "what; fix" of a message:
// a key that stands twice in one object, or more than kMaxRowDepth levels.
struct RowFault {
  std::string what;
  std::string fix;
};
std::optional<RowFault> find_row_fault(std::string_view text);

// A member of an object, its texts as they stand in the row.
struct RowMember {
  std::string key;            // decoded
  std::string_view key_text;  // with its quotes
  std::string_view value;     // without white space around it
};

// The members of an object, in their order; empty when `text` is no object.
std::vector<RowMember> row_members(std::string_view text);

// One text for all ways to write a value: no white space, keys sorted by their bytes, strings with
// the fewest escapes. Numbers stay as they are written, so 1 and 1.0 differ and none loses a digit.
std::string canonical_json(std::string_view text);

}  // namespace retort
