// The reward `command:PATH` with programs that misbehave: what they cannot answer is infra_error,
// never a score; the next row is answered again; no wait outlasts its deadline; nothing is left
// running.
#include "base/error.h"
#include "rewards/command.h"
#include "rewards/registry.h"
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
  std::unique_ptr<Reward> reward(const std::string& path, int deadline_s = 1) {
    return make_reward("command:" + path + ",deadline_s=" + std::to_string(deadline_s),
                       "[rewards]");
  }
  static Judgement ask(const Reward& reward, const std::string& text = "x") {
    Task task;
    task.prompt = "p";
    task.answer = "\"a\"";
    return reward.score(task, Completion{text});
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
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
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
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
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
