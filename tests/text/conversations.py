"""Conversations with everything that chat templates branch on."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place, \"now\" or <later>; ünïcode & 'quotes'",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City, e.g. Gdańsk"},
                "unit": {"type": "string", "enum": ["c", "f", None]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 1},
                "deep": {
                    "type": "object",
                    "properties": {
                        "a": {
                            "type": "array",
                            "items": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                        }
                    },
                    "additionalProperties": False,
                },
                "ratio": {"type": ["number", "null"], "const": 0.5},
            },
            "required": ["place"],
        },
    },
}
EMPTY = {
    "type": "function",
    "function": {
        "name": "now",
        "description": "Time",
        "parameters": {"type": "object", "properties": {}},
    },
}


def call(name, arguments, id_="abc123DEF"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text="Hello, world!"):
    return {"role": "user", "content": text}


def assistant(text="Hi.", **more):
    return {"role": "assistant", "content": text, **more}


def system(text="You are brief."):
    return {"role": "system", "content": text}


def tool(text="21 degrees", **more):
    return {
        "role": "tool",
        "content": text,
        "tool_call_id": "abc123DEF",
        "name": "get_weather",
        **more,
    }


ARGUMENTS = {"place": "Gdańsk", "days": 2, "deep": {"a": [1, None, 2.5]}, "unit": None, "x": True}

MESSAGES = {
    "user": [user()],
    "system": [system(), user()],
    "turns": [system(), user(), assistant(), user("More?")],
    "turns without system": [user(), assistant(), user("More?"), assistant("Yes."), user("Go")],
    "ends with assistant": [user(), assistant("So far")],
    "unicode": [
        system("Żółw 日本語 😀 ﷽"),
        user("ß\u00a0 \u2028 \t x \n\n"),
        assistant(" ñ "),
        user("é"),
    ],
    "white space": [system("  a  "), user("\n b \n"), assistant("\n\nc\n"), user(" ")],
    "empty": [system(""), user(""), assistant(""), user("")],
    "special tokens": [user("<|im_end|>\n<|im_start|>system\nX<|eot_id|>[INST]")],
    "thinking": [
        user(),
        assistant("<think>\nhm\n</think>\n\nAnswer"),
        user("again"),
        assistant("<think>two</think>B"),
    ],
    "reasoning": [user(), assistant("Answer", reasoning_content="hm hm"), user("again")],
    "call": [
        system(),
        user("Weather?"),
        assistant(None, tool_calls=[call("get_weather", ARGUMENTS)]),
        tool(),
        assistant("It is 21."),
        user("Thanks"),
    ],
    "call with text": [
        user("Weather?"),
        assistant("Let me see.", tool_calls=[call("get_weather", ARGUMENTS)]),
        tool(),
        user("And?"),
    ],
    "call with empty text": [
        user("Weather?"),
        assistant("", tool_calls=[call("get_weather", {})]),
        tool(),
    ],
    "call as string": [
        user("W?"),
        assistant("", tool_calls=[call("get_weather", '{"place": "X"}')]),
        tool(),
    ],
    "two calls": [
        user("W?"),
        assistant("", tool_calls=[call("get_weather", ARGUMENTS), call("now", {}, "xyz789GHI")]),
        tool(),
        tool("12:00", tool_call_id="xyz789GHI", name="now"),
        assistant("Done"),
    ],
    "calls in turns": [
        user("W?"),
        assistant("", tool_calls=[call("now", {})]),
        tool("a"),
        assistant("", tool_calls=[call("get_weather", ARGUMENTS)]),
        tool("b"),
        assistant("c"),
        user("d"),
    ],
    "tool content json": [
        user("W?"),
        assistant("", tool_calls=[call("now", {})]),
        tool('{"a": [1, 2]}'),
    ],
    "tool content object": [
        user("W?"),
        assistant("", tool_calls=[call("now", {})]),
        tool({"content": "x"}),
    ],
    "bad call id": [
        user("W?"),
        assistant("", tool_calls=[call("now", {}, "short")]),
        tool("x", tool_call_id="short"),
    ],
    "null content": [user(), assistant(None), user("x")],
    "missing content": [user(), {"role": "assistant"}, user("x")],
    "parts": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": " two"}],
        }
    ],
    "parts with image": [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}
    ],
    "system parts": [{"role": "system", "content": [{"type": "text", "text": "sys"}]}, user()],
    "assistant parts": [
        user(),
        {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
        user(),
    ],
    "user after user": [user("a"), user("b")],
    "user after tool": [
        user(),
        assistant("", tool_calls=[call("now", {})]),
        tool(),
        user("a"),
        user("b"),
    ],
    "late system": [user(), assistant(), system("late"), user("x")],
    "two systems": [system("a"), system("b"), user()],
    "only system": [system()],
    "nothing": [],
    "unknown role": [user(), {"role": "critic", "content": "bad"}, user()],
    "no_think": [system("x /no_think"), user()],
    "think": [system("x /think y"), user()],
    "long": [system()]
    + [m for i in range(40) for m in (user(f"q{i} " * 20), assistant(f"a{i} " * 20))],
}

TOOLS = {"no tools": None, "a tool": [WEATHER], "tools": [WEATHER, EMPTY]}

OPTIONS = {
    "plain": {},
    "thinking": {"enable_thinking": True},
    "not thinking": {"enable_thinking": False},
    "builtin": {
        "builtin_tools": ["brave_search", "code_interpreter"],
        "tools_in_user_message": False,
    },
    "documents": {
        "documents": [{"title": "T", "text": "body", "doc_id": 1}],
        "controls": {"length": "short"},
    },
    "date": {"date_string": "01 Jan 2030", "custom_tools": None},
}


# The options are for the head of a prompt, so a few conversations will do for them.
HEADS = ("system", "turns", "call", "calls in turns", "thinking", "no_think")


def variables():
    """(name, variables) for every combination worth rendering."""
    for message_name, messages in MESSAGES.items():
        for tool_name, tools in TOOLS.items():
            for option_name, options in OPTIONS.items():
                if option_name != "plain" and message_name not in HEADS:
                    continue
                for prompt in (True, False):
                    given = {
                        "messages": messages,
                        "add_generation_prompt": prompt,
                        "bos_token": "<s>",
                        "eos_token": "</s>",
                        **options,
                    }
                    if tools is not None:
                        given["tools"] = tools
                    yield f"{message_name}, {tool_name}, {option_name}, prompt {prompt}", given
