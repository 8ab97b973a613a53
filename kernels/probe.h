#pragma once
// The probes of contract_check.h, one per function, in `<kernel>/<kernel>_probe.cpp`, and what they
// share.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace retort::kernels {

std::string probe_gemm_pack();
std::string probe_gemm_forward();
std::string probe_gemm_backward_input();
std::string probe_gemm_backward_weight();
std::string probe_attention_forward();
std::string probe_attention_backward();
std::string probe_rms_norm_forward();
std::string probe_rms_norm_backward();
std::string probe_rotary_apply();
std::string probe_swiglu_forward();
std::string probe_swiglu_backward();
std::string probe_residual_add_forward();
std::string probe_embedding_forward();
std::string probe_embedding_backward();
std::string probe_head_row();
std::string probe_head_probabilities();
std::string probe_head_forward();
std::string probe_head_backward();
std::string probe_adamw();
std::string probe_sum_of_squares();

// A function whose output is `rows` rows of `columns`: kernel(first, count, out) computes rows
// [first, first + count).
struct RowFunction {
  int64_t rows;
  int64_t columns;
  std::function<void(int64_t first, int64_t count, float* out)> kernel;
  std::vector<float> definition;  // [rows, columns]
};
// Against the definition, alone and in batches, with one thread and several.
std::string probe_rows(const RowFunction& function);

// A function that continues an accumulator of `size` floats, from `start`, with tokens
// [first, first + count) of `tokens`.
struct AccumulatingFunction {
  int64_t tokens;
  std::vector<float> start;
  std::function<void(int64_t first, int64_t count, float* accumulator)> kernel;
  std::vector<float> definition;  // after all tokens
};
// Against the definition, for several splits of the tokens, with one thread and several.
std::string probe_accumulation(const AccumulatingFunction& function);

// "" or `where: message`.
std::string describe(const std::string& where, const std::vector<float>& got,
                     const std::vector<float>& want, int64_t columns);

}  // namespace retort::kernels
