"""The shapes of answers, streamed and whole, against the fake generation."""

import json

import pytest
import served


def test_a_chat_answer_has_openais_shape(fake):
    answer = fake().chat("say=hello_there cached=3")
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert body["id"].startswith("chatcmpl-") and body["object"] == "chat.completion"
    assert body["model"] == "fake" and isinstance(body["created"], int)
    assert body["system_fingerprint"] == "longhaul-test"
    assert body["choices"] == [{
        "index": 0, "finish_reason": "stop", "logprobs": None,
        "message": {"role": "assistant", "content": "hello there", "refusal": None}}]
    prompt = len("say=hello_there cached=3")
    assert body["usage"] == {"prompt_tokens": prompt, "completion_tokens": 2,
                             "total_tokens": prompt + 2,
                             "prompt_tokens_details": {"cached_tokens": 3}}
    assert body["timings"]["cache_n"] == 3 and body["timings"]["prompt_n"] == prompt - 3
    assert body["timings"]["predicted_n"] == 2


def test_a_chat_stream_has_openais_shape(fake):
    chunks = list(fake().stream("tokens=3"))
    assert len({c["id"] for c in chunks}) == 1
    assert all(c["object"] == "chat.completion.chunk" for c in chunks)
    assert all("usage" not in c for c in chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert served.text_of(chunks) == "w0 w1 w2"
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None,
                                        "finish_reason": "stop"}
    assert chunks[-1]["timings"]["predicted_n"] == 3


def test_usage_comes_last_when_asked_for(fake):
    chunks = list(fake().stream("tokens=3", stream_options={"include_usage": True}))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert served.finish_of(chunks) == "stop"


def test_ids_are_unique(fake):
    server = fake()
    assert len({server.chat("hi").json["id"] for _ in range(20)}) == 20


def test_max_tokens_ends_an_answer_with_length(fake):
    server = fake()
    for field in ("max_tokens", "max_completion_tokens"):
        body = server.chat("tokens=9", **{field: 4}).json
        assert body["choices"][0]["message"]["content"] == "w0 w1 w2 w3"
        assert body["choices"][0]["finish_reason"] == "length"
        assert served.finish_of(list(server.stream("tokens=9", **{field: 4}))) == "length"


def test_max_completion_tokens_wins_over_max_tokens(fake):
    body = fake().chat("tokens=9", max_completion_tokens=2, max_tokens=4).json
    assert body["usage"]["completion_tokens"] == 2


def test_the_models_max_tokens_is_the_default_and_minus_one_lifts_it(fake):
    server = fake(max_tokens=2)
    assert server.chat("tokens=9").json["usage"]["completion_tokens"] == 2
    assert server.chat("tokens=9", max_tokens=5).json["usage"]["completion_tokens"] == 5
    assert server.chat("tokens=9", max_tokens=-1).json["usage"]["completion_tokens"] == 9


@pytest.mark.parametrize("stop", ["w3", ["nothing", "w3"], ["w3", ""]])
def test_a_stop_string_ends_the_answer_before_it(fake, stop):
    choice = fake().chat("tokens=9", stop=stop).json["choices"][0]
    assert choice["message"]["content"] == "w0 w1 w2 "
    assert choice["finish_reason"] == "stop"


def test_settings_arrive_as_they_were_given(fake):
    text = fake().chat(
        "show=request", temperature=0.25, top_p=0.5, top_k=7, min_p=0.125, typical_p=0.75,
        repetition_penalty=1.5, presence_penalty=-1, frequency_penalty=0.5, seed=42, max_tokens=99,
        stop=["~1", "~2"], logit_bias={"5": -100, "6": 1.5}, logprobs=True, top_logprobs=3,
        ignore_eos=True).json["choices"][0]["message"]["content"]
    assert dict(word.split("=") for word in text.split()) == {
        "max_tokens": "99", "temperature": "0.25", "top_p": "0.5", "top_k": "7", "min_p": "0.125",
        "typical_p": "0.75", "repetition": "1.5", "presence": "-1", "frequency": "0.5",
        "seed": "42", "stops": "2", "biases": "2", "logprobs": "3", "ignore_eos": "1"}


def test_settings_that_were_not_given_are_the_models(fake):
    text = fake().chat("show=request").json["choices"][0]["message"]["content"]
    assert "temperature=1 top_k=0 top_p=1 min_p=0" in text and "seed=-1" in text


def test_whole_numbers_may_be_written_with_a_point(fake):
    text = fake().chat("show=request", max_tokens=50.0, top_k=5.0, seed=-1.0)
    assert "max_tokens=50 " in text.json["choices"][0]["message"]["content"]


