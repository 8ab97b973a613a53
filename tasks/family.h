#pragma once
// A family of procedural tasks: a generator with levels of difficulty, a split into a training and
// a held-out side, a verifier of its own, and written-out solutions for supervised fine-tuning.
//
// Families have no state: one object each, shared by all threads. A draw is a function of its
// stream.
#include "base/philox.h"
#include "base/record/task.h"
#include "tasks/verifier.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace retort {

class Family {
 public:
  virtual ~Family() = default;
  virtual std::string_view name() const = 0;

  // A task of `level` on the wanted side: problems are drawn until one is on that side. Problems
  // may repeat from draw to draw. `seed` is recorded in the task: what the caller keyed the stream
  // with.
  Task draw(int level, PhiloxStream& stream, Split side, uint64_t seed) const;

  // Which side the problem is on: a function of its text alone, so the sides are disjoint by
  // construction, whatever the level, the seed and the count.
  virtual Split side_of(const Task& task) const = 0;

  // The verdict on a completion of a task of this family; kVerifierError when task.answer is not
  // what this family writes. Never throws for what a policy or a task file may contain.
  virtual Judgement score(const Task& task, const Completion& completion) const = 0;

  // A worked solution: scores 1. A direct answer without work: a guess in the families where the
  // work is the skill to learn. Texts without the end of text, which is appended as an id, not as
  // text.
  virtual std::string worked(const Task& task) const = 0;
  virtual std::string direct(const Task& task, PhiloxStream& stream) const = 0;

 protected:
  // A problem of the level: prompt or messages, and answer. draw() fills in the rest.
  virtual Task generate(int level, PhiloxStream& stream) const = 0;
};

struct FamilyRow {
  std::string_view name;
  std::string_view help;   // one line
  std::string_view split;  // the rule of the split, one sentence
  int low_level;           // levels low_level .. high_level, both included
  int high_level;
  const Family& (*get)();
};

// The table of families (family_table.cpp).
std::span<const FamilyRow> family_rows();

// The row called `name`; UserError at `place` with the known names when there is none.
const FamilyRow& find_family(std::string_view name, const std::string& place);

// As above for a name that comes from a record: null when there is none.
const Family* family_or_null(std::string_view name);

}  // namespace retort
