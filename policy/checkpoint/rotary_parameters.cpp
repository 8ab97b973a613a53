#include "policy/checkpoint/rotary_parameters.h"

#include "base/error.h"

#include <cmath>

namespace retort {

namespace {

constexpr int64_t kMaxPositions = int64_t{1} << 40;

constexpr double kMaxFactor = 1e6;
constexpr double kMaxTheta = 1e30;  // an fp32 value whose powers below 1 are fp32 values too

double frequency_factor(const JsonFields& fields, std::string_view key) {
  const std::optional<double> value = fields.find_number(key);
  if (!value || !(*value > 0) || *value > kMaxFactor) fields.fail(key, "set a number above 0");
  return *value;
}

double scaling_factor(const JsonFields& fields) {
  const std::optional<double> factor = fields.find_number("factor");
  if (!factor || *factor < 1 || *factor > kMaxFactor)
    fields.fail("factor", "set a number from 1 to 1e6");
  return *factor;
}

RotaryKind read_kind(const JsonFields& fields) {
  std::optional<std::string> name = fields.find_text("rope_type");
  const std::string_view key = name ? "rope_type" : "type";
  if (!name) name = fields.find_text("type");
  if (!name) return RotaryKind::kDefault;
  const std::optional<RotaryKind> kind = find_rotary_kind(*name);
  if (!kind) fields.fail(key, "known: " + join(rotary_kind_names()));
  return *kind;
}

// A top-level value wins over the one among the rope parameters; without both the context is
// unscaled.
int64_t read_original_positions(const JsonFields& config, const JsonFields& fields,
                                int64_t max_position_embeddings) {
  constexpr std::string_view kKey = "original_max_position_embeddings";
  if (const auto value = config.find_integer(kKey, 1, kMaxPositions, Null::kAbsent)) return *value;
  return fields.find_integer(kKey, 1, kMaxPositions).value_or(max_position_embeddings);
}

void read_llama3(const JsonFields& fields, RotaryParameters* rotary) {
  rotary->factor = scaling_factor(fields);
  rotary->low_freq_factor = frequency_factor(fields, "low_freq_factor");
  rotary->high_freq_factor = frequency_factor(fields, "high_freq_factor");
  if (rotary->high_freq_factor <= rotary->low_freq_factor)
    fields.fail("high_freq_factor", "set it above low_freq_factor");
}

void read_yarn(const JsonFields& fields, int64_t max_position_embeddings,
               RotaryParameters* rotary) {
  if (fields.is_null("factor"))  // an explicit null: the ratio of the two context lengths
    rotary->factor = static_cast<double>(max_position_embeddings) /
                     static_cast<double>(rotary->original_max_position_embeddings);
  else
    rotary->factor = scaling_factor(fields);
  rotary->attention_factor = fields.find_number("attention_factor", Null::kAbsent);
  if (rotary->attention_factor.value_or(1) < 0)
    fields.fail("attention_factor", "set a number of 0 or more");
  rotary->mscale = fields.find_number("mscale", Null::kAbsent);
  rotary->mscale_all_dim = fields.find_number("mscale_all_dim", Null::kAbsent);
  // 0 means the default, as null does.
  if (const double beta = fields.find_number("beta_fast", Null::kAbsent).value_or(0); beta != 0)
    rotary->beta_fast = beta;
  if (const double beta = fields.find_number("beta_slow", Null::kAbsent).value_or(0); beta != 0)
    rotary->beta_slow = beta;
  if (rotary->beta_slow <= 0) fields.fail("beta_slow", "set a number above 0");
  if (rotary->beta_fast < rotary->beta_slow)
    fields.fail("beta_fast", "set it to beta_slow or more");
  rotary->truncate = fields.find_flag("truncate").value_or(true);
}

}  // namespace

RotaryParameters read_rotary_parameters(const JsonFields& config, int64_t head_dim,
                                        int64_t max_position_embeddings) {
  RotaryParameters rotary;
  // The older name wins where both are set; an empty object counts as absent.
  std::optional<JsonFields> fields = config.find_object("rope_scaling", Null::kAbsent);
  if (!fields || fields->empty()) fields = config.find_object("rope_parameters", Null::kAbsent);
  const JsonFields* theta_holder = &config;
  if (fields && fields->find_number("rope_theta")) theta_holder = &*fields;
  rotary.theta = theta_holder->find_number("rope_theta").value_or(rotary.theta);
  if (rotary.theta <= 1 || rotary.theta > kMaxTheta)
    theta_holder->fail("rope_theta", "set a number above 1");
  if (!fields || fields->empty()) return rotary;

  for (const std::string_view layer_type : {"full_attention", "sliding_attention"})
    if (fields->has(layer_type))
      fields->fail(layer_type, "set the parameters for all layers alike");
  rotary.kind = read_kind(*fields);
  if (rotary.kind == RotaryKind::kDefault) return rotary;

  const JsonFields* partial_holder = fields->has("partial_rotary_factor") ? &*fields : &config;
  if (const auto partial = partial_holder->find_number("partial_rotary_factor", Null::kAbsent)) {
    rotary.partial_rotary_factor = *partial;
    if (*partial != 1)
      partial_holder->fail("partial_rotary_factor", "set 1: this architecture rotates whole heads");
  }
  if (rotary.kind == RotaryKind::kLlama3 || rotary.kind == RotaryKind::kYarn)
    rotary.original_max_position_embeddings =
        read_original_positions(config, *fields, max_position_embeddings);
  switch (rotary.kind) {
    case RotaryKind::kDefault:
      break;
    case RotaryKind::kLinear:
      rotary.factor = scaling_factor(*fields);
      break;
    case RotaryKind::kDynamic:
      rotary.factor = scaling_factor(*fields);
      if (head_dim == 2) fields->fail("rope_type", "dynamic scaling needs a head_dim above 2");
      break;
    case RotaryKind::kLlama3:
      read_llama3(*fields, &rotary);
      break;
    case RotaryKind::kYarn:
      read_yarn(*fields, max_position_embeddings, &rotary);
      break;
  }
  const RotaryFrequencies frequencies =
      rotary_frequencies(rotary, head_dim, max_position_embeddings);
  bool finite = std::isfinite(frequencies.attention_factor);
  for (const float inv_freq : frequencies.inv_freq_C) finite = finite && std::isfinite(inv_freq);
  if (!finite)
    fields->fail("factor", "the frequencies it gives are not finite; set usual rope parameters");
  return rotary;
}

}  // namespace retort
