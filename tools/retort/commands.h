#pragma once
// The table of subcommands: NAME and one line of help; run_NAME is in tools/retort/NAME.cpp. It
// gets the arguments behind the name and returns the exit code; failures are thrown (base/error.h).
#include <string>
#include <vector>

// clang-format off
#define RETORT_COMMANDS(X) \
  X(train, "GRPO, from start to finish") \
  X(learn, "the learner of a run as a process of its own") \
  X(rollout, "a rollout worker as a process of its own") \
  X(sft, "supervised fine-tuning; also makes the tiny base") \
  X(generate, "completions with log-probabilities") \
  X(chat, "talk to a model in its own template, token by token") \
  X(eval, "accuracy with confidence intervals, by family and level") \
  X(logits, "fp32 logits of given tokens") \
  X(tokenize, "ids of text or chats, and back") \
  X(score, "verdicts of rewards for completions") \
  X(tasks, "the SQLite task store: import, list, show, export, make") \
  X(convert, "GGUF or Hugging Face in, Hugging Face out") \
  X(inspect, "what a model or a run is: sizes and template; curves, times, samples") \
  X(compare, "what differs between two runs, or two models") \
  X(bench, "speed of kernels and loop beside what bounds it") \
  X(keys, "a CURVE key pair for connections between machines") \
  X(doctor, "what this machine has and lacks")
// clang-format on

namespace retort {

using CommandArguments = std::vector<std::string>;

#define RETORT_DECLARE_COMMAND(name, help) int run_##name(const CommandArguments& arguments);
RETORT_COMMANDS(RETORT_DECLARE_COMMAND)
#undef RETORT_DECLARE_COMMAND

}  // namespace retort
