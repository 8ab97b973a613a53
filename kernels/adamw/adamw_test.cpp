#include "kernels/adamw/adamw_op.h"
#include "kernels/operation_test.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace retort::kernels {
namespace {

AdamwStep step_number(int t) {
  AdamwStep step;
  step.lr = 0.01f;
  step.beta1 = 0.9f;
  step.beta2 = 0.99f;
  step.weight_decay = 0.1f;
  step.bias_correction1 = static_cast<float>(1 - std::pow(0.9, t));
  step.sqrt_bias_correction2 = static_cast<float>(std::sqrt(1 - std::pow(0.99, t)));
  return step;
}

// Three steps of torch.optim.AdamW 2.11 in double: lr 0.01, betas (0.9, 0.99), eps 1e-8, weight
// decay 0.1.
const std::vector<std::vector<float>> kGradients = {
    {0.1f, -0.2f, 0.3f, 0.0f}, {0.5f, 0.4f, -0.3f, 1e-4f}, {-1.0f, 0.25f, 0.125f, 3.0f}};
const std::vector<double> kWeights = {0.9810989632643091, -0.4977601655853687, 0.2383776748508123,
                                      1.9802302786447177};
const std::vector<double> kMeans = {-0.0469, 0.0448, 0.0098, 0.300009};
const std::vector<double> kSquares = {0.01257301, 0.00260104, 0.00192934, 0.090000000099};

TEST(Adamw, ThreeStepsOfTorch) {
  std::vector<float> w = {1.0f, -0.5f, 0.25f, 2.0f}, m(4), v(4);
  for (int t = 1; t <= 3; ++t)
    adamw(w.data(), kGradients[t - 1].data(), m.data(), v.data(), 4, step_number(t));
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(w[i], kWeights[i], 3e-7);
    EXPECT_NEAR(m[i], kMeans[i], 1e-7);
    EXPECT_NEAR(v[i], kSquares[i], 1e-7);
  }
}

TEST(Adamw, TensorsAndThePlainDefinition) {
  at::Tensor w = random_tensor({100}, 1), m = random_tensor({100}, 2),
             v = random_tensor({100}, 3).square();
  const at::Tensor grad = random_tensor({100}, 4);
  at::Tensor w_plain = w.to(at::kDouble), m_plain = m.to(at::kDouble), v_plain = v.to(at::kDouble);
  AdamwStep step = step_number(2);
  step.grad_scale = 0.25f;
  adamw_update(w, grad, m, v, step);
  adamw_plain(w_plain, grad.to(at::kDouble), m_plain, v_plain, step);
  const std::pair<at::Tensor, at::Tensor> pairs[] = {{w, w_plain}, {m, m_plain}, {v, v_plain}};
  for (const auto& [got, want] : pairs) {
    const at::Tensor exact = want.contiguous();
    EXPECT_LT(sim_error(values_of(got), {exact.data_ptr<double>(), exact.data_ptr<double>() + 100}),
              sim_limit("float"));
  }
}

TEST(Adamw, SumOfSquares) {
  const std::vector<float> x = {3.0f, -4.0f, 12.0f};
  EXPECT_EQ(sum_of_squares(x.data(), 3), 169.0);
}

}  // namespace
}  // namespace retort::kernels
