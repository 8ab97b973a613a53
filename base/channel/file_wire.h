#pragma once
// Wires through a folder that both sides see: each direction of each worker is a folder of segment
// files that its sender appends to and its receiver reads and removes. For machines that share a
// file system and no network, and for looking at what crosses. Not durable in itself: what was not
// acknowledged is sent again. Whoever can write to the folder is trusted as far as the run token
// goes; the token crosses as it is.
//
//   FOLDER/WORKER/to_learner/00000001.segment    records: u32 length of the head, u32 length of the
//   FOLDER/WORKER/to_worker/00000001.segment     body, head, body
//
// A worker removes its folder when it ends; that of a worker that was killed stays until somebody
// removes it.
#include "base/channel/wire.h"

#include <cstdint>
#include <memory>
#include <string>

namespace retort {

// Stands before the folder where a user names an endpoint.
inline const std::string kFileScheme = "file:";

struct FileWireOptions {
  std::string folder;
  uint64_t segment_bytes = uint64_t{16} << 20;  // a new segment is begun beyond
};

// UserError when the folder cannot be made, read or written. A learner's end that is made anew
// passes over what was written for its predecessor.
std::unique_ptr<Wire> file_learner_wire(const FileWireOptions& options);
std::unique_ptr<Wire> file_worker_wire(const FileWireOptions& options);

}  // namespace retort
