// ModelConfig against what Transformers makes of the same files
// (tests/parity/make_config_fixtures.py), against a table of broken configs, and against
// systematically damaged ones.
#include "base/error.h"
#include "policy/checkpoint/decoder_tensors.h"
#include "policy/checkpoint/model_config.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

namespace retort {
namespace {

using nlohmann::json;

std::vector<json> cases() {
  std::ifstream in("tests/parity/model_config/cases.jsonl");
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);)
    if (const json row = json::parse(line); row.contains("name")) lines.push_back(row);
  return lines;
}

ModelConfig parse(const json& config, const json& generation = nullptr) {
  return ModelConfig::parse("dir", config.dump(), generation.is_null() ? "" : generation.dump());
}

TEST(ModelConfig, EqualsTransformers) {
  int checked = 0;
  for (const json& row : cases()) {
    if (!row.contains("want")) continue;
    SCOPED_TRACE(row["name"].get<std::string>());
    const json& want = row["want"];
    const ModelConfig model = parse(row["config"], row["generation"]);
    EXPECT_EQ(model.layers, want["layers"]);
    EXPECT_EQ(model.heads, want["heads"]);
    EXPECT_EQ(model.kv_heads, want["kv_heads"]);
    EXPECT_EQ(model.head_dim, want["head_dim"]);
    EXPECT_EQ(model.max_position_embeddings, want["max_position_embeddings"]);
    EXPECT_EQ(model.rms_norm_eps, want["rms_norm_eps"]);
    EXPECT_EQ(model.tie_word_embeddings, want["tie"]);
    EXPECT_EQ(model.dtype, want["dtype"].get<std::string>());
    std::vector<int32_t> ends;
    for (const json& id : want["eos"])
      if (id >= 0) ends.push_back(id);
    EXPECT_EQ(model.eos_ids, ends);
    json parameters = json::object();
    for (const NamedShape& tensor : decoder_tensors(model))
      if (tensor.name.find(".layers.") == std::string::npos ||
          tensor.name.find(".layers.0.") != std::string::npos)
        parameters[tensor.name] = tensor.shape;
    EXPECT_EQ(parameters, want["parameters"]);
    ++checked;
  }
  EXPECT_GE(checked, 40);
}

TEST(ModelConfig, RefusesWhatTransformersRefuses) {
  int checked = 0;
  for (const json& row : cases()) {
    if (!row.contains("refused")) continue;
    SCOPED_TRACE(row["name"].get<std::string>());
    try {
      parse(row["config"]);
      ADD_FAILURE() << "accepted";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(row["refused"].get<std::string>()),
                std::string::npos)
          << error.what();
    }
    ++checked;
  }
  EXPECT_GE(checked, 10);
}

json small() {
  return json::parse(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 96,
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0", "something_else": {"b": 1, "a": [1.5, null]}})");
}

