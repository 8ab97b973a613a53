#include "learner/batch.h"

namespace retort {

std::vector<SequenceRange> split_into_micro_batches(const std::vector<TrainingSequence>& sequences,
                                                    int64_t max_tokens) {
  std::vector<SequenceRange> ranges;
  const int64_t count = static_cast<int64_t>(sequences.size());
  for (int64_t begin = 0; begin < count;) {
    int64_t end = begin, tokens = 0;
    while (end < count) {
      const int64_t length = static_cast<int64_t>(sequences[end].tokens.size());
      if (end > begin && tokens + length > max_tokens) break;
      tokens += length;
      ++end;
    }
    ranges.push_back({begin, end});
    begin = end;
  }
  return ranges;
}

}  // namespace retort
