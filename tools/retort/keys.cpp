// retort keys: a CURVE key pair for connections between machines.
#include "base/channel/curve_keys.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"

#include <fmt/format.h>

namespace retort {

int run_keys(const CommandArguments& arguments) {
  std::string file;
  bool json = false;
  Arguments parser(
      "keys",
      "Writes a new CURVE key pair to FILE, which only its owner may read, and prints the public "
      "key. Each learner and each worker beyond this machine has a pair of its own; the others get "
      "to know its public key only.",
      "retort keys learner.keys");
  parser.positional("FILE", file, "file to be made; it may not exist");
  parser.flag("--json", json, "one JSON object instead of the key alone");
  if (!parser.parse(arguments)) return 0;
  const CurveKeys keys = make_curve_keys();
  write_curve_keys(file, keys);
  // No character of a key needs escaping in JSON.
  if (json)
    fmt::print("{{\"public\":\"{}\"}}\n", keys.public_key);
  else
    fmt::print("{}\n", keys.public_key);
  return 0;
}

}  // namespace retort
