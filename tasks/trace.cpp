#include "tasks/trace.h"

#include "base/check.h"
#include "tasks/draw_stream.h"
#include "tasks/family.h"

namespace retort {

Trace trace_at(Curriculum& curriculum, uint64_t cursor, double worked_share) {
  Trace trace;
  trace.task = curriculum.at(cursor);
  const Family* family = family_or_null(trace.task.family);
  RT_CHECK(family != nullptr) << "traces are of families";
  PhiloxStream stream = trace_stream(curriculum.seed(), cursor);
  trace.worked = stream.coin(worked_share);
  trace.completion = trace.worked ? family->worked(trace.task) : family->direct(trace.task, stream);
  return trace;
}

}  // namespace retort
