"""run, perplexity and bench on a tiny random model."""

import json
import math
import signal

import pytest

SHORT = ["--context", "512", "--threads", "2"]


def test_the_answer_is_alone_on_stdout_and_the_same_for_the_same_seed(home, tiny):
    arguments = ["run", tiny, "hello", "-n", "12", "--seed", "7", *SHORT]
    first = home.run(*arguments)
    assert first.code == 0, first.err
    assert first.out != ""
    assert first.err == ""
    assert home.run(*arguments).out == first.out
    assert home.run("run", tiny, "hello", "-n", "12", "--seed", "8", *SHORT).out != first.out


def test_statistics_go_to_stderr_when_asked(home, tiny):
    result = home.run("run", tiny, "hello", "-n", "4", "--stats", *SHORT)
    assert result.code == 0, result.err
    assert "tokens/s" in result.err and "prompt" in result.err
    assert "tokens/s" not in result.out


def test_text_on_stdin_belongs_to_the_question(home, tiny):
    both = home.run("run", tiny, "hello", "-n", "4", "--stats", *SHORT, stdin=b"x" * 100)
    alone = home.run("run", tiny, "hello", "-n", "4", "--stats", *SHORT)
    count = [int(r.err.split("prompt ")[1].split()[0]) for r in (both, alone)]
    assert count[0] == count[1] + 102  # the text and two newlines, in bytes
    piped = home.run("run", tiny, "-n", "4", *SHORT, stdin=b"hello")
    assert piped.code == 0
    nothing = home.run("run", tiny, *SHORT)
    assert nothing.code == 2
    assert "nothing on stdin" in nothing.err


def test_a_prompt_that_does_not_fit_is_refused_with_the_counts(home, tiny):
    result = home.run("run", tiny, "x" * 2000, *SHORT)
    assert result.code == 1
    assert result.out == ""
    assert "maximum context length is 512 tokens" in result.err


def test_an_engine_setting_that_cannot_be_is_refused(home, tiny):
    result = home.run("run", tiny, "hello", "--rope", "dca", *SHORT)
    assert result.code == 1
    assert "dca" in result.err
    result = home.run("run", tiny, "hello", "--memory", "1M", *SHORT)
    assert result.code == 1
    assert result.err.count("\n") == 1


def test_the_conversation_has_commands(home, tiny, tmp_path):
    pty = pytest.importorskip("pty")
    import os
    leader, follower = pty.openpty()
    lines = "hello\n/nothing\n/save talk.json\n/clear\n/quit\n"
    process = home.start("run", tiny, "-n", "4", "--seed", "7", *SHORT, stdin=follower,
                         stdout=-1, stderr=-1)
    os.write(leader, lines.encode())
    out, err = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    assert process.returncode == 0, err
    talk = json.loads((home.path / "talk.json").read_text())
    assert [message["role"] for message in talk] == ["user", "assistant"]
    assert talk[0]["content"] == "hello"
    assert b"there is no /nothing" in err
    assert b"[forgotten]" in err
    assert out != b""


def test_ctrl_c_ends_a_question_with_130(home, tiny):
    process = home.start("run", tiny, "hello", "--context", "4096", "--threads", "2", "--stats",
                         "--temperature", "5", "--top-k", "0", "--top-p", "1", stdin=-3,
                         stdout=-1, stderr=-1)
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 130)  # 0: the answer had ended by itself


def test_perplexity_of_a_random_model_is_about_its_vocabulary(home, tiny):
    (home.path / "text").write_text("the quick brown fox jumps over the lazy dog. " * 100)
    arguments = ["perplexity", tiny, "text", "--context", "256", "--threads", "2"]
    result = home.run(*arguments, "--chunks", "3", "--json")
    assert result.code == 0, result.err
    facts = json.loads(result.out)
    assert len(facts["chunks"]) == 3
    assert facts["tokens"] == 3 * 127  # N/2 + 1 … N − 1 of each window of 256
    assert facts["perplexity"] == pytest.approx(facts["chunks"][-1])
    assert 10 < facts["perplexity"] < 10000 and math.isfinite(facts["error"])
    text = home.run(*arguments, "--chunks", "3").out.splitlines()
    assert len(text) == 4 and text[-1].startswith("perplexity ")


def test_a_text_shorter_than_a_window_is_refused(home, tiny):
    (home.path / "text").write_text("short")
    result = home.run("perplexity", tiny, "text", "--context", "256")
    assert result.code == 2
    assert "5 tokens" in result.err
    assert home.run("perplexity", tiny, "nowhere").code == 1


def test_bench_prints_a_row_for_each_depth(home, tiny):
    arguments = ["bench", tiny, "--depths", "0,128", "--prefill", "64", "--decode", "4",
                 "--repeat", "2", "--threads", "2", "--no-roofline"]
    facts = json.loads(home.run(*arguments, "--json").out)
    assert [row["depth"] for row in facts["results"]] == [0, 128]
    for row in facts["results"]:
        for part, tokens in (("prefill", 64), ("decode", 4)):
            assert row[part]["tokens"] == tokens
            assert len(row[part]["seconds"]) == 2
            assert row[part]["tokens_per_s"] > 0
    text = home.run(*arguments)
    assert text.code == 0 and text.err == ""
    assert len(text.out.splitlines()) == 5
