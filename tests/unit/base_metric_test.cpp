#include "base/check.h"
#include "base/metric.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <set>

namespace retort {
namespace {

TEST(Metric, TheTableHasWhatEveryStepHas) {
  for (const char* name : {"step",
                           "time_s",
                           "critic/score/mean",
                           "critic/score/std",
                           "actor/pg_loss",
                           "actor/entropy",
                           "actor/grad_norm",
                           "actor/lr",
                           "actor/pg_clipfrac",
                           "response_length/mean",
                           "response_length/max",
                           "response_length/clip_ratio",
                           "mismatch/tokens",
                           "mismatch/checked",
                           "mismatch/max_abs",
                           "staleness/mean",
                           "staleness/max",
                           "reward/task/mean",
                           "outcome/value",
                           "outcome/infra_error",
                           "groups/kept",
                           "groups/zero_variance",
                           "groups/refilled",
                           "timing_s/rollout",
                           "timing_s/reward",
                           "timing_s/train",
                           "timing_s/publish",
                           "timing_s/save",
                           "timing_s/eval",
                           "timing_s/step",
                           "perf/rollout_tok_s",
                           "perf/train_tok_s",
                           "perf/mfu",
                           "perf/memory_gb",
                           "eval/all/pass@1",
                           "eval/chain_sum/pass@64"}) {
    EXPECT_NE(find_metric(name), nullptr) << name;
  }
}

TEST(Metric, NamesAreUniqueAndEveryRowSaysWhatItMeans) {
  std::set<std::string_view> names;
  for (const MetricInfo& metric : metric_table()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_EQ(find_metric(metric.name == "eval/FAMILY/pass@K" ? "eval/x/pass@8" : metric.name),
              &metric);
    EXPECT_FALSE(metric.meaning.empty()) << metric.name;
  }
}

TEST(Metric, FamiliesMatchPartByPart) {
  EXPECT_NE(find_metric("reward/math_equal/mean"), nullptr);
  EXPECT_EQ(find_metric("reward/math_equal"), nullptr);
  EXPECT_EQ(find_metric("reward/math_equal/max"), nullptr);
  EXPECT_EQ(find_metric("reward//mean"), nullptr);
  EXPECT_NE(find_metric("reward/command:a/b.py/mean"), nullptr) << "the path of a program";
  EXPECT_EQ(find_metric("reward/command:a/b.py/max"), nullptr);
  EXPECT_EQ(find_metric("reward/a//mean/"), nullptr);
  EXPECT_EQ(find_metric("outcome/a/b"), nullptr);
  EXPECT_EQ(find_metric("outcome/"), nullptr);
  EXPECT_EQ(find_metric("eval/all/pass@"), nullptr);
  EXPECT_EQ(find_metric("eval/all/pass@x"), nullptr);
  EXPECT_EQ(find_metric("eval/all/pass@8x"), nullptr);
  EXPECT_EQ(find_metric("actor/pg_los"), nullptr);
  EXPECT_EQ(find_metric("steps"), nullptr);
  EXPECT_EQ(find_metric(""), nullptr);
}

// A time, a rate or a fact of the host is not compared between runs; everything else is.
TEST(Metric, TimesAndRatesAreTheOnlyOnesThatMayDiffer) {
  for (const MetricInfo& metric : metric_table()) {
    const bool of_the_host = metric.name == "time_s" || metric.name.starts_with("timing_s/") ||
                             metric.name.starts_with("perf/");
    EXPECT_EQ(metric.deterministic, !of_the_host) << metric.name;
  }
}

TEST(MetricRow, WritesOneJsonObjectInOrder) {
  MetricRow row;
  row.set("step", 3);
  row.set("time_s", 1.5);
  row.set("critic/score/mean", 1.0);
  row.set("actor/pg_loss", std::optional<double>());
  row.set("actor/lr", std::optional<double>(2e-5));
  row.set("mismatch/tokens", size_t{0});
  row.set_null("actor/entropy");
  EXPECT_EQ(row.json(),
            R"({"step": 3, "time_s": 1.5, "critic/score/mean": 1.0, "actor/pg_loss": null, )"
            R"("actor/lr": 2e-05, "mismatch/tokens": 0, "actor/entropy": null})");
  EXPECT_EQ(row.get("step"), 3.0);
  EXPECT_EQ(row.get("actor/lr"), 2e-5);
  EXPECT_EQ(row.get("actor/pg_loss"), std::nullopt);
  EXPECT_EQ(row.get("actor/grad_norm"), std::nullopt);
  EXPECT_EQ(row.entries().size(), 7u);
}

TEST(MetricRow, NumbersReadBackToTheSameBits) {
  for (const double value :
       {0.1, 1.0 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 1e15, 123456.789}) {
    MetricRow row;
    row.set("actor/pg_loss", value);
    const auto read = nlohmann::json::parse(row.json());
    EXPECT_EQ(read["actor/pg_loss"].get<double>(), value);
  }
  MetricRow row;
  row.set("mismatch/checked", std::numeric_limits<int64_t>::max());
  EXPECT_EQ(nlohmann::json::parse(row.json())["mismatch/checked"].get<int64_t>(),
            std::numeric_limits<int64_t>::max());
}

TEST(MetricRow, WhatJsonCannotSayIsNull) {
  MetricRow row;
  row.set("actor/pg_loss", std::nan(""));
  row.set("actor/grad_norm", std::numeric_limits<double>::infinity());
  EXPECT_EQ(row.json(), R"({"actor/pg_loss": null, "actor/grad_norm": null})");
  EXPECT_EQ(MetricRow().json(), "{}");
}

TEST(MetricRow, UnknownOrRepeatedNamesAreOurBug) {
  MetricRow row;
  EXPECT_THROW(row.set("actor/los", 1.0), InternalError);
  row.set("step", 1);
  EXPECT_THROW(row.set("step", 1), InternalError);
}

TEST(Metric, MarkdownHasARowForEach) {
  const std::string text = metric_markdown();
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')),
            metric_table().size() + 2);
  EXPECT_NE(text.find("| `time_s` | s | no | "), std::string::npos);
  EXPECT_NE(text.find("| `mismatch/tokens` | tokens | yes | "), std::string::npos);
}

}  // namespace
}  // namespace retort
