#include "tools/retort/connection.h"

#include "base/channel/file_wire.h"
#include "base/error.h"
#include "tools/retort/worker_pool.h"

#include <fmt/format.h>

#include <cstdlib>

namespace retort {
namespace {

constexpr double kLeastSilenceS = 3, kMostSilenceS = 86400;

// "" when neither is given.
std::string token_of(const std::string& file) {
  if (!file.empty()) return read_token(file);
  const char* variable = std::getenv(kRunTokenVariable);
  return variable == nullptr ? "" : variable;
}

// Of "file:FOLDER"; nullopt for other endpoints. UserError for keys: nothing crosses a network.
std::optional<FileWireOptions> folder_of(const std::string& endpoint, bool keys) {
  if (!endpoint.starts_with(kFileScheme)) return std::nullopt;
  FileWireOptions wire;
  wire.folder = endpoint.substr(kFileScheme.size());
  if (wire.folder.empty())
    throw UserError(endpoint, "names no folder", "write file:FOLDER, one that both sides see");
  if (keys)
    throw UserError("--keys", "a folder has no use for keys",
                    "leave them out; who may read and write the folder is trusted");
  return wire;
}

void check_given(const std::string& option, const std::string& endpoint) {
  if (!endpoint.empty()) return;
  throw UserError(option, "is empty", "write tcp://HOST:PORT, ipc:///PATH or file:FOLDER");
}

}  // namespace

void add_worker_connection(Arguments& parser, WorkerConnectionOptions& options) {
  parser.option("--connect", options.endpoint,
                "where the learner listens: tcp://HOST:PORT, ipc://PATH, or file:FOLDER that both "
                "see",
                true);
  parser.option("--keys", options.keys,
                "this worker's keys (retort keys); needed beyond this machine");
  parser.option("--learner-key", options.learner_key,
                "file with the learner's public key; needed with --keys");
  parser.option("--token-file", options.token_file,
                "file with the run's token; else RETORT_RUN_TOKEN in the environment");
}

std::unique_ptr<Wire> worker_wire(const WorkerConnectionOptions& options) {
  check_given("--connect", options.endpoint);
  if (options.endpoint.starts_with("tcp://") &&
      (options.endpoint.ends_with(":0") || options.endpoint.ends_with(":*")))
    throw UserError("--connect " + options.endpoint, "names no port",
                    "give the port at which the learner listens");
  ZeromqWorkerOptions wire;
  wire.endpoint = options.endpoint;
  if (options.keys.empty() != options.learner_key.empty())
    throw UserError(
        options.keys.empty() ? "--learner-key" : "--keys",
        "given without " + std::string(options.keys.empty() ? "--keys" : "--learner-key"),
        "give both, or neither on one machine");
  if (!options.keys.empty()) {
    wire.keys = read_curve_keys(options.keys);
    const std::vector<std::string> keys = read_public_keys(options.learner_key);
    if (keys.size() != 1)
      throw UserError(
          "--learner-key",
          "'" + options.learner_key + "' holds " + std::to_string(keys.size()) + " keys",
          "give a file with the learner's public key alone");
    wire.learner_key = keys.front();
  }
  if (const auto folder = folder_of(options.endpoint, !options.keys.empty()))
    return file_worker_wire(*folder);
  return zeromq_worker_wire(wire);
}

std::string worker_token(const WorkerConnectionOptions& options) {
  std::string token = token_of(options.token_file);
  if (token.empty())
    throw UserError("--token-file", "not given, and RETORT_RUN_TOKEN is not set",
                    "copy RUN/token of the learner's run");
  return token;
}

void check_silence(double silence_s) {
  if (silence_s >= kLeastSilenceS && silence_s <= kMostSilenceS) return;
  throw UserError("--silence-s", fmt::format("got {:g}", silence_s),
                  fmt::format("set it to {:g} to {:g}: a word comes every second", kLeastSilenceS,
                              kMostSilenceS));
}

void add_learner_connection(Arguments& parser, LearnerConnectionOptions& options) {
  parser.option("--listen", options.endpoint,
                "where workers connect to: tcp://127.0.0.1:PORT, ipc://PATH, or file:FOLDER that "
                "both see; another address needs --keys and --worker-keys");
  parser.option("--keys", options.keys, "the learner's keys (retort keys)");
  parser.option("--worker-keys", options.worker_keys,
                "file of the public keys of workers that may come, one a line");
  parser.option("--token-file", options.token_file,
                "file with the run's token; else RETORT_RUN_TOKEN in the environment, else a new "
                "one in RUN/token");
}

ZeromqLearnerOptions learner_connection(const LearnerConnectionOptions& options) {
  check_given("--listen", options.endpoint);
  ZeromqLearnerOptions wire;
  wire.endpoint = options.endpoint;
  if (options.keys.empty() != options.worker_keys.empty())
    throw UserError(
        options.keys.empty() ? "--worker-keys" : "--keys",
        "given without " + std::string(options.keys.empty() ? "--keys" : "--worker-keys"),
        "give both, or neither on one machine");
  if (!options.keys.empty()) {
    wire.keys = read_curve_keys(options.keys);
    wire.worker_keys = read_public_keys(options.worker_keys);
  }
  return wire;
}

std::unique_ptr<Wire> learner_wire(const ZeromqLearnerOptions& connection) {
  if (const auto folder = folder_of(connection.endpoint, connection.keys.has_value()))
    return file_learner_wire(*folder);
  return zeromq_learner_wire(connection);
}

std::string repeated(const LearnerConnectionOptions& options) {
  std::string text = " --listen " + options.endpoint;
  if (!options.keys.empty()) text += " --keys " + options.keys;
  if (!options.worker_keys.empty()) text += " --worker-keys " + options.worker_keys;
  if (!options.token_file.empty()) text += " --token-file " + options.token_file;
  return text;
}

std::string learner_token(const LearnerConnectionOptions& options) {
  return token_of(options.token_file);
}

}  // namespace retort
