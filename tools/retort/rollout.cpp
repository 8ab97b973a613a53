// retort rollout: a worker. It connects to a learner, takes assignments and the weights they name,
// and sends samples until the run is over.
//
//   connect -> [take assignments -> fetch their Version -> decode -> send samples] -> flush
#include "base/child_process.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "policy/weight_link.h"
#include "rollout/worker.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/connection.h"
#include "tools/retort/long_wait.h"
#include "tools/retort/model.h"
#include "tools/retort/train_parts.h"
#include "tools/retort/worker_pool.h"

#include <fmt/format.h>
#include <unistd.h>

namespace retort {
namespace {

constexpr double kLookS = 0.5;       // between two looks whether to go on
constexpr double kAnswerS = 0.0005;  // a learner on this machine that has more answers within

struct Options {
  std::string config, name;
  std::vector<std::string> assignments;
  WorkerConnectionOptions connection;
  int64_t most_samples = 0, threads = 0;
  double patience_s = 600, silence_s = ChannelTiming{}.silence_s;
};

[[noreturn]] void give_up(const Options& options, const std::string& what,
                          const std::string& why = "") {
  throw UserError("--connect " + options.connection.endpoint,
                  fmt::format("{} for {:g} s{}", what, options.patience_s, why),
                  "see that `retort learn` listens there, then start this worker again");
}

void check_not_refused(const ConnectResult& result, const Options& options) {
  if (result.kind != ConnectKind::kRefused) return;
  throw UserError("--connect " + options.connection.endpoint,
                  "the learner refuses this worker: " + result.text,
                  "start it with the learner's program, configuration and token");
}

// Whether the learner has greeted this worker before an interrupt.
bool connect(RemoteWorker& learner, const Options& options) {
  LongWait wait;
  while (!interrupted()) {
    const ConnectResult result = learner.connect(Deadline::after(kLookS));
    check_not_refused(result, options);
    if (result.kind == ConnectKind::kConnected) return true;
    const double waited = wait.goes_on([&] {
      return fmt::format("the learner at {} ({})", options.connection.endpoint, result.trouble);
    });
    if (waited >= options.patience_s)
      give_up(options, "no learner greeted this worker", ": " + result.trouble);
  }
  return false;
}

// Until the run is over or an interrupt.
void serve(Worker& worker, const RemoteWorker& learner, const Options& options) {
  LongWait wait;
  while (!interrupted()) {
    const Worker::Taken taken = worker.take_assignments(Deadline::after(kLookS));
    if (taken == Worker::Taken::kClosed && worker.idle()) break;
    if (worker.idle()) {
      const double silent = learner.silent_s();
      if (silent > options.patience_s) give_up(options, "nothing was heard of the learner");
      wait.goes_on([&] {
        return fmt::format("an assignment from the learner at {}{}", options.connection.endpoint,
                           silent > 10 ? fmt::format(" (silent for {:.0f} s)", silent) : "");
      });
      continue;
    }
    wait.over();
    if (!worker.step()) return;
  }
  const SendResult flushed = worker.flush(Deadline::after(interrupted() ? 1 : options.patience_s));
  if (flushed == SendResult::kTimeout && !interrupted())
    give_up(options, "the learner acknowledged nothing");
}

}  // namespace

int run_rollout(const CommandArguments& arguments) {
  Options options;
  Arguments parser("rollout",
                   "A worker: samples what a learner (retort learn) asks for, with the learner's "
                   "weights.",
                   "retort rollout configs/quickstart.toml --connect tcp://127.0.0.1:5555 "
                   "--token-file runs/shared/token");
  parser.positional("CONFIG", options.config, "TOML file, the learner's");
  parser.option("--set", options.assignments, "section.key=value, as the learner's (repeatable)");
  add_worker_connection(parser, options.connection);
  parser.option("--name", options.name,
                "how the learner calls this worker; default: process and its number");
  parser.option("--most-samples", options.most_samples,
                "samples under way at most, so that workers share a step; 0: "
                "rollout.max_sequences");
  parser.option("--threads", options.threads, "CPU threads; 0: as the configuration says");
  parser.option("--patience-s", options.patience_s,
                "seconds without a word of the learner after which the worker gives up");
  parser.option("--silence-s", options.silence_s,
                "seconds without a word of the learner after which the connection is made anew");
  if (!parser.parse(arguments)) return 0;
  if (options.name.empty()) options.name = fmt::format("process {}", ::getpid());
  check_silence(options.silence_s);
  watch_parent();
  watch_interrupts();
  log::set_quiet(parser.quiet());
  const RunConfig config = load_run_config(options.config, options.assignments);
  set_cpu_threads(options.threads > 0 ? options.threads : config.run.threads);
  LoadedModel model = load_model(config.model.path, "[model.path]", config.run.device);
  WorkerOptions channel;
  channel.identity = channel_identity(config, model.dir, worker_token(options.connection));
  channel.name = options.name;
  channel.timing.silence_s = options.silence_s;
  RemoteWorker learner(worker_wire(options.connection), channel);
  if (!connect(learner, options)) return 130;

  WorkerSettings settings;
  settings.engine = rollout_settings(config, model);
  settings.most_samples =
      options.most_samples > 0 ? options.most_samples : config.rollout.max_sequences;
  settings.answer_s = kAnswerS;
  const auto follow = [&](uint32_t number) {
    const VersionReceived received =
        learner.version(number, Deadline::after(options.patience_s), interrupted);
    if (received.kind == ReceiveKind::kTimeout && interrupted()) return Worker::Weights::kClosed;
    if (received.kind == ReceiveKind::kTimeout)
      give_up(options, fmt::format("Version {} of the weights did not come", number));
    if (received.over) {
      log::detail(received.waited + "; what was assigned with it is assigned anew");
      return Worker::Weights::kOver;
    }
    if (received.kind != ReceiveKind::kReceived && !received.waited.empty())
      throw UserError("--connect " + options.connection.endpoint, received.waited,
                      "see the learner's log");
    if (received.kind != ReceiveKind::kReceived) return Worker::Weights::kClosed;
    load_version(*model.policy, *received.version, "--connect " + options.connection.endpoint);
    return Worker::Weights::kHere;
  };
  Worker worker(*model.policy, *model.codec, settings, learner.task_receiver(),
                learner.sample_sender(), follow);
  serve(worker, learner, options);
  // One that came to another run's learner in its own learner's place.
  check_not_refused(learner.connect(Deadline::after(0)), options);
  return interrupted() ? 130 : 0;
}

}  // namespace retort
