#pragma once
// Binary codec of the records: little-endian, length-prefixed fields (u16 field number, u32 byte
// length, payload) behind a header (u32 magic, u16 record kind, u16 codec version). Unknown fields
// are skipped, so a newer peer can be read; every size is checked against the remaining bytes and a
// bound before allocation. Encoding is canonical: equal records have equal bytes.
#include "base/record/assignment.h"
#include "base/record/sample.h"
#include "base/record/task.h"
#include "base/record/verdict.h"
#include "base/record/version.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retort {

inline constexpr uint16_t kCodecVersion = 1;
inline constexpr uint64_t kMaxRecordBytes = uint64_t{1} << 30;

std::vector<uint8_t> encode(const Task& task);
std::vector<uint8_t> encode(const Sample& sample);
std::vector<uint8_t> encode(const Verdict& verdict);
std::vector<uint8_t> encode(const Version& version);
std::vector<uint8_t> encode(const Assignment& assignment);

// nullopt when the bytes are no such record; `*error` then says why, in one line.
std::optional<Task> decode_task(std::span<const uint8_t> bytes, std::string* error);
std::optional<Sample> decode_sample(std::span<const uint8_t> bytes, std::string* error);
std::optional<Verdict> decode_verdict(std::span<const uint8_t> bytes, std::string* error);
std::optional<Version> decode_version(std::span<const uint8_t> bytes, std::string* error);
std::optional<Assignment> decode_assignment(std::span<const uint8_t> bytes, std::string* error);

}  // namespace retort
