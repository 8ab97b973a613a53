// Rotary frequencies and tables against Transformers' (tests/parity/make_config_fixtures.py).
#include "policy/checkpoint/model_config.h"
#include "policy/checkpoint/rotary_table.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <fstream>
#include <map>

namespace retort {
namespace {

using nlohmann::json;

float from_bits(const json& bits) { return std::bit_cast<float>(bits.get<int32_t>()); }

// Steps between two finite floats of one sign.
int64_t ulps(float a, float b) {
  return std::abs(int64_t{std::bit_cast<int32_t>(a)} - int64_t{std::bit_cast<int32_t>(b)});
}

struct Case {
  std::string name;
  ModelConfig model;
  json want;
};

std::vector<Case> cases() {
  std::ifstream in("tests/parity/model_config/cases.jsonl");
  std::vector<Case> rows;
  for (std::string line; std::getline(in, line);)
    if (const json row = json::parse(line); row.contains("want"))
      rows.push_back(
          {row["name"], ModelConfig::parse("dir", row["config"].dump(), ""), row["want"]});
  return rows;
}

TEST(RotaryTable, FrequenciesAreTransformersToTwoUlp) {
  std::map<RotaryKind, int> kinds;
  for (const auto& [name, model, want] : cases()) {
    SCOPED_TRACE(name);
    const RotaryFrequencies got =
        rotary_frequencies(model.rotary, model.head_dim, model.max_position_embeddings);
    ASSERT_EQ(got.inv_freq_C.size(), want["inv_freq"].size());
    for (size_t i = 0; i < got.inv_freq_C.size(); ++i) {
      EXPECT_LE(ulps(got.inv_freq_C[i], from_bits(want["inv_freq"][i])), 2)
          << i << " of " << got.inv_freq_C.size();
    }
    EXPECT_EQ(got.attention_factor, static_cast<float>(want["attention_factor"].get<double>()));
    ++kinds[model.rotary.kind];
  }
  for (const std::string& kind : rotary_kind_names())
    EXPECT_GE(kinds[*find_rotary_kind(kind)], 2) << kind;
}

TEST(RotaryTable, RowsAreTransformersWithTheSameFrequencies) {
  for (const auto& [name, model, want] : cases()) {
    SCOPED_TRACE(name);
    // Transformers' own frequencies, so that a far position does not multiply a difference of one
    // ulp.
    RotaryFrequencies frequencies;
    for (const json& bits : want["inv_freq"]) frequencies.inv_freq_C.push_back(from_bits(bits));
    frequencies.attention_factor = static_cast<float>(want["attention_factor"].get<double>());
    std::vector<float> cos_C(frequencies.inv_freq_C.size()), sin_C(cos_C.size());
    for (size_t p = 0; p < want["positions"].size(); ++p) {
      rotary_row(frequencies, want["positions"][p], cos_C.data(), sin_C.data());
      for (size_t i = 0; i < cos_C.size(); ++i) {
        EXPECT_NEAR(cos_C[i], from_bits(want["cos"][p][i]), 2e-7)
            << want["positions"][p] << ", " << i;
        EXPECT_NEAR(sin_C[i], from_bits(want["sin"][p][i]), 2e-7)
            << want["positions"][p] << ", " << i;
      }
    }
  }
}

TEST(RotaryTable, ATableIsItsRows) {
  const RotaryFrequencies frequencies = rotary_frequencies(RotaryParameters{}, 8, 2048);
  const RotaryTable table = make_rotary_table(frequencies, 5);
  ASSERT_EQ(table.half_dim, 4);
  ASSERT_EQ(table.cos_PC.size(), 20u);
  float cos_C[4], sin_C[4];
  rotary_row(frequencies, 3, cos_C, sin_C);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(table.cos_PC[size_t{12} + i], cos_C[i]);
    EXPECT_EQ(table.sin_PC[size_t{12} + i], sin_C[i]);
  }
}

TEST(RotaryTable, PartOfAHeadIsRotatedByAllKindsButTheDefault) {
  RotaryParameters rotary;
  rotary.partial_rotary_factor = 0.5;
  EXPECT_EQ(rotary_frequencies(rotary, 32, 2048).inv_freq_C.size(), 16u);
  rotary.kind = RotaryKind::kLinear;
  rotary.factor = 2.0;
  const RotaryFrequencies part = rotary_frequencies(rotary, 32, 2048);
  rotary.partial_rotary_factor = 1.0;
  EXPECT_EQ(part.inv_freq_C, rotary_frequencies(rotary, 16, 2048).inv_freq_C);
}

TEST(RotaryTable, OnlyDynamicEndsAtItsContext) {
  RotaryParameters rotary;
  EXPECT_EQ(rotary_position_limit(rotary, 128), kMaxRotaryPositions);
  rotary.kind = RotaryKind::kDynamic;
  EXPECT_EQ(rotary_position_limit(rotary, 128), 128);
}

}  // namespace
}  // namespace retort
