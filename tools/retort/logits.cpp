// retort logits: fp32 logits of given tokens, the same forward laid out in several ways.
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "policy/checkpoint/safetensors.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/model.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace retort {
namespace {

using Tokens = std::vector<int32_t>;

constexpr int64_t kPackTokens = 4096;  // tokens of one packed forward
constexpr int64_t kLogitRows = 64;     // rows whose logits are held at a time

std::vector<Tokens> read_tokens(const std::string& path, const Policy& policy, bool logprobs) {
  std::vector<Tokens> sequences;
  const int64_t V = policy.config().vocab_size;
  read_json_lines(path, [&](const nlohmann::ordered_json& row, const std::string& place) {
    const auto bad = [&](const std::string& what) {
      throw UserError(place, what,
                      "write {\"tokens\": [1, 2, 3]} with ids below " + std::to_string(V));
    };
    if (!row.contains("tokens") || !row["tokens"].is_array() || row["tokens"].empty())
      bad("has no list \"tokens\"");
    Tokens tokens;
    for (const auto& token : row["tokens"]) {
      if (!token.is_number_integer() || token.get<int64_t>() < 0 || token.get<int64_t>() >= V)
        bad("token " + token.dump() + " is no id of this model");
      tokens.push_back(token.get<int32_t>());
    }
    if (logprobs && tokens.size() < 2) bad("one token has no next one");
    if (static_cast<int64_t>(tokens.size()) > policy.max_positions())
      throw UserError(place,
                      fmt::format("has {} tokens, the model {} positions", tokens.size(),
                                  policy.max_positions()),
                      "shorten it");
    sequences.push_back(std::move(tokens));
  });
  return sequences;
}

// Hidden rows of one sequence, `chunk` tokens a forward, in pages given out back to front: a page's
// number and neighbours must not matter.
at::Tensor hidden_in_chunks(const Policy& policy, const Tokens& tokens, int64_t chunk) {
  const int64_t length = static_cast<int64_t>(tokens.size());
  const int64_t pages = (length + kernels::kPageTokens - 1) / kernels::kPageTokens;
  KvCache cache = make_kv_cache(policy.weights(), pages);
  at::Tensor hidden_TD;
  for (int64_t begin = 0; begin < length; begin += chunk) {
    const int64_t count = std::min(chunk, length - begin);
    std::vector<int32_t> held;
    for (int64_t page = 0; page * kernels::kPageTokens < begin + count; ++page)
      held.push_back(static_cast<int32_t>(pages - 1 - page));
    RaggedTokens run;
    run.add_run(tokens.data() + begin, count, static_cast<int32_t>(begin), held);
    const at::Tensor rows = policy.hidden(run, cache);
    if (!hidden_TD.defined()) hidden_TD = rows.new_empty({length, rows.size(1)});
    hidden_TD.narrow(0, begin, count).copy_(rows);
  }
  return hidden_TD;
}

std::vector<at::Tensor> hidden_packed(const Policy& policy, const std::vector<Tokens>& sequences,
                                      Progress& progress) {
  std::vector<at::Tensor> hidden;
  for (size_t begin = 0; begin < sequences.size();) {
    std::vector<Tokens> together;
    int64_t tokens = 0;
    for (size_t end = begin;
         end < sequences.size() &&
         (together.empty() || tokens + static_cast<int64_t>(sequences[end].size()) <= kPackTokens);
         ++end) {
      tokens += static_cast<int64_t>(sequences[end].size());
      together.push_back(sequences[end]);
    }
    const PackedSequences packed = pack_sequences(together);
    KvCache cache = make_kv_cache(policy.weights(), packed.pages);
    const at::Tensor all = policy.hidden(packed.tokens, cache);
    for (size_t s = 0; s < together.size(); ++s)
      hidden.push_back(
          all.narrow(0, packed.tokens.run_begin[s], static_cast<int64_t>(together[s].size()))
              .clone());
    begin += together.size();
    progress.update(static_cast<int64_t>(begin));
  }
  return hidden;
}

std::vector<at::Tensor> hidden_of(const Policy& policy, const std::vector<Tokens>& sequences,
                                  int64_t chunk, bool quiet) {
  Progress progress("sequences through the model", static_cast<int64_t>(sequences.size()), quiet);
  if (chunk == 0) return hidden_packed(policy, sequences, progress);
  std::vector<at::Tensor> hidden;
  for (const Tokens& tokens : sequences) {
    hidden.push_back(hidden_in_chunks(policy, tokens, chunk));
    progress.update(static_cast<int64_t>(hidden.size()));
  }
  return hidden;
}

// 0: packed; else the tokens of one forward.
int64_t parse_layout(const std::string& layout) {
  if (layout == "packed") return 0;
  if (layout == "paged") return std::numeric_limits<int32_t>::max();
  if (layout == "stepwise") return 1;
  int64_t chunk = 0;
  if (layout.starts_with("chunked:")) {
    const char *begin = layout.data() + 8, *end = layout.data() + layout.size();
    const auto [stop, error] = std::from_chars(begin, end, chunk);
    if (error == std::errc() && stop == end && chunk >= 1) return chunk;
  }
  throw UserError("--layout",
                  "got '" + layout + "'" + did_you_mean(layout, {"packed", "paged", "stepwise"}),
                  "set it to packed, paged, stepwise or chunked:N with N of 1 or more");
}

// [T, V] logits (or the last row's, or [T - 1] log-probabilities) of one sequence, written to
// `bytes`.
void fill_tensor(const Policy& policy, const at::Tensor& hidden_TD, const Tokens& tokens, bool last,
                 bool logprobs, std::span<std::byte> bytes) {
  at::NoGradGuard no_grad;
  const int64_t T = hidden_TD.size(0);
  size_t offset = 0;
  const auto put = [&](const at::Tensor& values) {
    const at::Tensor host = values.cpu().contiguous();
    RT_CHECK_LE(offset + host.nbytes(), bytes.size());
    std::memcpy(bytes.data() + offset, host.data_ptr<float>(), host.nbytes());
    offset += host.nbytes();
  };
  if (logprobs) {
    put(policy
            .logprob(hidden_TD.narrow(0, 0, T - 1).contiguous(),
                     Tokens(tokens.begin() + 1, tokens.end()), 1.0)
            .logp_T);
  } else {
    for (int64_t row = last ? T - 1 : 0; row < T; row += kLogitRows)
      put(policy.logits(hidden_TD.narrow(0, row, std::min(kLogitRows, T - row)).contiguous()));
  }
  RT_CHECK_EQ(offset, bytes.size());
}

// A pipe cannot be mapped: the file is made beside and copied.
void write_to_stdout(std::vector<TensorSource> tensors) {
  namespace fs = std::filesystem;
  std::string path = (fs::temp_directory_path() / "retort_logits_XXXXXX").string();
  RT_CHECK(::mkdtemp(path.data()) != nullptr) << path << ": " << std::strerror(errno);
  struct Folder {
    fs::path path;
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } const folder{path};
  const std::string file = (folder.path / "out.safetensors").string();
  write_safetensors(file, std::move(tensors));
  const std::string bytes = read_file(file);
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() ||
      std::fflush(stdout) != 0)
    throw UserError("standard output", std::strerror(errno), "keep the reader open");
}

}  // namespace

