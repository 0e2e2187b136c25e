"""The whole program over a real model: prefixes are kept, answers do not depend on the weather."""

import threading

import served

STORY = " ".join(f"Line {i}: the counter is at {i * 7919 % 1000}." for i in range(60))


def greedy(content, **fields):
    return served.chat_body(content, temperature=0) | {"max_tokens": 24} | fields


def text_of(answer):
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["message"]["content"]


def cached_of(answer):
    return answer.json["usage"]["prompt_tokens_details"]["cached_tokens"]


def ask(server, content, **fields):
    return server.post("/v1/chat/completions", greedy(content, **fields))


def test_the_same_question_gives_the_same_answer_from_the_cache(real):
    question = f"{STORY} What is a semaphore?"
    first = ask(real, question)
    second = ask(real, question)
    assert text_of(first) == text_of(second)
    assert cached_of(second) > cached_of(first)
    assert cached_of(second) >= second.json["usage"]["prompt_tokens"] - 1


def test_the_next_turn_computes_only_what_is_new(real):
    messages = [{"role": "user", "content": f"{STORY} Say a word about line 3."}]
    first = ask(real, messages)
    messages += [{"role": "assistant", "content": text_of(first)},
                 {"role": "user", "content": "And about line 4?"}]
    second = ask(real, messages)
    usage = second.json["usage"]
    first_total = first.json["usage"]["total_tokens"]
    assert cached_of(second) >= first.json["usage"]["prompt_tokens"] - 1
    assert second.json["timings"]["prompt_n"] <= usage["prompt_tokens"] - first_total + 40


def test_hanging_up_while_the_prompt_is_computed_keeps_what_was_computed(real):
    question = "Count the words. " + " ".join(f"w{i * 31 % 997}" for i in range(450))
    stream = real.stream(question, max_tokens=4)
    for chunk in stream:
        progress = chunk.get("prompt_progress")
        if progress and progress["processed"] > progress["cached"]:
            break
    stream.hang_up()
    again = ask(real, question, max_tokens=4)
    assert cached_of(again) > 0 and text_of(again)


def test_answers_at_the_same_time_equal_those_alone(real):
    questions = [f"Write a haiku about the number {n}." for n in (3, 17, 256, 4096)]
    alone = [text_of(ask(real, q)) for q in questions]
    together = {}

    def run(i):
        stream = real.stream(**greedy(questions[i]))
        together[i] = stream.text()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(questions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [together[i] for i in range(len(questions))] == alone


def test_a_stop_string_is_not_in_the_answer(real):
    whole = text_of(ask(real, "Count: 1 2 3 4 5 6 7 8 9. Again:", max_tokens=30))
    stop = whole[len(whole) // 2:][:2]
    choice = ask(real, "Count: 1 2 3 4 5 6 7 8 9. Again:", max_tokens=30,
                 stop=stop).json["choices"][0]
    assert choice["message"]["content"] == whole[:whole.index(stop)]
    assert choice["finish_reason"] == "stop"


def test_a_seed_repeats_an_answer_and_another_one_changes_it(real):
    def sample(seed):
        return text_of(ask(real, "Invent a name for a ship.", temperature=1.5, seed=seed))

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(4)}) > 1


def test_a_banned_token_does_not_appear(real):
    question = "Answer with one word: what colour is the sky?"
    logprobs = ask(real, question, max_tokens=1, logprobs=True, return_tokens=True)
    token = logprobs.json["choices"][0]["tokens"][0]
    banned = ask(real, question, max_tokens=1, return_tokens=True, logit_bias={str(token): -100})
    assert banned.json["choices"][0]["tokens"][0] != token


def test_the_template_and_the_tokenizer_agree_with_the_usage(real):
    body = served.chat_body("How many tokens am I?")
    prompt = real.post("/apply-template", body).json["prompt"]
    tokens = real.post("/tokenize", {"content": prompt}).json["tokens"]
    answer = ask(real, "How many tokens am I?", max_tokens=1)
    assert answer.json["usage"]["prompt_tokens"] == len(tokens)
    assert real.post("/detokenize", {"tokens": tokens}).json["content"] == prompt


def test_a_prompt_of_ids_equals_its_text(real):
    text = "def fibonacci(n):\n"
    ids = real.post("/tokenize", {"content": text, "add_special": True}).json["tokens"]
    answers = [real.post("/v1/completions", {"prompt": prompt, "max_tokens": 12, "temperature": 0})
               for prompt in (text, ids)]
    assert answers[0].json["choices"][0]["text"] == answers[1].json["choices"][0]["text"]


def test_an_answer_that_reaches_the_window_ends_with_length(real):
    window = real.get("/props").json["default_generation_settings"]["n_ctx"]
    prompt = [100] * (window - 3)
    choice = real.post("/v1/completions", {"prompt": prompt, "temperature": 0, "max_tokens": 50,
                                           "ignore_eos": True, "return_tokens": True})
    body = choice.json
    assert body["choices"][0]["finish_reason"] == "length"
    assert 1 <= body["usage"]["completion_tokens"] <= 4
    answer = real.post("/v1/completions", {"prompt": [100] * window})
    assert answer.error["code"] == "context_length_exceeded"
