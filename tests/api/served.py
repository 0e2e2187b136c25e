"""Servers as child processes, and a client that sees every byte and chunk as it comes."""

import http.client
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Not a bound that is tested: after this long without what must come, the test has failed.
HANG_S = 20
MODEL_FILES = ["qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "smollm2-135m-instruct-q4_1.gguf"]


def find_program(variable, candidates):
    named = os.environ.get(variable)
    for path in [pathlib.Path(named)] if named else [ROOT / c for c in candidates]:
        if path.is_file():
            return path
    return None


def find_model():
    folder = pathlib.Path(os.environ.get("LONGHAUL_MODELS_DIR")
                          or pathlib.Path.home() / ".cache/longhaul/models")
    for name in MODEL_FILES:
        if (folder / name).is_file():
            return folder / name
    return None


class Answer:
    """A complete answer."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Stream:
    """The data chunks of an event stream, one by one."""

    def __init__(self, connection, response):
        self.connection = connection
        self.response = response
        self.status = response.status
        self.headers = response.headers

    def __iter__(self):
        for line in self.response:
            line = line.rstrip(b"\r\n")
            if not line:
                continue
            assert line.startswith(b"data: "), line
            if line == b"data: [DONE]":
                return
            yield json.loads(line[6:])

    def take(self, count):
        chunks = iter(self)
        return [next(chunks) for _ in range(count)]

    def text(self, index=0):
        return text_of(list(self), index)

    def hang_up(self):
        """Closes the socket without reading the rest."""
        sock = self.connection.sock or self.response.fp.raw._sock
        sock.shutdown(socket.SHUT_RDWR)
        self.response.close()
        self.connection.close()


def text_of(chunks, index=0):
    parts = []
    for chunk in chunks:
        for choice in chunk.get("choices", []):
            if choice["index"] == index:
                piece = choice["delta"].get("content") if "delta" in choice else choice["text"]
                parts.append(piece or "")
    return "".join(parts)


def finish_of(chunks, index=0):
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk.get("choices", [])
               if choice["index"] == index and choice["finish_reason"] is not None]
    assert len(reasons) == 1, reasons
    return reasons[0]


class Server:
    """What the fake and the real one share: requests."""

    host = "127.0.0.1"
    hang_s = HANG_S
    port = None
    process = None

    @property
    def url(self):
        return f"http://{self.host}:{self.port}/v1"

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=self.hang_s)

    def socket(self):
        return socket.create_connection((self.host, self.port), timeout=self.hang_s)

    def request(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response, response.read())

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def chat(self, content, **fields):
        return self.post("/v1/chat/completions", chat_body(content, **fields))

    def stream(self, content=None, path="/v1/chat/completions", **fields):
        body = chat_body(content) if content is not None else {}
        body |= {"stream": True} | fields
        connection = self.connect()
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return Stream(connection, connection.getresponse())

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(HANG_S)


def chat_body(content, **fields):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return {"messages": messages} | fields


class FakeServer(Server):
    def __init__(self, program, options):
        arguments = [f"{key}={value}" for key, value in options.items()]
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        errors="replace")
        self.lines = queue.Queue()
        self.log = []
        for pipe, take in ((self.process.stdout, self.lines.put),
                           (self.process.stderr, self.log.append)):
            threading.Thread(target=self.read, args=(pipe, take), daemon=True).start()
        first = self.lines.get(timeout=HANG_S)
        assert first.startswith("port="), (first, self.log)
        self.port = int(first[5:])

    @staticmethod
    def read(pipe, take):
        for line in pipe:
            take(line.rstrip("\n"))

    def wait_cancelled(self, count=1):
        """Returns once so many answers were cancelled."""
        for _ in range(count):
            assert self.lines.get(timeout=HANG_S) == "cancelled"

    def wait_log(self, text):
        """The first log line that holds the text."""
        deadline = time.monotonic() + HANG_S
        while time.monotonic() < deadline:
            for line in self.log:
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no log line with {text}: {self.log}")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(HANG_S)
        assert code == 0, (code, self.log)


class RealServer(Server):
    LOAD_S = 120
    hang_s = 240  # a prompt takes its time on a busy machine

    def __init__(self, program, model, log_path):
        self.model = model.name.removesuffix(".gguf")
        self.log_path = log_path
        self.port = free_port()
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--model", model, "--context", "2048", "--host", self.host,
                 "--port", str(self.port)], stdout=log, stderr=log)
        deadline = time.monotonic() + self.LOAD_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.get("/health").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.process.kill()
        raise AssertionError(f"the server did not become ready: {log_path.read_text()}")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(HANG_S)
        assert code == 0, (code, self.log_path.read_text())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
