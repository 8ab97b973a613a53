#pragma once
// Which instruction set the CPU kernels run with, chosen once at run time.
//
// Every `*_cpu.cpp` is compiled for AVX2 and for AVX-512; both give the same bits. The functions
// declared by the kernels' headers call through the table chosen here: the widest set that the
// processor has, or the one named by the environment variable RETORT_ISA (avx2, avx512).
#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm/gemm.h"
#include "kernels/head/head.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rotary/rotary.h"
#include "kernels/swiglu/swiglu.h"

#include <string_view>
#include <vector>

// Every function with an implementation per instruction set, by the name of its declaration.
// clang-format off
#define RETORT_CPU_FUNCTIONS(X) \
  X(gemm_pack) \
  X(gemm_forward) \
  X(gemm_backward_input) \
  X(gemm_backward_weight) \
  X(attention_forward) \
  X(attention_backward) \
  X(rms_norm_forward) \
  X(rms_norm_backward) \
  X(rotary_apply) \
  X(swiglu_forward) \
  X(swiglu_backward) \
  X(residual_add_forward) \
  X(embedding_forward) \
  X(embedding_backward) \
  X(head_row) \
  X(head_probabilities) \
  X(head_forward) \
  X(head_backward) \
  X(adamw) \
  X(sum_of_squares)
// clang-format on

namespace retort::kernels {

struct CpuFunctions {
#define RETORT_MEMBER(name) decltype(&kernels::name) name;
  RETORT_CPU_FUNCTIONS(RETORT_MEMBER)
#undef RETORT_MEMBER
};

namespace avx2 {
#define RETORT_DECLARE(name) decltype(kernels::name) name;
RETORT_CPU_FUNCTIONS(RETORT_DECLARE)
}  // namespace avx2
namespace avx512 {
RETORT_CPU_FUNCTIONS(RETORT_DECLARE)
#undef RETORT_DECLARE
}  // namespace avx512

// "avx2" or "avx512": what the kernels run with. Throws MissingError on a processor without AVX2
// and FMA, or without the set that RETORT_ISA names; UserError when RETORT_ISA names no known set.
std::string_view instruction_set();
// The sets that this processor has, narrowest first.
std::vector<std::string_view> supported_instruction_sets();
// For tests and benches, between loops: `name` is one of supported_instruction_sets().
void set_instruction_set(std::string_view name);

// The table in use. Tests plant a fault by replacing a member (contract_check.h must then name the
// kernel).
CpuFunctions& cpu_functions();

}  // namespace retort::kernels
