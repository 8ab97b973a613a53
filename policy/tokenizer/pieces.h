#pragma once
// A text on its way from the user's bytes to the model's symbols: cut into pieces that change their
// bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

// Bytes of the original text, end outside.
struct Origin {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const Origin&) const = default;
};

// Bytes, and for each of them which part of the original text it stands for, when that is asked
// for. A byte of a character stands for the whole character.
struct TrackedText {
  std::string bytes;
  bool is_tracked = false;
  std::vector<Origin> origins;  // [bytes.size()] when tracked, else empty

  static TrackedText of(std::string_view text, bool is_tracked);

  TrackedText empty_copy() const;  // same tracking, no bytes
  TrackedText slice(size_t begin, size_t end) const;
  void append(const TrackedText& from, size_t begin, size_t end);
  void append(std::string_view text, Origin origin);
  Origin origin(size_t begin,
                size_t end) const;  // of a range that is not empty; {} when not tracked
};

struct Piece {
  uint32_t begin = 0;
  uint32_t end = 0;
  int32_t token = -1;  // id of the added token that this piece is; -1: text for the model
};

// Pieces lie in order and without gaps of interest: bytes outside of every piece are dropped text.
struct PieceText {
  TrackedText text;
  std::vector<Piece> pieces;

  std::string_view bytes(const Piece& piece) const {
    return std::string_view(text.bytes).substr(piece.begin, piece.end - piece.begin);
  }

  // Replaces each piece of text by what `write(text, piece, &out)` appends to `out`.
  template <class Write>
  void rewrite(Write write) {
    TrackedText out = text.empty_copy();
    out.bytes.reserve(text.bytes.size() + text.bytes.size() / 8);
    for (Piece& piece : pieces) {
      const auto begin = static_cast<uint32_t>(out.bytes.size());
      if (piece.token >= 0) {
        out.append(text, piece.begin, piece.end);
      } else {
        write(text, piece, &out);
      }
      piece.begin = begin;
      piece.end = static_cast<uint32_t>(out.bytes.size());
    }
    text = std::move(out);
  }
};

}  // namespace retort
