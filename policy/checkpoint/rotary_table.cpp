// C = pairs of rotated dims, P = positions.
#include "policy/checkpoint/rotary_table.h"

#include "base/check.h"
#include "base/exact_math.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace retort {

namespace {

struct KindRow {
  std::string_view name;
  RotaryKind kind;
};

constexpr KindRow kKinds[] = {
    {"default", RotaryKind::kDefault}, {"linear", RotaryKind::kLinear},
    {"dynamic", RotaryKind::kDynamic}, {"llama3", RotaryKind::kLlama3},
    {"yarn", RotaryKind::kYarn},
};

// theta ^ (2 i / dim): exponent and base are fp32, as is the result.
std::vector<float> position_periods(double theta, int64_t dim) {
  std::vector<float> periods;
  for (int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    periods.push_back(static_cast<float>(exact::pow(static_cast<float>(theta), exponent)));
  }
  return periods;
}

std::vector<float> reciprocals(const std::vector<float>& values) {
  std::vector<float> result;
  for (const float value : values) result.push_back(1.0f / value);
  return result;
}

// Short wavelengths stay, long ones are divided by `factor`, those between are blended.
std::vector<float> llama3_frequencies(const RotaryParameters& p, std::vector<float> inv_freq_C) {
  const auto original = static_cast<double>(p.original_max_position_embeddings);
  const auto factor = static_cast<float>(p.factor);
  const auto low_wavelength = static_cast<float>(original / p.low_freq_factor);
  const auto high_wavelength = static_cast<float>(original / p.high_freq_factor);
  for (float& inv_freq : inv_freq_C) {
    const float wavelength = (1.0f / inv_freq) * static_cast<float>(2 * std::numbers::pi);
    const float scaled = wavelength > low_wavelength ? inv_freq / factor : inv_freq;
    if (wavelength < high_wavelength || wavelength > low_wavelength) {
      inv_freq = scaled;
      continue;
    }
    const float turns = (1.0f / wavelength) * static_cast<float>(original);
    const float smooth = (turns - static_cast<float>(p.low_freq_factor)) /
                         static_cast<float>(p.high_freq_factor - p.low_freq_factor);
    inv_freq = (1.0f - smooth) * scaled / factor + smooth * scaled;
  }
  return inv_freq_C;
}

// 0.1 m ln(s) + 1: equation 22 of the YaRN paper.
double yarn_mscale(double scale, double mscale) {
  return scale <= 1 ? 1.0 : 0.1 * mscale * exact::log(scale) + 1.0;
}

double yarn_attention_factor(const RotaryParameters& p) {
  if (p.attention_factor) return *p.attention_factor;
  if (p.mscale.value_or(0) != 0 && p.mscale_all_dim.value_or(0) != 0)
    return yarn_mscale(p.factor, *p.mscale) / yarn_mscale(p.factor, *p.mscale_all_dim);
  return yarn_mscale(p.factor, 1);
}

// The (fractional) dim whose wavelength fits `turns` times into the original context.
double yarn_correction_dim(const RotaryParameters& p, int64_t dim, double turns) {
  const double ratio =
      static_cast<double>(p.original_max_position_embeddings) / (turns * 2 * std::numbers::pi);
  return static_cast<double>(dim) * exact::log(ratio) / (2 * exact::log(p.theta));
}

// Interpolated (divided by factor) for dims beyond the ramp, unchanged before it.
std::vector<float> yarn_frequencies(const RotaryParameters& p, int64_t dim) {
  double low = yarn_correction_dim(p, dim, p.beta_fast);
  double high = yarn_correction_dim(p, dim, p.beta_slow);
  if (p.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) high += 0.001;  // no division by zero
  const auto factor = static_cast<float>(p.factor);
  std::vector<float> inv_freq_C;
  for (const float period : position_periods(p.theta, dim)) {
    const auto i = static_cast<float>(inv_freq_C.size());
    const float ramp =
        std::clamp((i - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f, 1.0f);
    const float extrapolation = 1.0f / period;
    const float interpolation = 1.0f / (factor * period);
    const float keep = 1.0f - ramp;
    inv_freq_C.push_back(interpolation * (1.0f - keep) + extrapolation * keep);
  }
  return inv_freq_C;
}

}  // namespace

std::string_view rotary_kind_name(RotaryKind kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row.name;
  RT_CHECK(false) << "rotary kind " << static_cast<int>(kind);
  return {};
}

std::optional<RotaryKind> find_rotary_kind(std::string_view name) {
  for (const KindRow& row : kKinds)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

std::vector<std::string> rotary_kind_names() {
  std::vector<std::string> names;
  for (const KindRow& row : kKinds) names.emplace_back(row.name);
  return names;
}

RotaryFrequencies rotary_frequencies(const RotaryParameters& p, int64_t head_dim,
                                     int64_t max_position_embeddings) {
  RT_CHECK(head_dim >= 2 && head_dim % 2 == 0) << "head_dim " << head_dim;
  const auto rotated =
      static_cast<int64_t>(static_cast<double>(head_dim) * p.partial_rotary_factor);
  const int64_t dim = p.kind == RotaryKind::kDefault ? head_dim : rotated;
  RT_CHECK(dim >= 2 && dim <= head_dim && dim % 2 == 0) << "rotated dims " << dim;
  RotaryFrequencies result;
  switch (p.kind) {
    case RotaryKind::kDefault:
      result.inv_freq_C = reciprocals(position_periods(p.theta, dim));
      break;
    case RotaryKind::kLinear:
      result.inv_freq_C = reciprocals(position_periods(p.theta, dim));
      for (float& inv_freq : result.inv_freq_C) inv_freq /= static_cast<float>(p.factor);
      break;
    case RotaryKind::kDynamic: {
      // The base for sequences up to max_position_embeddings; the bracket is 1 up to rounding.
      RT_CHECK_GT(dim, 2) << "dynamic scaling needs more than one pair of dims";
      const auto length = static_cast<double>(max_position_embeddings);
      const double stretch = p.factor * length / length - (p.factor - 1);
      const double exponent = static_cast<double>(dim) / static_cast<double>(dim - 2);
      result.inv_freq_C =
          reciprocals(position_periods(p.theta * exact::pow(stretch, exponent), dim));
      break;
    }
    case RotaryKind::kLlama3:
      result.inv_freq_C = llama3_frequencies(p, reciprocals(position_periods(p.theta, dim)));
      break;
    case RotaryKind::kYarn:
      result.inv_freq_C = yarn_frequencies(p, dim);
      result.attention_factor = static_cast<float>(yarn_attention_factor(p));
      break;
  }
  return result;
}

int64_t rotary_position_limit(const RotaryParameters& parameters, int64_t max_position_embeddings) {
  return parameters.kind == RotaryKind::kDynamic
             ? std::min(max_position_embeddings, kMaxRotaryPositions)
             : kMaxRotaryPositions;
}

void rotary_row(const RotaryFrequencies& frequencies, int64_t position, float* cos_C,
                float* sin_C) {
  RT_CHECK(position >= 0 && position < kMaxRotaryPositions) << "position " << position;
  for (size_t i = 0; i < frequencies.inv_freq_C.size(); ++i) {
    const float angle = static_cast<float>(position) * frequencies.inv_freq_C[i];
    cos_C[i] = static_cast<float>(exact::cos(angle)) * frequencies.attention_factor;
    sin_C[i] = static_cast<float>(exact::sin(angle)) * frequencies.attention_factor;
  }
}

RotaryTable make_rotary_table(const RotaryFrequencies& frequencies, int64_t positions) {
  RT_CHECK(positions >= 0 && positions <= kMaxRotaryPositions) << positions << " positions";
  const size_t half_dim = frequencies.inv_freq_C.size();
  RotaryTable table;
  table.positions = positions;
  table.half_dim = static_cast<int64_t>(half_dim);
  table.cos_PC.resize(static_cast<size_t>(positions) * half_dim);
  table.sin_PC.resize(static_cast<size_t>(positions) * half_dim);
  for (int64_t p = 0; p < positions; ++p) {
    const size_t row = static_cast<size_t>(p) * half_dim;
    rotary_row(frequencies, p, table.cos_PC.data() + row, table.sin_PC.data() + row);
  }
  return table;
}

}  // namespace retort
