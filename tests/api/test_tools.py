"""Calls of tools and reasoning, as openai-python sees them: scripted answers and a real model."""

import json

import openai
import pytest

TOOLS = [{"type": "function", "function": {
    "name": name, "description": f"Does {name}.",
    "parameters": {"type": "object", "properties": {
        "path": {"type": "string", "description": "A file's path."}}, "required": ["path"]}}}
    for name in ("read", "write")]
CALL = '{"name":"read","arguments":{"path":"x"}}'
OTHER = '{"name":"write","parameters":{"path":"y"}}'

SHAPES = [
    f"<tool_call>{CALL}</tool_call>",
    f"<tool_call>\n{CALL}\n</tool_call>",
    f"<tools>{CALL}</tools>",
    f"```json\n{CALL}\n```",
    CALL,
    f"[{CALL}]",
    f"<tool_call>{CALL}",
]


def script(answer):
    """What makes the fake model answer this."""
    return "say=" + answer.replace("_", "__").replace(" ", "_").replace("\n", "~")


@pytest.fixture
def ask(fake):
    client = openai.OpenAI(base_url=fake().url, api_key="none", max_retries=0)

    def ask(answer, prompt="", **more):
        return client.chat.completions.create(
            model="fake", messages=[{"role": "user", "content": script(answer) + prompt}],
            **({"tools": TOOLS} | more))

    return ask


def read_stream(chunks):
    """Content, reasoning, calls and finish reason, put together as clients do it."""
    content, reasoning, calls, finish = "", "", {}, None
    for choice in (c.choices[0] for c in chunks if c.choices):
        delta = choice.delta
        content += delta.content or ""
        reasoning += getattr(delta, "reasoning_content", None) or ""
        for piece in delta.tool_calls or []:
            if piece.id:
                assert piece.index not in calls and piece.type == "function"
                calls[piece.index] = [piece.id, piece.function.name, ""]
            calls[piece.index][2] += piece.function.arguments or ""
        if choice.finish_reason:
            assert finish is None
            finish = choice.finish_reason
    return content, reasoning, [calls[i] for i in sorted(calls)], finish


@pytest.mark.parametrize("shape", SHAPES)
def test_a_call_arrives_whatever_its_shape(ask, shape):
    choice = ask(shape).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    [call] = choice.message.tool_calls
    assert call.type == "function" and call.id and call.function.name == "read"
    assert json.loads(call.function.arguments) == {"path": "x"}
    content, _, [[identity, name, arguments]], finish = read_stream(ask(shape, stream=True))
    assert (content, name, finish) == ("", "read", "tool_calls")
    assert identity and json.loads(arguments) == {"path": "x"}


def test_content_before_a_call_is_kept(ask):
    message = ask(f"I look.\n\n<tool_call>{CALL}</tool_call>").choices[0].message
    assert message.content == "I look." and len(message.tool_calls) == 1
    content, _, calls, finish = read_stream(ask(f"I look.\n\n{CALL}", stream=True))
    assert content == "I look." and len(calls) == 1 and finish == "tool_calls"


def test_parallel_calls_have_ids_of_their_own_and_can_be_refused(ask):
    both = f"<tool_call>{CALL}</tool_call>\n<tool_call>{OTHER}</tool_call>"
    calls = ask(both).choices[0].message.tool_calls
    assert [c.function.name for c in calls] == ["read", "write"]
    assert len({c.id for c in calls}) == 2
    assert json.loads(calls[1].function.arguments) == {"path": "y"}
    _, _, calls, _ = read_stream(ask(both, stream=True))
    assert [name for _, name, _ in calls] == ["read", "write"]
    assert len(ask(both, parallel_tool_calls=False).choices[0].message.tool_calls) == 1


@pytest.mark.parametrize("text", [
    f"<tool_call>{CALL}</tool_call>\nis_an_example.",
    '{"name":"delete","arguments":{}}',
    '{"name":"read","arguments":[1]}',
    "```python\nread(1)\n```",
    '{"port":1}',
])
def test_what_only_looks_like_a_call_stays_content(ask, text):
    choice = ask(text).choices[0]
    assert choice.message.content == text and choice.finish_reason == "stop"
    assert not choice.message.tool_calls
    content, _, calls, finish = read_stream(ask(text, stream=True))
    assert (content, calls, finish) == (text, [], "stop")


@pytest.mark.parametrize("more", [{"tools": openai.NOT_GIVEN}, {"tool_choice": "none"}])
def test_without_tools_nothing_is_a_call(ask, more):
    choice = ask(CALL, **more).choices[0]
    assert choice.message.content == CALL and choice.finish_reason == "stop"


def test_each_choice_has_calls_of_its_own(ask):
    choices = ask(CALL, n=2).choices
    assert len({c.message.tool_calls[0].id for c in choices}) == 2


def test_reasoning_is_split_off(ask):
    for more in ({}, {"tools": openai.NOT_GIVEN}):
        message = ask("<think>\nLet me see.\n</think>\n\nFour.", **more).choices[0].message
        assert message.content == "Four." and message.reasoning_content == "Let me see."
        stream = ask("<think>\nLet me see.\n</think>\n\nFour.", stream=True, **more)
        assert read_stream(stream) == ("Four.", "Let me see.", [], "stop")


def test_reasoning_that_the_prompt_opened_needs_no_tag(ask):
    message = ask("So.\n</think>\nFour.", " <think>", tools=openai.NOT_GIVEN).choices[0].message
    assert message.content == "Four." and message.reasoning_content == "So."


def test_a_call_may_follow_reasoning(ask):
    choice = ask(f"<think>x</think>\n{CALL}").choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.reasoning_content == "x"
    assert choice.message.content is None


def test_the_streaming_helper_parses_calls(fake):
    client = openai.OpenAI(base_url=fake().url, api_key="none", max_retries=0)
    with client.chat.completions.stream(
            model="fake", tools=TOOLS,
            messages=[{"role": "user", "content": script(f"Yes.\n{CALL}")}]) as stream:
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    assert call.function.name == "read" and json.loads(call.function.arguments) == {"path": "x"}


def test_a_real_model_calls_a_tool_and_reads_the_result(real):
    client = openai.OpenAI(base_url=real.url, api_key="none", max_retries=0, timeout=real.hang_s)
    model = client.models.list().data[0].id
    if "coder" not in model:
        pytest.skip(f"{model} was not made for tools")
    messages = [{"role": "user", "content": "Use the tool to read the file notes.txt."}]
    choice = client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, temperature=0, max_tokens=100).choices[0]
    assert choice.finish_reason == "tool_calls", choice
    [call] = choice.message.tool_calls
    assert call.function.name == "read"
    assert json.loads(call.function.arguments)["path"].endswith("notes.txt")
    messages += [choice.message.to_dict(),
                 {"role": "tool", "tool_call_id": call.id, "content": "Buy milk."}]
    choice = client.chat.completions.create(
        model=model, messages=messages, tools=TOOLS, temperature=0, max_tokens=100).choices[0]
    assert choice.message.content or choice.message.tool_calls
