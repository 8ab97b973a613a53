#include "rollout/engine.h"

#include "base/check.h"
#include "base/error.h"

#include <ATen/core/grad_mode.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace retort {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t cache_pages(const Policy& policy, const EngineSettings& settings) {
  const int64_t page_bytes = kv_page_bytes(policy.weights());
  const int64_t memory = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  if (settings.cache_bytes > memory && !policy.on_gpu())
    throw UserError("[rollout.cache_bytes]",
                    "got " + std::to_string(settings.cache_bytes) + ", this machine has " +
                        std::to_string(memory) + " bytes of memory",
                    "set it lower, or to 0");
  if (settings.cache_bytes > 0) return std::max<int64_t>(settings.cache_bytes / page_bytes, 1);
  const int64_t page_tokens = kernels::kPageTokens;
  const int64_t each = (settings.max_length + page_tokens - 1) / page_tokens + 1;
  return std::max(std::min(settings.max_sequences * each, memory / 4 / page_bytes), each + 1);
}

SchedulerLimits limits_of(const Policy& policy, const EngineSettings& settings) {
  return {settings.max_sequences, settings.max_batch_tokens, cache_pages(policy, settings)};
}

}  // namespace

Engine::Engine(const Policy& policy, EngineSettings settings)
    : policy_(policy),
      settings_(std::move(settings)),
      cache_(make_kv_cache(policy.weights(), cache_pages(policy, settings_))),
      scheduler_(limits_of(policy, settings_)) {
  RT_CHECK(settings_.stop.empty() || settings_.decode) << "stop strings need decode";
}

void Engine::set_version(uint32_t number) {
  RT_CHECK(idle()) << "weights changed under running sequences";
  version_ = number;
}

void Engine::check_fits(int64_t prompt_tokens) const {
  const int64_t length = prompt_tokens + settings_.max_new_tokens;
  if (length > policy_.config().max_position_embeddings)
    throw UserError(settings_.length_setting,
                    "a prompt of " + std::to_string(prompt_tokens) + " tokens and " +
                        std::to_string(settings_.max_new_tokens) + " new ones exceed the model's " +
                        std::to_string(policy_.config().max_position_embeddings) + " positions",
                    "lower it, or shorten the prompts");
  scheduler_.check_fits(length);
}

void Engine::submit(const GroupRequest& request) {
  RT_CHECK(!request.prompt.empty());
  RT_CHECK_GT(request.count, 0);
  check_fits(static_cast<int64_t>(request.prompt.size()));
  auto sequence = std::make_unique<Sequence>();
  sequence->sample.id = request.first;
  sequence->sample.task_uid = request.task_uid;
  sequence->sample.tokens = request.prompt;
  sequence->sample.prompt_length = static_cast<int32_t>(request.prompt.size());
  sequence->sample.started_s = steady_seconds();
  sequence->siblings = request.count - 1;
  scheduler_.add(std::move(sequence));
}

bool Engine::hit_stop_string(const Sample& sample) const {
  if (settings_.stop.empty()) return false;
  size_t longest = 0;
  for (const std::string& stop : settings_.stop) longest = std::max(longest, stop.size());
  // Every token but a special one has a byte or more: a stop string that ends here began within so
  // many tokens.
  const auto completion =
      std::span(sample.tokens).subspan(static_cast<size_t>(sample.prompt_length));
  const std::string tail =
      settings_.decode(completion.last(std::min(completion.size(), longest + 4)));
  return std::any_of(settings_.stop.begin(), settings_.stop.end(),
                     [&](const std::string& stop) { return tail.find(stop) != std::string::npos; });
}

bool Engine::append(Sequence& sequence, SampledToken token) {
  Sample& sample = sequence.sample;
  sample.tokens.push_back(token.id);
  sample.loss_mask.push_back(1);
  sample.logprobs.push_back(token.logprob);
  sample.entropies.push_back(token.entropy);
  sample.versions.push_back(version_);
  if (settings_.sampling.temperature > 0 && !settings_.sampling.keeps_all()) {
    if (sample.kept_begin.empty()) sample.kept_begin.push_back(0);
    sample.kept_ids.insert(sample.kept_ids.end(), token.kept.begin(), token.kept.end());
    sample.kept_begin.push_back(static_cast<int32_t>(sample.kept_ids.size()));
  }
  ++counters_.sampled_tokens;
  if (settings_.on_token) settings_.on_token(sample.id, token.id);
  if (std::find(settings_.eos_ids.begin(), settings_.eos_ids.end(), token.id) !=
      settings_.eos_ids.end())
    sample.stop = StopReason::kEos;
  else if (hit_stop_string(sample))
    sample.stop = StopReason::kStopString;
  else if (sample.completion_length() >= settings_.max_new_tokens)
    sample.stop = StopReason::kLength;
  else
    return false;
  sample.finished_s = steady_seconds();
  return true;
}

