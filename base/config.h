#pragma once
// Configuration: a field is written once and everything else follows from the list.
//
//   #define RETORT_ROLLOUT_FIELDS(X) ...one field after the other, each line ending in a backslash:
//     X(int64_t, group_size, 8, at_least(2), "samples", "samples per prompt")
//
//     X(std::string, kind, "constant", one_of({"constant", "cosine"}), "", "the schedule's shape")
//
//     X(std::vector<double>, betas, (std::vector<double>{0.9, 0.95}), between(0, 1), "", "decay")
//
//   RETORT_CONFIG_STRUCT(RolloutConfig, RETORT_ROLLOUT_FIELDS)
//
// X(type, name, default, check, unit, doc). Types: bool, int32_t, int64_t, uint32_t, double,
// std::string, another configuration struct, and std::vector of any of these but bool (a check then
// applies to each element). A default with a comma outside parentheses stands in parentheses.
//
//   RolloutConfig rollout;
//   std::vector<RewardConfig> rewards;
//   config::Binder binder;
//   binder.section("rollout", rollout);
//   binder.list("rewards", rewards);
//   binder.apply(config::read_document("run.toml"));
//   binder.set("rollout.group_size=4");
//
// Errors are UserError at `FILE: [rollout.group_size]`, or `[rollout.group_size]` for --set.
#include "base/config_check.h"
#include "base/config_value.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#define RETORT_CONFIG_MEMBER_(type, name, default_, check, unit, doc) type name = default_;
#define RETORT_CONFIG_VISIT_(type, name, default_, check, unit, doc) \
  visitor(::retort::config::FieldInfo{#name, unit, doc, check}, &Self::name);
#define RETORT_CONFIG_STRUCT(Name, FIELDS)                      \
  struct Name {                                                 \
    FIELDS(RETORT_CONFIG_MEMBER_)                               \
    bool operator==(const Name&) const = default;               \
    using ConfigStructTag = void;                               \
    template <class Visitor>                                    \
    static void visit(Visitor&& visitor) {                      \
      using namespace ::retort::config; /* at_least, any … */ \
      using Self = Name;                                        \
      FIELDS(RETORT_CONFIG_VISIT_)                              \
    }                                                           \
  };

namespace retort::config {

struct FieldInfo {
  std::string_view name;
  std::string_view unit;
  std::string_view doc;
  Check check;
};

// One line of the documentation.
struct FieldRow {
  std::string key;       // "rollout.group_size"; "rewards[].weight" in a list
  std::string type;      // "integer", "number", "text", "true or false", "list of text"
  std::string default_;  // TOML text
  std::string range;     // "" when everything is allowed
  std::string unit;      // "" when it has none
  std::string doc;
};

// Where a value stands, for errors.
struct Place {
  std::string file;  // "" for --set
  std::string key;
  std::string text() const;
  Place child(std::string_view name) const;
  Place item(size_t index) const;
};

template <class T>
concept ConfigStruct = requires {
  typename T::ConfigStructTag;
};

// assign: value into field, checked; value_of: field as a value; type_name: for the documentation.
void assign(bool& out, const Value& value, const Check& check, const Place& place);
void assign(int32_t& out, const Value& value, const Check& check, const Place& place);
void assign(int64_t& out, const Value& value, const Check& check, const Place& place);
void assign(uint32_t& out, const Value& value, const Check& check, const Place& place);
void assign(double& out, const Value& value, const Check& check, const Place& place);
void assign(std::string& out, const Value& value, const Check& check, const Place& place);
template <ConfigStruct T>
void assign(T& out, const Value& value, const Check& check, const Place& place);
template <class T>
void assign(std::vector<T>& out, const Value& value, const Check& check, const Place& place);

Value value_of(bool value);
Value value_of(int32_t value);
Value value_of(int64_t value);
Value value_of(uint32_t value);
Value value_of(double value);
Value value_of(const std::string& value);
template <ConfigStruct T>
Value value_of(const T& value);
template <class T>
Value value_of(const std::vector<T>& value);

// Binds structs to names. Keeps references: the structs outlive the binder. One thread.
class Binder {
 public:
  // [name] holds the fields of `object`. `doc` is the section's sentence in help and documentation.
  template <ConfigStruct T>
  void section(const std::string& name, T& object, const std::string& doc = "");
  // name = [{…}, {…}] at the top level, or [[name]] tables. A file or --set replaces the whole
  // list.
  template <ConfigStruct T>
  void list(const std::string& name, std::vector<T>& objects, const std::string& doc = "");

  void apply(const Document& document);
  void set(std::string_view assignment);  // "rollout.group_size=4"
  // Every value against its check, those that nobody set too; for defaults that a user must
  // replace.
  void check() const;

  Table values() const;
  std::string resolved() const { return to_toml(values()); }  // TOML; reads back to the same values
  std::string help() const;                                   // for a terminal
  std::string markdown() const;                               // tables for docs/config.md
  std::vector<std::string> names() const;

 private:
  struct Root {
    std::string name;
    std::string doc;
    std::function<void(const Value&, const Place&)> assign;
    std::function<Value()> value;
    std::function<void()> check;
    std::vector<FieldRow> rows;
  };
  void assign_table(const Table& table, const std::string& file);
  std::vector<Root> roots_;
};

// A configuration (with bind and validate) of the file at `path` with `assignments` ("a.b=c") over
// it, checked. UserError.
template <class Config>
Config load(const std::string& path, const std::vector<std::string>& assignments);

// The first key in which two configurations differ; "" when none does.
template <class Config>
std::string first_difference(Config& a, Config& b);

}  // namespace retort::config

#include "base/config_binding.h"  // the templates
