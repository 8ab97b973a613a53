#pragma once
// Numbers as text that keeps every bit, independent of the locale.
#include <string>

namespace retort {

// The shortest digits that read back as the same double; fixed notation from 1e-4 to 1e15, always
// with a
// '.' or an exponent (1.0, 0.1, 1e-08), so that a reader of TOML takes it for a float. Infinities
// and nan as "inf", "-inf", "nan".
std::string shortest(double value);

// The same for a reader of prose: whole numbers without ".0".
std::string compact(double value);

// "%.9g": every bit of an fp32 number, as JSON rows print it. Finite values only (checked).
std::string format_float(float value);

}  // namespace retort
