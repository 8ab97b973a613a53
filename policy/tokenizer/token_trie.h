#pragma once
// Many byte strings looked for at once.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace retort {

class TokenTrie {
 public:
  struct Match {
    int32_t id;
    size_t length;
  };

  // False when the text is already there under another id, or is empty.
  bool insert(std::string_view text, int32_t id);

  // The longest entry that text[at..] begins with.
  std::optional<Match> longest_at(std::string_view text, size_t at) const;

  bool empty() const { return nodes_.size() == 1; }

 private:
  struct Node {
    std::map<char, uint32_t> next;
    int32_t id = -1;
  };
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<bool> may_begin_ = std::vector<bool>(256);
};

}  // namespace retort
