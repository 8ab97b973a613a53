#pragma once
// Rows of a supervised JSON Lines file as training sequences.
//
//   {"messages": [{"role", "content"}, …], "tools"?: […]}   loss on the assistant's messages
//   {"prompt": "…", "completion": "…"}                      loss on the completion and an end of
//   text
//   {"prompt": […], "completion": […]}                      messages; loss on the completion's
//
// Which tokens of a chat have a loss: those of the template's {% generation %} spans when it marks
// them; else from where the prompt up to the message, opened for an answer, ends to the message's
// end of text. That needs a template which leaves earlier messages as they are, in text and in
// tokens: it is checked, and a row where it does not hold is refused.
#include "learner/batch.h"
#include "rollout/prompt_codec.h"
#include "tools/retort/sft_config.h"

#include <string>
#include <vector>

namespace retort {

// The rows of `files`, joined by commas, in order. UserError at FILE:LINE for a row that is none of
// the above, has no token with a loss, or is longer than `max_tokens` (unless overlong rows are
// dropped); at `setting` when no row is left.
std::vector<TrainingSequence> read_sft_rows(const std::string& files, const std::string& setting,
                                            const SftSection& sft, const PromptCodec& codec,
                                            int64_t max_tokens);

}  // namespace retort
