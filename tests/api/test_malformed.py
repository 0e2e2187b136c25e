"""Damaged requests get an answer or are cut off; they never bring the server down.

Under a sanitizer build (which is used where there is one) this also finds reads past the end."""

import json
import random
import socket

import served

COUNT = 300
WORDS = [b"\x00", b"\xff\xfe", b"\"", b"{", b"}", b"[", b"]", b"\r\n", b"\r\n\r\n", b"\\u0000",
         b"\\ud800", b"1e999", b"-1", b"99999999999999999999", b"null", b"true", b",", b":", b"%",
         b"Content-Length: -1\r\n", b"Content-Length: 18446744073709551616\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"\xc3", b"\xed\xa0\x80"]


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(6)
        at = rng.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del data[at:at + rng.randint(1, 40)]
        elif kind == 3:
            data[at:at] = data[at:at + rng.randint(1, 60)]
        elif kind == 4 and rng.random() < 0.3:
            del data[at:]
        elif data:
            data[at] = rng.choice(b"\x00\xff\"{}[]:,0\\")
    return bytes(data)


def whole_request(path, body):
    return (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer key\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (path.encode(), len(body), body))


def send(server, data):
    """Everything that comes back; b"" when the connection was cut."""
    got = b""
    with server.socket() as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(65536):
                got += part
        except OSError:
            pass
    return got


BODIES = [
    ("/v1/chat/completions", {
        "model": "fake", "stream": True, "stream_options": {"include_usage": True}, "n": 2,
        "messages": [{"role": "system", "content": "s"},
                     {"role": "user", "content": [{"type": "text", "text": "tokens=3"}]},
                     {"role": "assistant", "content": None, "tool_calls": [
                         {"id": "a", "type": "function",
                          "function": {"name": "f", "arguments": "{}"}}]},
                     {"role": "tool", "tool_call_id": "a", "content": "ok"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "tool_choice": "auto", "temperature": 0.5, "top_p": 0.9, "max_tokens": 5, "seed": 1,
        "stop": ["x", "\u00e9"], "logit_bias": {"1": 2}, "logprobs": True, "top_logprobs": 2}),
    ("/v1/completions", {"prompt": ["say=a", [97, 98]], "echo": True, "max_tokens": 3,
                         "stop": "z"}),
    ("/tokenize", {"content": "h\u00e9llo", "with_pieces": True, "add_special": True}),
    ("/detokenize", {"tokens": [1, 2, 3, 256]}),
    ("/apply-template", {"messages": [{"role": "user", "content": "hi"}]}),
]


def test_damaged_bodies_get_an_answer(fake):
    server = fake(context=100000)
    rng = random.Random(1)
    for i in range(COUNT):
        path, body = BODIES[i % len(BODIES)]
        data = damaged(rng, json.dumps(body, ensure_ascii=i % 2 == 0).encode())
        answer = server.post(path, data)
        assert answer.status in (200, 400, 404), (answer.status, data)
        if answer.status != 200:
            assert answer.error["message"], data
    assert server.chat("say=alive").status == 200


def test_damaged_requests_do_not_hurt_the_server(fake):
    server = fake(keys="key", header_ms=2000, body_ms=2000, idle_ms=2000)
    rng = random.Random(2)
    for i in range(COUNT):
        path, body = BODIES[i % len(BODIES)]
        send(server, damaged(rng, whole_request(path, json.dumps(body).encode())))
    headers = {"Authorization": "Bearer key"}
    assert server.get("/v1/models", headers=headers).status == 200


def test_bytes_that_are_no_http_do_not_hurt_the_server(fake):
    server = fake(header_ms=500, idle_ms=500)
    rng = random.Random(3)
    for length in (0, 1, 2, 10, 100, 1000, 100_000):
        send(server, rng.randbytes(length))
        send(server, b"\r\n" * length)
    assert server.chat("say=alive").json["choices"][0]["message"]["content"] == "alive"


def test_deep_and_wide_bodies_are_answered(fake):
    server = fake()
    deep = "[" * 2000 + "]" * 2000
    assert server.post("/v1/chat/completions", '{"x": %s, "messages": %s}' % (deep, deep)
                       ).status == 400
    wide = json.dumps(served.chat_body("say=hi") | {f"key{i}": i for i in range(20000)})
    assert server.post("/v1/chat/completions", wide).status == 200
    many = {"prompt": ["say=x"] * 33}
    assert server.post("/v1/completions", many).error["param"] == "prompt"
    numbers = '{"messages": [{"role": "user", "content": "x"}], "seed": 1' + "0" * 400 + "}"
    assert server.post("/v1/chat/completions", numbers).status == 400
