// The contract of one forward, and the proof that the check sees and names a kernel that breaks it.
#include "kernels/contract_check.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace retort::kernels {
namespace {

std::string text_of(const std::vector<Breach>& breaches) {
  std::string text;
  for (const Breach& breach : breaches)
    text += breach.kernel + ", " + breach.function + ": " + breach.what + "\n";
  return text;
}

class InstructionSets : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    before_ = instruction_set();
    const std::vector<std::string_view> supported = supported_instruction_sets();
    if (std::find(supported.begin(), supported.end(), GetParam()) == supported.end()) {
      GTEST_SKIP() << "this processor has no " << GetParam();
    }
    set_instruction_set(GetParam());
  }
  void TearDown() override { set_instruction_set(before_); }

 private:
  std::string_view before_;
};

// Both sets are compared with the same definitions, so with each other.
TEST_P(InstructionSets, KeepTheContract) { EXPECT_EQ(text_of(contract_check()), ""); }
INSTANTIATE_TEST_SUITE_P(All, InstructionSets, testing::Values("avx2", "avx512"));

TEST(Contract, CoversEveryFunction) {
  std::set<std::string> functions;
#define RETORT_NAME(name) functions.insert(#name);
  RETORT_CPU_FUNCTIONS(RETORT_NAME)
#undef RETORT_NAME
  for (const Kernel& kernel : all_kernels()) {
    for (const FunctionProbe& probe : kernel.probes)
      EXPECT_EQ(functions.erase(probe.function), 1u) << probe.function;
  }
  EXPECT_EQ(functions, std::set<std::string>());
}

// Puts the table back at the end of a test.
class PlantedFault : public testing::Test {
 protected:
  void TearDown() override { set_instruction_set(instruction_set()); }

  // The check of the kernels named (none: of all) must name the function and no other.
  static void expect_named(const std::string& kernel, const std::string& function,
                           const std::string& only = "") {
    const std::vector<Breach> breaches = contract_check(only);
    ASSERT_EQ(breaches.size(), 1u) << text_of(breaches);
    EXPECT_EQ(breaches[0].kernel, kernel);
    EXPECT_EQ(breaches[0].function, function);
    EXPECT_NE(breaches[0].what, "");
  }
};

CpuFunctions healthy;

// Splits the reduced dimension in two when a batch is large: the usual breach of library products.
void split_gemm_forward(const float* x, const float* packed, const float* bias, float* y, int64_t T,
                        int64_t K, int64_t N) {
  if (T <= 8) return healthy.gemm_forward(x, packed, bias, y, T, K, N);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < N; ++n) {
      float half[2] = {0, 0};
      for (int64_t k = 0; k < K; ++k) {
        float& sum = half[k >= K / 2];
        sum = __builtin_fmaf(x[t * K + k], packed[(n / kPanel * K + k) * kPanel + n % kPanel], sum);
      }
      y[t * N + n] = half[0] + half[1] + (bias ? bias[n] : 0.0f);
    }
  }
}

// Another order for every row: invariant, and still not the contract.
void backward_order_rms_norm(const float* x, const float* w, double eps, float* y, float* rstd,
                             int64_t R, int64_t D) {
  for (int64_t r = 0; r < R; ++r) {
    float sum = 0;
    for (int64_t d = D - 1; d >= 0; --d) sum = __builtin_fmaf(x[r * D + d], x[r * D + d], sum);
    const float scale =
        1.0f / __builtin_sqrtf(sum / static_cast<float>(D) + static_cast<float>(eps));
    for (int64_t d = 0; d < D; ++d) y[r * D + d] = x[r * D + d] * scale * w[d];
    if (rstd) rstd[r] = scale;
  }
}

// The last bit of one element of the output, of the last row.
void nudge(float* element) {
  uint32_t bits;
  std::memcpy(&bits, element, sizeof(bits));
  bits ^= 1;
  std::memcpy(element, &bits, sizeof(bits));
}

TEST_F(PlantedFault, SplitReductionIsNamed) {
  healthy = cpu_functions();
  cpu_functions().gemm_forward = split_gemm_forward;
  expect_named("gemm", "gemm_forward");
}

TEST_F(PlantedFault, OtherOrderOfARowIsNamed) {
  cpu_functions().rms_norm_forward = backward_order_rms_norm;
  expect_named("rms_norm", "rms_norm_forward");
}

TEST_F(PlantedFault, LateBatchesOfAttentionAreNamed) {
  healthy = cpu_functions();
  cpu_functions().attention_forward =
      [](const float* q, const float* k, const float* v, const AttentionRuns& runs,
         const AttentionDims& dims, float* k_pages, float* v_pages, float* o, float* m, float* l) {
        healthy.attention_forward(q, k, v, runs, dims, k_pages, v_pages, o, m, l);
        // Decode at a late position only.
        if (runs.run_begin[runs.runs] == runs.runs && runs.first_position[0] > 60) nudge(o);
      };
  expect_named("attention", "attention_forward");
}

