// Which program this is.
#pragma once

#include <string>

namespace retort {

// "retort 0.1.0 (Release, g++ 12.2.0, sources 5be0d47c1a90), LibTorch 2.11.0". Programs with the
// same text are made of the same sources by the same compiler: a learner takes no worker with
// another one, whose samples could have other bytes.
std::string build_text();

// The first 12 hexadecimal digits of a digest over the sources; made with each build.
extern const char* const kSourcesDigest;

}  // namespace retort
