#include "tests/synthetic_run.h"

#include "base/check.h"
#include "base/file.h"
#include "base/philox.h"

#include <cstdio>
#include <limits>

namespace retort::tests {
namespace {

// What a made-up number is for: the third word of its counter.
enum : uint32_t { kTasks = 1, kTokens = 2, kScores = 3, kMetrics = 4 };

PhiloxStream stream(const SyntheticRun& run, int64_t step, uint32_t index, uint32_t use) {
  return {{run.seed, Purpose::kSynthesis, 0}, static_cast<uint32_t>(step), index, use};
}

// A few numbers whose bits are easily lost on the way.
constexpr float kEdges[] = {-0.0f,
                            -std::numeric_limits<float>::denorm_min(),
                            -std::numeric_limits<float>::min(),
                            -std::numeric_limits<float>::max(),
                            -0x1.fffffep-3f,
                            -1e-40f};

Sample make_sample(const SyntheticRun& run, SampleId id, uint64_t uid) {
  PhiloxStream draw = stream(run, id.step, id.task << 8 | id.slot, kTokens);
  Sample sample;
  sample.id = id;
  sample.task_uid = uid;
  sample.prompt_length = 3;
  sample.tokens = {1, static_cast<int32_t>(id.task), static_cast<int32_t>(id.step)};
  // The second slot of the fourth task says nothing.
  const int64_t length = id.task == 3 && id.slot == 1 ? 0 : draw.range(2, run.tokens);
  const bool keeps_sets = id.task == 2, agentic = id.task == 4, has_entropies = id.task != 5;
  if (keeps_sets) sample.kept_begin.push_back(0);
  for (int64_t i = 0; i < length; ++i) {
    const bool sampled = !agentic || i % 3 != 1;
    const auto token = static_cast<int32_t>(draw.range(0, 255));
    sample.tokens.push_back(token);
    sample.loss_mask.push_back(sampled ? 1 : 0);
    float logprob = -static_cast<float>(draw.uniform() * 4);
    if (id.task == 0 && i < 6) logprob = kEdges[i];
    sample.logprobs.push_back(sampled ? logprob : 0.0f);
    if (has_entropies) sample.entropies.push_back(static_cast<float>(draw.uniform()));
    sample.versions.push_back(agentic && i > 2 && id.step > 1 ? id.step - 2 : id.step - 1);
    if (!keeps_sets) continue;
    for (int32_t kept = 0; kept <= i % 3; ++kept) sample.kept_ids.push_back(token + kept);
    sample.kept_begin.push_back(static_cast<int32_t>(sample.kept_ids.size()));
  }
  sample.stop = static_cast<StopReason>(draw.range(0, 2));
  sample.started_s = 10.0 * id.step;
  sample.finished_s = 10.0 * id.step + draw.uniform();
  return sample;
}

// Chances grow with the step; the first two groups have no variance.
Verdict make_verdict(const SyntheticRun& run, const SampleId& id) {
  PhiloxStream draw = stream(run, id.step, id.task << 8 | id.slot, kScores);
  Verdict verdict;
  verdict.id = id;
  const double chance = static_cast<double>(id.step) / static_cast<double>(run.steps + 1);
  double score = draw.coin(chance) ? 1.0 : 0.0;
  if (id.task == 0) score = 1.0;
  if (id.task == 1) score = 0.0;
  if (id.task == 5) verdict.outcome = static_cast<Outcome>((id.step + id.slot) % 8);
  if (verdict.outcome != Outcome::kValue) score = 0.0;
  verdict.score = score + 0.1 * score;  // 1.1: no short binary number
  verdict.parts = {{"task", 1.0, verdict.outcome, score, score > 0 ? "" : "says 'no'"},
                   {"format", 0.1, verdict.outcome, score, ""}};
  if (id.task == 4) verdict.isolation = "namespaces";
  verdict.ms = draw.uniform();
  return verdict;
}

}  // namespace

RunInfo SyntheticRun::info() const {
  return {"[run]\nseed = " + std::to_string(seed) + "\n", seed, "retort test", "cpu fp32 r1",
          "a host"};
}

Version SyntheticRun::version(uint32_t number) const {
  const PhiloxBlock block = philox({seed, Purpose::kInitialisation, 0}, {number, 0, 0, 0});
  char digest[33];
  std::snprintf(digest, sizeof digest, "%08x%08x%08x%08x", block[0], block[1], block[2], block[3]);
  return {number, digest, "cpu fp32 r1", {{"a", "F32", {2, 3}}, {"b", "F32", {}}}};
}

std::vector<Task> SyntheticRun::tasks_of(int64_t step) const {
  std::vector<Task> made;
  for (int64_t t = 0; t < tasks; ++t) {
    PhiloxStream draw = stream(*this, step, static_cast<uint32_t>(t), kTasks);
    Task task;
    task.uid = draw.next_u64();
    task.family = t % 2 == 0 ? "chain_sum" : "countdown";
    task.level = static_cast<int32_t>(draw.range(1, 3));
    task.seed = draw.next_u64();
    if (t == 4)
      task.messages = {{"system", "Think."}, {"user", "```\nWhat's “6 × 7”?\n```"}};
    else
      task.prompt = std::to_string(draw.range(1, 99)) + "+" + std::to_string(t) + "=";
    task.answer = R"({"target":6})";
    if (t == 4) task.rewards = {"task", "format"};
    made.push_back(std::move(task));
  }
  return made;
}

std::vector<ScoredGroup> SyntheticRun::groups_of(int64_t step) const {
  const std::vector<Task> of = tasks_of(step);
  std::vector<ScoredGroup> groups(of.size());
  for (size_t t = 0; t < of.size(); ++t)
    for (int64_t slot = 0; slot < group_size; ++slot) {
      const SampleId id{static_cast<uint32_t>(step), static_cast<uint32_t>(t),
                        static_cast<uint32_t>(slot), 0};
      groups[t].samples.push_back(make_sample(*this, id, of[t].uid));
      groups[t].verdicts.push_back(make_verdict(*this, id));
    }
  return groups;
}

MetricRow SyntheticRun::metrics_of(int64_t step) const {
  PhiloxStream draw = stream(*this, step, 0, kMetrics);
  MetricRow row;
  row.set("step", step);
  row.set("time_s", 0.25 * static_cast<double>(step));
  if (step > 0) {
    row.set("critic/score/mean", draw.uniform());
    row.set("actor/pg_loss", step % 2 == 0 ? std::optional(draw.normal()) : std::nullopt);
    row.set("actor/entropy", draw.uniform());
    row.set("actor/grad_norm", step == 2 ? std::numeric_limits<double>::infinity() : 1e-9);
    row.set("actor/lr", -0.0);
    row.set("response_length/mean", static_cast<double>(step));  // a whole number that is a real
    row.set("mismatch/tokens", int64_t{step == 3 ? 1 : 0});
    row.set("mismatch/checked", int64_t{100});
    row.set("mismatch/max_abs", step == 3 ? 1e-7 : 0.0);
    row.set("timing_s/rollout", draw.uniform());
    row.set("timing_s/train", draw.uniform());
    row.set("timing_s/step", 1 + draw.uniform());
  }
  if (step % 2 == 0) row.set("eval/all/pass@1", draw.uniform());
  return row;
}

std::string synthetic_text(const Sample& sample) {
  std::string text;
  for (size_t i = static_cast<size_t>(sample.prompt_length); i < sample.tokens.size(); ++i)
    text += static_cast<char>(sample.tokens[i]);
  return text;
}

void record_start(RunStore& store, const SyntheticRun& run) {
  store.record_version(run.version(0));
  store.record_metrics(0, run.metrics_of(0));
  store.record_event(0, "start", "a made-up run");
  store.finish_step(0);
}

void record_step(RunStore& store, const SyntheticRun& run, int64_t step) {
  store.record_tasks(step, 0, run.tasks_of(step));
  store.record_groups(step, run.groups_of(step), synthetic_text);
  store.record_version(run.version(static_cast<uint32_t>(step)));
  store.record_metrics(step, run.metrics_of(step));
  if (step % 2 == 0)
    store.record_event(step, "checkpoint", "checkpoints/step_" + std::to_string(step));
  store.finish_step(step);
}

void write_run(const std::string& run_dir, const SyntheticRun& run) {
  make_folder(run_dir);
  RunStore store = RunStore::create(run_dir, run.info());
  record_start(store, run);
  for (int64_t step = 1; step <= run.steps; ++step) record_step(store, run, step);
  RT_CHECK(store.flush(Deadline::after(60)));
}

}  // namespace retort::tests
