// The reward `command:PATH` with programs that misbehave: what they cannot answer is infra_error,
// never a score; the next row is answered again; no wait outlasts its deadline; nothing is left
// running.
#include "base/error.h"
#include "rewards/command.h"
#include "rewards/registry.h"
#include "rewards/score.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

namespace retort::tests {
namespace {

class CommandReward : public ::testing::Test {
 protected:
  // A Python program that does BODY with each `row` ("n" counts them from 1).
  std::string program(const std::string& body, const std::string& head = "") {
    const std::string path = folder_.path() + "/program" + std::to_string(++programs_);
    std::ofstream file(path);
    file << "#!/usr/bin/env python3\nimport json, os, sys, time\n"
         << "def say(**o): print(json.dumps(o), flush=True)\n"
         << head << "\nfor n, line in enumerate(sys.stdin, 1):\n    row = json.loads(line)\n    "
         << body << "\n";
    file.close();
    ::chmod(path.c_str(), 0755);
    return path;
  }
  std::unique_ptr<Reward> reward(const std::string& path, int deadline_s = 3) {
    return make_reward("command:" + path + ",deadline_s=" + std::to_string(deadline_s),
                       "[rewards]");
  }
  static Judgement ask(const Reward& reward, const std::string& text = "x") {
    Task task;
    task.prompt = "p";
    task.answer = "\"a\"";
    return reward.score(task, Completion{text});
  }
  static std::vector<Judgement> ask_all(const Reward& reward,
                                        const std::vector<std::string>& texts) {
    Task task;
    task.answer = "null";
    std::vector<Completion> completions;
    for (const std::string& text : texts) completions.push_back(Completion{text});
    std::vector<Question> questions;
    for (const Completion& completion : completions) questions.push_back({&task, &completion});
    return reward.score_all(questions, {});
  }
  // "", "x", "xx", …
  static std::vector<std::string> lengths(size_t count) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < count; ++i) texts.emplace_back(i, 'x');
    return texts;
  }
  static void expect_infra(const Judgement& judgement, const std::string& why) {
    EXPECT_EQ(judgement.outcome, Outcome::kInfraError);
    EXPECT_EQ(judgement.score, 0);
    EXPECT_NE(judgement.detail.find(why), std::string::npos) << judgement.detail;
  }

  const TemporaryFolder folder_;
  int programs_ = 0;
};

const std::string kGood = "say(id=row['id'], score=len(row['completion']) / 10)";

TEST_F(CommandReward, ScoresAndOutcomesComeBack) {
  const auto length = reward(program(kGood));
  EXPECT_EQ(ask(*length, "four"), (Judgement{Outcome::kValue, 0.4, ""}));
  EXPECT_EQ(ask(*length, "αβ").score, 0.2) << "characters, not bytes";
  const auto unsure = reward(program("say(id=row['id'], outcome='unverifiable')"));
  EXPECT_EQ(ask(*unsure).outcome, Outcome::kUnverifiable);
  EXPECT_TRUE(length->known_answers().empty());
}

TEST_F(CommandReward, TheRowHoldsWhatTheContractSays) {
  const auto strict = reward(program(
      "say(id=row['id'], score=1.0 if row['prompt'] == [{'role': 'user', 'content': 'q'}] and "
      "row['answer'] == {'target': 3} and row['meta'] == {'family': 'f', 'level': 2, "
      "'completion_tokens': 5} else 0.0)"));
  Task task;
  task.messages = {{"user", "q"}};
  task.answer = R"({"target": 3})";
  task.family = "f";
  task.level = 2;
  Completion completion{"c"};
  completion.tokens = 5;
  EXPECT_EQ(strict->score(task, completion).score, 1.0);
}

TEST_F(CommandReward, AHangEndsAtTheDeadlineAndTheNextRowIsAnswered) {
  const auto slow =
      reward(program("time.sleep(60 if row['completion'] == 'hang' else 0); " + kGood));
  const auto begin = std::chrono::steady_clock::now();
  expect_infra(ask(*slow, "hang"), "did not answer in time");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_EQ(ask(*slow, "four").score, 0.4);
}

TEST_F(CommandReward, ADeathIsNoScoreAndTheNextRowStartsItAgain) {
  const auto mortal = reward(program("os._exit(3) if row['completion'] == 'die' else " + kGood));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ask(*mortal, "four").score, 0.4);
    expect_infra(ask(*mortal, "die"), "ended");
  }
}

