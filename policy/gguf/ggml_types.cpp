#include "policy/gguf/ggml_types.h"

#include "base/error.h"

#include <vector>

namespace retort {

namespace {

constexpr GgmlTypeRow kTypes[] = {
    {0, "F32", 1, 4},     {1, "F16", 1, 2},      {3, "Q4_1", 32, 20},  {8, "Q8_0", 32, 34},
    {30, "BF16", 1, 2},   {2, "Q4_0", 0, 0},     {6, "Q5_0", 0, 0},    {7, "Q5_1", 0, 0},
    {9, "Q8_1", 0, 0},    {10, "Q2_K", 0, 0},    {11, "Q3_K", 0, 0},   {12, "Q4_K", 0, 0},
    {13, "Q5_K", 0, 0},   {14, "Q6_K", 0, 0},    {15, "Q8_K", 0, 0},   {16, "IQ2_XXS", 0, 0},
    {17, "IQ2_XS", 0, 0}, {18, "IQ3_XXS", 0, 0}, {19, "IQ1_S", 0, 0},  {20, "IQ4_NL", 0, 0},
    {21, "IQ3_S", 0, 0},  {22, "IQ2_S", 0, 0},   {23, "IQ4_XS", 0, 0}, {24, "I8", 0, 0},
    {25, "I16", 0, 0},    {26, "I32", 0, 0},     {27, "I64", 0, 0},    {28, "F64", 0, 0},
    {29, "IQ1_M", 0, 0},  {34, "TQ1_0", 0, 0},   {35, "TQ2_0", 0, 0},  {39, "MXFP4", 0, 0},
    {40, "NVFP4", 0, 0},  {41, "Q1_0", 0, 0},
};

}  // namespace

const GgmlTypeRow& find_ggml_type(const std::string& place, uint32_t number) {
  std::vector<std::string> known;
  std::string name = "number " + std::to_string(number);
  for (const GgmlTypeRow& row : kTypes) {
    if (row.number == number && row.block_elements > 0) return row;
    if (row.number == number) name = row.name;
    if (row.block_elements > 0) known.emplace_back(row.name);
  }
  throw UserError(place, "has the type " + name, "known: " + join(known));
}

}  // namespace retort
