// retort learn: the learner of a run whose workers (retort rollout) are started elsewhere.
#include "base/error.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/connection.h"
#include "tools/retort/train.h"

namespace retort {

int run_learn(const CommandArguments& arguments) {
  TrainOptions options;
  options.command = "learn";
  LearnerConnectionOptions connection;
  connection.endpoint = "tcp://127.0.0.1:5555";
  Arguments parser(
      "learn", "The learner: workers that you start (retort rollout) make its samples.",
      "retort learn configs/quickstart.toml --run runs/shared --listen tcp://127.0.0.1:5555");
  add_train_options(parser, options);
  add_learner_connection(parser, connection);
  add_silence_option(parser, options);
  if (!parser.parse(arguments)) return 0;
  options.quiet = parser.quiet();
  options.workers.connection = learner_connection(connection);
  options.workers.run_token = learner_token(connection);
  options.again = repeated(connection);
  return run_training(options);
}

}  // namespace retort
