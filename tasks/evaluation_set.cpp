#include "tasks/evaluation_set.h"

#include "base/check.h"
#include "base/error.h"
#include "tasks/draw_stream.h"
#include "tasks/split_hash.h"
#include "tasks/task_file.h"
#include "tasks/task_store.h"

#include <memory>
#include <optional>
#include <set>

namespace retort {
namespace {

constexpr uint64_t kDrawsPerProblem = 64;

using Uids = std::set<uint64_t>;

// One source's part of the set, task by task.
class SourceWalk {
 public:
  virtual ~SourceWalk() = default;
  virtual std::optional<Task> next() = 0;  // nullopt: this source is complete
};

// The rows of a file or a store.
class RowWalk final : public SourceWalk {
 public:
  explicit RowWalk(std::vector<Task> tasks) : tasks_(std::move(tasks)) {}
  std::optional<Task> next() override {
    if (next_ == tasks_.size()) return std::nullopt;
    return tasks_[next_++];
  }

 private:
  std::vector<Task> tasks_;
  size_t next_ = 0;
};

class FamilyWalk final : public SourceWalk {
 public:
  // `met` holds the problems of all sources without :repeat and outlives the walk.
  FamilyWalk(const FamilySource& source, const std::string& place, const std::string& system_prompt,
             Uids& met)
      : source_(source),
        place_(place),
        system_prompt_(system_prompt),
        family_(find_family(source.family, place).get()),
        family_hash_(crc32(source.family)),
        met_(met) {
    for (int level = source.levels.low; level <= source.levels.high; ++level)
      levels_.push_back({level, 0, {}});
  }

  std::optional<Task> next() override {
    if (produced_ == source_.count) return std::nullopt;
    while (!levels_.empty()) {
      if (turn_ >= levels_.size()) turn_ = 0;
      std::optional<Task> task = draw(levels_[turn_]);
      if (task) {
        ++turn_;
        ++produced_;
        apply_system_prompt(system_prompt_, *task);
        return task;
      }
      levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(turn_));
    }
    const std::string fewer =
        produced_ == 0 ? "remove it" : "ask for " + std::to_string(produced_) + " or fewer";
    throw UserError(place_,
                    "'" + source_.text + "' asks for " + std::to_string(source_.count) +
                        " distinct prompts and there are " + std::to_string(produced_),
                    source_.repeat_fix.empty() ? fewer : fewer + ", or " + source_.repeat_fix);
  }

 private:
  struct LevelDraws {
    int level;
    uint32_t draws;  // also the index of the next stream
    Uids produced;   // distinct problems drawn at this level, new to the set or not
  };

  // nullopt when the level is exhausted.
  std::optional<Task> draw(LevelDraws& at) {
    for (uint64_t misses = 0; misses < kDrawsPerProblem * (1 + at.produced.size()); ++misses) {
      RT_CHECK_NE(at.draws, UINT32_MAX) << source_.text;
      PhiloxStream stream = evaluation_stream(source_.seed, at.draws++, at.level, family_hash_);
      Task task = family_.draw(at.level, stream, source_.side, source_.seed);
      if (source_.repeat) return task;
      at.produced.insert(task.uid);
      if (met_.insert(task.uid).second) return task;
    }
    return std::nullopt;
  }

  const FamilySource& source_;
  const std::string& place_;
  const std::string& system_prompt_;
  const Family& family_;
  const uint32_t family_hash_;
  Uids& met_;
  std::vector<LevelDraws> levels_;  // those not exhausted, ascending
  size_t turn_ = 0;                 // index into levels_ of the level whose turn it is
  uint64_t produced_ = 0;
};

}  // namespace

std::vector<Task> evaluation_tasks(const TaskSpec& spec, const TaskOptions& options,
                                   const std::function<void(int64_t drawn)>& drawn) {
  Uids met;
  std::vector<std::unique_ptr<SourceWalk>> walks;
  for (const TaskSource& source : spec.sources) {
    if (const auto* file = std::get_if<FileSource>(&source))
      walks.push_back(std::make_unique<RowWalk>(
          read_task_file(file->path, spec.place, options, Split::kHeldOut)));
    else if (const auto* store = std::get_if<StoreSource>(&source))
      walks.push_back(std::make_unique<RowWalk>(
          read_task_store(store->path, store->where, spec.place, options, Split::kHeldOut)));
    else
      walks.push_back(std::make_unique<FamilyWalk>(std::get<FamilySource>(source), spec.place,
                                                   options.system_prompt, met));
  }
  std::vector<Task> tasks;
  while (!walks.empty()) {
    for (size_t i = 0; i < walks.size();) {
      std::optional<Task> task = walks[i]->next();
      if (!task) {
        walks.erase(walks.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      tasks.push_back(std::move(*task));
      if (drawn) drawn(static_cast<int64_t>(tasks.size()));
      ++i;
    }
  }
  return tasks;
}

}  // namespace retort
