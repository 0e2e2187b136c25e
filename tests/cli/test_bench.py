"""bench, bench peak and bench compare on a tiny random model, with peers made of a few lines."""

import json
import signal
import xml.etree.ElementTree

import pytest

QUICK = ["--prefill", "64", "--decode", "4", "--repeat", "2", "--threads", "2", "--no-roofline"]


def peer(home, body, name="llama-bench"):
    """A stand-in for llama-bench: a shell script."""
    path = home.path / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return path


def answer(*tests):
    return "cat <<'END'\n" + json.dumps([
        {"n_prompt": prompt, "n_gen": gen, "n_depth": 0, "samples_ns": [ns]}
        for prompt, gen, ns in tests]) + "\nEND\n"


BOTH = answer((64, 0, 1_000_000_000), (0, 4, 1_000_000_000))


def compare(home, tiny, program, *more, **keywords):
    return home.run("bench", "compare", tiny, "--with", program, *QUICK, *more, **keywords)


def test_peak_prints_the_limits_of_this_machine(home):
    facts = json.loads(home.run("bench", "peak", "--threads", "2", "--memory", "16M",
                                "--json").out)
    assert facts["threads"] == 2
    assert facts["read"]["buffer_bytes"] == 16 << 20
    assert facts["read"]["bytes_per_s"]["best"] >= facts["read"]["bytes_per_s"]["median"] > 0
    for peak in facts["peaks"]:
        assert peak["type"] in ("int8", "f32", "f16", "bf16")
        assert peak["operations_per_s"]["best"] >= peak["operations_per_s"]["worst"] > 0
    text = home.run("bench", "peak", "--threads", "1", "--memory", "16M", "--cpu", "plain")
    assert text.code == 0 and text.err == ""
    assert "1 threads" in text.out and "streaming over 16 MiB" in text.out


def test_a_second_word_is_refused(home):
    for words in (["peak", "x"], ["model", "x"]):
        result = home.run("bench", *words)
        assert result.code == 2 and '"x" is one word too many' in result.err
    assert "usage: longhaul bench compare" in home.run("bench", "compare").err


def test_the_roofline_names_fractions(home, tiny):
    arguments = ["bench", tiny, "--prefill", "64", "--decode", "4", "--repeat", "1", "--threads",
                 "2", "--memory", "256M"]
    facts = json.loads(home.run(*arguments, "--json").out)
    assert facts["limits"]["read_bytes_per_s"] > 0
    row = facts["results"][0]
    assert row["decode"]["read_bandwidth_fraction"] > 0
    assert row["prefill"]["int8_peak_fraction"] >= 0
    plain = home.run(*arguments, "--no-roofline")
    assert "bandwidth" not in plain.out and len(plain.out.splitlines()) == 4


def test_depths_are_measured_in_order(home, tiny):
    facts = json.loads(home.run("bench", tiny, "--depths", "128,0,64", *QUICK, "--json").out)
    assert [row["depth"] for row in facts["results"]] == [0, 64, 128]
    assert "limits" not in facts


def test_the_plot_is_an_svg(home, tiny):
    result = home.run("bench", tiny, "--depths", "0,128", *QUICK, "--plot", "speed.svg")
    assert result.code == 0 and result.err == ""
    root = xml.etree.ElementTree.parse(home.path / "speed.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "tiny, 2 threads" in (home.path / "speed.svg").read_text()
    refused = home.run("bench", tiny, *QUICK, "--plot", "no/such/folder.svg")
    assert refused.code == 1 and "no/such/folder.svg" in refused.err


def test_nothing_to_measure_is_refused(home, tiny):
    result = home.run("bench", tiny, "--prefill", "0", "--decode", "0")
    assert result.code == 2 and "nothing to measure" in result.err


def test_compare_forms_ratios_round_by_round(home, tiny):
    program = peer(home, 'echo "$@" >> calls\n' + BOTH)
    facts = json.loads(compare(home, tiny, program, "--depths", "0,64", "--json", "--kv", "q8_0",
                               "--with-args", " -fa 1  -rtr 1 ").out)
    assert facts["peer"]["program"] == str(program)
    for row in facts["results"]:
        for part, tokens in (("prefill", 64), ("decode", 4)):
            figures = row[part]
            assert figures["peer"]["rounds"] == [tokens, tokens]
            assert len(figures["longhaul"]["rounds"]) == 2
            ratio = figures["ratio"]
            assert ratio["min"] <= ratio["median"] <= ratio["max"]
            assert ratio["max"] == pytest.approx(
                max(figures["longhaul"]["rounds"]) / tokens, rel=1e-4)
    calls = (home.path / "calls").read_text().splitlines()
    assert len(calls) == 4
    assert "-t 2 -ctk q8_0 -ctv q8_0 -r 1 -o json -p 64 -n 4 -fa 1 -rtr 1" in calls[0]
    assert "-d 64" in calls[2] and "-d" not in calls[0]
    text = compare(home, tiny, program)
    assert text.code == 0 and "longhaul / peer" in text.out and text.err == ""


def test_a_peer_without_depths_decodes_after_a_prompt(home, tiny):
    program = peer(home, 'case "$*" in *" -d "*) echo "error: invalid parameter for argument: -d" '
                   '>&2; exit 1;; *"-gp 64,4"*) ' + answer((64, 4, 1_000_000_000)) + ';; *) '
                   + BOTH + ';; esac\n')
    facts = json.loads(compare(home, tiny, program, "--depths", "0,64", "--json").out)
    deep = facts["results"][1]
    assert deep["prefill"]["peer"] is None and deep["prefill"]["ratio"] is None
    assert deep["decode"]["peer"]["tokens_per_s"] == 4
    assert "not supported by the peer" in compare(home, tiny, program, "--depths", "64").out


@pytest.mark.parametrize("body, words", [
    ("echo broken >&2; exit 7\n", "exit code 7; it said: broken"),
    ("kill -SEGV $$\n", "signal 11"),
    ("echo hello\n", "did not print the JSON of llama-bench"),
    ("echo '[1, 2'\n", "did not print the JSON of llama-bench"),
    ("exec yes\n", "printed more than 4 MiB"),
])
def test_a_peer_that_fails_is_reported(home, tiny, body, words):
    result = compare(home, tiny, peer(home, body))
    assert result.code == 1
    assert words in result.err


def test_a_peer_that_hangs_is_ended(home, tiny):
    result = compare(home, tiny, peer(home, "sleep 1000\n"), "--with-timeout", "1")
    assert result.code == 1 and "was not done after 1 s" in result.err


def test_a_peer_that_is_not_there_is_named(home, tiny):
    result = compare(home, tiny, "./nowhere")
    assert result.code == 1 and "--with ./nowhere" in result.err
    assert "needs --with" in home.run("bench", "compare", tiny).err


def test_ctrl_c_ends_the_peer_too(home, tiny):
    program = peer(home, "touch begun; sleep 1000\n")
    running = home.start("bench", "compare", tiny, "--with", program, *QUICK)
    while not (home.path / "begun").exists():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
