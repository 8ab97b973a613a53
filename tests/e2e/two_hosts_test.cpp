// Two machines, as far as the network is concerned: a learner and a worker in two network
// namespaces with a cable between them, which is cut. RETORT_CUTS_S="5 30" for longer cuts.
#include "tests/e2e/worker_faults.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace retort {
namespace {

using testing::comes_true;
using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::Started;
using testing::write_text;
namespace fs = std::filesystem;

// Network namespaces `here()` (10.99.0.1) and `there()` (10.99.0.2), joined by a pair of
// interfaces.
class TwoHosts {
 public:
  TwoHosts() : name_("rt" + std::to_string(::getpid())) {
    made_ = ip("netns add " + here()) && ip("netns add " + there()) &&
            ip("link add " + name_ + "a netns " + here() + " type veth peer name " + name_ +
               "b netns " + there()) &&
            ip("-n " + here() + " addr add 10.99.0.1/24 dev " + name_ + "a") &&
            ip("-n " + there() + " addr add 10.99.0.2/24 dev " + name_ + "b") &&
            ip("-n " + here() + " link set lo up") && ip("-n " + there() + " link set lo up") &&
            ip("-n " + there() + " link set " + name_ + "b up") && set_cable(true);
  }
  ~TwoHosts() {
    ip("netns del " + here());
    ip("netns del " + there());
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  bool made() const { return made_; }
  std::string here() const { return name_ + "a"; }
  std::string there() const { return name_ + "b"; }
  bool set_cable(bool up) {
    return ip("-n " + here() + " link set " + name_ + "a " + (up ? "up" : "down"));
  }
  static std::string at(const std::string& host) { return "ip netns exec " + host; }

 private:
  static bool ip(const std::string& rest) {
    return std::system(("PATH=$PATH:/usr/sbin:/sbin ip " + rest + " 2>/dev/null").c_str()) == 0;
  }
  const std::string name_;
  bool made_ = false;
};

class TwoHostsTest : public testing::WorkerFaultsTest {
 protected:
  // Makes a pair of keys in the file; writes its public key into FILE.pub.
  static std::string make_keys(const std::string& file) {
    const ProgramResult made = run_retort("keys '" + path(file) + "'");
    EXPECT_EQ(made.code, 0) << made.err;
    std::string key = made.out.substr(0, made.out.find('\n'));
    write_text(path(file) + ".pub", key + "\n");
    return key;
  }
  static std::string worker_keys(const std::string& file) {
    return " --keys '" + path(file) + "' --learner-key '" + path("learner") + ".pub'";
  }
};

TEST_F(TwoHostsTest, ALearnerAndAWorkerWithKeysAndACableThatIsCut) {
  TwoHosts hosts;
  if (!hosts.made())
    GTEST_SKIP() << "network namespaces need root and `ip`: apt-get install iproute2";
  ::setenv("PATH", (std::string(std::getenv("PATH")) + ":/usr/sbin:/sbin").c_str(), 1);
  const char* given = std::getenv("RETORT_CUTS_S");
  std::istringstream cuts(given != nullptr ? given : "3 8");
  const std::string silence = given != nullptr ? "" : " --silence-s 5";
  const std::string run = path("run"), address = "tcp://10.99.0.1:5555";
  make_keys("learner");
  make_keys("worker");
  const std::string unlisted = make_keys("unlisted");

  const ProgramResult bare =
      run_retort(learn(run, "tcp://0.0.0.0:5555"), TwoHosts::at(hosts.here()));
  EXPECT_EQ(bare.code, 2);
  EXPECT_EQ(bare.err,
            "retort: tcp://0.0.0.0:5555: is reached from other machines, and there are no keys of "
            "the learner; make keys with `retort keys FILE`, or use tcp://127.0.0.1:PORT\n");
  EXPECT_FALSE(fs::exists(run));

  Started learner(learn(run, "tcp://0.0.0.0:5555",
                        "--keys '" + path("learner") + "' --worker-keys '" + path("worker") +
                            ".pub'" + silence),
                  TwoHosts::at(hosts.here()));
  endpoint_of(run, learner);

  const ProgramResult open = run_retort(rollout(run, address), TwoHosts::at(hosts.there()));
  EXPECT_EQ(open.code, 2);
  expect_says(open.err, "retort: " + address +
                            ": is reached from other machines, and there are no keys of the "
                            "worker; make keys with ");
  const ProgramResult stranger =
      run_retort(rollout(run, address, "--patience-s 4" + worker_keys("unlisted")),
                 TwoHosts::at(hosts.there()));
  EXPECT_EQ(stranger.code, 2);
  expect_says(stranger.err,
              "no learner greeted this worker for 4 s: the key was refused: it is not in the "
              "learner's list; see ");
  expect_says(file_text(run + "/log.txt"),
              "refused 10.99.0.2 with the key " + unlisted + ": it is not in the list of keys");

  Started worker(rollout(run, address, worker_keys("worker") + silence),
                 TwoHosts::at(hosts.there()));
  size_t steps = 1;
  for (double cut_s = 0; cuts >> cut_s; steps += 2) {
    ASSERT_TRUE(has_done(run, steps)) << worker.said();
    ASSERT_TRUE(hosts.set_cable(false));
    std::this_thread::sleep_for(std::chrono::duration<double>(cut_s));
    EXPECT_TRUE(learner.running()) << "the cut was to come before its end";
    ASSERT_TRUE(hosts.set_cable(true));
  }
  const ProgramResult result = learner.end(300);
  EXPECT_EQ(result.code, 0) << result.err;
  const ProgramResult left = worker.end(60);
  EXPECT_EQ(left.code, 0) << left.err;
  expect_says(file_text(run + "/log.txt"), "is lost: nothing was heard of it for ");
  expect_the_quiet_bytes(run);
  expect_no_process_left(run);
}

}  // namespace
}  // namespace retort
