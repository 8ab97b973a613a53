// The table of families: name, help, split, levels, the one object.
#include "base/registry.h"
#include "tasks/family.h"

namespace retort {

const Family& chain_sum_family();
const Family& countdown_family();
const Family& arithmetic_family();

namespace {

constexpr FamilyRow kFamilies[] = {
    {"chain_sum", "sums and differences of 2 to 4 numbers, as 3+20-16=",
     "held out when the CRC-32 of the prompt is a multiple of 8", 1, 10, &chain_sum_family},
    {"countdown", "an expression of given numbers that makes a target, as 7 12 1>20=",
     "held out when the CRC-32 of the prompt is a multiple of 8", 1, 10, &countdown_family},
    {"arithmetic", "sums and differences of 2 to 4 numbers asked in a chat, as What is 3 - 3 + 7?",
     "held out when the FNV-1a 64 of the expression is a multiple of 5", 1, 5, &arithmetic_family},
};

}  // namespace

std::span<const FamilyRow> family_rows() { return kFamilies; }

const FamilyRow& find_family(std::string_view name, const std::string& place) {
  return find_row(family_rows(), name, place, "family");
}

const Family* family_or_null(std::string_view name) {
  for (const FamilyRow& row : kFamilies)
    if (row.name == name) return &row.get();
  return nullptr;
}

}  // namespace retort
