#pragma once
// The families' objects, one a file, for the table in tasks/family_table.cpp.

namespace retort {

class Family;

const Family& chain_sum_family();
const Family& countdown_family();
const Family& arithmetic_family();

}  // namespace retort
