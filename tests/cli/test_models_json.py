"""models.json as users write it, and ways to name a model."""

import json

import pytest

# What people have today, for another program; it must work as it is.
EVERYDAY = """{ "qwen2.5.1-coder-7b-instruct": {
    "type": "llama-cpp", "context": 131072, "port": 8027, "timeout": 300, "maxTokens": 2048,
    "performance": { "flashAttention": false, "batch": 4096, "ubatch": 512, "threads": 12,
                     "parallel": 1, "contBatching": false,
                     "cacheTypeK": "f16", "cacheTypeV": "f16" } } }
"""


def write(home, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (home.path / "models.json").write_text(text)


def test_a_file_for_llama_cpp_is_read_and_its_engine_named(home):
    write(home, EVERYDAY)
    result = home.run("serve")
    assert result.code == 1
    assert 'engine type "llama-cpp" is not in this version' in result.err
    assert result.err.count("\n") == 1


def test_the_same_file_without_type_runs_here(home, tiny):
    settings = json.loads(EVERYDAY)
    entry = settings["qwen2.5.1-coder-7b-instruct"]
    del entry["type"]
    entry["model"] = str(home.models / "tiny.gguf")
    entry["context"] = 1024
    entry["performance"]["threads"] = 1
    write(home, settings)
    result = home.run("run", "qwen2.5.1-coder-7b-instruct", "hello", "-n", "4",
                      "--log-level", "info")
    assert result.code == 0, result.err
    assert "key=performance.flashAttention" in result.err


@pytest.mark.parametrize("content, expected", [
    ('{"m": {"contxt": 5}}', 'models.json: "m": contxt: unknown key; did you mean "context"?'),
    ('{"m": {"performance": {"batc": 1}}}', 'performance.batc: unknown key; did you mean "batch"?'),
    ('{"m": {"context": "5"}}', "context: must be a whole number, not a string"),
    ('{"m": {"performance": {"threads": 0}}}', "performance.threads: 0 is out of range"),
    ('{"m": {"context": 5,}}', "models.json: line 1, column 21"),
    ('{"m": {"type": "openai"}}', 'needs "url"'),
    ("{}", "names no model"),
])
def test_a_mistake_is_named_with_its_place(home, content, expected):
    write(home, content)
    result = home.run("run", "m", "hello")
    assert result.code in (1, 2)
    assert expected in result.err
    assert result.err.count("\n") == 1


def test_a_config_that_is_not_there_is_named(home):
    result = home.run("serve", "--config", "nowhere.json")
    assert result.code == 1
    assert "nowhere.json" in result.err


def test_a_missing_model_says_what_is_near_and_how_to_get_one(home):
    result = home.run("run", "qwen2.5-codr-7b", "hello")
    assert result.code == 1
    assert "qwen2.5-coder-7b" in result.err
    assert "longhaul pull" in result.err
    known = home.run("run", "qwen2.5-coder-7b", "hello")
    assert known.code == 1
    assert "`longhaul pull qwen2.5-coder-7b` fetches it" in known.err


def test_a_model_is_found_by_stem_path_entry_and_variable(home, tiny):
    write(home, {"mine": {"model": "tiny"}})
    names = ["tiny", "tiny.gguf", str(home.models / "tiny.gguf"), "mine"]
    found = [home.run("inspect", name) for name in names]
    assert all(result.code == 0 for result in found), [r.err for r in found]
    elsewhere = home.path / "elsewhere"
    home.models.rename(elsewhere)
    assert home.run("inspect", "tiny").code == 1
    assert home.run("inspect", "tiny", "--models-dir", elsewhere).code == 0
    assert home.run("inspect", "tiny", LONGHAUL_MODELS_DIR=str(elsewhere)).code == 0


def test_the_users_models_json_is_read_when_there_is_none_here(home, tiny):
    config = home.path / ".config/longhaul"
    config.mkdir(parents=True)
    (config / "models.json").write_text('{"theirs": {"model": "tiny"}}')
    assert home.run("inspect", "theirs").code == 0
