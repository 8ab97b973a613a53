// command:PATH: the user's own program in any language. It is started once, reads a row a line and
// answers each with a line {"id", "score"} or {"id", "outcome"}. What it cannot answer is
// infra_error, never a 0.
#include "rewards/command.h"

#include "base/error.h"
#include "rewards/registry.h"
#include "rewards/row_program.h"

namespace retort {
namespace {

class Command final : public Reward {
 public:
  Command(const std::string& path, double deadline_s, size_t rows_at_once, const std::string& place)
      : path_(path), program_(path, deadline_s, rows_at_once, place) {}

  Judgement score(const Task& task, const Completion& completion) const override {
    const Question question{&task, &completion};
    return score_all({&question, 1}, {}).front();
  }

  std::vector<Judgement> score_all(std::span<const Question> questions,
                                   const ScoreLimits& limits) const override {
    std::vector<Judgement> judgements;
    for (RowAnswer& answer : program_.ask(questions, limits))
      judgements.push_back(answer.judgement
                               ? std::move(*answer.judgement)
                               : Judgement{Outcome::kInfraError, 0, path_ + " " + answer.trouble});
    return judgements;
  }

  std::vector<KnownAnswer> known_answers() const override { return {}; }

  bool is_users_own() const override { return true; }

  void check(const std::string& place) const override {
    program_.start();
    Task probe;
    probe.answer = "null";
    const Completion empty;
    const Question question{&probe, &empty};
    const RowAnswer answer = program_.ask({&question, 1}, {}).front();
    if (!answer.judgement)
      throw UserError(place, "'" + path_ + "' " + answer.trouble + " to an empty row",
                      "see retort score --check --reward command:" + path_);
  }

 private:
  const std::string path_;
  mutable RowProgram program_;
};

int64_t at_least_one(const RewardOptions& options, const char* name, const std::string& place) {
  const int64_t value = options.number(name);
  if (value < 1)
    throw UserError(place, std::string("option ") + name + " of command got '0'",
                    "set it to 1 or more");
  return value;
}

}  // namespace

std::vector<CommandCheck> check_command(const std::string& path, double deadline_s,
                                        const std::string& place) {
  constexpr size_t kMany = 200;
  std::vector<CommandCheck> checks;
  RowProgram program(path, deadline_s, 1, place);
  program.start();
  const auto ask = [&](RowProgram& asked, const std::string& what, const Task& task,
                       const std::vector<Completion>& completions) {
    std::vector<Question> questions;
    for (const Completion& completion : completions) questions.push_back({&task, &completion});
    checks.push_back({what, ""});
    for (const RowAnswer& answer : asked.ask(questions, {Deadline::never(), 1}))
      if (checks.back().trouble.empty()) checks.back().trouble = answer.trouble;
  };
  Task task;
  task.answer = "null";
  ask(program, "answers an empty row", task, {Completion{""}});
  task.prompt = "1+1=";
  task.answer = R"("2")";
  ask(program, "answers a text prompt", task, {Completion{"2"}});
  ask(program, "answers text beyond ASCII and control characters", task,
      {Completion{"α\n\t\"\\ \x01 日本 😀"}});
  ask(program, "answers a completion of a million characters", task,
      {Completion{std::string(1'000'000, 'x')}});
  task.prompt = "";
  task.messages = {{"user", "1+1="}};
  ask(program, "answers a prompt of messages", task, {Completion{"2"}});
  task.answer = R"({"numbers": [1, 2], "target": 3})";
  ask(program, "answers a gold answer that is an object", task, {Completion{"3"}});
  std::vector<Completion> many;
  for (size_t row = 0; row < kMany; ++row) many.push_back(Completion{std::to_string(row)});
  ask(program, "answers 200 rows one after the other", task, many);
  checks.push_back({"ends with exit code 0 when its input ends",
                    program.finish() ? "" : "did not, or ended before"});
  RowProgram at_once(path, deadline_s, kMany, place);
  ask(at_once, "answers 200 rows written at once", task, many);
  return checks;
}

RewardRow command_row() {
  return {"command",
          "a program of yours, as command:PATH: rows in, scores out, a line each; any finite score",
          {{"path", OptionKind::kText, "", "the path of an executable program"},
           {"deadline_s", OptionKind::kNumber, "10", "seconds it may take for a row"},
           {"rows_at_once", OptionKind::kNumber, "16",
            "rows it is given before they are answered, in any order"}},
          [](const RewardOptions& options, const std::string& place) -> std::unique_ptr<Reward> {
            return std::make_unique<Command>(
                options.text("path"),
                static_cast<double>(at_least_one(options, "deadline_s", place)),
                static_cast<size_t>(at_least_one(options, "rows_at_once", place)), place);
          },
          "path"};
}

}  // namespace retort
