"""A client never has to wonder whether the server hangs, and its going away stops the work."""

import json
import signal
import threading

import pytest
import served

NEVER = 3_600_000  # ms: longer than any test


def test_headers_and_role_leave_before_the_request_gets_its_turn(fake):
    stream = fake().stream(f"queue_ms={NEVER} tick_ms=0")
    assert stream.status == 200
    assert stream.headers["Content-Type"] == "text/event-stream"
    (chunk,) = stream.take(1)
    assert chunk["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_headers_leave_before_a_text_completion_gets_its_turn(fake):
    stream = fake().stream(path="/v1/completions", prompt=f"queue_ms={NEVER} tick_ms=0")
    (chunk,) = stream.take(1)
    assert chunk["choices"][0]["text"] == ""


@pytest.mark.parametrize("phase", ["queue_ms", "prefill_ms"])
def test_a_silent_engine_does_not_make_a_silent_stream(fake, phase):
    stream = fake(liveness_ms=100).stream(f"{phase}={NEVER} tick_ms=0")
    for chunk in stream.take(6)[1:]:
        assert chunk["choices"] == [
            {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]
        assert set(chunk["prompt_progress"]) >= {"total", "cached", "processed", "time_ms",
                                                 "eta_ms"}


def test_progress_grows_while_the_prompt_is_computed(fake):
    chunks = fake(progress_ms=1).stream("prefill_ms=400 tick_ms=20 cached=5 say=x").take(8)
    seen = [c["prompt_progress"] for c in chunks if "prompt_progress" in c]
    assert len(seen) > 2
    assert all(p["total"] == seen[0]["total"] and p["cached"] == 5 for p in seen)
    assert [p["processed"] for p in seen] == sorted(p["processed"] for p in seen)
    assert [p["time_ms"] for p in seen] == sorted(p["time_ms"] for p in seen)
    assert seen[-1]["processed"] > seen[0]["processed"]


def test_progress_is_not_told_more_often_than_asked(fake):
    chunks = list(fake(progress_ms=NEVER).stream("prefill_ms=300 tick_ms=10 say=x"))
    assert sum("prompt_progress" in c for c in chunks) == 1


def test_a_silent_decode_is_kept_alive_with_empty_deltas(fake):
    stream = fake(liveness_ms=100).stream(f"tokens=2 step_ms={NEVER}")
    chunks = stream.take(6)
    assert chunks[1]["choices"][0]["delta"] == {"content": "w0"}
    for chunk in chunks[2:]:
        assert chunk["choices"][0]["delta"] == {} and "prompt_progress" not in chunk


@pytest.mark.parametrize("script", [
    f"queue_ms={NEVER}", f"prefill_ms={NEVER}", f"prefill_ms={NEVER} tick_ms=0",
    f"tokens=9 step_ms={NEVER}"])
def test_hanging_up_a_stream_cancels_in_any_phase(fake, script):
    server = fake()
    stream = server.stream(script)
    stream.take(1)
    stream.hang_up()
    server.wait_cancelled()
    assert "finish=gone" in server.wait_log("request_done")


@pytest.mark.parametrize("script", [
    f"queue_ms={NEVER}", f"prefill_ms={NEVER}", f"tokens=9 step_ms={NEVER}"])
def test_hanging_up_without_streaming_cancels_in_any_phase(fake, script):
    server = fake()
    body = json.dumps(served.chat_body(script)).encode()
    with server.socket() as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body))
        server.wait_log("server_open")
        while server.get("/health").status != 200:
            pass
    server.wait_cancelled()
    assert "status=499 finish=gone" in server.wait_log("request_done")


def test_hanging_up_cancels_every_choice(fake):
    server = fake()
    stream = server.stream(f"tokens=2 step_ms={NEVER}", n=3)
    stream.take(6)  # three roles, three first words
    stream.hang_up()
    server.wait_cancelled(3)


def test_many_streams_at_once_are_not_mixed_up(fake):
    server = fake()
    answers = {}

    def ask(i):
        answers[i] = server.stream(f"tokens=30 step_ms=5 mark=client{i}x").text()

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == {i: " ".join(f"client{i}x{n}" for n in range(30)) for i in range(64)}


def test_a_stream_whose_first_token_is_late_ends_in_an_error(fake):
    chunks = list(fake(first_token_ms=200).stream(f"prefill_ms={NEVER}"))
    assert chunks[-1]["error"]["code"] == "timeout"
    assert "no first token within" in chunks[-1]["error"]["message"]


def test_an_answer_that_takes_too_long_ends_in_an_error(fake):
    server = fake(answer_ms=300)
    answer = server.chat("tokens=1000 step_ms=50")
    assert answer.status == 504 and answer.error["code"] == "timeout"
    server.wait_cancelled()


def test_an_error_while_streaming_is_told_in_the_stream(fake):
    server = fake()
    stream = server.stream("tokens=5 error=memory after=2")
    chunks = list(stream)
    assert served.text_of(chunks[:-1]) == "w0 w1"
    assert chunks[-1]["error"] == {"message": "the script ends in this error", "param": None,
                                   "type": "server_error", "code": "out_of_memory"}
    assert "finish=memory" in server.wait_log("request_done")


def test_a_refusal_by_the_queue_after_the_headers_is_told_in_the_stream(fake):
    chunks = list(fake().stream("open=busy"))
    assert chunks[-1]["error"]["code"] == "queue_full"


def test_shutdown_lets_a_short_answer_finish(fake):
    server = fake(grace_ms=served.HANG_S * 1000)
    stream = server.stream("tokens=10 step_ms=50")
    chunks = iter(stream)
    first = next(chunks)
    server.signal(signal.SIGTERM)
    assert served.text_of([first, *chunks]) == " ".join(f"w{i}" for i in range(10))
    assert server.wait() == 0
    assert "cancelled=no" in server.wait_log("server_stopped")


def test_shutdown_cancels_a_long_answer_after_the_grace_time(fake):
    server = fake(grace_ms=200)
    stream = server.stream(f"prefill_ms={NEVER}")
    chunks = iter(stream)
    next(chunks)
    server.signal(signal.SIGINT)
    last = list(chunks)[-1]
    assert last["error"]["code"] == "cancelled" and "stopping" in last["error"]["message"]
    assert server.wait() == 0


def test_shutdown_answers_a_waiting_client_that_does_not_stream(fake):
    server = fake(grace_ms=100)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.chat(f"prefill_ms={NEVER}")))
    asking.start()
    with server.socket() as probe:  # one more round trip: the request above is likely in
        probe.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        probe.recv(100)
        server.wait_log("server_open")
        while "prefill" not in str(answers) and server.get("/slots").status != 404:
            pass
        server.signal(signal.SIGTERM)
    asking.join(served.HANG_S)
    assert answers[0].status == 503
    assert answers[0].headers["Connection"] == "close"


def test_a_stopping_server_refuses_new_requests_on_open_connections(fake):
    server = fake(grace_ms=2000)
    kept = server.connect()
    assert server.get("/v1/models", connection=kept).status == 200
    running = server.stream(f"prefill_ms={NEVER}")
    running.take(1)
    server.signal(signal.SIGTERM)
    refused = server.get("/v1/models", connection=kept)
    while refused.status == 200:  # the signal may not be there yet
        refused = server.get("/v1/models", connection=kept)
    assert refused.status == 503 and refused.error["code"] == "server_stopping"
