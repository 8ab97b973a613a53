#pragma once
// Tokens and their ids, both ways.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

class TokenTable {
 public:
  // Of a token that occurs twice the last id holds.
  explicit TokenTable(std::vector<std::pair<std::string, int32_t>> entries);

  // -1 when there is no such token.
  int32_t id_of(std::string_view token) const;

  // Null when no token has the id.
  const std::string* token_of(int32_t id) const;

  size_t size() const { return size_; }           // distinct tokens
  int32_t id_bound() const { return id_bound_; }  // 1 + the largest id

 private:
  size_t slot_of(std::string_view token) const;

  std::deque<std::string> tokens_;           // addresses stay
  std::vector<const std::string*> of_slot_;  // open addressing, a power of two
  std::vector<int32_t> ids_of_slot_;
  std::vector<const std::string*> of_id_;
  size_t size_ = 0;
  int32_t id_bound_ = 0;
};

}  // namespace retort
