#include "kernels/exp_log.h"
#include "kernels/gemm/gemm.h"
#include "kernels/head/head.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/testing.h"

namespace retort::kernels {
namespace {

constexpr int64_t T = 37, D = 40, V = 75;
constexpr float kTemperature = 0.7f;

// Rows with their own kept sets, targets among them.
struct Inputs {
  std::vector<float> h = random_floats(T * D, 1);
  std::vector<float> w = random_floats(V * D, 2);
  std::vector<float> packed = std::vector<float>(packed_floats(V, D));
  std::vector<int32_t> targets = random_ids(T, V, 3);
  std::vector<int32_t> kept;
  std::vector<int64_t> kept_begin = {0};

  Inputs() {
    for (int64_t v = 0; v < V; ++v) {
      for (int64_t d = 0; d < D; ++d)
        packed[(v / kPanel * D + d) * kPanel + v % kPanel] = w[v * D + d];
    }
    const std::vector<int32_t> coin = random_ids(T * V, 2, 4);
    for (int64_t t = 0; t < T; ++t) {
      for (int32_t v = 0; v < V; ++v) {
        if (coin[t * V + v] || v == targets[t]) kept.push_back(v);
      }
      kept_begin.push_back(static_cast<int64_t>(kept.size()));
    }
  }

  // Rows from `first` on; begin holds absolute offsets.
  KeptSets sets(bool use, int64_t first) const {
    return use ? KeptSets{kept.data(), kept_begin.data() + first} : KeptSets{};
  }
};

}  // namespace

std::string probe_head_row() {
  const Inputs in;
  for (const bool use_kept : {false, true}) {
    std::vector<float> want(T * 2), got(T * 2), logits(V);
    reference::head_forward(in.h.data(), in.w.data(), in.targets.data(), in.sets(use_kept, 0),
                            kTemperature, want.data(), want.data() + T, T, D, V);
    for (int64_t t = 0; t < T; ++t) {
      reference::gemm_forward<float>(in.h.data() + t * D, in.w.data(), nullptr, logits.data(), 1, D,
                                     V);
      const KeptSets sets = in.sets(use_kept, t);
      const RowSoftmax row =
          head_row(logits.data(), V, sets.ids ? sets.ids + sets.begin[0] : nullptr,
                   sets.ids ? sets.begin[1] - sets.begin[0] : V, kTemperature, logits.data());
      got[t] = row_logprob(row, logits[in.targets[t]]);
      got[T + t] = row.entropy;
    }
    const std::string message = describe(use_kept ? "kept sets" : "whole vocabulary", got, want, T);
    if (!message.empty()) return message;
  }
  return "";
}

std::string probe_head_probabilities() {
  const std::vector<float> scaled = random_floats(V, 8);
  const RowSoftmax row = {scaled[3], 1.25f, 0.0f};
  std::vector<int32_t> ids;
  for (int32_t v = 1; v < V; v += 3) ids.push_back(v);
  for (const bool use_kept : {false, true}) {
    const auto count = use_kept ? static_cast<int64_t>(ids.size()) : V;
    std::vector<float> want(count);
    for (int64_t j = 0; j < count; ++j)
      want[j] = exp_f32(row_logprob(row, scaled[use_kept ? ids[j] : j]));
    GuardedOutput got(count);
    head_probabilities(scaled.data(), V, use_kept ? ids.data() : nullptr, count, row, got.data());
    if (!got.intact()) return "writes outside its output";
    const std::string message =
        describe(use_kept ? "kept sets" : "whole vocabulary", got.values(), want, 1);
    if (!message.empty()) return message;
  }
  return "";
}

std::string probe_head_forward() {
  const Inputs in;
  for (const bool use_kept : {false, true}) {
    std::vector<float> logp(T), entropy(T), want;
    reference::head_forward(in.h.data(), in.w.data(), in.targets.data(), in.sets(use_kept, 0),
                            kTemperature, logp.data(), entropy.data(), T, D, V);
    for (int64_t t = 0; t < T; ++t) want.insert(want.end(), {logp[t], entropy[t]});
    const std::string message = probe_rows(
        {T, 2,
         [&](int64_t first, int64_t count, float* out) {
           std::vector<float> results(2 * count);
           head_forward(in.h.data() + first * D, in.packed.data(), in.targets.data() + first,
                        in.sets(use_kept, first), kTemperature, results.data(),
                        results.data() + count, count, D, V);
           for (int64_t t = 0; t < count; ++t) {
             out[2 * t] = results[t];
             out[2 * t + 1] = results[count + t];
           }
         },
         want});
    if (!message.empty()) return (use_kept ? "kept sets, " : "whole vocabulary, ") + message;
  }
  return "";
}

std::string probe_head_backward() {
  const Inputs in;
  const std::vector<float> a = random_floats(T, 5), b = random_floats(T, 6),
                           start = random_floats(V * D, 7);
  for (const bool use_kept : {false, true}) {
    std::vector<float> dh(T * D), dw = start, unused(T * D);
    reference::head_backward(a.data(), b.data(), in.h.data(), in.w.data(), in.targets.data(),
                             in.sets(use_kept, 0), kTemperature, dh.data(), dw.data(), T, D, V);
    const auto kernel = [&](int64_t first, int64_t count, float* rows, float* sum) {
      head_backward(a.data() + first, b.data() + first, in.h.data() + first * D, in.packed.data(),
                    in.w.data(), in.targets.data() + first, in.sets(use_kept, first), kTemperature,
                    rows, sum, count, D, V);
    };
    std::string message = probe_rows(
        {T, D,
         [&](int64_t first, int64_t count, float* out) { kernel(first, count, out, nullptr); },
         dh});
    if (message.empty()) {
      message = probe_accumulation({T, start,
                                    [&](int64_t first, int64_t count, float* sum) {
                                      kernel(first, count, unused.data(), sum);
                                    },
                                    dw});
    }
    if (!message.empty()) return (use_kept ? "kept sets, " : "whole vocabulary, ") + message;
  }
  return "";
}

}  // namespace retort::kernels
