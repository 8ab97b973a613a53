#pragma once
// Templates of base/config.h; not included by itself.
#include "base/config.h"

namespace retort::config {

// UserErrors of the templates.
const Table& expect_table(const Value& value, const Place& place);
const List& expect_list(const Value& value, const std::string& item_type, const Place& place);
[[noreturn]] void fail_unknown_key(const Place& section, const std::string& key,
                                   const std::vector<std::string>& known);

inline std::string type_name(const bool*) { return "true or false"; }
inline std::string type_name(const int32_t*) { return "integer"; }
inline std::string type_name(const int64_t*) { return "integer"; }
inline std::string type_name(const uint32_t*) { return "integer"; }
inline std::string type_name(const double*) { return "number"; }
inline std::string type_name(const std::string*) { return "text"; }
template <ConfigStruct T>
std::string type_name(const T*) {
  return "table";
}
template <class T>
std::string type_name(const std::vector<T>*) {
  return "list of " + type_name(static_cast<const T*>(nullptr));
}

template <ConfigStruct T>
void assign(T& out, const Value& value, const Check&, const Place& place) {
  for (const Entry& entry : expect_table(value, place)) {
    bool found = false;
    std::vector<std::string> known;
    T::visit([&](const FieldInfo& field, auto member) {
      known.emplace_back(field.name);
      if (field.name != entry.key) return;
      found = true;
      assign(out.*member, entry.value, field.check, place.child(entry.key));
    });
    if (!found) fail_unknown_key(place, entry.key, known);
  }
}

template <class T>
void assign(std::vector<T>& out, const Value& value, const Check& check, const Place& place) {
  static_assert(!std::is_same_v<T, bool>, "std::vector<bool> holds no bool");
  std::vector<T> items;
  for (const Value& item : expect_list(value, type_name(static_cast<const T*>(nullptr)), place)) {
    T element{};
    assign(element, item, check, place.item(items.size()));
    items.push_back(std::move(element));
  }
  out = std::move(items);
}

template <ConfigStruct T>
Value value_of(const T& value) {
  Table table;
  T::visit([&](const FieldInfo& field, auto member) {
    table.push_back({std::string(field.name), value_of(value.*member)});
  });
  return {std::move(table)};
}

template <class T>
Value value_of(const std::vector<T>& value) {
  List list;
  for (const T& item : value) list.push_back(value_of(item));
  return {std::move(list)};
}

template <class T>
struct ListElement {
  using Type = void;
};
template <class T>
struct ListElement<std::vector<T>> {
  using Type = T;
};

// Documentation rows of a struct's fields, nested structs and lists of structs included.
template <ConfigStruct T>
void add_rows(const std::string& prefix, const T& defaults, std::vector<FieldRow>& rows) {
  T::visit([&](const FieldInfo& field, auto member) {
    using Member = std::remove_cvref_t<decltype(defaults.*member)>;
    const std::string key = prefix + "." + std::string(field.name);
    if constexpr (ConfigStruct<Member>) {
      add_rows(key, defaults.*member, rows);
    } else {
      rows.push_back({key, type_name(static_cast<const Member*>(nullptr)),
                      to_toml(value_of(defaults.*member)), field.check.range(),
                      std::string(field.unit), std::string(field.doc)});
      using Element = typename ListElement<Member>::Type;
      if constexpr (ConfigStruct<Element>) add_rows(key + "[]", Element{}, rows);
    }
  });
}

template <ConfigStruct T>
void Binder::section(const std::string& name, T& object, const std::string& doc) {
  Root root;
  root.name = name;
  root.doc = doc;
  root.assign = [&object](const Value& value, const Place& place) {
    config::assign(object, value, any(), place);
  };
  root.value = [&object] { return value_of(object); };
  root.check = [&object, name] {
    T copy;
    config::assign(copy, value_of(object), any(), Place{"", name});
  };
  const T defaults;
  add_rows(name, defaults, root.rows);
  roots_.push_back(std::move(root));
}

template <ConfigStruct T>
void Binder::list(const std::string& name, std::vector<T>& objects, const std::string& doc) {
  Root root;
  root.name = name;
  root.doc = doc;
  root.assign = [&objects](const Value& value, const Place& place) {
    config::assign(objects, value, any(), place);
  };
  root.value = [&objects] { return value_of(objects); };
  root.check = [&objects, name] {
    std::vector<T> copy;
    config::assign(copy, value_of(objects), any(), Place{"", name});
  };
  const T defaults;
  add_rows(name + "[]", defaults, root.rows);
  roots_.push_back(std::move(root));
}

template <class Config>
Config load(const std::string& path, const std::vector<std::string>& assignments) {
  Config config;
  Binder binder;
  config.bind(binder);
  binder.apply(read_document(path));
  for (const std::string& assignment : assignments) binder.set(assignment);
  binder.check();
  config.validate();
  return config;
}

template <class Config>
std::string first_difference(Config& a, Config& b) {
  Binder binder_a, binder_b;
  a.bind(binder_a);
  b.bind(binder_b);
  const std::vector<Difference> keys = diff(binder_a.values(), binder_b.values());
  return keys.empty() ? "" : keys.front().key;
}

}  // namespace retort::config
