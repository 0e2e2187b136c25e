"""The disk cache as a user meets it: kept over runs, listed, checked, cleared."""

import json
import re

PROMPT = "hello world " * 40


def ask(home, tiny, *more):
    result = home.run("run", tiny, PROMPT, "-n", 4, "--temperature", 0, "--stats", *more)
    assert result.code == 0, result.err
    return result.out, int(re.search(r"(\d+) from the cache", result.err)[1])


def test_a_prompt_is_computed_once_over_two_runs(home, tiny):
    cold, cached = ask(home, tiny)
    assert cached == 0
    first, cached = ask(home, tiny, "--cache-dir", "kv")
    assert (first, cached) == (cold, 0)
    again, cached = ask(home, tiny, "--cache-dir", "kv")
    assert again == cold and cached > 400
    assert (home.path / "kv").stat().st_mode & 0o077 == 0


def test_the_directory_can_come_from_the_environment(home, tiny):
    home.run("run", tiny, PROMPT, "-n", 4, LONGHAUL_CACHE_DIR="kept")
    listed = home.run("cache", "ls", LONGHAUL_CACHE_DIR="kept")
    assert listed.code == 0 and "kv=f16/f16" in listed.out


def test_cache_lists_shows_verifies_and_removes(home, tiny):
    ask(home, tiny, "--cache-dir", "kv")
    files = sorted((home.path / "kv").iterdir())
    listed = home.run("cache", "ls", "--cache-dir", "kv")
    assert f"{len(files)} pages" in listed.out
    shown = home.run("cache", "show", files[0].name[:12], "--cache-dir", "kv")
    assert shown.code == 0 and "tokens" in shown.out
    whole = home.run("cache", "verify", "--cache-dir", "kv")
    assert whole.code == 0 and f"{len(files)} of {len(files)} pages are whole" in whole.out

    data = bytearray(files[0].read_bytes())
    data[9000] ^= 1
    files[0].write_bytes(data)
    with open(files[1], "r+b") as cut:
        cut.truncate(5000)
    broken = home.run("cache", "verify", "--cache-dir", "kv")
    assert broken.code != 0 and "2 damaged pages" in broken.err
    assert files[0].name in broken.out and files[1].name in broken.out

    assert "1 of" in home.run("cache", "rm", "damaged", "--cache-dir", "kv").out
    assert home.run("cache", "rm", "all", "--cache-dir", "kv").code == 0
    assert list((home.path / "kv").iterdir()) == []


def test_mistakes_are_named(home):
    (home.path / "kv").mkdir()
    for arguments, expected in (
            (["ls"], "--cache-dir"), (["ls", "--cache-dir", "nowhere"], "nowhere"),
            (["frob", "--cache-dir", "kv"], "ls, show, rm and verify"),
            (["rm", "--cache-dir", "kv"], "say which pages"),
            (["show", "zz", "--cache-dir", "kv"], '"zz"')):
        result = home.run("cache", *arguments)
        assert result.code != 0 and result.out == "" and expected in result.err


def test_models_json_can_name_directory_and_budget(home, tiny_file):
    folder = home.path / "etc"
    folder.mkdir()

    def run_with(budget):
        (folder / "models.json").write_text(json.dumps(
            {"t": {"model": str(tiny_file), "cacheDir": "kv", "cacheDisk": budget}}))
        return home.run("run", "t", PROMPT, "-n", 4, "--config", folder / "models.json")

    for budget in ("1M", 2 << 20):
        assert run_with(budget).code == 0
    assert any((folder / "kv").iterdir())
    refused = run_with(True)
    assert refused.code != 0 and "cacheDisk: must be a number of bytes" in refused.err
