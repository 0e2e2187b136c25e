"""openai-python, unchanged, against longhaul: over scripted answers and over a real model."""

import threading

import openai
import pytest
import served

# What a real model must say something to; the fake reads its script out of it.
QUESTION = "say=four_words_of_answer step_ms=1 What is two plus two?"
LONG = "tokens=100000 step_ms=5 Count from one to ten thousand, one number a line."


@pytest.fixture(params=["fake", "real"])
def server(request):
    fixture = request.getfixturevalue(request.param)
    return fixture() if request.param == "fake" else fixture


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0,
                       timeout=server.hang_s) as client:
        yield client


def ask(client, content=QUESTION, **more):
    model = client.models.list().data[0].id
    more = {"max_tokens": 16, "temperature": 0} | more
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": content}], **more)


def test_models_are_listed_and_found(client):
    models = client.models.list().data
    assert len(models) == 1 and models[0].object == "model"
    assert client.models.retrieve(models[0].id).id == models[0].id
    assert models[0].context_length >= 2048
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


def test_a_chat_is_completed(client):
    answer = ask(client)
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 1 <= answer.usage.completion_tokens <= 16
    assert answer.usage.prompt_tokens_details.cached_tokens >= 0


def test_a_stream_gives_the_same_text_as_a_whole_answer(client):
    whole = ask(client).choices[0].message.content
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert [r for r in reasons if r] and reasons[-1] in ("stop", "length")
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens >= 1


def test_the_streaming_helper_assembles_the_answer(client):
    model = client.models.list().data[0].id
    with client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": QUESTION}], max_tokens=16) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content


def test_a_stream_can_be_left_and_the_server_goes_on(client):
    stream = ask(client, LONG, stream=True, max_tokens=2000)
    for count, _ in enumerate(stream):
        if count == 3:
            break
    stream.close()
    assert ask(client).choices[0].message.content


def test_a_text_is_completed(client):
    model = client.models.list().data[0].id
    answer = client.completions.create(model=model, prompt="say=x def add(a, b):", max_tokens=8,
                                       temperature=0, logprobs=2, echo=False)
    choice = answer.choices[0]
    assert choice.text and choice.finish_reason in ("stop", "length")
    assert len(choice.logprobs.tokens) == len(choice.logprobs.token_logprobs) >= 1
    chunks = list(client.completions.create(model=model, prompt="say=x def add(a, b):",
                                            max_tokens=8, temperature=0, stream=True))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == choice.text


def test_logprobs_are_parsed(client):
    content = ask(client, logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert content and all(t.logprob <= 0 for t in content)
    for token in content:
        assert len(token.top_logprobs) == 3
        best = [t.logprob for t in token.top_logprobs]
        assert best == sorted(best, reverse=True)
        assert bytes(token.bytes).decode(errors="replace") == token.token


def test_several_choices_come_back(client):
    answer = ask(client, n=3, temperature=1, seed=5)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    assert all(c.message.content for c in answer.choices)


def test_errors_are_the_clients_own_exceptions(client):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, temperature="hot")
    assert caught.value.param == "temperature"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=[
            {"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "word " * 20000)
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length is" in str(caught.value)


def test_an_error_inside_a_stream_is_raised(fake):
    client = openai.OpenAI(base_url=fake().url, api_key="none", max_retries=0)
    with pytest.raises(openai.APIError, match="the script ends in this error"):
        list(ask(client, "tokens=5 error=memory after=2", stream=True))


def test_a_wrong_key_is_an_authentication_error(fake):
    url = fake(keys="right").url
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list()
    assert openai.OpenAI(base_url=url, api_key="right", max_retries=0).models.list().data


def test_a_full_queue_is_retried_until_there_is_room(fake):
    server = fake(queue_max=1)
    running = server.stream("prefill_ms=3600000")
    running.take(1)
    client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=3)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask(client)))
    waiting.start()
    server.wait_log("status=429")
    running.hang_up()
    waiting.join(served.HANG_S)
    assert answers[0].choices[0].message.content == "four words of answer"


def test_tools_and_their_results_go_through(client):
    tools = [{"type": "function", "function": {
        "name": "add", "description": "Adds.", "parameters": {
            "type": "object", "properties": {"a": {"type": "number"}}}}}]
    model = client.models.list().data[0].id
    answer = client.chat.completions.create(
        model=model, tools=tools, tool_choice="auto", max_tokens=8, messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "a1", "type": "function",
                 "function": {"name": "add", "arguments": "{\"a\": 2}"}}]},
            {"role": "tool", "tool_call_id": "a1", "content": "4"},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]}])
    assert answer.choices[0].message.content is not None
