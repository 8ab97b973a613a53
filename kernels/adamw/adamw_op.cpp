#include "kernels/adamw/adamw_op.h"

namespace retort::kernels {

void adamw_plain(at::Tensor& w, const at::Tensor& grad, at::Tensor& m, at::Tensor& v,
                 const AdamwStep& step) {
  const at::Tensor g = grad.mul(step.grad_scale);
  w.mul_(1.0 - static_cast<double>(step.lr) * step.weight_decay);
  m.mul_(step.beta1).add_(g.mul(1.0f - step.beta1));
  v.mul_(step.beta2).add_(g.mul(g).mul_(1.0f - step.beta2));
  const at::Tensor denominator = v.sqrt().div_(step.sqrt_bias_correction2).add_(step.eps);
  w.sub_(m.div(denominator).mul_(step.lr / step.bias_correction1));
}

void adamw_update(at::Tensor& w, const at::Tensor& grad, at::Tensor& m, at::Tensor& v,
                  const AdamwStep& step) {
  if (!w.is_cpu()) return adamw_plain(w, grad, m, v, step);
  adamw(w.data_ptr<float>(), grad.data_ptr<float>(), m.data_ptr<float>(), v.data_ptr<float>(),
        w.numel(), step);
}

}  // namespace retort::kernels