TEST_F(CommandReward, GarbageIsNoScore) {
  for (const auto& [body, why] : std::vector<std::pair<std::string, std::string>>{
           {"print('hello', flush=True)", "no JSON object"},
           {"print('[1]', flush=True)", "no JSON object"},
           {"say(score=1.0)", "without the row's id"},
           {"say(id=row['id'])", "without a number"},
           {"say(id=row['id'], score='1')", "without a number"},
           {"print('{\"id\": %d, \"score\": NaN}' % row['id'], flush=True)", "no JSON object"},
           {"print('{\"id\": %d, \"score\": 1e999}' % row['id'], flush=True)", ""},
           {"say(id=row['id'], outcome='splendid')", "unknown outcome"},
           {"say(id=row['id'] + 1, score=1.0)", "when row"},
           {"sys.stdout.buffer.write(b'\\xff\\xfe\\n'); sys.stdout.flush()", "no JSON object"}})
    expect_infra(ask(*reward(program(body))), why);
}

TEST_F(CommandReward, ASecondAnswerSpoilsNoLaterRow) {
  const auto twice = reward(program(
      "say(id=row['id'], score=len(row['completion']) / 10); say(id=row['id'], score=9.0)"));
  for (int round = 0; round < 5; ++round) EXPECT_EQ(ask(*twice, "four").score, 0.4);
}

TEST_F(CommandReward, AnEndlessLineIsCutOff) {
  const auto flood = reward(program("while True: sys.stdout.write('x' * 1000000)", ""), 20);
  const auto begin = std::chrono::steady_clock::now();
  expect_infra(ask(*flood), "a line that is too long");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(CommandReward, MuchOnStandardErrorIsNoHindrance) {
  const auto chatty =
      reward(program("sys.stderr.write('e' * 1000000); sys.stderr.flush(); " + kGood), 5);
  for (int round = 0; round < 3; ++round) EXPECT_EQ(ask(*chatty, "four").score, 0.4);
}

TEST_F(CommandReward, AProgramThatReadsNothingIsNoHang) {
  const auto deaf = reward(program("pass", "time.sleep(60)"));
  expect_infra(ask(*deaf, std::string(5'000'000, 'x')), "did not answer in time");
}

TEST_F(CommandReward, ThreadsMayAskAtOnce) {
  const auto length = reward(program(kGood), 10);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 1; t <= 4; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 25; ++round)
        right += ask(*length, std::string(static_cast<size_t>(t), 'x')).score == t / 10.0 ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 100);
}

// ---- several rows under way ----

TEST_F(CommandReward, RowsMayBeAnsweredInAnyOrder) {
  // Answers nothing before it has ten rows, then the newest first.
  const auto backwards = reward(program("rows.append(row)\n    if len(rows) == 10:\n        while "
                                        "rows: row = rows.pop(); " +
                                            kGood,
                                        "rows = []"),
                                20);
  const std::vector<Judgement> judgements = ask_all(*backwards, lengths(40));
  for (size_t i = 0; i < judgements.size(); ++i)
    EXPECT_EQ(judgements[i], (Judgement{Outcome::kValue, static_cast<double>(i) / 10, ""})) << i;
}

TEST_F(CommandReward, NoMoreRowsAreUnderWayThanAsked) {
  // Says how many rows it could read within a moment.
  const std::string path = program(
      "n = 1\n    while select.select([sys.stdin], [], [], 0.3)[0]: n += 1; more.append("
      "json.loads(sys.stdin.readline()))\n    for row in [row] + more: say(id=row['id'], score=n)",
      "import select; more = []; sys.stdin = os.fdopen(0, 'rb', 0)");
  const auto three = make_reward("command:" + path + ",rows_at_once=3", "[rewards]");
  for (const Judgement& judgement : ask_all(*three, lengths(3))) EXPECT_EQ(judgement.score, 3.0);
  const auto one = make_reward("command:" + path + ",rows_at_once=1", "[rewards]");
  for (const Judgement& judgement : ask_all(*one, lengths(3))) EXPECT_EQ(judgement.score, 1.0);
  EXPECT_THROW(make_reward("command:" + path + ",rows_at_once=0", "[rewards]"), UserError);
  EXPECT_THROW(make_reward("command:" + path + ",deadline_s=0", "[rewards]"), UserError);
}