int run_logits(const CommandArguments& arguments) {
  std::string model_path, tokens_path, in, out, layout = "packed", device = "auto";
  bool last = false, logprobs = false;
  int64_t threads = 0;
  Arguments parser(
      "logits",
      "fp32 logits of given tokens as one safetensors file with tensors \"0\", \"1\", … in input "
      "order.",
      "echo '{\"tokens\":[1,2,3]}' | retort logits --model configs/tiny_base --tokens - --out "
      "logits.safetensors");
  parser.option("--model", model_path, "Hugging Face directory, checkpoint or run", true);
  parser.option("--tokens", tokens_path,
                "JSON Lines of {\"tokens\": [int, …]}; - is standard input");
  parser.option("--in", in, "the same as --tokens");
  parser.option("--out", out, "safetensors file: [T, V] fp32 each; - is standard output", true);
  parser.flag("--last", last, "the last position only");
  parser.flag("--logprobs", logprobs, "log-probabilities of each next token [T-1] instead");
  parser.option("--layout", layout,
                "packed, paged, stepwise or chunked:N: how the forward is laid out (bits must not "
                "depend on it)");
  parser.option("--device", device, "auto, cpu or cuda");
  parser.option("--threads", threads, "CPU threads; 0 takes all cores");
  if (!parser.parse(arguments)) return 0;
  if (tokens_path.empty() == in.empty())
    throw UserError("logits", "needs one of --tokens and --in", "give --tokens FILE.jsonl");
  if (last && logprobs)
    throw UserError("--last", "does not go with --logprobs", "drop one of them");
  refuse_same_file(tokens_path + in, out);  // one of them is empty
  const int64_t chunk = parse_layout(layout);
  set_cpu_threads(threads);
  const LoadedModel model = load_policy(model_path, "--model", device);
  const Policy& policy = *model.policy;
  say_terminal_is_read(tokens_path + in, parser.quiet());
  const std::vector<Tokens> sequences =
      read_tokens(tokens_path.empty() ? in : tokens_path, policy, logprobs);

  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> hidden = hidden_of(policy, sequences, chunk, parser.quiet());
  Progress progress("tensors written", static_cast<int64_t>(sequences.size()), parser.quiet());
  int64_t written = 0;
  std::vector<TensorSource> tensors;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const int64_t T = static_cast<int64_t>(sequences[i].size());
    const Shape shape = logprobs ? Shape{T - 1} : Shape{last ? 1 : T, policy.config().vocab_size};
    tensors.push_back({std::to_string(i), Dtype::kF32, shape, [&, i](std::span<std::byte> bytes) {
                         fill_tensor(policy, hidden[i], sequences[i], last, logprobs, bytes);
                         progress.update(++written);
                       }});
  }
  if (out == "-")
    write_to_stdout(std::move(tensors));
  else
    write_safetensors(out, std::move(tensors));
  return 0;
}

}  // namespace retort
