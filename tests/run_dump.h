#pragma once
// Every row of run.db as text, but for the columns that are times of the host: equal for runs that
// recorded the same.
#include <set>
#include <string>

namespace retort::tests {

std::string dump_run(const std::string& run_dir, const std::set<std::string>& without_tables = {});

}  // namespace retort::tests
