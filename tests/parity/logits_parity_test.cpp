// Logits of small random models against Transformers' (tests/parity/make_logits_fixtures.py): every
// row within 2e-4 x the row's largest logit, and the same bits however the forward is laid out.
#include "policy/checkpoint/safetensors.h"
#include "policy/hf_model.h"
#include "policy/policy.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace retort {
namespace {

const std::string kFolder = "tests/parity/logits";

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::vector<int32_t>> tokens_of(const std::string& dir) {
  std::vector<std::vector<int32_t>> sequences;
  std::ifstream file(dir + "/tokens.jsonl");
  for (std::string line; std::getline(file, line);)
    sequences.push_back(nlohmann::json::parse(line)["tokens"].get<std::vector<int32_t>>());
  return sequences;
}

std::vector<float> logits_in_chunks(const Policy& policy, const std::vector<int32_t>& tokens,
                                    int64_t chunk) {
  const int64_t length = static_cast<int64_t>(tokens.size());
  const int64_t pages = (length + kernels::kPageTokens - 1) / kernels::kPageTokens;
  KvCache cache = make_kv_cache(policy.weights(), pages);
  std::vector<float> logits;
  for (int64_t begin = 0; begin < length; begin += chunk) {
    RaggedTokens run;
    std::vector<int32_t> held;
    for (int64_t page = 0; page < pages; ++page)
      held.push_back(static_cast<int32_t>(pages - 1 - page));
    run.add_run(tokens.data() + begin, std::min(chunk, length - begin), static_cast<int32_t>(begin),
                held);
    const at::Tensor rows = policy.logits(policy.hidden(run, cache));
    logits.insert(logits.end(), rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel());
  }
  return logits;
}

class LogitsParity : public ::testing::TestWithParam<std::string> {};

TEST_P(LogitsParity, EqualsTransformers) {
  at::NoGradGuard no_grad;
  const std::string dir = kFolder + "/" + GetParam();
  const Policy policy(load_weights(dir));
  const std::vector<std::vector<int32_t>> sequences = tokens_of(dir);
  ASSERT_FALSE(sequences.empty());
  const SafetensorsFile expected = SafetensorsFile::open(dir + "/logits.safetensors");
  const PackedSequences packed = pack_sequences(sequences);
  KvCache cache = make_kv_cache(policy.weights(), packed.pages);
  const at::Tensor all = policy.logits(policy.hidden(packed.tokens, cache));
  const int64_t V = all.size(1);
  for (size_t s = 0; s < sequences.size(); ++s) {
    const TensorView& view = expected.at(std::to_string(s));
    std::vector<float> want(static_cast<size_t>(view.size()));
    load_f32(expected.path(), view, want.data());
    const float* got = all.data_ptr<float>() + packed.tokens.run_begin[s] * V;
    ASSERT_EQ(want.size(), sequences[s].size() * static_cast<size_t>(V));
    for (size_t row = 0; row < sequences[s].size(); ++row) {
      float largest = 0, difference = 0;
      for (int64_t v = 0; v < V; ++v) {
        const size_t i = row * static_cast<size_t>(V) + static_cast<size_t>(v);
        largest = std::max(largest, std::fabs(want[i]));
        difference = std::max(difference, std::fabs(want[i] - got[i]));
      }
      ASSERT_LE(difference, 2e-4f * largest) << "sequence " << s << " row " << row;
    }
    for (const int64_t chunk : {1, 5, 16, 100000}) {
      const std::vector<float> chunked = logits_in_chunks(policy, sequences[s], chunk);
      ASSERT_EQ(std::memcmp(chunked.data(), got, chunked.size() * sizeof(float)), 0)
          << "sequence " << s << " chunk " << chunk;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LogitsParity, ::testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace retort
