"""What is wrong with a request is said, with a status and a code that clients act upon."""

import json
import socket
import subprocess

import pytest
import served


def test_an_overflow_is_400_with_both_counts(fake):
    answer = fake(context=100).chat("x" * 100)
    assert answer.status == 400
    assert answer.error["code"] == "context_length_exceeded"
    assert answer.error["message"].startswith(
        "This model's maximum context length is 100 tokens. However, your messages resulted in "
        "100 tokens.")


def test_an_overflow_is_a_status_even_when_streaming_was_asked_for(fake):
    stream = fake(context=100).stream("x" * 300)
    assert stream.status == 400


def test_a_prompt_that_leaves_room_for_one_token_is_accepted(fake):
    assert fake(context=100).chat("x" * 99).status == 200


WRONG_TYPES = [
    ("messages", "hello"), ("messages", {"role": "user"}), ("stream", "yes"), ("stream", 1),
    ("temperature", "warm"), ("temperature", True), ("top_p", []), ("top_k", 1.5), ("min_p", {}),
    ("typical_p", "x"), ("repetition_penalty", "x"), ("repeat_penalty", "x"),
    ("presence_penalty", "x"), ("frequency_penalty", None.__class__.__name__),
    ("max_tokens", "10"), ("max_tokens", 1.5), ("max_completion_tokens", []), ("n", "2"),
    ("seed", "abc"), ("seed", 0.5), ("stop", 5), ("stop", ["a", 5]), ("logit_bias", [1]),
    ("logit_bias", {"5": "x"}), ("logit_bias", {"five": 1}), ("logprobs", 3),
    ("top_logprobs", "3"), ("tools", {}), ("tool_choice", 5), ("chat_template_kwargs", []),
    ("stream_options", True), ("response_format", "json"), ("model", 5), ("ignore_eos", 0),
    ("return_tokens", "no"), ("repeat_last_n", "x"),
]


@pytest.mark.parametrize("field, value", WRONG_TYPES)
def test_a_wrong_type_is_400_and_names_the_field(fake, field, value):
    body = served.chat_body("hi") | {field: value}
    answer = fake().post("/v1/chat/completions", body)
    assert answer.status == 400
    assert answer.error["param"] == field
    assert answer.error["message"].startswith(f"{field}: ")


OUT_OF_RANGE = [
    ("temperature", -0.1), ("temperature", 1e9), ("top_p", 1.5), ("top_p", -1), ("min_p", 2),
    ("n", 0), ("n", 9), ("max_tokens", 0), ("max_tokens", -5), ("top_k", -2),
    ("presence_penalty", 3), ("frequency_penalty", -3), ("repetition_penalty", 0),
    ("logit_bias", {"5": 101}), ("logit_bias", {"999999": 1}), ("top_logprobs", 21),
    ("stop", ["x"] * 17), ("stop", "x" * 2000),
]


@pytest.mark.parametrize("field, value", OUT_OF_RANGE)
def test_a_value_out_of_range_is_400_and_names_the_field(fake, field, value):
    body = served.chat_body("hi") | {"logprobs": True, field: value}
    answer = fake().post("/v1/chat/completions", body)
    assert answer.status == 400 and answer.error["param"] == field


@pytest.mark.parametrize("field, value", [
    ("grammar", "root ::= x"), ("json_schema", {})])
def test_what_this_version_does_not_do_is_refused_by_name(fake, field, value):
    answer = fake().post("/v1/chat/completions", served.chat_body("hi") | {field: value})
    assert answer.status == 400
    assert answer.error["code"] == "unsupported" and answer.error["param"] == field
    assert "not in this version" in answer.error["message"]