std::vector<Sample> Engine::step() {
  at::NoGradGuard no_grad;
  const ScheduledForward schedule = scheduler_.next();
  RT_CHECK(!schedule.runs.empty()) << "an idle engine was stepped";
  cache_.copy_pages(schedule.page_copies);

  RaggedTokens tokens;
  std::vector<int64_t> rows;       // hidden rows whose next token is sampled
  std::vector<Sequence*> parents;  // their sequences
  for (const ScheduledRun& run : schedule.runs) {
    Sequence& sequence = *run.sequence;
    tokens.add_run(sequence.sample.tokens.data() + sequence.computed, run.tokens,
                   static_cast<int32_t>(sequence.computed), sequence.pages);
    if (sequence.computed < sequence.sample.prompt_length) counters_.prefill_tokens += run.tokens;
    sequence.computed += run.tokens;
    if (sequence.pending() == 0) {
      rows.push_back(tokens.size() - 1);
      parents.push_back(&sequence);
    }
  }
  const at::Tensor hidden_TD = policy_.hidden(tokens, cache_);
  ++counters_.forwards;
  counters_.preemptions = scheduler_.preemptions();
  std::vector<Sample> finished;
  if (rows.empty()) return finished;

  // A group's leader stands for its siblings too: the row is sampled once for each, with its own
  // counter.
  std::vector<int64_t> sampled_rows;
  std::vector<PhiloxCounter> counters;
  for (size_t i = 0; i < rows.size(); ++i)
    for (int64_t sibling = 0; sibling <= parents[i]->siblings; ++sibling) {
      const SampleId& id = parents[i]->sample.id;
      sampled_rows.push_back(static_cast<int64_t>(i));
      counters.push_back({id.step, id.task, id.slot + static_cast<uint32_t>(sibling),
                          static_cast<uint32_t>(parents[i]->length())});
    }
  at::Tensor logits_RV = policy_.logits(policy_.select(hidden_TD, rows));
  if (sampled_rows.size() != rows.size()) {
    at::Tensor index = at::Tensor(
        logits_RV.new_empty({static_cast<int64_t>(sampled_rows.size())}, at::kLong).cpu());
    std::copy(sampled_rows.begin(), sampled_rows.end(), index.data_ptr<int64_t>());
    logits_RV = logits_RV.index_select(0, index.to(logits_RV.device()));
  }
  std::vector<SampledToken> sampled = sample_tokens(logits_RV, counters, settings_.sampling);
  for (size_t i = 0; i < sampled.size(); ++i)
    RT_CHECK(std::isfinite(sampled[i].logprob))
        << "the log-probability of a sampled token of task " << counters[i][1]
        << " is not a number: the weights overflow, as after an update with too large a "
           "learner.lr";

  size_t next = 0;
  for (Sequence* parent : parents) {
    const int64_t siblings = std::exchange(parent->siblings, 0);
    std::vector<std::unique_ptr<Sequence>> forks;
    for (int64_t sibling = 1; sibling <= siblings; ++sibling) {
      forks.push_back(scheduler_.fork(*parent));
      forks.back()->sample.id.slot += static_cast<uint32_t>(sibling);
    }
    if (append(*parent, std::move(sampled[next++])))
      finished.push_back(std::move(scheduler_.finish(parent)->sample));
    for (auto& fork : forks) {
      if (append(*fork, std::move(sampled[next++]))) {
        finished.push_back(std::move(fork->sample));
        scheduler_.discard(*fork);
        fork.reset();
      }
    }
    for (auto fork = forks.rbegin(); fork != forks.rend(); ++fork)
      if (*fork) scheduler_.add_front(std::move(*fork));
  }
  return finished;
}

std::vector<Sample> Engine::run(const std::vector<GroupRequest>& requests,
                                const std::function<void(int64_t finished)>& progress) {
  for (const GroupRequest& request : requests) submit(request);
  std::vector<Sample> samples;
  while (!idle()) {
    for (Sample& sample : step()) samples.push_back(std::move(sample));
    if (progress) progress(static_cast<int64_t>(samples.size()));
  }
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.id < b.id; });
  return samples;
}

}  // namespace retort
