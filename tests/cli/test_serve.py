"""serve as an operator sees it: what it announces, how it ends, what it refuses."""

import json
import re
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

HANG_S = 60


class Serving:
    def __init__(self, home, *arguments):
        self.process = home.start("serve", *arguments, "--port", "0", stderr=-1)
        self.lines = []
        self.url = None
        for line in self.process.stderr:
            self.lines.append(line.decode())
            found = re.search(r"at (http://\S+)/v1$", self.lines[-1].rstrip())
            if found:
                self.url = found[1]
            if "compute" in self.lines[-1]:
                break

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=HANG_S) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=HANG_S) as answer:
            return json.load(answer)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        err = self.process.stderr.read().decode()
        return self.process.wait(timeout=HANG_S), err


@pytest.fixture
def serve(home):
    started = []

    def start(*arguments):
        started.append(Serving(home, *arguments))
        assert started[-1].url, "".join(started[-1].lines)
        return started[-1]

    yield start
    for serving in started:
        serving.process.kill()
        serving.process.wait()
        serving.process.stderr.close()


def test_it_announces_itself_answers_and_ends_with_0(serve, tiny):
    serving = serve(tiny, "--context", "512", "--threads", "2")
    told = "".join(serving.lines)
    for part in ("window   512 tokens (trained for 4096)", "memory   weights",
                 "kernels, 2 threads"):
        assert part in told
    assert serving.get("/v1/models")["data"][0]["id"] == "tiny"
    answer = serving.post("/v1/chat/completions", {
        "model": "tiny", "max_tokens": 4, "messages": [{"role": "user", "content": "hi"}]})
    assert answer["usage"]["completion_tokens"] <= 4
    code, err = serving.stop()
    assert code == 0, err


def test_sigint_ends_it_too(serve, tiny):
    code, err = serve(tiny, "--context", "512").stop(signal.SIGINT)
    assert code == 0, err


def test_models_json_names_the_models(home, serve, tiny):
    (home.path / "models.json").write_text(json.dumps({
        "one": {"model": "tiny", "context": 512, "performance": {"flashAttention": False}},
        "other": {"type": "llama-cpp", "model": "x.gguf"},
        "gone": {"model": "nowhere.gguf"}}))
    serving = serve()
    assert [m["id"] for m in serving.get("/v1/models")["data"]] == ["one"]
    told = "".join(serving.lines)
    assert "key=performance.flashAttention" in told
    assert "not in this version" in told
    assert "nowhere.gguf" in told


def test_the_only_model_needs_no_name(serve, tiny):
    assert serve("--context", "512").get("/v1/models")["data"][0]["id"] == "tiny"


def test_a_port_that_is_taken_is_one_sentence(home, tiny):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = home.run("serve", tiny, "--context", "512", "--port", port)
    assert result.code == 1
    assert str(port) in result.err
    assert "Traceback" not in result.err and result.err.count("longhaul:") == 1


@pytest.mark.parametrize("arguments, expected", [
    (["serve"], "there is no model in"),
    (["serve", "nothing"], 'no model "nothing"'),
    (["serve", "--model", "./nothing.gguf"], "no file ./nothing.gguf"),
])
def test_a_missing_model_is_one_sentence(home, arguments, expected):
    result = home.run(*arguments)
    assert result.code == 1
    assert expected in result.err
    assert result.err.count("\n") == 1


def test_several_models_without_a_name_are_listed(home, tiny):
    (home.models / "second.gguf").write_bytes(b"GGUF")
    result = home.run("serve")
    assert result.code == 2
    assert "second, tiny" in result.err


def test_too_little_memory_is_refused_with_figures(home, tiny):
    result = home.run("serve", tiny, "--memory", "1M", "--port", "0")
    assert result.code == 1
    assert "longhaul: " in result.err


def test_a_key_is_asked_for_when_there_is_one(serve, tiny):
    serving = serve(tiny, "--context", "512", "--api-key", "secret")
    with pytest.raises(urllib.error.HTTPError) as refused:
        serving.get("/v1/models")
    assert refused.value.code == 401
    assert "secret" not in "".join(serving.lines)


def test_a_running_answer_is_cancelled_after_the_grace_time(serve, tiny):
    serving = serve(tiny, "--context", "4096", "--grace", "0")
    host, port = serving.url.removeprefix("http://").split(":")
    body = json.dumps({"model": "tiny", "stream": True, "temperature": 5, "max_tokens": 4000,
                       "messages": [{"role": "user", "content": "hi"}]})
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: "
                       f"application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        assert client.recv(100) != b""
        began = time.monotonic()
        code, err = serving.stop()
    assert code == 0, err
    assert time.monotonic() - began < HANG_S