// Whatever the rows do that are under way with others, the others have their scores.
TEST_F(CommandReward, OnlyTheRowsThatFailHaveNoScore) {
  const std::string deed =
      "{'die': lambda: os._exit(3), 'hang': lambda: time.sleep(60), "
      "'junk': lambda: print('junk', flush=True), "
      "'stranger': lambda: say(id=10**9, score=1.0), "
      "'word': lambda: say(id=row['id'], score='x'), "
      "'twice': lambda: (say(id=row['id'], score=0.5), say(id=row['id'], "
      "score=9.0))}";
  const auto mixed = reward(program("word = row['completion']; deed = " + deed + ".get(word); " +
                                    kGood + " if deed is None else deed()"));
  std::vector<std::string> texts = lengths(30);
  for (const auto& [at, what] : std::vector<std::pair<size_t, std::string>>{{2, "die"},
                                                                            {3, "hang"},
                                                                            {9, "junk"},
                                                                            {10, "die"},
                                                                            {15, "stranger"},
                                                                            {20, "word"},
                                                                            {25, "twice"},
                                                                            {29, "die"}})
    texts[at] = what;
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Judgement> judgements = ask_all(*mixed, texts);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i] == "twice")
      EXPECT_EQ(judgements[i].score, 0.5);
    else if (texts[i].find('x') == std::string::npos && !texts[i].empty())
      EXPECT_EQ(judgements[i].outcome, Outcome::kInfraError) << texts[i];
    else
      EXPECT_EQ(judgements[i], (Judgement{Outcome::kValue, static_cast<double>(i) / 10, ""})) << i;
  }
}

TEST_F(CommandReward, AGigabyteWithoutALineBreakIsNoScore) {
  const auto flood = reward(program("for _ in range(1000): sys.stdout.write('x' * 1000000)"), 20);
  const auto begin = std::chrono::steady_clock::now();
  for (const Judgement& judgement : ask_all(*flood, {"a", "b", "c"}))
    expect_infra(judgement, "a line that is too long");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(CommandReward, AStreamOfOldAnswersEndsAtTheDeadline) {
  const auto echo = reward(program(kGood + "\n    while n == 2: say(id=1, score=1.0)"));
  const std::vector<Judgement> judgements = ask_all(*echo, {"four", "four", "four"});
  EXPECT_EQ(judgements[0].score, 0.4);
  EXPECT_EQ(judgements[1].score, 0.4);
  expect_infra(judgements[2], "did not answer in time");
}

TEST_F(CommandReward, ClosedPipesAreNoHang) {
  const auto mute = reward(program("os.close(1); time.sleep(60)"), 20);
  const auto begin = std::chrono::steady_clock::now();
  for (const Judgement& judgement : ask_all(*mute, {"a", "b"})) expect_infra(judgement, "ended");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
  const auto deaf = reward(program(kGood + "; os.close(0); time.sleep(60)"));
  const std::vector<Judgement> judgements = ask_all(*deaf, {"four", std::string(1'000'000, 'x')});
  EXPECT_EQ(judgements[0].score, 0.4) << "answered before it closed its input";
  EXPECT_EQ(judgements[1].outcome, Outcome::kInfraError);
}

TEST_F(CommandReward, AChildThatHoldsThePipesIsSeenAndEnded) {
  const std::string pid = folder_.path() + "/child";
  const auto parent = reward(program("child = os.fork()\n    if child == 0: time.sleep(600)\n    "
                                     "open('" +
                                     pid + "', 'w').write(str(child)); os._exit(0)"),
                             20);
  const auto begin = std::chrono::steady_clock::now();
  expect_infra(ask(*parent), "ended");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10))
      << "its end is seen though the pipe is open";
  int child = 0;
  std::ifstream(pid) >> child;
  ASSERT_GT(child, 0);
  // Killed; whoever adopted it may not have reaped it yet.
  std::string state = "gone";
  for (int tries = 0; tries < 100; ++tries) {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string skip;
    if (!(status >> skip >> skip >> state) || state == "Z") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(state == "gone" || state == "Z") << state;
}

TEST_F(CommandReward, WhatIsNotAskedInTimeIsNoScore) {
  const auto slow = reward(program("time.sleep(0.4); " + kGood), 5);
  std::vector<Task> tasks(1);
  tasks[0].answer = "null";
  const Completion four{"four"};
  const std::vector<Question> questions(50, Question{&tasks[0], &four});
  const std::vector<Judgement> judgements =
      slow->score_all(questions, {Deadline::after(1.0), 1000});
  EXPECT_EQ(judgements.front().score, 0.4);
  expect_infra(judgements.back(), "was not asked before the deadline");
}