TEST_F(PlantedFault, LastBitOfAnyFunctionIsNamed) {
  healthy = cpu_functions();
  const auto plant = [&](const char* kernel, const char* function, auto CpuFunctions::*member,
                         auto fault) {
    SCOPED_TRACE(function);
    cpu_functions() = healthy;
    cpu_functions().*member = fault;
    expect_named(kernel, function, kernel);
  };
  plant("gemm", "gemm_pack", &CpuFunctions::gemm_pack,
        [](const float* w, int64_t N, int64_t K, float* packed) {
          healthy.gemm_pack(w, N, K, packed);
          nudge(packed);
        });
  plant("gemm", "gemm_backward_input", &CpuFunctions::gemm_backward_input,
        [](const float* dy, const float* w, float* dx, int64_t T, int64_t K, int64_t N) {
          healthy.gemm_backward_input(dy, w, dx, T, K, N);
          if (T > 1) nudge(dx + T * K - 1);
        });
  plant("gemm", "gemm_backward_weight", &CpuFunctions::gemm_backward_weight,
        [](const float* dy, const float* x, float* dw, float* db, int64_t T, int64_t K, int64_t N) {
          healthy.gemm_backward_weight(dy, x, dw, db, T, K, N);
          if (T == 5) nudge(dw + N * K - 1);
        });
  plant("attention", "attention_backward", &CpuFunctions::attention_backward,
        [](const float* d_o, const float* o, const float* q, const float* k, const float* v,
           const float* m, const float* l, const AttentionRuns& runs, const AttentionDims& dims,
           float* dq, float* dk, float* dv) {
          healthy.attention_backward(d_o, o, q, k, v, m, l, runs, dims, dq, dk, dv);
          if (threads() == 3) nudge(dv);
        });
  plant("rms_norm", "rms_norm_backward", &CpuFunctions::rms_norm_backward,
        [](const float* dy, const float* x, const float* w, const float* rstd, float* dx, float* dw,
           int64_t R, int64_t D) {
          healthy.rms_norm_backward(dy, x, w, rstd, dx, dw, R, D);
          if (dw) nudge(dw);
        });
  plant("rotary", "rotary_apply", &CpuFunctions::rotary_apply,
        [](const float* x, const int32_t* positions, const float* cos, const float* sin, float* y,
           int64_t T, int64_t N, int64_t H, int64_t C, float sign) {
          healthy.rotary_apply(x, positions, cos, sin, y, T, N, H, C, sign);
          if (sign < 0) nudge(y);
        });
  plant("swiglu", "swiglu_forward", &CpuFunctions::swiglu_forward,
        [](const float* x, float* y, int64_t T, int64_t F) {
          healthy.swiglu_forward(x, y, T, F);
          if (T == 1) nudge(y + F - 1);
        });
  plant("swiglu", "swiglu_backward", &CpuFunctions::swiglu_backward,
        [](const float* dy, const float* x, float* dx, int64_t T, int64_t F) {
          healthy.swiglu_backward(dy, x, dx, T, F);
          nudge(dx);
        });
  plant("residual_add", "residual_add_forward", &CpuFunctions::residual_add_forward,
        [](const float* x, const float* r, float* y, int64_t count) {
          healthy.residual_add_forward(x, r, y, count);
          nudge(y + count - 1);
        });
  plant("embedding", "embedding_forward", &CpuFunctions::embedding_forward,
        [](const int32_t* ids, const float* w, float* y, int64_t T, int64_t D) {
          healthy.embedding_forward(ids, w, y, T, D);
          nudge(y);
        });
  plant("embedding", "embedding_backward", &CpuFunctions::embedding_backward,
        [](const int32_t* ids, const float* dy, float* dw, int64_t T, int64_t D) {
          healthy.embedding_backward(ids, dy, dw, T, D);
          nudge(dw + ids[T - 1] * D);
        });
  plant("head", "head_row", &CpuFunctions::head_row,
        [](const float* logits, int64_t V, const int32_t* kept, int64_t count, float temperature,
           float* scaled) {
          RowSoftmax row = healthy.head_row(logits, V, kept, count, temperature, scaled);
          if (kept) nudge(&row.entropy);
          return row;
        });
  plant("head", "head_probabilities", &CpuFunctions::head_probabilities,
        [](const float* scaled, int64_t V, const int32_t* kept, int64_t count,
           const RowSoftmax& row, float* p) {
          healthy.head_probabilities(scaled, V, kept, count, row, p);
          nudge(p);
        });
  plant("head", "head_forward", &CpuFunctions::head_forward,
        [](const float* h, const float* packed, const int32_t* targets, const KeptSets& kept,
           float temperature, float* logp, float* entropy, int64_t T, int64_t D, int64_t V) {
          healthy.head_forward(h, packed, targets, kept, temperature, logp, entropy, T, D, V);
          if (T == 32) nudge(logp);
        });
  plant("head", "head_backward", &CpuFunctions::head_backward,
        [](const float* a, const float* b, const float* h, const float* packed, const float* w,
           const int32_t* targets, const KeptSets& kept, float temperature, float* dh, float* dw,
           int64_t T, int64_t D, int64_t V) {
          healthy.head_backward(a, b, h, packed, w, targets, kept, temperature, dh, dw, T, D, V);
          if (dw && kept.ids) nudge(dw);
        });
  plant("adamw", "adamw", &CpuFunctions::adamw,
        [](float* w, const float* grad, float* m, float* v, int64_t count, const AdamwStep& step) {
          healthy.adamw(w, grad, m, v, count, step);
          nudge(v + count - 1);
        });
  plant("adamw", "sum_of_squares", &CpuFunctions::sum_of_squares,
        [](const float* x, int64_t count) {
          double sum = 0;
          for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
          return sum;
        });
}

}  // namespace
}  // namespace retort::kernels
