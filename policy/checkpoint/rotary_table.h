#pragma once
// Rotary position tables (Su et al. 2021) and the ways of stretching them, with the roundings of
// Transformers: frequencies, angles and their products are fp32, attention factors double until
// they scale the table.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

enum class RotaryKind { kDefault, kLinear, kDynamic, kLlama3, kYarn };

// "default", "linear", "dynamic", "llama3", "yarn": the values of rope_type.
std::string_view rotary_kind_name(RotaryKind kind);
std::optional<RotaryKind> find_rotary_kind(std::string_view name);
std::vector<std::string> rotary_kind_names();

// A config's rope parameters. Fields beyond the first three are read by the kinds named beside
// them.
struct RotaryParameters {
  RotaryKind kind = RotaryKind::kDefault;
  double theta = 10000.0;
  double partial_rotary_factor = 1.0;  // linear, dynamic, llama3, yarn; the default kind ignores it
  double factor = 1.0;                 // linear, dynamic, llama3, yarn
  int64_t original_max_position_embeddings = 0;          // llama3, yarn
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  // llama3
  double beta_fast = 32.0, beta_slow = 1.0;              // yarn
  std::optional<double> attention_factor, mscale,
      mscale_all_dim;    // yarn; absent: derived from factor
  bool truncate = true;  // yarn: whole dims as ramp borders
  bool operator==(const RotaryParameters&) const = default;
};

// Per pair of rotated dims, and what cos and sin are multiplied by.
struct RotaryFrequencies {
  std::vector<float> inv_freq_C;
  float attention_factor = 1.0f;
};

// Sources: linear, dynamic: the community's position interpolation and NTK scaling; llama3:
// Llama 3.1; yarn: Peng et al. 2023, arXiv 2309.00071. head_dim is even and at least 2.
RotaryFrequencies rotary_frequencies(const RotaryParameters& parameters, int64_t head_dim,
                                     int64_t max_position_embeddings);

// Positions below this may be computed: max_position_embeddings for `dynamic`, whose frequencies
// depend on the sequence's length beyond it; else kMaxRotaryPositions.
int64_t rotary_position_limit(const RotaryParameters& parameters, int64_t max_position_embeddings);
inline constexpr int64_t kMaxRotaryPositions = int64_t{1}
                                               << 20;  // exact::sin is defined up to there

// Row of one position below kMaxRotaryPositions: cos and sin of position x frequency, times the
// attention factor, into C values each.
void rotary_row(const RotaryFrequencies& frequencies, int64_t position, float* cos_C, float* sin_C);

// The rows of positions 0 to P - 1: fp32 [P, C] each.
struct RotaryTable {
  int64_t positions = 0, half_dim = 0;
  std::vector<float> cos_PC, sin_PC;
};
RotaryTable make_rotary_table(const RotaryFrequencies& frequencies, int64_t positions);

}  // namespace retort
