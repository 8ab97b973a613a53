#include "tasks/curriculum.h"

#include "base/check.h"
#include "base/error.h"
#include "tasks/draw_stream.h"
#include "tasks/family.h"
#include "tasks/task_file.h"

#include <numeric>

namespace retort {
namespace {

constexpr uint64_t kMaxRefusals = 100'000;

}  // namespace

Curriculum::Curriculum(TaskSpec spec, const TaskOptions& options, uint32_t seed)
    : spec_(std::move(spec)), system_prompt_(options.system_prompt), seed_(seed) {
  RT_CHECK(!spec_.sources.empty()) << spec_.place;
  for (const TaskSource& source : spec_.sources) {
    files_.emplace_back();
    if (const auto* file = std::get_if<FileSource>(&source))
      files_.back().tasks = read_task_file(file->path, spec_.place, options, Split::kTrain);
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

  FileRows& rows = files_[source_index];
  const uint64_t epoch = round / rows.tasks.size();
  if (rows.epoch != epoch) {
    rows.order.resize(rows.tasks.size());
    std::iota(rows.order.begin(), rows.order.end(), 0u);
    epoch_stream(seed_, epoch, static_cast<uint32_t>(source_index)).shuffle(rows.order);
    rows.epoch = epoch;
  }
  return rows.tasks[rows.order[round % rows.tasks.size()]];
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
