#include "tasks/family.h"

#include "base/check.h"
#include "tasks/task_uid.h"

namespace retort {
namespace {

// The rarer side has one problem in five or eight of every level: so many misses in a row are a
// bug.
constexpr int kMaxRedraws = 100'000;

}  // namespace

Task Family::draw(int level, PhiloxStream& stream, Split side, uint64_t seed) const {
  for (int redraw = 0; redraw < kMaxRedraws; ++redraw) {
    Task task = generate(level, stream);
    task.split = side_of(task);
    if (task.split != side) continue;
    task.family = name();
    task.level = level;
    task.seed = seed;
    task.uid = task_uid(task);
    return task;
  }
  RT_CHECK(false) << name() << " level " << level << " has no problem on one side of its split";
  return {};
}

}  // namespace retort
