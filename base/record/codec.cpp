#include "base/record/codec.h"

#include "base/check.h"
#include "base/record/bytes.h"

#include <algorithm>

// One field table per record: number, name, how it is written, how it is read. Numbers never change
// their meaning and are written in ascending order; a field of this table that is missing makes the
// record unreadable (a file cut at a field's border would otherwise pass).
namespace retort {
namespace {

using record::Reader;
using record::Writer;

constexpr uint32_t kMagic = 0x43455252;  // "RREC" in the file
constexpr size_t kHeaderBytes = 8;

template <class Record>
struct Field {
  uint16_t number;
  const char* name;
  void (*write)(const Record&, Writer&);
  void (*read)(Record&, Reader&);
};

// NOLINTBEGIN(bugprone-macro-parentheses): types and members stand without parentheses.
#define RETORT_NUMBER_FIELD(Record, number_, member)                              \
  Field<Record> {                                                                 \
    number_, #member, [](const Record& r, Writer& w) { w.number(r.member); },     \
        [](Record& r, Reader& in) { r.member = in.number<decltype(r.member)>(); } \
  }
#define RETORT_TEXT_FIELD(Record, number_, member)                          \
  Field<Record> {                                                           \
    number_, #member, [](const Record& r, Writer& w) { w.text(r.member); }, \
        [](Record& r, Reader& in) { r.member = in.text(); }                 \
  }
#define RETORT_NUMBERS_FIELD(Record, number_, member)                                          \
  Field<Record> {                                                                              \
    number_, #member, [](const Record& r, Writer& w) { w.numbers(r.member); },                 \
        [](Record& r, Reader& in) { r.member = in.numbers<decltype(r.member)::value_type>(); } \
  }
// NOLINTEND(bugprone-macro-parentheses)

// An enumeration is one byte; a value past `last` is no value of it.
template <class Enum>
Enum read_enum(Reader& in, Enum last) {
  const auto value = in.number<uint8_t>();
  if (value > static_cast<uint8_t>(last)) in.take(in.left() + 1);  // makes the reader bad
  return static_cast<Enum>(value);
}

void write_id(const SampleId& id, Writer& w) {
  w.number(id.step);
  w.number(id.task);
  w.number(id.slot);
  w.number(id.branch);
}
SampleId read_id(Reader& in) {
  SampleId id;
  id.step = in.number<uint32_t>();
  id.task = in.number<uint32_t>();
  id.slot = in.number<uint32_t>();
  id.branch = in.number<uint32_t>();
  return id;
}

constexpr size_t kLengthBytes = sizeof(uint32_t);

// ---- Task

const Field<Task> kTaskFields[] = {
    RETORT_NUMBER_FIELD(Task, 1, uid),
    RETORT_TEXT_FIELD(Task, 2, family),
    RETORT_NUMBER_FIELD(Task, 3, level),
    RETORT_NUMBER_FIELD(Task, 4, seed),
    RETORT_TEXT_FIELD(Task, 5, prompt),
    {6, "messages",
     [](const Task& r, Writer& w) {
       w.number(static_cast<uint32_t>(r.messages.size()));
       for (const Message& message : r.messages) {
         w.text(message.role);
         w.text(message.content);
       }
     },
     [](Task& r, Reader& in) {
       const uint32_t count = in.count(2 * kLengthBytes);
       for (uint32_t i = 0; i < count && !in.bad(); ++i) {
         Message message;
         message.role = in.text();
         message.content = in.text();
         r.messages.push_back(std::move(message));
       }
     }},
    RETORT_TEXT_FIELD(Task, 7, answer),
    {8, "rewards",
     [](const Task& r, Writer& w) {
       w.number(static_cast<uint32_t>(r.rewards.size()));
       for (const std::string& name : r.rewards) w.text(name);
     },
     [](Task& r, Reader& in) {
       const uint32_t count = in.count(kLengthBytes);
       for (uint32_t i = 0; i < count && !in.bad(); ++i) r.rewards.push_back(in.text());
     }},
    {9, "split", [](const Task& r, Writer& w) { w.number(static_cast<uint8_t>(r.split)); },
     [](Task& r, Reader& in) { r.split = read_enum(in, Split::kHeldOut); }},
    RETORT_TEXT_FIELD(Task, 10, source),
};

const char* inconsistency(const Task&) { return nullptr; }

// ---- Sample

const Field<Sample> kSampleFields[] = {
    {1, "id", [](const Sample& r, Writer& w) { write_id(r.id, w); },
     [](Sample& r, Reader& in) { r.id = read_id(in); }},
    RETORT_NUMBER_FIELD(Sample, 2, task_uid),
    RETORT_NUMBERS_FIELD(Sample, 3, tokens),
    RETORT_NUMBER_FIELD(Sample, 4, prompt_length),
    RETORT_NUMBERS_FIELD(Sample, 5, loss_mask),
    RETORT_NUMBERS_FIELD(Sample, 6, logprobs),
    RETORT_NUMBERS_FIELD(Sample, 7, entropies),
    RETORT_NUMBERS_FIELD(Sample, 8, versions),
    RETORT_NUMBERS_FIELD(Sample, 9, kept_ids),
    RETORT_NUMBERS_FIELD(Sample, 10, kept_begin),
    {11, "stop", [](const Sample& r, Writer& w) { w.number(static_cast<uint8_t>(r.stop)); },
     [](Sample& r, Reader& in) { r.stop = read_enum(in, StopReason::kStopString); }},
    RETORT_NUMBER_FIELD(Sample, 12, started_s),
    RETORT_NUMBER_FIELD(Sample, 13, finished_s),
};

// Lengths that other code indexes by: a record that lies about them never gets out of the codec.
const char* inconsistency(const Sample& sample) {
  if (sample.prompt_length < 0 || static_cast<size_t>(sample.prompt_length) > sample.tokens.size())
    return "prompt_length exceeds tokens";
  const auto length = static_cast<size_t>(sample.completion_length());
  if (sample.loss_mask.size() != length) return "loss_mask has not one entry per completion token";
  if (sample.logprobs.size() != length) return "logprobs has not one entry per completion token";
  if (sample.versions.size() != length) return "versions has not one entry per completion token";
  if (!sample.entropies.empty() && sample.entropies.size() != length)
    return "entropies has not one entry per completion token";
  if (sample.kept_begin.empty())
    return sample.kept_ids.empty() ? nullptr : "kept_ids without kept_begin";
  if (sample.kept_begin.size() != length + 1)
    return "kept_begin has not one more entry than tokens";
  if (sample.kept_begin.front() != 0 ||
      static_cast<size_t>(sample.kept_begin.back()) != sample.kept_ids.size() ||
      !std::is_sorted(sample.kept_begin.begin(), sample.kept_begin.end()))
    return "kept_begin does not divide kept_ids";
  return nullptr;
}

// ---- Verdict

const Field<Verdict> kVerdictFields[] = {
    {1, "id", [](const Verdict& r, Writer& w) { write_id(r.id, w); },
     [](Verdict& r, Reader& in) { r.id = read_id(in); }},
    {2, "outcome", [](const Verdict& r, Writer& w) { w.number(static_cast<uint8_t>(r.outcome)); },
     [](Verdict& r, Reader& in) { r.outcome = read_enum(in, Outcome::kInfraError); }},
    RETORT_NUMBER_FIELD(Verdict, 3, score),
    {4, "parts",
     [](const Verdict& r, Writer& w) {
       w.number(static_cast<uint32_t>(r.parts.size()));
       for (const VerdictPart& part : r.parts) {
         w.text(part.name);
         w.number(part.weight);
         w.number(static_cast<uint8_t>(part.outcome));
         w.number(part.score);
         w.text(part.detail);
       }
     },
     [](Verdict& r, Reader& in) {
       const uint32_t count = in.count(2 * kLengthBytes + 2 * sizeof(double) + 1);
       for (uint32_t i = 0; i < count && !in.bad(); ++i) {
         VerdictPart part;
         part.name = in.text();
         part.weight = in.number<double>();
         part.outcome = read_enum(in, Outcome::kInfraError);
         part.score = in.number<double>();
         part.detail = in.text();
         r.parts.push_back(std::move(part));
       }
     }},
    RETORT_TEXT_FIELD(Verdict, 5, isolation),
    RETORT_NUMBER_FIELD(Verdict, 6, ms),
};

const char* inconsistency(const Verdict&) { return nullptr; }

// ---- Version

const Field<Version> kVersionFields[] = {
    RETORT_NUMBER_FIELD(Version, 1, number),
    RETORT_TEXT_FIELD(Version, 2, digest),
    RETORT_TEXT_FIELD(Version, 3, numerics),
    {4, "tensors",
     [](const Version& r, Writer& w) {
       w.number(static_cast<uint32_t>(r.tensors.size()));
       for (const TensorEntry& tensor : r.tensors) {
         w.text(tensor.name);
         w.text(tensor.dtype);
         w.number(static_cast<uint32_t>(tensor.shape.size()));
         w.numbers(tensor.shape);
       }
     },
     [](Version& r, Reader& in) {
       const uint32_t count = in.count(3 * kLengthBytes);
       for (uint32_t i = 0; i < count && !in.bad(); ++i) {
         TensorEntry tensor;
         tensor.name = in.text();
         tensor.dtype = in.text();
         const uint32_t dims = in.count(sizeof(int64_t));
         for (uint32_t d = 0; d < dims; ++d) tensor.shape.push_back(in.number<int64_t>());
         r.tensors.push_back(std::move(tensor));
       }
     }},
};

const char* inconsistency(const Version&) { return nullptr; }

// ---- Assignment

const Field<Assignment> kAssignmentFields[] = {
    RETORT_NUMBER_FIELD(Assignment, 1, step),
    RETORT_NUMBER_FIELD(Assignment, 2, task_index),
    RETORT_NUMBER_FIELD(Assignment, 3, first_slot),
    RETORT_NUMBER_FIELD(Assignment, 4, slots),
    RETORT_NUMBER_FIELD(Assignment, 5, version),
    {6, "task", [](const Assignment& r, Writer& w) { w.numbers(encode(r.task)); },
     [](Assignment& r, Reader& in) {
       if (auto task = decode_task(in.take(in.left()), nullptr))
         r.task = std::move(*task);
       else
         in.take(1);  // nothing is left: makes the reader bad
     }},
};

const char* inconsistency(const Assignment& assignment) {
  const uint64_t end = uint64_t{assignment.first_slot} + assignment.slots;
  return end > UINT32_MAX ? "slots go beyond the largest number" : nullptr;
}

// ---- any record

enum class Kind : uint16_t { kTask = 1, kSample = 2, kVerdict = 3, kVersion = 4, kAssignment = 5 };

template <class Record>
std::vector<uint8_t> encode_record(Kind kind, std::span<const Field<Record>> fields,
                                   const Record& record) {
  const char* wrong = inconsistency(record);
  RT_CHECK(wrong == nullptr) << wrong;
  Writer writer;
  writer.number(kMagic);
  writer.number(static_cast<uint16_t>(kind));
  writer.number(kCodecVersion);
  for (const Field<Record>& field : fields)
    writer.field(field.number, [&](Writer& w) { field.write(record, w); });
  std::vector<uint8_t> bytes = writer.take();
  RT_CHECK_LE(bytes.size(), kMaxRecordBytes) << "encoded record";
  return bytes;
}

template <class Record>
std::optional<Record> decode_record(Kind kind, std::span<const Field<Record>> fields,
                                    std::span<const uint8_t> bytes, std::string* error) {
  const auto fail = [&](const std::string& why) {
    if (error != nullptr) *error = why;
    return std::nullopt;
  };
  if (bytes.size() > kMaxRecordBytes)
    return fail("record of " + std::to_string(bytes.size()) + " bytes is over the limit");
  if (bytes.size() < kHeaderBytes) return fail("record is shorter than its header");
  Reader in(bytes);
  if (in.number<uint32_t>() != kMagic) return fail("bytes do not start with the magic of a record");
  const auto found_kind = in.number<uint16_t>();
  if (found_kind != static_cast<uint16_t>(kind))
    return fail("record kind " + std::to_string(found_kind) + " where " +
                std::to_string(static_cast<uint16_t>(kind)) + " was expected");
  const auto version = in.number<uint16_t>();
  if (version != kCodecVersion)
    return fail("codec version " + std::to_string(version) + " is not known");

  Record record;
  size_t next = 0;  // fields of the table that were read
  uint16_t previous = 0;
  while (!in.at_end()) {
    const auto number = in.number<uint16_t>();
    const auto length = in.number<uint32_t>();
    const std::span<const uint8_t> payload = in.take(length);
    if (in.bad()) return fail("record is cut off after field " + std::to_string(previous));
    if (number <= previous) return fail("field " + std::to_string(number) + " is out of order");
    previous = number;
    if (next == fields.size() || number < fields[next].number) continue;  // of a newer peer
    const Field<Record>& field = fields[next];
    if (number > field.number) return fail(std::string("field ") + field.name + " is missing");
    Reader inner(payload);
    field.read(record, inner);
    if (inner.bad() || !inner.at_end())
      return fail(std::string("field ") + field.name + " does not fit its length or range");
    ++next;
  }
  if (next < fields.size()) return fail(std::string("field ") + fields[next].name + " is missing");
  if (const char* wrong = inconsistency(record)) return fail(wrong);
  return record;
}

}  // namespace

std::vector<uint8_t> encode(const Task& task) {
  return encode_record<Task>(Kind::kTask, kTaskFields, task);
}
std::vector<uint8_t> encode(const Sample& sample) {
  return encode_record<Sample>(Kind::kSample, kSampleFields, sample);
}
std::vector<uint8_t> encode(const Verdict& verdict) {
  return encode_record<Verdict>(Kind::kVerdict, kVerdictFields, verdict);
}
std::vector<uint8_t> encode(const Version& version) {
  return encode_record<Version>(Kind::kVersion, kVersionFields, version);
}

std::vector<uint8_t> encode(const Assignment& assignment) {
  return encode_record<Assignment>(Kind::kAssignment, kAssignmentFields, assignment);
}

std::optional<Task> decode_task(std::span<const uint8_t> bytes, std::string* error) {
  return decode_record<Task>(Kind::kTask, kTaskFields, bytes, error);
}
std::optional<Sample> decode_sample(std::span<const uint8_t> bytes, std::string* error) {
  return decode_record<Sample>(Kind::kSample, kSampleFields, bytes, error);
}
std::optional<Verdict> decode_verdict(std::span<const uint8_t> bytes, std::string* error) {
  return decode_record<Verdict>(Kind::kVerdict, kVerdictFields, bytes, error);
}
std::optional<Version> decode_version(std::span<const uint8_t> bytes, std::string* error) {
  return decode_record<Version>(Kind::kVersion, kVersionFields, bytes, error);
}

std::optional<Assignment> decode_assignment(std::span<const uint8_t> bytes, std::string* error) {
  return decode_record<Assignment>(Kind::kAssignment, kAssignmentFields, bytes, error);
}

}  // namespace retort
