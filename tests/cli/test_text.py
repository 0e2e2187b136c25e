"""inspect and tokenize: what a file holds, as text and as JSON."""

import json


def test_inspect_shows_what_a_model_is(home, tiny):
    result = home.run("inspect", tiny)
    assert result.code == 0, result.err
    assert "architecture    qwen2" in result.out
    assert "general.architecture" in result.out
    assert "blk.0.attn_q.weight" not in result.out
    assert "blk.0.attn_q.weight" in home.run("inspect", tiny, "--tensors").out


def test_inspect_prints_json_that_a_script_can_read(home, tiny):
    facts = json.loads(home.run("inspect", tiny, "--json", "--tensors").out)
    assert facts["architecture"] == "qwen2"
    assert facts["runs"] is True
    assert facts["model"]["layers"] == 2
    assert facts["tensor_count"] == len(facts["tensors"])
    assert sum(facts["tensor_types"].values()) == facts["tensor_count"]
    assert facts["metadata"]["general.architecture"] == '"qwen2"'


def test_inspect_names_the_kernels_without_a_file(home):
    result = home.run("inspect", "--cpu")
    assert result.code == 0
    assert "kernels" in result.out and "plain" in result.out


def test_a_file_that_is_no_model_is_refused(home):
    (home.path / "x.gguf").write_bytes(b"not a model at all")
    (home.path / "empty.gguf").write_bytes(b"")
    for name in ("./x.gguf", "./empty.gguf", "."):
        result = home.run("inspect", name)
        assert result.code == 1, name
        assert result.out == ""
        assert result.err.count("\n") == 1


def test_a_cut_model_is_refused_by_every_command(home, tiny_file):
    whole = tiny_file.read_bytes()
    (home.path / "cut.gguf").write_bytes(whole[:len(whole) // 2])
    (home.path / "text").write_text("hello " * 1000)
    for arguments in (["inspect", "./cut.gguf"], ["tokenize", "./cut.gguf", "x"],
                      ["run", "./cut.gguf", "x"], ["bench", "./cut.gguf"],
                      ["perplexity", "./cut.gguf", "text"], ["serve", "./cut.gguf", "--port", "0"]):
        result = home.run(*arguments)
        assert result.code == 1, arguments
        assert "cut.gguf" in result.err


def test_tokens_go_there_and_back(home, tiny):
    text = "int main(void)\n\t{ return \"é\"; }"
    ids = json.loads(home.run("tokenize", tiny, text, "--json").out)
    assert ids["count"] == len(text.encode())  # the tiny model's tokens are bytes
    back = home.run("tokenize", tiny, "--decode", " ".join(map(str, ids["tokens"])))
    assert back.out == text + "\n"


def test_text_comes_from_stdin_without_an_argument(home, tiny):
    assert home.run("tokenize", tiny, "--count", stdin=b"hello").out == "5\n"
    assert home.run("tokenize", tiny, "-", "--count", stdin=b"hello!").out == "6\n"
    assert home.run("tokenize", tiny, stdin=b"a\n").out == '97\t"a"\n10\t"\\n"\n'


def test_special_tokens_are_read_only_when_asked(home, tiny):
    assert home.run("tokenize", tiny, "<|im_end|>", "--count").out == "10\n"
    assert home.run("tokenize", tiny, "<|im_end|>", "--count", "--special").out == "1\n"


def test_an_id_that_is_none_is_named(home, tiny):
    result = home.run("tokenize", tiny, "--decode", "5 999999")
    assert result.code == 2
    assert '"999999" is no token id' in result.err