TEST_F(CommandReward, AProgramThatAlwaysFailsIsNotAskedForever) {
  const auto broken = reward(program("os._exit(1)"));
  std::vector<Task> tasks(1);
  tasks[0].answer = "null";
  const Completion four{"four"};
  const std::vector<Question> questions(1000, Question{&tasks[0], &four});
  const std::vector<Judgement> judgements = broken->score_all(questions, {Deadline::never(), 4});
  expect_infra(judgements[0], "ended");
  expect_infra(judgements[4], "after 4 failures in a row");
  expect_infra(judgements[999], "after 4 failures in a row");
}

// Twenty rows fail the first time they are asked, two fail always: each of the others has its
// score.
TEST_F(CommandReward, WhatFailsIsAskedAgainUntilThePatienceEnds) {
  const std::string path =
      program("word = row['completion']; here = '" + folder_.path() +
              "/seen' + word; seen = os.path.exists(here); open(here, 'w').close()\n    if word != "
              "'x' * 25 "
              "and (word in ('', 'x') or (not seen and len(word) < 22)): say(id=row['id'], "
              "outcome='infra_error')\n    else: " +
              kGood);
  const RewardSet rewards({{"command:" + path, 0.5}}, "[rewards]");
  Task task;
  task.answer = "null";
  std::vector<ScoreRequest> requests;
  for (uint32_t i = 0; i < 26; ++i)
    requests.push_back({{1, i, 0, 0}, &task, Completion{std::string(i, 'x')}});
  const std::vector<Verdict> verdicts = rewards.score_patiently(requests, 2.0);
  for (uint32_t i = 0; i < 26; ++i) {
    EXPECT_EQ(verdicts[i].id.task, i);
    EXPECT_EQ(verdicts[i].outcome, i < 2 ? Outcome::kInfraError : Outcome::kValue) << i;
    EXPECT_DOUBLE_EQ(verdicts[i].score, i < 2 ? 0.0 : 0.5 * i / 10) << i;
  }
}

// Ten rows that kill the program stand before the others, which must not wait for them for ever.
TEST_F(CommandReward, RowsThatAlwaysKillDoNotHideTheOthers) {
  const RewardSet rewards(
      {{"command:" + program("os._exit(1) if row['completion'] == 'die' else " + kGood), 1}},
      "[rewards]");
  Task task;
  task.answer = "null";
  std::vector<ScoreRequest> requests;
  for (uint32_t i = 0; i < 14; ++i)
    requests.push_back({{1, i, 0, 0}, &task, Completion{i < 10 ? "die" : "four"}});
  const std::vector<Verdict> verdicts = rewards.score_patiently(requests, 8.0);
  for (uint32_t i = 0; i < 14; ++i)
    EXPECT_EQ(verdicts[i].outcome, i < 10 ? Outcome::kInfraError : Outcome::kValue) << i;
}

TEST_F(CommandReward, NothingIsLeftRunning) {
  const std::string pid = folder_.path() + "/pid";
  {
    // Ignores the end of its input.
    const auto stubborn = reward(
        program(kGood + "\ntime.sleep(600)", "open('" + pid + "', 'w').write(str(os.getpid()))"));
    EXPECT_EQ(ask(*stubborn, "four").score, 0.4);
  }
  std::ifstream file(pid);
  int child = 0;
  file >> child;
  ASSERT_GT(child, 0);
  EXPECT_NE(::kill(child, 0), 0) << "process " << child << " is still there";
}

TEST_F(CommandReward, WhatCannotRunIsTheUsersMistake) {
  EXPECT_THROW(reward("/no/such/program")->check("[rewards]"), UserError);
  const std::string plain = folder_.path() + "/plain";
  std::ofstream(plain) << "text";
  EXPECT_THROW(reward(plain)->check("[rewards]"), UserError) << "not executable";
  EXPECT_THROW(reward(program("print('hello', flush=True)"))->check("[rewards]"), UserError);
  EXPECT_THROW(make_reward("command", "[rewards]"), UserError) << "no path";
}

TEST_F(CommandReward, TheCheckNamesWhatIsWrong) {
  for (const CommandCheck& check : check_command(program(kGood), 5, "--reward"))
    EXPECT_EQ(check.trouble, "") << check.what;
  int failed = 0;
  for (const CommandCheck& check :
       check_command(program("say(id=row['id'], score=1.0 if row['answer'] is None else 'x')"), 5,
                     "--reward"))
    failed += check.trouble.empty() ? 0 : 1;
  EXPECT_GE(failed, 5);
}

TEST_F(CommandReward, TheExampleKeepsTheContract) {
  for (const CommandCheck& check : check_command("docs/examples/length_reward.py", 5, "--reward"))
    EXPECT_EQ(check.trouble, "") << check.what;
}

}  // namespace
}  // namespace retort::tests
