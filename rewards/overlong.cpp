// overlong: DAPO's soft overlong punishment (2503.14476 eq. 13), in [-1, 0]:
//   0 up to max_length - buffer tokens, then ((max_length - buffer) - length) / buffer, -1 beyond
// max_length.
#include "base/error.h"
#include "rewards/registry.h"

namespace retort {
namespace {

class Overlong final : public Reward {
 public:
  Overlong(int64_t max_length, int64_t buffer) : max_length_(max_length), buffer_(buffer) {}

  Judgement score(const Task&, const Completion& completion) const override {
    if (!completion.tokens)
      return {Outcome::kUnverifiable, 0, "the completion's length in tokens is not known"};
    const int64_t soft = max_length_ - buffer_, length = *completion.tokens;
    if (length <= soft) return {Outcome::kValue, 0, ""};
    const std::string detail = std::to_string(length) + " tokens";
    if (length > max_length_) return {Outcome::kValue, -1, detail};
    return {Outcome::kValue, static_cast<double>(soft - length) / static_cast<double>(buffer_),
            detail};
  }

  std::vector<KnownAnswer> known_answers() const override {
    const auto known = [](const char* what, int64_t tokens, double score) {
      KnownAnswer answer{what, Task(), Completion{"x"}, Outcome::kValue, score};
      answer.completion.tokens = tokens;
      return answer;
    };
    KnownAnswer unknown{"no length", Task(), Completion{"x"}, Outcome::kUnverifiable, 0};
    return {known("short", max_length_ - buffer_, 0), known("at the limit", max_length_, -1),
            known("beyond it", max_length_ + 1, -1), unknown};
  }

 private:
  const int64_t max_length_, buffer_;
};

}  // namespace

RewardRow overlong_row() {
  return {"overlong",
          "0 for short completions, falling to -1 over the last `buffer` tokens before max_length",
          {{"max_length", OptionKind::kNumber, "4096", "tokens at which it is -1"},
           {"buffer", OptionKind::kNumber, "512", "tokens before that over which it falls"}},
          [](const RewardOptions& options, const std::string& place) -> std::unique_ptr<Reward> {
            const int64_t max_length = options.number("max_length");
            const int64_t buffer = options.number("buffer");
            if (buffer < 1 || buffer > max_length)
              throw UserError(place,
                              "overlong: buffer is " + std::to_string(buffer) + ", max_length " +
                                  std::to_string(max_length),
                              "set buffer from 1 to max_length");
            return std::make_unique<Overlong>(max_length, buffer);
          }};
}

}  // namespace retort
