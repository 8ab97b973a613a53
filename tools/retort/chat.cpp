// retort chat: a conversation in the terminal, in the model's own template, as the tokens come.
#include "base/error.h"
#include "base/interrupt.h"
#include "policy/chat_template/chat_template.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/model.h"
#include "tools/retort/sampling_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace retort {
namespace {

struct Options {
  std::string model, system, chat_template, device = "auto";
  double temperature = 0.7, top_p = 1.0;
  int64_t max_new_tokens = 0, seed = 0, threads = 0;
};

SamplingOptions sampling_options(const Options& options) {
  return {.temperature = options.temperature,
          .top_p = options.top_p,
          .seed = options.seed,
          .max_new_tokens = options.max_new_tokens,
          .threads = options.threads};
}

class Chat {
 public:
  Chat(const Options& options, const LoadedModel& model) : options_(options), model_(model) {
    reset();
  }

  void reset() {
    messages_.clear();
    if (!options_.system.empty()) messages_.push_back({"system", options_.system});
  }

  // Prints the answer to stdout as it comes and keeps it; Ctrl-C ends it where it is.
  void answer(const std::string& line) {
    messages_.push_back({"user", line});
    const std::vector<int32_t> prompt = model_.codec->encode_messages(messages_);
    std::string text;
    StreamDecoder decoder(model_.codec->tokenizer(), true);
    const auto print = [&](const std::string& piece) {
      fmt::print("{}", piece);
      std::fflush(stdout);
      text += piece;
    };
    EngineSettings settings = engine_settings(model_);
    settings.sampling = sampling_settings(sampling_options(options_), Purpose::kSampling);
    const auto length = static_cast<int64_t>(prompt.size());
    settings.max_new_tokens = options_.max_new_tokens > 0
                                  ? options_.max_new_tokens
                                  : default_new_tokens(model_, length, 1024);
    settings.max_length = length + settings.max_new_tokens;
    settings.length_setting = "--max-new-tokens";
    settings.max_sequences = 1;
    settings.on_token = [&](const SampleId&, int32_t token) {
      const std::vector<int32_t>& eos = model_.codec->eos_ids();
      if (std::find(eos.begin(), eos.end(), token) == eos.end()) print(decoder.push(token));
    };
    Engine engine(*model_.policy, settings);
    engine.submit({{0, turn_++, 0, 0}, 0, prompt, 1});
    clear_interrupt();
    while (!engine.idle() && !interrupted()) engine.step();
    print(decoder.finish());
    fmt::print("\n");
    messages_.push_back({"assistant", text});
  }

 private:
  const Options& options_;
  const LoadedModel& model_;
  std::vector<Message> messages_;
  uint32_t turn_ = 0;  // random numbers of its own for each answer
};

}  // namespace

int run_chat(const CommandArguments& arguments) {
  Options options;
  Arguments parser("chat",
                   "Lines of standard input are the user's messages; answers stream to standard "
                   "output. /reset begins anew, /exit or the end of input ends, Ctrl-C stops an "
                   "answer.",
                   "echo \"8+19=\" | retort chat --model configs/tiny_base --chat-template "
                   "configs/plain_chat.jinja");
  parser.option("--model", options.model, "Hugging Face directory, checkpoint or run", true);
  parser.option("--system", options.system, "system message");
  parser.option("--chat-template", options.chat_template,
                "file with the template to use; default the model's own");
  parser.option("--temperature", options.temperature, "0 is greedy, ties to the lower id");
  parser.option("--top-p", options.top_p,
                "keep the smallest set with this probability; 1 keeps all");
  parser.option("--max-new-tokens", options.max_new_tokens,
                "longest answer; 0: 1024, or what the model's positions leave");
  parser.option("--seed", options.seed, "the same seed and messages give the same answers");
  parser.option("--device", options.device, "auto, cpu or cuda");
  parser.option("--threads", options.threads, "CPU threads; 0 takes all cores");
  if (!parser.parse(arguments)) return 0;
  check(sampling_options(options));
  set_cpu_threads(options.threads);
  const LoadedModel model = load_model(options.model, "--model", options.device);
  if (!options.chat_template.empty()) model.codec->use_chat_template(options.chat_template);
  model.codec->chat_template();  // a model without one is refused before the first line is read
  Chat chat(options, model);
  watch_interrupts();
  const bool prompted = ::isatty(STDIN_FILENO) != 0 && !parser.quiet();
  while (true) {
    if (prompted) fmt::print(stderr, "> ");
    std::string line;
    if (!std::getline(std::cin, line) || line == "/exit") return 0;
    if (line == "/reset") {
      chat.reset();
      continue;
    }
    if (!line.empty()) chat.answer(line);
  }
}

}  // namespace retort
