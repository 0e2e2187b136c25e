"""The commands on the smallest real model; skipped where it has not been pulled."""

import os
import pathlib

import pytest

FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
HANG_S = 250


@pytest.fixture
def model(home):
    folder = pathlib.Path(os.environ.get("LONGHAUL_MODELS_DIR")
                          or pathlib.Path.home() / ".cache/longhaul/models")
    if not (folder / FILE).is_file():
        pytest.skip(f"{FILE} is not in {folder}: longhaul pull qwen2.5-coder-0.5b")
    home.models.mkdir(parents=True)
    (home.models / FILE).symlink_to(folder / FILE)
    return "qwen2.5-coder-0.5b"


def test_a_question_gets_a_sensible_answer(home, model):
    result = home.run("run", model, "What is the capital of France? Answer in one word.",
                      "--temperature", "0", "-n", "16", "--context", "1024", timeout=HANG_S)
    assert result.code == 0, result.err
    assert "Paris" in result.out


def test_the_system_message_is_heard(home, model):
    result = home.run("run", model, "What is your name?", "--system",
                      "Your name is Zebulon. Always say your name.", "--temperature", "0",
                      "-n", "24", "--context", "1024", timeout=HANG_S)
    assert result.code == 0, result.err
    assert "Zebulon" in result.out


def test_code_is_likelier_than_noise(home, model):
    # This file itself is text that the model has not seen.
    source = pathlib.Path(__file__).read_text() * 3
    (home.path / "text").write_text(source)
    (home.path / "noise").write_text("".join(reversed(source)))
    found = []
    for name in ("text", "noise"):
        result = home.run("perplexity", model, name, "--context", "256", "--chunks", "2",
                          timeout=HANG_S)
        assert result.code == 0, result.err
        found.append(float(result.out.split("perplexity ")[1].split()[0]))
    assert 1 < found[0] < found[1]


def test_the_pulled_file_is_the_known_one(home, model):
    result = home.run("pull", model, timeout=HANG_S)
    assert result.code == 0, result.err
    assert "its SHA-256 is right" in result.err
