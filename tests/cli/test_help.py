"""The program explains itself, and says what is wrong with how it was called."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ["run", "serve", "inspect", "tokenize", "perplexity", "bench", "pull", "cache",
            "help", "version"]


def test_without_arguments_it_lists_the_commands_and_fails(home):
    result = home.run()
    assert result.code == 2
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.out, re.M)


def test_help_is_a_success_on_stdout(home):
    for arguments in (["--help"], ["-h"], ["help"]):
        result = home.run(*arguments)
        assert result.code == 0 and result.err == ""
        assert "longhaul pull" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_options(home, command):
    result = home.run(command, "--help")
    assert result.code == 0 and result.err == ""
    assert result.out.startswith(f"usage: longhaul {command}")
    assert "--help" in result.out
    assert home.run("help", command).out == result.out
    assert max(len(line) for line in result.out.splitlines()) <= 100


def test_help_shows_units_and_defaults(home):
    text = " ".join(home.run("serve", "--help").out.split())
    assert "default 8027" in text
    assert "default 2048 tokens" in text
    assert "default: what the model was trained for" in text


def test_the_committed_reference_is_up_to_date(home):
    made = home.run("help", "--markdown")
    assert made.code == 0
    committed = (ROOT / "docs/options.md").read_text(encoding="utf-8")
    assert made.out == committed, "run: build/longhaul help --markdown > docs/options.md"


def test_an_unknown_command_names_the_nearest(home):
    result = home.run("srve")
    assert result.code == 2 and result.out == ""
    assert result.err == 'longhaul: there is no command "srve"; did you mean "serve"?\n'


@pytest.mark.parametrize("arguments, expected", [
    (["run", "--contxt", "5"], "did you mean --context?"),
    (["run", "--depths", "0"], "another command"),
    (["serve", "--prot", "5"], "did you mean --port?"),
    (["bench", "m", "--context", "many"], '--context: "many" is not a whole number'),
    (["bench", "m", "--depths", "1,,2"], "--depths"),
    (["serve", "--port", "70000"], "0 to 65535"),
    (["run", "m", "--kv", "q9"], "none of: f32 f16"),
    (["run", "m", "--context"], "--context needs a value"),
    (["run"], "usage: longhaul run MODEL [QUESTION]"),
    (["run", "m", "what", "is", "this"], "goes in quotes"),
    (["inspect"], "usage: longhaul inspect"),
    (["pull"], "usage: longhaul pull"),
    (["version", "now"], "one word too many"),
])
def test_a_wrong_call_is_exit_2_and_one_sentence(home, arguments, expected):
    result = home.run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert expected in result.err
    assert result.err.count("\n") == 1


def test_the_environment_sets_options_and_is_checked(home):
    result = home.run("run", "m", LONGHAUL_CONTEXT="big")
    assert result.code == 2
    assert "LONGHAUL_CONTEXT" in result.err


def test_the_version_is_printed(home):
    result = home.run("--version")
    assert result.code == 0
    assert re.match(r"longhaul \d+\.\d+\.\d+ \(", result.out)
    assert home.run("version").out == result.out
