#pragma once
// The form of an answer in the text families: (<think>[^<]*</think>)?<answer>[0-9+*-]+</answer>,
// the whole completion, ended by the end of text. Nothing else earns a reward, so the policy cannot
// hedge.
#include "tasks/verifier.h"

#include <optional>
#include <string>
#include <string_view>

namespace retort {

// What stands between the answer tags when the completion has the form, else nullopt. Linear in the
// length of the text.
std::optional<std::string_view> tagged_answer(const Completion& completion);

// "<think>…</think><answer>…</answer>" and "<answer>…</answer>".
std::string worked_answer(std::string_view work, std::string_view answer);
std::string direct_answer(std::string_view answer);

// The answer, shortened for a verdict's detail.
std::string quoted(std::string_view answer);

}  // namespace retort
