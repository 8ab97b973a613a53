#pragma once
// The two hashes that decide sides of splits. They are part of what a family is, so they are
// written out here and checked against published values.
#include <cstdint>
#include <string_view>

namespace retort {

// CRC-32 with the reflected polynomial 0xEDB88320, initial value and final xor 0xFFFFFFFF (IEEE
// 802.3; the one of zlib). Check value: crc32("123456789") = 0xCBF43926.
uint32_t crc32(std::string_view bytes);

// FNV-1a, 64 bits: offset basis 0xcbf29ce484222325, prime 0x100000001b3 (RFC 9923).
uint64_t fnv1a64(std::string_view bytes);

}  // namespace retort
