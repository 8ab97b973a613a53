#include "kernels/kernels.h"

#include "kernels/probe.h"

namespace retort::kernels {

const std::vector<Kernel>& all_kernels() {
  static const std::vector<Kernel> kernels = {
      {"gemm",
       "y = x W^T + b, and its two backward products",
       {{"gemm_pack", probe_gemm_pack},
        {"gemm_forward", probe_gemm_forward},
        {"gemm_backward_input", probe_gemm_backward_input},
        {"gemm_backward_weight", probe_gemm_backward_weight}}},
      {"attention",
       "grouped-query causal attention of a ragged list of tokens over cache pages",
       {{"attention_forward", probe_attention_forward},
        {"attention_backward", probe_attention_backward}}},
      {"rms_norm",
       "root-mean-square norm of rows, also of single heads",
       {{"rms_norm_forward", probe_rms_norm_forward},
        {"rms_norm_backward", probe_rms_norm_backward}}},
      {"rotary",
       "rotation of head dims by the absolute position",
       {{"rotary_apply", probe_rotary_apply}}},
      {"swiglu",
       "silu(gate) * up",
       {{"swiglu_forward", probe_swiglu_forward}, {"swiglu_backward", probe_swiglu_backward}}},
      {"residual_add",
       "sum of the residual stream and a branch",
       {{"residual_add_forward", probe_residual_add_forward}}},
      {"embedding",
       "rows of a matrix by token id",
       {{"embedding_forward", probe_embedding_forward},
        {"embedding_backward", probe_embedding_backward}}},
      {"head",
       "log-probability and entropy of next tokens, fused with the vocabulary product",
       {{"head_row", probe_head_row},
        {"head_probabilities", probe_head_probabilities},
        {"head_forward", probe_head_forward},
        {"head_backward", probe_head_backward}}},
      {"adamw",
       "AdamW step and the sum of squares for gradient clipping",
       {{"adamw", probe_adamw}, {"sum_of_squares", probe_sum_of_squares}}},
  };
  return kernels;
}

}  // namespace retort::kernels
