#pragma once
// Where the random numbers of task sets come from: every stream is keyed by what it is for and by
// its index alone, so nothing but a cursor has to be kept.
#include "base/philox.h"

#include <cstdint>

namespace retort {

// Branches of Purpose::kTaskDraw, and of Purpose::kShuffle for kEpochBranch.
inline constexpr uint32_t kTrainingBranch = 0;
inline constexpr uint32_t kEvaluationBranch = 1;
inline constexpr uint32_t kTraceBranch = 2;
inline constexpr uint32_t kEpochBranch = 1;

inline PhiloxStream indexed_stream(const PhiloxKey& key, uint64_t index, uint32_t third) {
  return {key, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), third};
}

// The problem of the training task at a cursor.
inline PhiloxStream training_stream(uint32_t seed, uint64_t cursor) {
  return indexed_stream({seed, Purpose::kTaskDraw, kTrainingBranch}, cursor, 0);
}

// The style and the guess of the trace at a cursor.
inline PhiloxStream trace_stream(uint32_t seed, uint64_t cursor) {
  return indexed_stream({seed, Purpose::kTaskDraw, kTraceBranch}, cursor, 0);
}

// The draw-th problem of a level for evaluation; `family_hash` keeps the families apart.
inline PhiloxStream evaluation_stream(uint32_t seed, uint32_t draw, int level,
                                      uint32_t family_hash) {
  return {{seed, Purpose::kTaskDraw, kEvaluationBranch},
          draw,
          static_cast<uint32_t>(level),
          family_hash};
}

// The order of a file in an epoch; `source` is its place among the joined SPECs.
inline PhiloxStream epoch_stream(uint32_t seed, uint64_t epoch, uint32_t source) {
  return indexed_stream({seed, Purpose::kShuffle, kEpochBranch}, epoch, source);
}

}  // namespace retort
