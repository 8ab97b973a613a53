#include "policy/tokenizer/token_table.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>

namespace retort {

TokenTable::TokenTable(std::vector<std::pair<std::string, int32_t>> entries) {
  const size_t slots = std::bit_ceil(entries.size() * 2 + 16);
  of_slot_.resize(slots);
  ids_of_slot_.resize(slots);
  for (auto& [token, id] : entries) {
    const size_t slot = slot_of(token);
    if (of_slot_[slot] == nullptr) {
      of_slot_[slot] = &tokens_.emplace_back(std::move(token));
      ++size_;
    }
    ids_of_slot_[slot] = id;
    id_bound_ = std::max(id_bound_, id + 1);
  }
  of_id_.resize(static_cast<size_t>(id_bound_));
  for (size_t slot = 0; slot < slots; ++slot) {
    if (of_slot_[slot] != nullptr) of_id_[static_cast<size_t>(ids_of_slot_[slot])] = of_slot_[slot];
  }
}

// Where the token is, or the free slot where it would be.
size_t TokenTable::slot_of(std::string_view token) const {
  const size_t mask = of_slot_.size() - 1;
  size_t slot = XXH3_64bits(token.data(), token.size()) & mask;
  while (of_slot_[slot] != nullptr && *of_slot_[slot] != token) slot = (slot + 1) & mask;
  return slot;
}

int32_t TokenTable::id_of(std::string_view token) const {
  const size_t slot = slot_of(token);
  return of_slot_[slot] == nullptr ? -1 : ids_of_slot_[slot];
}

const std::string* TokenTable::token_of(int32_t id) const {
  return id >= 0 && id < id_bound_ ? of_id_[static_cast<size_t>(id)] : nullptr;
}

}  // namespace retort
