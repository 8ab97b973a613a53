#include "kernels/graph_op.h"

#include "base/check.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace retort::kernels {
namespace {

using torch::autograd::variable_list;

class ClosureNode final : public torch::autograd::Node {
 public:
  ClosureNode(torch::autograd::edge_list&& edges, Backward backward)
      : Node(std::move(edges)), backward_(std::move(backward)) {}

  void release_variables() override { backward_ = nullptr; }

 private:
  variable_list apply(variable_list&& grads) override {
    RT_CHECK(backward_ != nullptr) << "a second backward through one forward";
    const at::NoGradGuard no_grad;
    return backward_(grads);
  }

  Backward backward_;
};

}  // namespace

bool needs_graph(const std::vector<at::Tensor>& inputs) {
  return at::GradMode::is_enabled() &&
         std::any_of(inputs.begin(), inputs.end(), [](const at::Tensor& input) {
           return input.defined() && input.requires_grad();
         });
}

bool join_graph(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                Backward backward) {
  if (!needs_graph(inputs)) return false;
  const std::shared_ptr<ClosureNode> node(
      new ClosureNode(torch::autograd::collect_next_edges(inputs), std::move(backward)),
      torch::autograd::deleteNode);
  for (const at::Tensor& output : outputs) torch::autograd::set_history(output, node);
  return true;
}

}  // namespace retort::kernels