std::string refusal(const json& config, const json& generation = nullptr) {
  try {
    parse(config, generation);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ModelConfig, NamesWhatIsWrong) {
  const struct {
    const char* patch;
    const char* message;
  } kCases[] = {
      {R"({"model_type": "mamba", "architectures": ["MambaForCausalLM"]})",
       "dir/config.json: unknown architecture 'MambaForCausalLM' of model_type 'mamba'; known: "
       "LlamaForCausalLM "
       "(llama), Qwen2ForCausalLM (qwen2), Qwen3ForCausalLM (qwen3)"},
      {R"({"architectures": ["Qwen2ForCausalLM"]})",
       "'architectures' is Qwen2ForCausalLM, but 'model_type' is llama"},
      {R"({"architectures": ["LlamaForSequenceClassification"]})", "'architectures' is"},
      {R"({"hidden_size": -32})",
       "dir/config.json: 'hidden_size' is -32; set an integer from 1 to"},
      {R"({"hidden_size": 0})", "'hidden_size' is 0"},
      {R"({"hidden_size": 18446744073709551615})", "'hidden_size' is 18446744073709551615"},
      {R"({"hidden_size": [32]})", "'hidden_size' is [32]"},
      {R"({"hidden_size": true})", "'hidden_size' is true"},
      {R"({"num_hidden_layers": 4000000000})", "'num_hidden_layers' is 4000000000"},
      {R"({"num_key_value_heads": 3})", "'num_key_value_heads' is 3; heads (4) must be a multiple"},
      {R"({"head_dim": 7})", "heads of 7 dims cannot be rotated"},
      {R"({"hidden_act": "gelu"})", "'hidden_act' is \"gelu\"; known: silu"},
      {R"({"rms_norm_eps": "small"})", "'rms_norm_eps' is \"small\""},
      {R"({"rms_norm_eps": -1e-5})", "'rms_norm_eps' is -1e-05"},
      {R"({"rope_theta": 0})", "'rope_theta' is 0"},
      {R"({"rope_theta": null})", "'rope_theta' is null"},
      {R"({"rope_scaling": "linear"})", "'rope_scaling' is \"linear\"; set an object"},
      {R"({"rope_scaling": {"type": "longrope", "factor": 2}})",
       "'rope_scaling.type' is \"longrope\"; known: default, linear, dynamic, llama3, yarn"},
      {R"({"rope_scaling": {"type": "linear", "factor": 0.5}})", "'rope_scaling.factor' is 0.5"},
      {R"({"rope_scaling": {"type": "linear", "factor": 2, "partial_rotary_factor": 0.5}})",
       "'rope_scaling.partial_rotary_factor' is 0.5; set 1"},
      {R"({"rope_scaling": {"type": "linear", "factor": 2}, "partial_rotary_factor": 1e300})",
       "'partial_rotary_factor' is 1e+300"},
      {R"({"rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}})",
       "'rope_parameters.high_freq_factor' is 4; set it above low_freq_factor"},
      {R"({"rope_parameters": {"rope_type": "yarn", "factor": 8, "mscale": 1e300, "mscale_all_dim": 1e-300}})",
       "'rope_parameters.factor' is 8; the frequencies it gives are not finite"},
      {R"({"quantization_config": {"quant_method": "gptq"}})", "use an unquantised checkpoint"},
      {R"({"is_causal": false})", "'is_causal' is false"},
      {R"({"dtype": "float8_e4m3fn"})",
       "'dtype' is \"float8_e4m3fn\"; known: float32, bfloat16, float16"},
      {R"({"eos_token_id": "2"})", "'eos_token_id' is \"2\""},
      {R"({"eos_token_id": [2, "3"]})", "'eos_token_id' is [2,\"3\"]"},
      {R"({"eos_token_id": 99999999999})", "'eos_token_id' is 99999999999"},
      {R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_sliding_window": true,
           "max_window_layers": 1})",
       "'use_sliding_window' is true; sliding attention is not available"},
      {R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
           "layer_types": ["full_attention", "sliding_attention"]})",
       "only full_attention is available"},
      {R"({"layer_types": ["chunked_attention", "full_attention"]})",
       R"('layer_types' is ["chunked_attention","full_attention"]; only full_attention)"},
      {R"({"head_dim": 2, "rope_scaling": {"type": "dynamic", "factor": 2}})",
       "needs a head_dim above 2"},
  };
  for (const auto& test : kCases) {
    json config = small();
    config.update(json::parse(test.patch));
    const std::string message = refusal(config);
    EXPECT_NE(message.find(test.message), std::string::npos) << test.patch << "\n  " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  json nameless = small();
  nameless.erase("model_type");
  nameless.erase("architectures");
  EXPECT_NE(refusal(nameless).find("neither 'model_type' nor 'architectures'"), std::string::npos);
  EXPECT_NE(refusal(small(), json::parse(R"({"eos_token_id": {}})"))
                .find("dir/generation_config.json: 'eos_token_id'"),
            std::string::npos);
}

