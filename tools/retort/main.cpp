// retort: the one program. The table below is the list of subcommands; each has a file of its own
// here.
#include "base/error.h"
#include "base/log.h"
#include "base/registry.h"
#include "kernels/dispatch.h"
#include "tools/retort/commands.h"

#include <ATen/Context.h>
#include <fmt/core.h>
#include <torch/headeronly/version.h>

#include <exception>
#include <string>
#include <string_view>

namespace retort {
namespace {

using Command = RegistryRow<int (*)(const CommandArguments&)>;

constexpr Command kCommands[] = {
    {"train", "GRPO, from start to finish", run_train},
    {"sft", "supervised fine-tuning; also makes the tiny base", run_sft},
    {"generate", "completions with log-probabilities", run_generate},
    {"chat", "talk to a model in its own template, token by token", run_chat},
    {"eval", "accuracy with confidence intervals, by family and level", run_eval},
    {"logits", "fp32 logits of given tokens", run_logits},
    {"tokenize", "ids of text or chats, and back", run_tokenize},
    {"score", "verdicts of rewards for completions", run_score},
    {"tasks", "the SQLite task store: import, list, show, export, make", run_tasks},
    {"convert", "GGUF or Hugging Face in, Hugging Face out", run_convert},
    {"inspect", "what a model is: sizes, types, tokenizer, template", run_inspect},
    {"compare", "what differs between two runs, or two models", run_compare},
};

void print_usage() {
  fmt::print(
      "retort: reinforcement-learning post-training (GRPO) for reasoning models\n\nusage: retort "
      "COMMAND [ARGUMENTS]\n\ncommands:\n");
  for (const Command& command : kCommands) fmt::print("  {:10} {}\n", command.name, command.help);
  fmt::print(
      "\nretort COMMAND --help shows a command's arguments and an example; retort --version shows "
      "the build.\n");
}

void print_version() {
  fmt::print("retort {} ({}), LibTorch {}.{}.{}, CUDA {}, {}\n", RETORT_VERSION, RETORT_BUILD,
             TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH,
             at::globalContext().hasCUDA() ? "on" : "off", kernels::instruction_set());
}

int dispatch(const CommandArguments& arguments) {
  if (arguments.empty() || arguments[0] == "help" || arguments[0] == "--help" ||
      arguments[0] == "-h")
    return print_usage(), 0;
  if (arguments[0] == "--version") return print_version(), 0;
  const Command& command =
      find_row(std::span<const Command>(kCommands), arguments[0], arguments[0], "command");
  return command.make({arguments.begin() + 1, arguments.end()});
}

int report(const std::exception& error, int code) {
  fmt::print(stderr, "retort: {}\n", one_line(error.what()));
  return code;
}

}  // namespace
}  // namespace retort

int main(int argc, char** argv) {
  using namespace retort;
  try {
    return dispatch({argv + 1, argv + argc});
  } catch (const UserError& error) {
    return report(error, 2);
  } catch (const MissingError& error) {
    return report(error, 3);
  } catch (const Interrupted& error) {
    return report(error, 130);
  } catch (const std::exception& error) {
    return report(error, 1);
  }
}
