// retort rollout: a worker. It connects to a learner, takes assignments and the weights they name,
// and sends samples until the run is over.
//
//   connect -> [take assignments -> fetch their Version -> decode -> send samples] -> flush
#include "base/check.h"
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

constexpr double kAnswerS = 0.0005;  // a learner on this machine that has more answers within
constexpr double kFlushS = 600;      // the learner acknowledges when a step is in its record

struct Options {
  std::string config, name;
  std::vector<std::string> assignments;
  WorkerConnectionOptions connection;
  int64_t most_samples = 0, threads = 0;
  double patience_s = 600;
};

void connect(RemoteWorker& learner, const Options& options) {
  const ConnectResult result = learner.connect(Deadline::after(options.patience_s));
  if (result.kind == ConnectKind::kRefused)
    throw UserError("--connect " + options.connection.endpoint,
                    "the learner refuses this worker: " + result.text,
                    "start it with the learner's program, configuration and token");
  if (result.kind == ConnectKind::kTimeout) throw InternalError(result.text);
}

// Until the run is over or an interrupt.
void serve(Worker& worker, const RemoteWorker& learner, const Options& options) {
  LongWait wait;
  while (!interrupted()) {
    const Worker::Taken taken = worker.take_assignments(Deadline::after(1));
    if (taken == Worker::Taken::kClosed && worker.idle()) break;
    if (worker.idle()) {
      const double silent = learner.silent_s();
      if (silent > options.patience_s)
        throw InternalError(fmt::format("nothing was heard of the learner at {} for {:.0f} s",
                                        options.connection.endpoint, silent));
      wait.goes_on([&] {
        return fmt::format("an assignment from the learner at {}{}", options.connection.endpoint,
                           silent > 10 ? fmt::format(" (silent for {:.0f} s)", silent) : "");
      });
      continue;
    }
    wait.over();
    if (!worker.step()) return;
  }
  const SendResult flushed = worker.flush(Deadline::after(interrupted() ? 1 : kFlushS));
  RT_CHECK(interrupted() || flushed != SendResult::kTimeout)
      << "the learner acknowledged nothing for " << kFlushS << " s";
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
  if (!parser.parse(arguments)) return 0;
  if (options.name.empty()) options.name = fmt::format("process {}", ::getpid());
  watch_parent();
  watch_interrupts();
  log::set_quiet(parser.quiet());
  const RunConfig config = load_run_config(options.config, options.assignments);
  set_cpu_threads(options.threads > 0 ? options.threads : config.run.threads);
  LoadedModel model = load_model(config.model.path, "[model.path]", config.run.device);
  WorkerOptions channel;
  channel.identity = channel_identity(config, model.dir, worker_token(options.connection));
  channel.name = options.name;
  RemoteWorker learner(worker_wire(options.connection), channel);
  connect(learner, options);

  WorkerSettings settings;
  settings.engine = rollout_settings(config, model);
  settings.most_samples =
      options.most_samples > 0 ? options.most_samples : config.rollout.max_sequences;
  settings.answer_s = kAnswerS;
  const auto follow = [&](uint32_t number) {
    const VersionReceived received = learner.version(number, Deadline::after(options.patience_s));
    RT_CHECK(received.kind != ReceiveKind::kTimeout) << received.waited;
    if (received.kind != ReceiveKind::kReceived) return false;
    load_version(*model.policy, *received.version, "--connect " + options.connection.endpoint);
    return true;
  };
  Worker worker(*model.policy, *model.codec, settings, learner.task_receiver(),
                learner.sample_sender(), follow);
  serve(worker, learner, options);
  return interrupted() ? 130 : 0;
}

}  // namespace retort
