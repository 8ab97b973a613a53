// Advantages, policy losses, KL terms and aggregations against the papers' formulas
// (learner_rules.jsonl, made by make_learner_fixtures.py): values, counts, and every gradient
// against difference quotients of the whole update's objective. RETORT_LEARNER_RULES names another
// file of more cases.
#include "learner/advantage/advantage.h"
#include "learner/loss/aggregation.h"
#include "learner/loss/loss.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace retort {
namespace {

using nlohmann::json;

double relative(double scale) { return 2e-6 * std::max(1.0, std::abs(scale)); }

void check_advantages(const json& row) {
  const GroupRewards wanted = row["advantages"].get<GroupRewards>();
  const GroupRewards got =
      find_advantage(row["name"])(row["rewards"].get<GroupRewards>(), {row["ddof"], row["eps"]});
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t g = 0; g < wanted.size(); ++g) {
    ASSERT_EQ(got[g].size(), wanted[g].size());
    for (size_t i = 0; i < wanted[g].size(); ++i)
      EXPECT_NEAR(got[g][i], wanted[g][i], 1e-9 * std::max(1.0, std::abs(wanted[g][i])))
          << row.dump();
  }
}

void check_loss(const json& row) {
  const json& s = row["settings"];
  LossSettings settings;
  settings.policy = find_policy_loss(s["policy"]);
  settings.clip = {s["low"], s["high"], s["dual"]};
  settings.sequence_ratio = s["sequence"];
  settings.kl = find_kl(s["kl"]);
  settings.kl_coef = s["kl_coef"];
  settings.off_policy_mask_threshold = s["delta"];
  const auto logp = row["logp"].get<std::vector<std::vector<float>>>();
  const auto old_logp = row["old"].get<std::vector<std::vector<float>>>();
  const auto reference = row["ref"].get<std::vector<std::vector<float>>>();
  AggregationShape shape;
  shape.scale = s["scale"];
  for (const std::vector<float>& sequence : logp) {
    shape.tokens += static_cast<int64_t>(sequence.size());
    shape.sequences += sequence.empty() ? 0 : 1;
  }
  LossSums sums;
  for (size_t i = 0; i < logp.size(); ++i) {
    shape.length = static_cast<int64_t>(logp[i].size());
    if (shape.length == 0) continue;
    const double normaliser = find_aggregation(s["aggregation"])(shape);
    const std::vector<float> entropy(logp[i].size(), 0.5f);
    std::vector<float> gradient(logp[i].size());
    sequence_loss({logp[i], old_logp[i], reference[i], entropy, row["advantage"][i], normaliser},
                  settings, gradient, {}, sums);
    for (size_t t = 0; t < gradient.size(); ++t) {
      const double wanted = row["gradient"][i][t];
      EXPECT_NEAR(gradient[t], wanted, relative(wanted)) << i << ' ' << t << ' ' << row.dump();
    }
  }
  const double loss = row["loss"], kl = row["kl"];
  EXPECT_NEAR(sums.loss, loss, relative(loss)) << row.dump();
  EXPECT_NEAR(sums.kl, kl, relative(kl)) << row.dump();
  EXPECT_EQ(sums.clipped, row["clipped"].get<int64_t>()) << row.dump();
  EXPECT_EQ(sums.masked_sequences, row["masked"].get<int64_t>()) << row.dump();
  EXPECT_EQ(sums.tokens, shape.tokens);
}

TEST(LearnerRulesParity, EveryCaseIsWhatThePapersSay) {
  const char* other = std::getenv("RETORT_LEARNER_RULES");
  std::ifstream file(other != nullptr ? other : "tests/parity/learner_rules.jsonl");
  int losses = 0, advantages = 0;
  for (std::string line; std::getline(file, line);) {
    const json row = json::parse(line);
    if (row.contains("rewards")) {
      check_advantages(row);
      ++advantages;
    } else {
      check_loss(row);
      ++losses;
    }
  }
  EXPECT_GE(losses, 200);
  EXPECT_GE(advantages, 200);
}

}  // namespace
}  // namespace retort
