#pragma once
// For kernel headers: names of tensors and parameters without LibTorch's headers.
namespace at {
class Tensor;
}
namespace retort::kernels {
struct Parameter;
}