TEST(ModelConfig, ReadsTheEndIdsFromGenerationConfigFirst) {
  EXPECT_EQ(parse(small(), {{"eos_token_id", {7, 8, 7}}}).eos_ids, (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(parse(small(), {{"eos_token_id", nullptr}}).eos_ids, (std::vector<int32_t>{2}));
  EXPECT_EQ(parse(small(), {{"top_p", 0.5}}).eos_ids, (std::vector<int32_t>{2}));
  json none = small();
  none["eos_token_id"] = nullptr;
  EXPECT_TRUE(parse(none).eos_ids.empty());
  none.erase("eos_token_id");
  EXPECT_EQ(parse(none).eos_ids, (std::vector<int32_t>{2}));  // Llama's class has 2
}

TEST(ModelConfig, WritesBackWhatItReadAndOnlyChangesFields) {
  ModelConfig model = parse(small());
  EXPECT_EQ(json::parse(model.to_json()), small());
  model.dtype = "float32";
  model.rotary.kind = RotaryKind::kLinear;
  model.rotary.factor = 2.0;
  model.eos_ids = {4, 5};
  const json written = json::parse(model.to_json());
  json want = small();
  want["torch_dtype"] = "float32";
  want["eos_token_id"] = {4, 5};
  want.erase("rope_theta");
  want["rope_parameters"] = {{"rope_type", "linear"}, {"rope_theta", 10000.0}, {"factor", 2.0}};
  EXPECT_EQ(written, want);
  EXPECT_TRUE(parse(written) == model);
  EXPECT_EQ(json::parse(parse(small(), {{"top_p", 0.5}, {"eos_token_id", 3}}).generation_json()),
            (json{{"top_p", 0.5}, {"eos_token_id", 3}}));
}

TEST(ModelConfig, AConfigMadeInCodeReadsBackEqual) {
  for (const json& row : cases()) {
    if (!row.contains("want")) continue;
    SCOPED_TRACE(row["name"].get<std::string>());
    const ModelConfig read = parse(row["config"], row["generation"]);
    ModelConfig made;
    made.architecture = read.architecture;
    made.vocab_size = read.vocab_size;
    made.hidden_size = read.hidden_size;
    made.intermediate_size = read.intermediate_size;
    made.layers = read.layers;
    made.heads = read.heads;
    made.kv_heads = read.kv_heads;
    made.head_dim = read.head_dim;
    made.max_position_embeddings = read.max_position_embeddings;
    made.rms_norm_eps = read.rms_norm_eps;
    made.attention_bias = read.attention_bias;
    made.mlp_bias = read.mlp_bias;
    made.tie_word_embeddings = read.tie_word_embeddings;
    made.rotary = read.rotary;
    made.eos_ids = read.eos_ids;
    made.bos_id = read.bos_id;
    made.pad_id = read.pad_id;
    made.dtype = read.dtype;
    EXPECT_TRUE(ModelConfig::parse("dir", made.to_json(), made.generation_json()) == made)
        << made.to_json();
  }
}

// Every byte replaced by several others, every truncation: a UserError or a config whose sizes
// hold.
TEST(ModelConfig, SurvivesDamage) {
  const std::string text = small().dump();
  const auto survives = [](const std::string& damaged) {
    try {
      const ModelConfig model = ModelConfig::parse("dir", damaged, "");
      EXPECT_GT(model.hidden_size, 0);
      EXPECT_EQ(model.heads % model.kv_heads, 0);
      EXPECT_FALSE(decoder_tensors(model).empty());
      EXPECT_FALSE(model.to_json().empty());
    } catch (const UserError& error) {
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
    }
  };
  for (size_t i = 0; i <= text.size(); ++i) survives(text.substr(0, i));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'\0', '"', '{', '[', '-', '9', ',', ' ', 'e', '\x80'}) {
      std::string damaged = text;
      damaged[i] = c;
      survives(damaged);
    }
  }
  survives(std::string(1'000'000, '['));
  survives("{\"a\":" + std::string(100'000, '['));
}

// The directories of the logits fixtures: every dtype, tied and untied, one in shards.
TEST(DecoderTensors, FitTheParityModels) {
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/parity/logits")) {
    SCOPED_TRACE(entry.path().string());
    const ModelConfig config = ModelConfig::from_dir(entry.path().string());
    const HfWeights weights = HfWeights::open(entry.path().string());
    check_decoder_tensors(config, weights);
    EXPECT_EQ(find_head_source(config, weights).tied, config.tie_word_embeddings);
    EXPECT_EQ(weights.names().size(), decoder_tensors(config).size());
    ++checked;
  }
  EXPECT_GE(checked, 13);
}

class DecoderTensorsOfADirectory : public testing::Test {
 protected:
  DecoderTensorsOfADirectory() {
    config_ = parse({{"model_type", "llama"},
                     {"vocab_size", 4},
                     {"hidden_size", 4},
                     {"intermediate_size", 6},
                     {"num_hidden_layers", 1},
                     {"num_attention_heads", 2},
                     {"tie_word_embeddings", true}});
    for (const NamedShape& tensor : decoder_tensors(config_)) shapes_[tensor.name] = tensor.shape;
  }

  // Weights of shapes_ with the value 1, lm_head.weight with `head`.
  HfWeights weights(float head = 1.0f) const {
    const std::vector<float> ones(64, 1.0f), heads(64, head);
    std::vector<TensorSource> sources;
    for (const auto& [name, shape] : shapes_)
      sources.push_back(
          from_f32(name, shape, Dtype::kF32, name == kHeadName ? heads.data() : ones.data()));
    write_safetensors(dir_.path() + "/model.safetensors", sources);
    return HfWeights::open(dir_.path());
  }
  std::string refusal() const {
    try {
      check_decoder_tensors(config_, weights());
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  tests::TemporaryFolder dir_;
  ModelConfig config_;
  std::map<std::string, Shape> shapes_;
};

TEST_F(DecoderTensorsOfADirectory, AreTiedAsTransformersTiesThem) {
  HeadSource source = find_head_source(config_, weights());
  EXPECT_TRUE(source.tied);
  EXPECT_EQ(source.head, kEmbeddingName);
  shapes_[kHeadName] = {4, 4};
  EXPECT_TRUE(find_head_source(config_, weights(1.0f)).tied) << "an equal copy is the same matrix";
  source = find_head_source(config_, weights(2.0f));
  EXPECT_FALSE(source.tied) << "a different one is a head of its own";
  EXPECT_EQ(source.head, kHeadName);
  shapes_.erase(kEmbeddingName);
  source = find_head_source(config_, weights());
  EXPECT_TRUE(source.tied) << "either name is enough";
  EXPECT_EQ(source.embedding, kHeadName);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(DecoderTensorsOfADirectory, AreAllThereAndNoOthers) {
  EXPECT_EQ(refusal(), "accepted");
  shapes_["model.layers.0.self_attn.rotary_emb.inv_freq"] = {1};
  EXPECT_EQ(refusal(), "accepted") << "a buffer that old checkpoints have";
  shapes_["model.layers.0.self_attn.q_proj.bias"] = {4};
  EXPECT_NE(refusal().find("q_proj.bias': config.json has no place for it"), std::string::npos);
  shapes_.erase("model.layers.0.self_attn.q_proj.bias");
  shapes_["model.norm.weight"] = {3};
  EXPECT_NE(refusal().find("'model.norm.weight': shape [3], but config.json asks for [4]"),
            std::string::npos);
  shapes_.erase("model.norm.weight");
  EXPECT_NE(refusal().find("has no tensor 'model.norm.weight'"), std::string::npos);
}

TEST(ModelConfig, NamesAMissingDirectoryAndFile) {
  EXPECT_THROW(ModelConfig::from_dir("no/such/dir"), UserError);
  EXPECT_THROW(ModelConfig::from_dir("tests"), UserError);
}

}  // namespace
}  // namespace retort