def test_several_choices_are_numbered_and_each_is_whole(fake):
    server = fake()
    body = server.chat("tokens=4", n=3, seed=7).json
    assert [c["index"] for c in body["choices"]] == [0, 1, 2]
    assert all(c["message"]["content"] == "w0 w1 w2 w3" for c in body["choices"])
    assert body["usage"]["prompt_tokens"] == len("tokens=4")
    assert body["usage"]["completion_tokens"] == 12
    chunks = list(server.stream("tokens=4 step_ms=5", n=3))
    for index in range(3):
        assert served.text_of(chunks, index) == "w0 w1 w2 w3"
        assert served.finish_of(chunks, index) == "stop"
    assert sum("timings" in c for c in chunks) == 1


def test_choices_with_a_seed_differ_in_it(fake):
    body = fake().chat("show=request", n=3, seed=10).json
    seeds = [c["message"]["content"].split("seed=")[1].split()[0] for c in body["choices"]]
    assert seeds == ["10", "11", "12"]


def test_chat_logprobs_have_openais_shape(fake):
    server = fake()
    logprobs = server.chat("say=ab", logprobs=True, top_logprobs=2).json["choices"][0]["logprobs"]
    assert logprobs["refusal"] is None
    assert logprobs["content"][0] == {
        "token": "a", "logprob": -0.5, "bytes": [97],
        "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": [97]},
                         {"token": "b", "logprob": -1.5, "bytes": [98]}]}
    chunks = list(server.stream("say=a_b", logprobs=True))
    tokens = [t["token"] for c in chunks if c["choices"][0]["logprobs"]
              for t in c["choices"][0]["logprobs"]["content"]]
    assert tokens == ["a", " ", "b"]


def test_logprobs_of_half_a_character_carry_its_bytes(fake):
    content = fake().chat("say=é", logprobs=True).json["choices"][0]["logprobs"]["content"]
    assert [t["bytes"] for t in content] == [[0xC3], [0xA9]]
    assert [t["token"] for t in content] == ["\ufffd", "\ufffd"]


def test_completion_logprobs_have_openais_shape(fake):
    body = fake().post("/v1/completions", {"prompt": "say=ab", "logprobs": 2}).json
    assert body["choices"][0]["logprobs"] == {
        "tokens": ["a", "b"], "token_logprobs": [-0.5, -0.5], "text_offset": [0, 1],
        "top_logprobs": [{"a": -0.5, "b": -1.5}, {"b": -0.5, "c": -1.5}]}


def test_no_logprobs_unless_asked_for(fake):
    server = fake()
    assert server.chat("say=x", logprobs=False).json["choices"][0]["logprobs"] is None
    assert server.chat("say=x", top_logprobs=2).status == 400
    body = server.post("/v1/completions", {"prompt": "say=x", "logprobs": 0}).json
    assert body["choices"][0]["logprobs"]["token_logprobs"] == [-0.5]


def test_tokens_are_returned_when_asked_for(fake):
    server = fake()
    choice = server.chat("say=ab", return_tokens=True).json["choices"][0]
    assert choice["tokens"] == [97, 98] and choice["logprobs"] is None
    chunks = list(server.stream("say=ab", return_tokens=True))
    assert [t for c in chunks for t in c["choices"][0].get("tokens", [])] == [97, 98]


def test_a_text_completion_has_openais_shape(fake):
    server = fake()
    body = server.post("/v1/completions", {"prompt": "say=x_y"}).json
    assert body["id"].startswith("cmpl-") and body["object"] == "text_completion"
    assert body["choices"] == [{"index": 0, "text": "x y", "logprobs": None,
                                "finish_reason": "stop"}]
    chunks = list(server.stream(path="/v1/completions", prompt="tokens=3"))
    assert all(c["object"] == "text_completion" for c in chunks)
    assert served.text_of(chunks) == "w0 w1 w2"


@pytest.mark.parametrize("prompt", [
    ["say=one", "say=two"], [list(b"say=one"), list(b"say=two")], ["say=one", list(b"say=two")]])
def test_several_prompts_give_several_choices_in_order(fake, prompt):
    server = fake()
    body = server.post("/v1/completions", {"prompt": prompt, "n": 2}).json
    assert [c["text"] for c in body["choices"]] == ["one", "one", "two", "two"]
    assert [c["index"] for c in body["choices"]] == [0, 1, 2, 3]
    assert body["usage"]["prompt_tokens"] == 14
    chunks = list(server.stream(path="/v1/completions", prompt=prompt, n=2))
    assert [served.text_of(chunks, i) for i in range(4)] == ["one", "one", "two", "two"]


