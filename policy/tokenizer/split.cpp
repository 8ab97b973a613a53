#include "policy/tokenizer/split.h"

#include "base/registry.h"

#include <array>
#include <span>

namespace retort {
namespace {

// A match or the text between two matches.
struct Part {
  TextRange range;
  bool is_match = false;
};

constexpr std::array<RegistryRow<SplitBehavior>, 5> kBehaviors = {
    {{"Removed", "drops matches", SplitBehavior::kRemoved},
     {"Isolated", "makes each match a piece", SplitBehavior::kIsolated},
     {"MergedWithPrevious", "joins a match to what precedes it",
      SplitBehavior::kMergedWithPrevious},
     {"MergedWithNext", "joins a match to what follows it", SplitBehavior::kMergedWithNext},
     {"Contiguous", "makes a run of matches a piece", SplitBehavior::kContiguous}}};

// Matches and what lies between, together the whole text.
void cover(std::string_view text, const Regex& pattern, bool invert,
           std::vector<TextRange>* matches, std::vector<Part>* parts) {
  pattern.find_all(text, matches);
  parts->clear();
  size_t end = 0;
  for (const TextRange& match : *matches) {
    if (match.begin > end) parts->push_back({{end, match.begin}, invert});
    parts->push_back({match, !invert});
    end = match.end;
  }
  if (end < text.size()) parts->push_back({{end, text.size()}, invert});
}

void keep(const std::vector<Part>& parts, SplitBehavior behavior, std::vector<TextRange>* kept) {
  kept->clear();
  bool after_match = false;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Part& part : parts) {
        if (!part.is_match) kept->push_back(part.range);
      }
      return;
    case SplitBehavior::kIsolated:
      for (const Part& part : parts) kept->push_back(part.range);
      return;
    case SplitBehavior::kContiguous:
      for (const Part& part : parts) {
        if (part.is_match == after_match && !kept->empty()) {
          kept->back().end = part.range.end;
        } else {
          kept->push_back(part.range);
        }
        after_match = part.is_match;
      }
      return;
    case SplitBehavior::kMergedWithPrevious:
      for (const Part& part : parts) {
        if (part.is_match && !after_match && !kept->empty()) {
          kept->back().end = part.range.end;
        } else {
          kept->push_back(part.range);
        }
        after_match = part.is_match;
      }
      return;
    case SplitBehavior::kMergedWithNext:
      for (size_t i = parts.size(); i-- > 0;) {
        const Part& part = parts[i];
        if (part.is_match && !after_match && !kept->empty()) {
          kept->back().begin = part.range.begin;
        } else {
          kept->push_back(part.range);
        }
        after_match = part.is_match;
      }
      std::vector<TextRange>(kept->rbegin(), kept->rend()).swap(*kept);
      return;
  }
}

}  // namespace

SplitBehavior split_behavior(const JsonNode& node) {
  return find_row(std::span<const RegistryRow<SplitBehavior>>(kBehaviors), node.text(),
                  node.place(), "split behavior")
      .make;
}

Regex pattern_of(const JsonNode& node) {
  if (const auto regex = node.optional_member("Regex")) return Regex(regex->text(), regex->place());
  if (const auto text = node.optional_member("String")) {
    return Regex::literal(text->text(), text->place());
  }
  node.fail("neither 'Regex' nor 'String'", "name the pattern by one of them");
}

void split_pieces(const Regex& pattern, SplitBehavior behavior, bool invert, PieceText* text) {
  std::vector<Piece> pieces;
  pieces.reserve(text->pieces.size() + text->text.bytes.size() / 4);
  std::vector<TextRange> matches;
  std::vector<Part> parts;
  std::vector<TextRange> kept;
  for (const Piece& piece : text->pieces) {
    if (piece.token >= 0) {
      pieces.push_back(piece);
      continue;
    }
    cover(text->bytes(piece), pattern, invert, &matches, &parts);
    keep(parts, behavior, &kept);
    for (const TextRange& range : kept) {
      if (range.begin == range.end) continue;
      pieces.push_back({piece.begin + static_cast<uint32_t>(range.begin),
                        piece.begin + static_cast<uint32_t>(range.end), -1});
    }
  }
  text->pieces = std::move(pieces);
}

}  // namespace retort
