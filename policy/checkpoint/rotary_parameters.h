#pragma once
// config.json's rope parameters in both generations of names: `rope_parameters`, or `rope_theta`
// beside `rope_scaling`.
#include "policy/checkpoint/json_fields.h"
#include "policy/checkpoint/rotary_table.h"

#include <cstdint>

namespace retort {

// `config` is the outermost object. UserError for an unknown kind, a missing or wrong value, and
// for heads that would be rotated in part only (the families of the table rotate whole heads).
RotaryParameters read_rotary_parameters(const JsonFields& config, int64_t head_dim,
                                        int64_t max_position_embeddings);

}  // namespace retort
