#pragma once
// How the CPU kernels join autograd's graph: only activations are in it. A backward continues the
// gradients of its parameters itself (Parameter::grad), in the order in which autograd calls it,
// and hands back the gradients of its inputs. One file includes autograd's headers; the operations
// pass closures.
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace retort::kernels {

// Gradients of the outputs (undefined: zero) -> gradients of the inputs (undefined: none).
using Backward = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

// Makes `outputs`, computed outside autograd, depend on `inputs` when grad mode is on and an input
// requires a gradient; returns whether it did. The closure is destroyed after the backward. It must
// not hold an output (that would be a cycle); it may hold `output.detach()`.
bool join_graph(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                Backward backward);

// Whether join_graph would join: whether what the backward needs is worth keeping.
bool needs_graph(const std::vector<at::Tensor>& inputs);

}  // namespace retort::kernels
