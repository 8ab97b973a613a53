#include "tasks/curriculum.h"

#include "base/check.h"
#include "base/error.h"
#include "tasks/draw_stream.h"
#include "tasks/family.h"
#include "tasks/task_file.h"
#include "tasks/task_store.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>

namespace retort {
namespace {

constexpr uint64_t kMaxRefusals = 100'000;

void refuse_held_out(const std::vector<Task>& tasks, const std::string& place,
                     const std::string& source, const std::string& fix) {
  const auto held_out = std::ranges::count(tasks, Split::kHeldOut, &Task::split);
  if (held_out > 0)
    throw UserError(place,
                    std::to_string(held_out) + " of the " + std::to_string(tasks.size()) +
                        " tasks of " + source + " are held out, which are never trained on",
                    fix);
}

}  // namespace

Curriculum::Curriculum(TaskSpec spec, const TaskOptions& options, uint32_t seed)
    : spec_(std::move(spec)), system_prompt_(options.system_prompt), seed_(seed) {
  RT_CHECK(!spec_.sources.empty()) << spec_.place;
  for (const TaskSource& source : spec_.sources) {
    rows_.emplace_back();
    std::vector<Task>& tasks = rows_.back().tasks;
    if (const auto* file = std::get_if<FileSource>(&source)) {
      tasks = read_task_file(file->path, spec_.place, options, Split::kTrain);
      refuse_held_out(tasks, spec_.place, "'" + file->path + "'", "leave them out");
    } else if (const auto* store = std::get_if<StoreSource>(&source)) {
      tasks = read_task_store(store->path, store->where, spec_.place, options, Split::kTrain);
      refuse_held_out(tasks, spec_.place, "'" + store->path + "'",
                      "write " + store->path + ":" +
                          (store->where.empty() ? "" : "(" + store->where + ") AND ") +
                          "split IS NOT 'held_out'");
    }
  }
}

Task Curriculum::at(uint64_t cursor) {
  const uint64_t source_index = cursor % spec_.sources.size();
  const uint64_t round = cursor / spec_.sources.size();  // the source's own count
  const TaskSource& source = spec_.sources[source_index];

  if (const auto* of = std::get_if<FamilySource>(&source)) {
    const auto turn = static_cast<int>(round % static_cast<uint64_t>(of->levels.size()));
    PhiloxStream stream = training_stream(seed_, cursor);
    const Family& family = find_family(of->family, spec_.place).get();
    Task task = family.draw(of->levels.low + turn, stream, of->side, seed_);
    apply_system_prompt(system_prompt_, task);
    return task;
  }

  RowSet& rows = rows_[source_index];
  const uint64_t epoch = round / rows.tasks.size();
  if (rows.epoch != epoch) {
    rows.order.resize(rows.tasks.size());
    std::iota(rows.order.begin(), rows.order.end(), 0u);
    epoch_stream(seed_, epoch, static_cast<uint32_t>(source_index)).shuffle(rows.order);
    rows.epoch = epoch;
  }
  return rows.tasks[rows.order[round % rows.tasks.size()]];
}

uint64_t Curriculum::rows_digest() const {
  std::vector<uint64_t> words;  // each source's number of rows, then their uids
  bool any = false;
  for (const RowSet& rows : rows_) {
    words.push_back(rows.tasks.size());
    for (const Task& task : rows.tasks) words.push_back(task.uid);
    any = any || !rows.tasks.empty();
  }
  return any ? XXH3_64bits(words.data(), words.size() * sizeof(uint64_t)) : 0;
}

std::vector<Task> Curriculum::draw(size_t count, const std::function<bool(const Task&)>& keep) {
  std::vector<Task> tasks;
  tasks.reserve(count);
  uint64_t refusals = 0;
  while (tasks.size() < count) {
    Task task = at(cursor_++);
    if (!keep || keep(task)) {
      refusals = 0;
      tasks.push_back(std::move(task));
    } else if (++refusals == kMaxRefusals) {
      throw UserError(
          spec_.place,
          "the last " + std::to_string(kMaxRefusals) + " prompts were all left out as too long",
          "raise tasks.max_prompt_tokens");
    }
  }
  return tasks;
}

}  // namespace retort
