#include "tools/retort/bench_model.h"

#include "base/philox.h"
#include "kernels/parameter.h"
#include "kernels/testing.h"
#include "learner/learner.h"
#include "policy/hf_model.h"
#include "tools/retort/model.h"
#include "tools/retort/rollouts.h"
#include "tools/retort/stopwatch.h"
#include "tools/retort/train_parts.h"

#include <algorithm>

namespace retort {
namespace {

using kernels::Bench;
using kernels::BenchSettings;
using kernels::BenchWork;

struct Shape {
  const char* name;
  const char* config;  // config.json
  std::vector<int64_t> batches;
  int64_t group_size, sequence;  // of the learner's step: one prompt's samples, tokens of each
};

// What the quickstart trains, and SmolLM2-135M.
const Shape kShapes[] = {
    {"quickstart",
     R"({"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","head_dim":32,"hidden_size":128,
         "intermediate_size":256,"max_position_embeddings":1024,"num_attention_heads":4,
         "num_hidden_layers":3,"num_key_value_heads":2,"tie_word_embeddings":true,"vocab_size":128})",
     {256},
     128,
     60},
    {"smollm2-135m",
     R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":576,
         "intermediate_size":1536,"max_position_embeddings":8192,"num_attention_heads":9,
         "num_hidden_layers":30,"num_key_value_heads":3,"tie_word_embeddings":true,
         "vocab_size":49152})",
     {1, 32},
     4,
     128},
};

// A model to measure.
struct Subject {
  std::string name;
  LoadedModel model;
  std::vector<int64_t> batches;
  int64_t group_size, sequence;
};

Weights random_weights(const ModelConfig& config) {
  Weights weights = allocate_weights(config);
  uint64_t seed = 0;
  weights.for_each([&](kernels::Parameter& parameter) {
    const std::vector<float> values = kernels::random_floats(parameter.value.numel(), seed++);
    std::transform(values.begin(), values.end(), parameter.value.data_ptr<float>(),
                   [](float value) { return 0.05f * value; });
  });
  return weights;
}

// `visit` each model in turn: the one that the options name, or the shapes above.
template <class Visit>
void for_each_subject(const BenchOptions& options, const Visit& visit) {
  if (!options.model.empty()) {
    visit(Subject{
        options.model, load_policy(options.model, "--model", options.device), {1, 32}, 4, 128});
    return;
  }
  for (const Shape& shape : kShapes)
    visit(Subject{shape.name,
                  place_policy(random_weights(ModelConfig::parse(shape.name, shape.config, "")),
                               options.device),
                  shape.batches, shape.group_size, shape.sequence});
}

// Parameters that each token is multiplied with: the head too, a row of the embedding is looked up.
double multiplied(const Weights& weights) {
  const int64_t rows = weights.config.vocab_size * weights.config.hidden_size;
  return static_cast<double>(weights.parameter_count() -
                             (weights.config.tie_word_embeddings ? 0 : rows));
}

// Operations of attention for a query with `keys` keys, forward.
double attention_flops(const ModelConfig& config, double keys) {
  return 4.0 * keys * static_cast<double>(config.query_size() * config.layers);
}

double bytes_of_a_value(const Weights& weights) {
  return static_cast<double>(weights.embedding.value.element_size());
}

// One forward of `batch` tokens, each of another sequence with `keys` keys.
BenchWork decode_work(const Weights& weights, int64_t batch, double keys) {
  const ModelConfig& config = weights.config;
  const auto tokens = static_cast<double>(batch);
  const double cache = tokens * keys * 2.0 * static_cast<double>(config.kv_size() * config.layers);
  return {.flops = tokens * (2.0 * multiplied(weights) + attention_flops(config, keys)),
          .bytes = bytes_of_a_value(weights) * (multiplied(weights) + cache)};
}

std::vector<int32_t> random_tokens(int64_t count, int64_t vocab, uint32_t row) {
  PhiloxStream stream({0, Purpose::kSynthesis, 0}, row, 0, 0);
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(stream.uniform() * static_cast<double>(vocab));
  return ids;
}

// The least seconds of a forward of the engine in which every sequence decodes.
void decode(Bench& bench, const Subject& subject, int64_t batch) {
  constexpr int64_t kPrompt = 64, kNew = 64;
  const Policy& policy = *subject.model.policy;
  EngineSettings settings;
  settings.sampling = {1.0, 0, 1.0, 0, Purpose::kEvaluation};
  settings.max_new_tokens = kNew;
  settings.max_sequences = batch;
  settings.max_batch_tokens = 16384;
  settings.max_length = kPrompt + kNew;
  settings.length_setting = "--model";
  Engine engine(policy, settings);
  for (int64_t b = 0; b < batch; ++b) {
    const auto row = static_cast<uint32_t>(b);
    engine.submit({{0, row, 0, 0}, 0, random_tokens(kPrompt, policy.config().vocab_size, row), 1});
  }
  double best = 1e30;
  int64_t keys = kPrompt, best_keys = kPrompt;
  Stopwatch watch;
  while (!engine.idle()) {
    const int64_t before = engine.counters().sampled_tokens;
    const int64_t prefilled = engine.counters().prefill_tokens;
    watch.lap();
    engine.step();
    const double seconds = watch.lap();
    if (engine.counters().prefill_tokens > prefilled) continue;
    ++keys;
    if (engine.counters().sampled_tokens - before == batch && seconds < best) {
      best = seconds;
      best_keys = keys;
    }
  }
  bench.add("decode", {{"model", subject.name}, {"batch", batch}, {"context", best_keys}},
            decode_work(policy.weights(), batch, static_cast<double>(best_keys)),
            static_cast<double>(batch), "tok/s", best);
}

