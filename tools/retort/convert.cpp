// retort convert: GGUF or Hugging Face in, Hugging Face out.
#include "base/error.h"
#include "policy/gguf/convert_gguf.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/progress.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

namespace retort {

int run_convert(const CommandArguments& arguments) {
  std::string in, out, dtype;
  Arguments parser("convert",
                   "A GGUF file or a Hugging Face directory as a Hugging Face directory: weights, "
                   "configuration, tokenizer, template.",
                   "retort convert configs/tiny_base tiny_bf16 --dtype bfloat16");
  parser.positional("IN", in, "GGUF file or Hugging Face directory");
  parser.positional("OUT", out, "directory to be made");
  parser.option("--dtype", dtype,
                "of the weights written: float32, bfloat16 or float16; default: each as it is, of "
                "a GGUF float32");
  if (!parser.parse(arguments)) return 0;
  const std::optional<Dtype> target = find_weight_dtype(dtype);
  if (!dtype.empty() && !target)
    throw UserError("--dtype",
                    "got '" + dtype + "'" + did_you_mean(dtype, {"float32", "bfloat16", "float16"}),
                    "set it to float32, bfloat16 or float16");
  if (!std::filesystem::exists(in))
    throw UserError(in, "does not exist", "name a GGUF file or a Hugging Face directory");
  if (std::filesystem::exists(out)) throw UserError(out, "exists", "name a new directory");
  {
    std::optional<Progress> progress;  // how many tensors there are is known with the first
    const TensorsWritten written = [&](int64_t done, int64_t of) {
      if (!progress) progress.emplace("tensors written", of, parser.quiet());
      progress->update(done);
    };
    if (std::filesystem::is_directory(in))
      convert_hf(in, out, target, written);
    else
      convert_gguf(in, out, target, written);
  }
  fmt::print("{}\n", out);
  return 0;
}

}  // namespace retort
