"""Fixtures for the tests of the HTTP interface.

`fake` starts the real server in front of scripted answers (tests/fake_server.c, found through
LONGHAUL_FAKE_SERVER or in the build directories); `real` is the program with a small real model,
and is skipped where there is none.
"""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import served  # noqa: E402  (found through the line above)


@pytest.fixture
def fake():
    """A function that starts a fake server with the given options; all are stopped afterwards."""
    program = served.find_program(
        "LONGHAUL_FAKE_SERVER", ["build-sanitize/tests/fake_server", "build/tests/fake_server"])
    if program is None:
        pytest.skip("no fake_server is built")
    started = []

    def start(**options):
        server = served.FakeServer(program, options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """The program, serving the smallest Qwen2.5-Coder."""
    program = served.find_program("LONGHAUL_BIN", ["build/longhaul"])
    model = served.find_model()
    if program is None:
        pytest.skip("build/longhaul is not built")
    if model is None:
        pytest.skip("no model in LONGHAUL_MODELS_DIR")
    server = served.RealServer(program, model, tmp_path_factory.mktemp("serve") / "stderr")
    yield server
    server.close()


@pytest.fixture(scope="session")
def reference_dir():
    path = os.environ.get("LONGHAUL_REFERENCE_DIR")
    if not path:
        pytest.skip("LONGHAUL_REFERENCE_DIR is not set")
    return pathlib.Path(path)