// `groups` groups whose samples have 16 tokens of prompt, every other one right.
std::vector<ScoredGroup> scored_groups(int64_t groups, const Subject& subject) {
  constexpr int32_t kPrompt = 16;
  std::vector<ScoredGroup> all(static_cast<size_t>(groups));
  for (uint32_t g = 0; g < all.size(); ++g)
    for (uint32_t slot = 0; slot < subject.group_size; ++slot) {
      Sample sample;
      sample.id = {1, g, slot, 0};
      sample.tokens = random_tokens(subject.sequence, subject.model.policy->config().vocab_size,
                                    g * 1000 + slot);
      sample.prompt_length = kPrompt;
      const auto completion = static_cast<size_t>(sample.completion_length());
      sample.loss_mask.assign(completion, 1);
      sample.logprobs.assign(completion, 0.0f);
      sample.entropies.assign(completion, 0.0f);
      sample.versions.assign(completion, 0);
      Verdict verdict;
      verdict.outcome = Outcome::kValue;
      verdict.score = slot % 2;
      all[g].samples.push_back(std::move(sample));
      all[g].verdicts.push_back(std::move(verdict));
    }
  return all;
}

void learn(Bench& bench, Subject& subject) {
  Policy& policy = *subject.model.policy;
  LearnerSettings settings;
  settings.max_new_tokens = subject.sequence;
  settings.steps = 1000;
  Optimizer optimizer(policy, settings.learner,
                      subject.model.masters ? &*subject.model.masters : nullptr);
  Learner learner(policy, optimizer, nullptr, settings);
  const std::vector<ScoredGroup> groups = scored_groups(1, subject);
  double best = 1e30;
  LearnerStep result;
  Stopwatch watch;
  for (int64_t step = 1; step <= 4; ++step) {
    watch.lap();
    result = learner.step(step, groups);
    best = std::min(best, watch.lap());
  }
  const auto tokens = static_cast<double>(result.fed_tokens);
  const double keys = static_cast<double>(subject.sequence) / 2;
  // Backward takes two products for each of the forward; attention's recomputes one besides.
  const double flops =
      tokens * (6.0 * multiplied(policy.weights()) + 3.5 * attention_flops(policy.config(), keys));
  bench.add(
      "learner",
      {{"model", subject.name}, {"sequences", subject.group_size}, {"tokens", subject.sequence}},
      {.flops = flops}, tokens, "tok/s", best);
}

}  // namespace

void bench_decode(Bench& bench, const BenchOptions& options) {
  for_each_subject(options, [&](const Subject& subject) {
    for (const int64_t batch :
         options.batch > 0 ? std::vector<int64_t>{options.batch} : subject.batches)
      decode(bench, subject, batch);
  });
}

void bench_learner(Bench& bench, const BenchOptions& options) {
  for_each_subject(options, [&](Subject subject) { learn(bench, subject); });
}

void bench_step(Bench& bench, const BenchOptions& options) {
  constexpr int64_t kSteps = 3;
  RunConfig config = load_run_config(options.config, {"run.device=" + options.device});
  if (options.threads > 0) config.run.threads = options.threads;
  TrainParts parts = build_train_parts(config);
  for (int64_t step = 1; step <= kSteps; ++step) {
    Stopwatch watch;
    const Rollouts rollouts = roll_out(parts, step, {});
    const LearnerStep learned = parts.learner->step(step, rollouts.groups);
    publish(parts, step);
    const double seconds = watch.lap();
    acknowledge(parts, step, rollouts.groups);
    const auto sampled = static_cast<double>(sampled_tokens(rollouts.groups));
    double prefilled = 0;  // a group's prompt is computed once
    for (const ScoredGroup& group : rollouts.groups)
      prefilled += static_cast<double>(group.samples.front().prompt_length);
    const double products =
        2.0 * (sampled + prefilled + static_cast<double>(learned.compared_tokens)) +
        6.0 * static_cast<double>(learned.fed_tokens);
    bench.add("step", {{"config", options.config}, {"step", step}},
              {.flops = products * multiplied(parts.model.policy->weights())}, sampled, "tok/s",
              seconds);
  }
}

}  // namespace retort
