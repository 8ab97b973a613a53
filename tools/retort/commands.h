#pragma once
// The subcommands: one function each, listed in the table of main.cpp. A function gets the
// arguments behind its name and returns the exit code; failures are thrown (base/error.h).
#include <string>
#include <vector>

namespace retort {

using CommandArguments = std::vector<std::string>;

int run_train(const CommandArguments& arguments);
int run_sft(const CommandArguments& arguments);
int run_generate(const CommandArguments& arguments);
int run_chat(const CommandArguments& arguments);
int run_eval(const CommandArguments& arguments);
int run_logits(const CommandArguments& arguments);
int run_tokenize(const CommandArguments& arguments);
int run_score(const CommandArguments& arguments);
int run_tasks(const CommandArguments& arguments);
int run_convert(const CommandArguments& arguments);
int run_inspect(const CommandArguments& arguments);
int run_compare(const CommandArguments& arguments);

}  // namespace retort