def test_a_prompt_may_be_token_ids(fake):
    server = fake()
    body = server.post("/v1/completions", {"prompt": list(b"say=ids")}).json
    assert body["choices"][0]["text"] == "ids"
    for wrong in ([1, "x"], [[1], "x", 5], [-1], [1.5], [300], {"a": 1}, [2**40], []):
        answer = server.post("/v1/completions", {"prompt": wrong})
        assert answer.status == 400 and answer.error["param"] == "prompt", wrong


def test_echo_puts_the_prompt_first(fake):
    server = fake()
    for prompt in ("say=end", list(b"say=end")):
        body = {"prompt": prompt, "echo": True}
        assert server.post("/v1/completions", body).json["choices"][0]["text"] == "say=endend"
        assert server.stream(path="/v1/completions", **body).text() == "say=endend"


def test_content_parts_and_tools_reach_the_template(fake):
    server = fake()
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"},
                                          {"type": "text", "text": "b"}]}]
    tools = [{"type": "function", "function": {"name": "f"}}]

    def rendered(**fields):
        return server.post("/apply-template", {"messages": parts} | fields).json["prompt"]

    assert rendered() == "ab"
    assert rendered(tools=tools, tool_choice="auto") == "ab\n[1 tools]"
    assert rendered(tools=tools, tool_choice="none") == "ab"
    assert server.chat(parts, tools=tools, tool_choice="auto").status == 200


def test_models_are_listed_with_their_windows(fake):
    server = fake(models="alpha,org/beta", context=5000)
    body = server.get("/v1/models").json
    assert body["object"] == "list"
    assert [m["id"] for m in body["data"]] == ["alpha", "org/beta"]
    model = server.get("/v1/models/org/beta").json
    assert model == body["data"][1]
    assert model["object"] == "model" and model["owned_by"] == "longhaul"
    assert model["context_length"] == 5000 and model["meta"]["n_ctx_train"] == 32768
    assert server.get("/models").json == body
    assert server.get("/v1/models/gamma").error["code"] == "model_not_found"


def test_props_tell_the_window_and_the_template(fake):
    props = fake(context=5000).get("/props").json
    assert props["default_generation_settings"]["n_ctx"] == 5000
    assert props["chat_template"] .startswith("{{ messages }}") and props["rope"]["type"] == "none"
    assert props["model_path"].endswith("fake-stem.gguf") and props["total_slots"] == 4


def test_tokenize_and_detokenize_are_inverse(fake):
    server = fake()
    text = "naïve \U0001f600 text"
    ids = server.post("/tokenize", {"content": text}).json["tokens"]
    assert ids == list(text.encode())
    assert server.post("/detokenize", {"tokens": ids}).json == {"content": text}
    assert server.post("/tokenize", {"content": "", "add_special": True}).json["tokens"] == [256]
    pieces = server.post("/tokenize", {"content": "aé", "with_pieces": True}).json["tokens"]
    assert pieces == [{"id": 97, "piece": "a"}, {"id": 195, "piece": [195]},
                      {"id": 169, "piece": [169]}]
    assert server.post("/detokenize", {"tokens": [999]}).error["param"] == "tokens"
    assert server.post("/detokenize", {"tokens": [195]}).json == {"content": "\ufffd"}


def test_a_finished_request_is_one_log_line(fake):
    server = fake()
    server.chat("say=a_b cached=2")
    line = server.wait_log("request_done")
    for field in ("id=", 'path="/v1/chat/completions"', 'model="fake"', "prompt=16", "cached=2",
                  "generated=2", "ttft_ms=", "total_ms=", "status=200", "finish=stop"):
        assert field in line, line
    assert len([entry for entry in server.log if "request_done" in entry]) == 1


def test_a_large_answer_arrives_whole(fake):
    server = fake()
    want = " ".join(f"{'x' * 100}{i}" for i in range(5000))
    script = f"tokens=5000 mark={'x' * 100}"
    assert server.chat(script).json["choices"][0]["message"]["content"] == want
    assert server.stream(script).text() == want


def test_http_1_0_clients_are_served(fake):
    body = json.dumps(served.chat_body("tokens=3", stream=True)).encode()
    with fake().socket() as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body))
        got = b"".join(iter(lambda: s.recv(4096), b""))
    assert b"200 OK" in got and got.endswith(b"data: [DONE]\n\n")
    assert b"Transfer-Encoding" not in got
