#pragma once
// A wire that breaks what another one sends: the test of everything that a channel promises.
// Which message suffers what is a function of the key and the message's number (base/philox.h,
// purpose fault injection).
#include "base/channel/wire.h"
#include "base/philox.h"

#include <memory>

namespace retort {

// Shares of the messages, 0 to 1; each message suffers at most one.
struct FaultRates {
  double lost = 0;
  double doubled = 0;
  double reordered = 0;  // held back until one to four later ones are sent
  double cut = 0;        // loses a part of its end
  double poisoned = 0;   // one to eight bits are flipped
};

// `stream` is one of the end's own: two ends with equal numbers suffer alike.
std::unique_ptr<Wire> faulty_wire(std::unique_ptr<Wire> inner, const FaultRates& rates,
                                  uint32_t seed, uint32_t stream);

}  // namespace retort
