#include "kernels/dispatch.h"

#include "base/check.h"
#include "base/error.h"

#include <cstdlib>
#include <string>

namespace retort::kernels {
namespace {

struct InstructionSet {
  std::string_view name;
  bool (*supported)();
  CpuFunctions functions;
};

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// Narrowest first.
constexpr InstructionSet kSets[] = {
#define RETORT_ENTRY(name) &avx2::name,
    {"avx2", has_avx2, {RETORT_CPU_FUNCTIONS(RETORT_ENTRY)}},
#undef RETORT_ENTRY
#define RETORT_ENTRY(name) &avx512::name,
    {"avx512", has_avx512, {RETORT_CPU_FUNCTIONS(RETORT_ENTRY)}},
#undef RETORT_ENTRY
};

struct Choice {
  std::string_view name;
  CpuFunctions functions;
};

Choice choose() {
  const InstructionSet* chosen = nullptr;
  const char* wanted = std::getenv("RETORT_ISA");
  for (const InstructionSet& set : kSets) {
    if (wanted ? set.name == wanted : set.supported()) chosen = &set;
  }
  if (wanted && !chosen) {
    throw UserError("RETORT_ISA", std::string("got ") + wanted,
                    "set it to avx2 or avx512, or unset it");
  }
  if (!chosen || !chosen->supported()) {
    throw MissingError("processor", "no " + std::string(chosen ? chosen->name : "avx2 with fma"),
                       chosen && wanted ? "unset RETORT_ISA" : "run on a processor that has it");
  }
  return {chosen->name, chosen->functions};
}

Choice& choice() {
  static Choice choice = choose();
  return choice;
}

}  // namespace

std::string_view instruction_set() { return choice().name; }

std::vector<std::string_view> supported_instruction_sets() {
  std::vector<std::string_view> names;
  for (const InstructionSet& set : kSets) {
    if (set.supported()) names.push_back(set.name);
  }
  return names;
}

void set_instruction_set(std::string_view name) {
  for (const InstructionSet& set : kSets) {
    if (set.name != name) continue;
    RT_CHECK(set.supported()) << "this processor has no " << name;
    choice() = {set.name, set.functions};
    return;
  }
  RT_CHECK(false) << "no instruction set " << name;
}

CpuFunctions& cpu_functions() { return choice().functions; }

int64_t packed_floats(int64_t N, int64_t K) { return (N + kPanel - 1) / kPanel * kPanel * K; }
float attention_scale(const AttentionDims& dims) {
  return dims.scale != 0 ? dims.scale : 1.0f / __builtin_sqrtf(static_cast<float>(dims.H));
}
int64_t page_floats(const AttentionDims& dims) { return dims.KV * dims.H * kPageTokens; }

// The functions of the headers: shapes are checked by the callers' operations, pointers are the
// caller's word.
#define RETORT_FORWARD(name, parameters, arguments) \
  void name parameters { cpu_functions().name arguments; }

RETORT_FORWARD(gemm_pack, (const float* w, int64_t N, int64_t K, float* packed), (w, N, K, packed))
RETORT_FORWARD(gemm_forward,
               (const float* x, const float* packed, const float* bias, float* y, int64_t T,
                int64_t K, int64_t N),
               (x, packed, bias, y, T, K, N))
RETORT_FORWARD(gemm_backward_input,
               (const float* dy, const float* w, float* dx, int64_t T, int64_t K, int64_t N),
               (dy, w, dx, T, K, N))
RETORT_FORWARD(gemm_backward_weight,
               (const float* dy, const float* x, float* dw, float* db, int64_t T, int64_t K,
                int64_t N),
               (dy, x, dw, db, T, K, N))
RETORT_FORWARD(attention_forward,
               (const float* q, const float* k, const float* v, const AttentionRuns& runs,
                const AttentionDims& dims, float* k_pages, float* v_pages, float* o, float* m,
                float* l),
               (q, k, v, runs, dims, k_pages, v_pages, o, m, l))
RETORT_FORWARD(attention_backward,
               (const float* d_o, const float* o, const float* q, const float* k, const float* v,
                const float* m, const float* l, const AttentionRuns& runs,
                const AttentionDims& dims, float* dq, float* dk, float* dv),
               (d_o, o, q, k, v, m, l, runs, dims, dq, dk, dv))
RETORT_FORWARD(rms_norm_forward,
               (const float* x, const float* w, double eps, float* y, float* rstd, int64_t R,
                int64_t D),
               (x, w, eps, y, rstd, R, D))
RETORT_FORWARD(rms_norm_backward,
               (const float* dy, const float* x, const float* w, const float* rstd, float* dx,
                float* dw, int64_t R, int64_t D),
               (dy, x, w, rstd, dx, dw, R, D))
RETORT_FORWARD(rotary_apply,
               (const float* x, const int32_t* positions, const float* cos, const float* sin,
                float* y, int64_t T, int64_t N, int64_t H, int64_t C, float sign),
               (x, positions, cos, sin, y, T, N, H, C, sign))
RETORT_FORWARD(swiglu_forward, (const float* gate_up, float* y, int64_t T, int64_t F),
               (gate_up, y, T, F))
RETORT_FORWARD(swiglu_backward,
               (const float* dy, const float* gate_up, float* dgate_up, int64_t T, int64_t F),
               (dy, gate_up, dgate_up, T, F))
RETORT_FORWARD(residual_add_forward, (const float* x, const float* r, float* y, int64_t count),
               (x, r, y, count))
RETORT_FORWARD(embedding_forward,
               (const int32_t* ids, const float* w, float* y, int64_t T, int64_t D),
               (ids, w, y, T, D))
RETORT_FORWARD(embedding_backward,
               (const int32_t* ids, const float* dy, float* dw, int64_t T, int64_t D),
               (ids, dy, dw, T, D))
RETORT_FORWARD(head_forward,
               (const float* h, const float* packed, const int32_t* targets, const KeptSets& kept,
                float temperature, float* logp, float* entropy, int64_t T, int64_t D, int64_t V),
               (h, packed, targets, kept, temperature, logp, entropy, T, D, V))
RETORT_FORWARD(head_backward,
               (const float* dlogp, const float* dentropy, const float* h, const float* packed,
                const float* w, const int32_t* targets, const KeptSets& kept, float temperature,
                float* dh, float* dw, int64_t T, int64_t D, int64_t V),
               (dlogp, dentropy, h, packed, w, targets, kept, temperature, dh, dw, T, D, V))
RETORT_FORWARD(head_probabilities,
               (const float* scaled, int64_t V, const int32_t* kept, int64_t count,
                const RowSoftmax& row, float* p),
               (scaled, V, kept, count, row, p))
RETORT_FORWARD(adamw,
               (float* w, const float* grad, float* m, float* v, int64_t count,
                const AdamwStep& step),
               (w, grad, m, v, count, step))
#undef RETORT_FORWARD

RowSoftmax head_row(const float* logits, int64_t V, const int32_t* kept, int64_t kept_count,
                    float temperature, float* scaled) {
  return cpu_functions().head_row(logits, V, kept, kept_count, temperature, scaled);
}
double sum_of_squares(const float* x, int64_t count) {
  return cpu_functions().sum_of_squares(x, count);
}

}  // namespace retort::kernels