def test_a_keyword_that_this_version_does_not_do_is_refused_with_its_path(fake):
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^a"}}}
    answer = fake().chat("hi", response_format={
        "type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert answer.status == 400 and answer.error["code"] == "unsupported"
    path = "response_format.json_schema.schema.properties.a.pattern"
    assert answer.error["param"] == path and answer.error["message"].startswith(path)


def test_unknown_fields_and_nulls_are_ignored(fake):
    fields = dict.fromkeys(["temperature", "top_p", "stop", "seed", "tools", "logit_bias", "n",
                            "max_tokens", "stream_options", "response_format", "tool_choice"])
    answer = fake().chat("say=fine", user="me", store=True, metadata={"a": "b"}, frobnicate=[1],
                         parallel_tool_calls=True, prompt_cache_key="k", service_tier="auto",
                         **fields)
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "fine"


@pytest.mark.parametrize("body, where", [
    (b"{\"messages\": [}", "line 1, column 15"), (b"", "empty"), (b"[1]", "object"),
    (b"{\n\"a\": \xff\xfe\"\"}", "line 2"), (b"{\"a\": \"\xff\"}", "line 1"), (b"{} {}", "line 1"),
    (b"[" * 5000, "depth"), (b"{\"a\":" * 5000, "depth"), (b"nonsense", "line 1")])
def test_a_body_that_is_not_json_is_400_and_says_where(fake, body, where):
    answer = fake().post("/v1/chat/completions", body)
    assert answer.status == 400 and answer.error["code"] == "invalid_json"
    assert where in answer.error["message"]


def test_half_an_emoji_in_a_message_does_not_spoil_the_conversation(fake):
    content = rb"a\ud83d b\ude00 \ud83d\ude00 \\ud83d"
    body = b'{"messages": [{"role": "user", "content": "%s"}]}' % content
    answer = fake().post("/v1/chat/completions", body)
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "a\ufffd b\ufffd \U0001f600 \\ud83d"


def test_missing_messages_are_named(fake):
    server = fake()
    assert server.post("/v1/chat/completions", {}).error["param"] == "messages"
    assert server.post("/v1/chat/completions", {"messages": []}).error["param"] == "messages"
    assert server.post("/v1/completions", {}).error["param"] == "prompt"
    assert server.post("/tokenize", {}).error["param"] == "content"
    assert server.post("/detokenize", {}).error["param"] == "tokens"


def test_a_malformed_message_is_named(fake):
    answer = fake().chat([{"role": "user", "content": "x"}, {"content": "y"}])
    assert answer.status == 400 and answer.error["param"] == "messages[1].role"


def test_an_unknown_model_is_404_and_the_known_ones_are_named(fake):
    answer = fake(models="alpha,beta").chat("hi", model="gamma")
    assert answer.status == 404 and answer.error["code"] == "model_not_found"
    assert "alpha, beta" in answer.error["message"]


def test_the_model_may_be_left_out_only_when_there_is_one(fake):
    assert fake().chat("hi").status == 200
    answer = fake(models="alpha,beta").chat("hi")
    assert answer.status == 400 and answer.error["param"] == "model"


def test_a_model_is_also_found_by_its_files_stem(fake):
    answer = fake().chat("hi", model="fake-stem")
    assert answer.status == 200 and answer.json["model"] == "fake"


def test_a_full_queue_is_429_with_retry_after(fake):
    server = fake(queue_max=2)
    running = [server.stream("queue_ms=3600000") for _ in range(2)]
    for stream in running:
        stream.take(1)
    answer = server.chat("hi")
    assert answer.status == 429 and answer.error["code"] == "queue_full"
    assert int(answer.headers["Retry-After"]) > 0
    assert server.stream("hi").status == 429
    for stream in running:
        stream.hang_up()
    server.wait_cancelled(2)
    assert server.chat("hi").status == 200


def test_while_loading_health_tells_the_progress_and_requests_wait_outside(fake):
    server = fake(load_ms=1000)
    health = server.get("/health")
    assert health.status == 503
    assert health.json["status"] == "loading" and 0 <= health.json["progress"] <= 1
    answer = server.chat("hi")
    assert answer.status == 503 and answer.error["code"] == "model_loading"
    assert int(answer.headers["Retry-After"]) > 0
    assert server.get("/v1/models").json["data"][0]["status"] in ("loading", "ready")
    while server.get("/health").status != 200:
        pass
    assert server.chat("say=hi").status == 200


def test_a_model_that_cannot_be_loaded_is_told_with_its_reason(fake):
    server = fake(fail="not_a_GGUF_file")
    health = server.get("/health")
    while health.json["status"] == "loading":
        health = server.get("/health")
    assert health.status == 503 and "not_a_GGUF_file" in health.json["error"]["message"]
    answer = server.chat("hi")
    assert answer.status == 500 and "not_a_GGUF_file" in answer.error["message"]


def test_an_unknown_path_is_404_and_names_its_neighbours(fake):
    answer = fake().post("/v1/chat/completion", {})
    assert answer.status == 404 and "/v1/chat/completions" in answer.error["message"]


def test_a_wrong_method_is_405_with_allow(fake):
    server = fake()
    answer = server.get("/v1/chat/completions")
    assert answer.status == 405 and answer.headers["Allow"] == "POST, OPTIONS"
    assert server.request("DELETE", "/v1/models").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_is_get_without_a_body(fake):
    answer = fake().request("HEAD", "/v1/models")
    assert answer.status == 200 and answer.body == b""
    assert int(answer.headers["Content-Length"]) > 0


def test_options_tells_the_methods(fake):
    answer = fake().request("OPTIONS", "/v1/models")
    assert answer.status == 204 and "GET" in answer.headers["Allow"]
    assert answer.headers["Access-Control-Allow-Origin"] is None


def test_cors_headers_appear_only_where_asked_for(fake):
    server = fake(cors_origin="https://chat.example")
    for answer in (server.request("OPTIONS", "/v1/chat/completions"), server.chat("hi")):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example"


def test_only_a_configured_key_opens_the_door(fake):
    server = fake(keys="secret,other")

    def status(header):
        headers = {} if header is None else {"Authorization": header}
        return server.get("/v1/models", headers=headers).status

    assert status("Bearer secret") == status("Bearer other") == status("bearer secret") == 200
    for wrong in (None, "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret",
                  "secret", "Bearer secretsecret", "Bearer secret,other"):
        assert status(wrong) == 401, wrong
    assert server.get("/health").status == 200
    answer = server.chat("hi")
    assert answer.error["code"] == "invalid_api_key"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_body_above_the_limit_is_413(fake):
    server = fake(body_bytes_max=1000)
    answer = server.chat("x" * 2000)
    assert answer.status == 413 and answer.error["code"] == "request_too_large"
    assert server.chat("x" * 500).status == 200


def test_a_chunked_body_above_the_limit_is_413(fake):
    server = fake(body_bytes_max=1000)
    answer = server.request("POST", "/v1/chat/completions", iter([b"x" * 600] * 3))
    assert answer.status == 413


def test_a_huge_body_is_refused_before_it_is_sent(fake):
    with fake(body_bytes_max=1000).socket() as s:
        s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_as_good_as_any(fake):
    body = json.dumps(served.chat_body("say=hi")).encode()
    parts = iter([body[i:i + 7] for i in range(0, len(body), 7)])
    answer = fake().request("POST", "/v1/chat/completions", parts)
    assert answer.status == 200


def test_headers_above_the_limit_are_431(fake):
    server = fake(header_bytes_max=2000)
    answer = server.get("/health", headers={"X-Long": "x" * 3000})
    assert answer.status == 431 and answer.error["code"] == "headers_too_large"
    with server.socket() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")
        assert s.recv(100).split()[1] in (b"431", b"413", b"400")


def test_an_upload_of_something_else_is_415(fake):
    server = fake()
    body = json.dumps(served.chat_body("hi"))
    for media, status in (("application/json", 200), ("text/plain", 200), (None, 200),
                          ("application/x-www-form-urlencoded", 200),
                          ("multipart/form-data; boundary=x", 415), ("image/png", 415)):
        headers = {} if media is None else {"Content-Type": media}
        assert server.post("/v1/chat/completions", body, headers=headers).status == status, media


def test_one_connection_too_many_hears_503(fake):
    server = fake(connections_max=3)
    held = [server.stream("prefill_ms=3600000") for _ in range(3)]
    for stream in held:
        stream.take(1)
    answer = server.get("/health")
    assert answer.status == 503 and answer.error["code"] == "too_many_connections"


@pytest.mark.parametrize("sent", [
    b"", b"GET /health", b"GET /health HTTP/1.1\r\nHost: x\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"])
def test_a_client_that_does_not_finish_its_request_is_cut_off(fake, sent):
    server = fake(header_ms=200, body_ms=200, idle_ms=200)
    with server.socket() as s:
        s.sendall(sent)
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            pass


def test_a_client_that_dribbles_is_cut_off_too(fake):
    server = fake(header_ms=300)
    with server.socket() as s:
        s.sendall(b"GET /health HTTP/1.1\r\nX: ")
        s.settimeout(0.02)
        ended = False
        for _ in range(1000):
            try:
                s.sendall(b"y")
                ended = s.recv(10) == b""
            except socket.timeout:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended


def test_a_client_that_does_not_read_is_cut_off(fake):
    server = fake(write_ms=1000, liveness_ms=100)
    body = json.dumps(served.chat_body("tokens=50000 mark=" + "x" * 200, stream=True)).encode()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect((server.host, server.port))
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
              % (len(body), body))
    server.wait_cancelled()
    s.close()


def test_a_port_that_is_taken_is_one_sentence(fake):
    first = fake()
    second = subprocess.run([first.process.args[0], f"port={first.port}"], capture_output=True,
                            text=True, timeout=served.HANG_S)
    assert second.returncode == 1
    assert second.stderr.strip().splitlines()[-1] == (
        f"port {first.port} at 127.0.0.1 is taken by another program; stop that one or choose "
        "another port with --port")


def test_a_second_request_on_the_same_connection_is_answered(fake):
    server = fake()
    kept = server.connect()
    for i in range(5):
        answer = server.post("/v1/completions", {"prompt": f"say=answer_{i}"}, connection=kept)
        assert answer.json["choices"][0]["text"] == f"answer {i}"
    assert server.post("/v1/nothing", "x" * 5000, connection=kept).status == 404
    assert server.get("/health", connection=kept).status == 200
