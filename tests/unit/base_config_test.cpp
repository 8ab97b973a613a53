#include "base/config.h"
#include "base/error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

namespace retort {
namespace {

#define TEST_ROLLOUT_FIELDS(X)                                                    \
  X(int64_t, group_size, 8, at_least(2), "samples",                               \
    "samples per prompt; the baseline is their mean")                             \
  X(double, temperature, 1.0, between(0, 100), "", "divides the logits")          \
  X(double, top_p, 1.0, greater_than(0), "", "kept | mass")                       \
  X(std::vector<std::string>, stop, {}, any(), "", "texts that end a completion") \
  X(std::vector<double>, betas, (std::vector<double>{0.9, 0.95}), between(0, 1), "", "decay rates")
RETORT_CONFIG_STRUCT(TestRolloutConfig, TEST_ROLLOUT_FIELDS)

#define TEST_SCHEDULE_FIELDS(X)                                                           \
  X(std::string, kind, "constant", one_of({"constant", "cosine", "linear"}), "", "shape") \
  X(int32_t, warmup_steps, 0, at_least(0), "steps", "linear rise from 0")
RETORT_CONFIG_STRUCT(TestScheduleConfig, TEST_SCHEDULE_FIELDS)

#define TEST_LEARNER_FIELDS(X)                                              \
  X(TestScheduleConfig, schedule, {}, any(), "", "learning rate over time") \
  X(double, lr, 1e-6, greater_than(0), "", "peak learning rate")            \
  X(bool, packed, true, any(), "", "pack sequences")                        \
  X(uint32_t, seed, 0, any(), "", "key of every draw")                      \
  X(std::string, path, "", not_empty(), "", "where the model is")
RETORT_CONFIG_STRUCT(TestLearnerConfig, TEST_LEARNER_FIELDS)

#define TEST_REWARD_FIELDS(X)                                               \
  X(std::string, name, "task", not_empty(), "", "row of the rewards table") \
  X(double, weight, 1.0, any(), "", "factor in the sum")
RETORT_CONFIG_STRUCT(TestRewardConfig, TEST_REWARD_FIELDS)

struct TestConfig {
  TestRolloutConfig rollout;
  TestLearnerConfig learner;
  std::vector<TestRewardConfig> rewards;
  config::Binder binder;
  TestConfig() {
    binder.section("rollout", rollout, "How groups are sampled.");
    binder.section("learner", learner);
    binder.list("rewards", rewards);
  }
  TestConfig(const TestConfig&) = delete;
  void read(const std::string& text) { binder.apply(config::parse_document(text, "run.toml")); }
};

// The text of the UserError that `action` throws; "" when it throws none.
template <class Action>
std::string user_error(const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}
std::string read_error(const std::string& text) {
  TestConfig config;
  return user_error([&] { config.read(text); });
}
std::string set_error(const std::string& assignment) {
  TestConfig config;
  return user_error([&] { config.binder.set(assignment); });
}

TEST(Config, DefaultsComeFromTheFieldList) {
  const TestConfig config;
  EXPECT_EQ(config.rollout.group_size, 8);
  EXPECT_EQ(config.rollout.betas, (std::vector<double>{0.9, 0.95}));
  EXPECT_EQ(config.learner.schedule.kind, "constant");
  EXPECT_TRUE(config.rewards.empty());
}

TEST(Config, ReadsEveryType) {
  TestConfig config;
  config.read(R"(
rewards = [{name = "task"}, {weight = 0.5, name = "format"}]
[rollout]
group_size = 4
temperature = 2          # an integer where a number is wanted
stop = ["\n\n", "é"]
betas = [0.5, 1]
[learner]
packed = false
seed = 4294967295
path = "models/m"
[learner.schedule]
kind = "linear"
)");
  EXPECT_EQ(config.rollout.group_size, 4);
  EXPECT_EQ(config.rollout.temperature, 2.0);
  EXPECT_EQ(config.rollout.stop, (std::vector<std::string>{"\n\n", "é"}));
  EXPECT_EQ(config.rollout.betas, (std::vector<double>{0.5, 1.0}));
  EXPECT_FALSE(config.learner.packed);
  EXPECT_EQ(config.learner.seed, 4294967295u);
  EXPECT_EQ(config.learner.schedule.kind, "linear");
  ASSERT_EQ(config.rewards.size(), 2u);
  EXPECT_EQ(config.rewards[0].weight, 1.0);
  EXPECT_EQ(config.rewards[1].name, "format");
  EXPECT_EQ(config.rewards[1].weight, 0.5);
}

TEST(Config, ArrayOfTablesFillsAList) {
  TestConfig config;
  config.read("[[rewards]]\nname = \"a\"\n[[rewards]]\nname = \"b\"\nweight = 2\n");
  ASSERT_EQ(config.rewards.size(), 2u);
  EXPECT_EQ(config.rewards[1].name, "b");
  config.binder.set("rewards=[{name=\"c\", weight=3}]");
  ASSERT_EQ(config.rewards.size(), 1u);
  EXPECT_EQ(config.rewards[0].weight, 3.0);
}

TEST(Config, SetTakesTomlValuesAndBareWords) {
  TestConfig config;
  config.binder.set("rollout.group_size=4");
  config.binder.set("rollout.temperature=0.5");
  config.binder.set("rollout.stop=[\"a\", \"b\"]");
  config.binder.set("learner.path=chain_sum:1-6:train,countdown:1-6:train");
  config.binder.set("learner.schedule.kind=cosine");
  EXPECT_EQ(config.rollout.group_size, 4);
  EXPECT_EQ(config.rollout.temperature, 0.5);
  EXPECT_EQ(config.rollout.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.learner.path, "chain_sum:1-6:train,countdown:1-6:train");
  EXPECT_EQ(config.learner.schedule.kind, "cosine");
  // A text field takes what looks like another type as it stands.
  for (const char* word : {"7", "true", "1e3", "2024-01-01", "[x]", "a=b", "\"quoted"}) {
    config.binder.set(std::string("learner.path=") + word);
    EXPECT_EQ(config.learner.path, word);
  }
  config.binder.set("learner.path=\"7\"");
  EXPECT_EQ(config.learner.path, "7");
  // A line break smuggles no second key in.
  config.binder.set("learner.path=1\nother = 2");
  EXPECT_EQ(config.learner.path, "1\nother = 2");
}

TEST(Config, RangeErrorsNamePlaceAndFix) {
  EXPECT_EQ(set_error("rollout.group_size=1"), "[rollout.group_size]: got 1; set it to 2 or more");
  EXPECT_EQ(read_error("[rollout]\ngroup_size = 1\n"),
            "run.toml: [rollout.group_size]: got 1; set it to 2 or more");
  EXPECT_EQ(set_error("rollout.temperature=100.5"),
            "[rollout.temperature]: got 100.5; set it to a value from 0 to 100");
  EXPECT_EQ(set_error("rollout.temperature=nan"),
            "[rollout.temperature]: got nan; set it to a value from 0 to 100");
  EXPECT_EQ(set_error("rollout.top_p=0"), "[rollout.top_p]: got 0; set it to more than 0");
  EXPECT_EQ(set_error("rollout.betas=[0.5, 2]"),
            "[rollout.betas[1]]: got 2; set it to a value from 0 to 1");
  EXPECT_EQ(set_error("learner.schedule.kind=cosin"),
            "[learner.schedule.kind]: got \"cosin\" (did you mean cosine?); "
            "set it to one of constant, cosine, linear");
  EXPECT_EQ(set_error("learner.seed=4294967296"),
            "[learner.seed]: got 4294967296; set it to a value from 0 to 4294967295");
  EXPECT_EQ(set_error("learner.seed=-1"),
            "[learner.seed]: got -1; set it to a value from 0 to 4294967295");
  EXPECT_EQ(set_error("learner.path="),
            "[learner.path]: got \"\"; set it to a text that is not empty");
}

TEST(Config, WrongTypesSayWhatTheyGotAndWant) {
  EXPECT_EQ(
      read_error("[rollout]\ngroup_size = \"8\"\n"),
      "run.toml: [rollout.group_size]: got the string \"8\"; set it to an integer, 2 or more");
  EXPECT_EQ(read_error("[rollout]\ngroup_size = 8.0\n"),
            "run.toml: [rollout.group_size]: got 8.0; set it to an integer, 2 or more");
  EXPECT_EQ(read_error("[learner]\nlr = true\n"),
            "run.toml: [learner.lr]: got true; set it to a number, more than 0");
  EXPECT_EQ(read_error("[learner]\npacked = 1\n"),
            "run.toml: [learner.packed]: got 1; set it to true or false");
  EXPECT_EQ(read_error("[learner.schedule]\nkind = 3\n"),
            "run.toml: [learner.schedule.kind]: got 3; set it to one of constant, cosine, linear");
  EXPECT_EQ(read_error("[rollout]\nstop = \"a\"\n"),
            "run.toml: [rollout.stop]: got the string \"a\"; set it to a list of text, [a, b]");
  EXPECT_EQ(read_error("[rollout]\nstop = [1]\n"),
            "run.toml: [rollout.stop[0]]: got 1; set it to a text in quotes");
  EXPECT_EQ(read_error("rollout = 3\n"),
            "run.toml: [rollout]: got 3; write a table of its keys here");
  EXPECT_EQ(read_error("[learner]\npath = 2024-01-01\n"),
            "run.toml: [learner.path]: got the date or time 2024-01-01; "
            "set it to a text in quotes, a text that is not empty");
}

TEST(Config, UnknownKeysNameTheNearestAndTheKnown) {
  EXPECT_EQ(read_error("[rolout]\ngroup_size = 8\n"),
            "run.toml: [rolout]: unknown section (did you mean rollout?); known: rollout, learner, "
            "rewards");
  EXPECT_EQ(read_error("[rollout]\ngropu_size = 8\n"),
            "run.toml: [rollout.gropu_size]: unknown key (did you mean group_size?); "
            "known here: group_size, temperature, top_p, stop, betas");
  EXPECT_EQ(read_error("rewards = [{name = \"a\"}, {wieght = 1}]\n"),
            "run.toml: [rewards[1].wieght]: unknown key (did you mean weight?); known here: name, "
            "weight");
  EXPECT_EQ(read_error("[learner.schedule]\nxyz = 8\n"),
            "run.toml: [learner.schedule.xyz]: unknown key; known here: kind, warmup_steps");
  EXPECT_EQ(set_error("top=1"), "[top]: unknown section; known: rollout, learner, rewards");
  // The first mistake in the order of the file is the one named.
  EXPECT_EQ(read_error("[rollout]\nzzz = 1\naaa = 1\n").substr(0, 23), "run.toml: [rollout.zzz]");
}

TEST(Config, SyntaxErrorsNameFileAndLine) {
  EXPECT_EQ(read_error("[rollout]\ngroup_size = = 4\n").substr(0, 12), "run.toml:2: ");
  EXPECT_EQ(read_error("[rollout]\n\n\ngroup_size = \"4\n").substr(0, 12), "run.toml:4: ");
  EXPECT_EQ(read_error("[rollout]\ngroup_size = 4\ngroup_size = 5\n").substr(0, 12),
            "run.toml:3: ");
  EXPECT_EQ(read_error("[rollout]\nstop = [\"\xff\"]\n").substr(0, 12), "run.toml:2: ");
  EXPECT_EQ(set_error("rollout.group_size"),
            "--set rollout.group_size: has no '='; write --set section.key=value");
  EXPECT_EQ(set_error("rollout..x=1"),
            "--set rollout..x=1: has an empty key; write --set section.key=value");
  EXPECT_EQ(set_error("=1"), "--set =1: has an empty key; write --set section.key=value");
  for (const std::string& text : {read_error("a = \n= b"), read_error("]")}) {
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(Config, MissingFileIsTheUsersMistake) {
  EXPECT_EQ(
      user_error([] { config::read_document("no/such/run.toml"); }),
      "no/such/run.toml: cannot be read (No such file or directory); give the path of a file");
  EXPECT_NE(user_error([] { config::read_document("/"); }), "");
  EXPECT_EQ(user_error([] { config::read_document("/dev/zero"); }),
            "/dev/zero: is a device; give the path of a file");
}

TEST(Config, ReadsAFileAndAnEmptyOne) {
  const auto path = std::filesystem::temp_directory_path() / "retort_config_test.toml";
  std::ofstream(path) << "[rollout]\ngroup_size = 3\n";
  TestConfig config;
  config.binder.apply(config::read_document(path));
  EXPECT_EQ(config.rollout.group_size, 3);
  std::ofstream(path, std::ios::trunc).close();
  EXPECT_TRUE(config::read_document(path).table.empty());
  std::filesystem::remove(path);
}

TEST(Config, ResolvedReadsBackToTheSameConfiguration) {
  TestConfig config;
  config.rollout.temperature = 0.1 + 0.2;
  config.rollout.top_p = std::numeric_limits<double>::denorm_min();
  config.rollout.stop = {"a\"b\\c\n\t\x01", "é😀", ""};
  config.rollout.betas = {1.0, 1e-300, 0.3333333333333333};
  config.learner.lr = 2e-5;
  config.learner.path = "x = [1]";
  config.learner.schedule.warmup_steps = 5;
  config.rewards = {{"task", 1.0}, {"format", -0.25}};
  TestConfig again;
  again.read(config.binder.resolved());
  EXPECT_EQ(again.rollout, config.rollout);
  EXPECT_EQ(again.learner, config.learner);
  EXPECT_EQ(again.rewards, config.rewards);
  EXPECT_EQ(again.binder.resolved(), config.binder.resolved());
}

TEST(Config, ResolvedIsThisText) {
  TestConfig config;
  config.rewards = {{"task", 1.0}};
  EXPECT_EQ(config.binder.resolved(), R"(rewards = [
  {name = "task", weight = 1.0},
]

[rollout]
group_size = 8
temperature = 1.0
top_p = 1.0
stop = []
betas = [0.9, 0.95]

[learner]
lr = 1e-06
packed = true
seed = 0
path = ""

[learner.schedule]
kind = "constant"
warmup_steps = 0
)");
}

TEST(Config, DoublesKeepEveryBit) {
  TestConfig config;
  TestConfig again;
  for (const double value :
       {0.1, 1.0 / 3, 5e-324, 1e22, 123456789012345680.0, 99.99999999999999, 1e-5, 1e15}) {
    config.learner.lr = value;
    config.learner.path = "m";
    again.read(config.binder.resolved());
    EXPECT_EQ(again.learner.lr, value);
  }
}

TEST(Config, DiffNamesTheKeys) {
  TestConfig a;
  TestConfig b;
  EXPECT_TRUE(config::diff(a.binder.values(), b.binder.values()).empty());
  b.rollout.group_size = 4;
  b.learner.schedule.kind = "linear";
  b.rewards = {{"task", 1.0}};
  const auto rows = config::diff(a.binder.values(), b.binder.values());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].key, "rollout.group_size");
  EXPECT_EQ(rows[0].a, "8");
  EXPECT_EQ(rows[0].b, "4");
  EXPECT_EQ(rows[1].key, "learner.schedule.kind");
  EXPECT_EQ(rows[2].key, "rewards");
  // A key that only one side has differs.
  EXPECT_EQ(config::diff({}, {{"x", {int64_t{1}}}}).size(), 1u);
}

TEST(Config, CheckFindsADefaultThatMustBeReplaced) {
  TestConfig config;
  EXPECT_EQ(user_error([&] { config.binder.check(); }),
            "[learner.path]: got \"\"; set it to a text that is not empty");
  config.learner.path = "m";
  EXPECT_EQ(user_error([&] { config.binder.check(); }), "");
  config.rewards = {{"", 1.0}};
  EXPECT_EQ(user_error([&] { config.binder.check(); }),
            "[rewards[0].name]: got \"\"; set it to a text that is not empty");
}

TEST(Config, HelpAndMarkdownHaveEveryField) {
  const TestConfig config;
  const std::string help = config.binder.help();
  EXPECT_NE(help.find("[rollout]  How groups are sampled.\n"
                      "  rollout.group_size = 8   (integer, 2 or more; samples)\n"
                      "      samples per prompt; the baseline is their mean\n"),
            std::string::npos);
  EXPECT_NE(help.find("rewards[].weight = 1.0"), std::string::npos);
  EXPECT_NE(help.find("learner.schedule.kind = \"constant\""), std::string::npos);
  const std::string markdown = config.binder.markdown();
  EXPECT_NE(
      markdown.find("| `rollout.top_p` | number | `1.0` | more than 0 |  | kept \\| mass |\n"),
      std::string::npos);
  EXPECT_NE(markdown.find("| `rollout.stop` | list of text | `[]` |"), std::string::npos);
}

}  // namespace
}  // namespace retort
