"""Fixtures for the tests of the command line: the program, a tiny model, an empty home."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Not a bound that is tested: a command that takes longer hangs.
HANG_S = 60

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def find_program(variable, name):
    named = os.environ.get(variable)
    path = pathlib.Path(named) if named else ROOT / "build" / name
    return path if path.is_file() else None


@pytest.fixture(scope="session")
def program():
    path = find_program("LONGHAUL_BIN", "longhaul")
    if path is None:
        pytest.skip("build/longhaul is not built")
    return path


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()


class Home:
    """A user with an empty home directory; every command runs in it."""

    def __init__(self, program, path):
        self.program = program
        self.path = path
        self.models = path / ".cache/longhaul/models"
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(("LONGHAUL_", "XDG_", "HF_"))
                            and not k.lower().endswith("_proxy")}
        self.environment["HOME"] = str(path)

    def command(self, *arguments):
        return [str(self.program), *map(str, arguments)]

    def run(self, *arguments, stdin=b"", timeout=HANG_S, **environment):
        return Result(subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, cwd=self.path,
            env={**self.environment, **environment}, timeout=timeout))

    def start(self, *arguments, **keywords):
        return subprocess.Popen(self.command(*arguments), cwd=self.path, env=self.environment,
                                **keywords)


@pytest.fixture
def home(program, tmp_path):
    return Home(program, tmp_path)


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    """A random model of two layers whose tokens are bytes."""
    writer = find_program("LONGHAUL_WRITE_TINY_MODEL", "tests/write_tiny_model")
    if writer is None:
        pytest.skip("build/tests/write_tiny_model is not built")
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    subprocess.run([str(writer), str(path)], check=True, timeout=HANG_S)
    return path


@pytest.fixture
def tiny(home, tiny_file):
    """The same, in the models directory of `home`; its name there is "tiny"."""
    home.models.mkdir(parents=True)
    (home.models / "tiny.gguf").symlink_to(tiny_file)
    return "tiny"
