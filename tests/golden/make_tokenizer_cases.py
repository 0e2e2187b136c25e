#!/usr/bin/env python3
"""Writes tokenizer_bpe.json, tokenizer_spm.json and tokenizer_cases.jsonl: texts and the ids that
llama.cpp's server gives for them, the independent implementation of the tokenizer's tests.

    make_tokenizer_cases.py LLAMA_SERVER [MODEL.gguf …]

tokenizer_bpe.json and tokenizer_spm.json hold a small vocabulary each, so that their cases run
without any model.  The vocabularies are trained here on the text below *across* word borders
("e t" is a token), so that a word cut in the wrong place shows in the ids.  The server reads
them from a throw-away model of one layer.  tokenizer_cases.jsonl has cases for real
models, named by their files.

Left out on purpose is what llama.cpp is known to do differently from the models' own
tokenizer.json: '~' and wide spaces in the DeepSeek patterns, marks and mixed case in those that
tell capitals from small letters; and letters newer than Unicode 14.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 18977

TRAINING = """
def tokenizer_encode(self, text, parse_special=False):
    # It's what we'd do: don't, can't, I'm, they're, you've, she'll, he'd. IT'S, DON'T, WE'LL.
    if len(text) > 1024 and text[0] != "\\n":
        return [ord(c) for c in text] + [0x1F, 3.14159, 1234567, 2024, 100, 1000]
\tfor (int i = 0; i < 100; i++) { sum += values[i] * 2; }\r\n
The quick brown fox jumps over the lazy dog.  The dog, however, did not mind at all!

    "http://example.com/path?query=123&other=456#top" -- a link... (and more) {x: [1, 2, 3]}
Größe, naïve café, señor, Ångström. Привет, мир! Это просто текст. 你好，世界。这是一个测试。
日本語のテキスト、カタカナ。한국어 텍스트입니다. مرحبا بالعالم שלום עולם हिन्दी पाठ ไทย
🙂🙂 👍🏽 👨‍👩‍👧 🇩🇪 e\u0301 a\u0308 ½ ² ٣ १२ ① Ⅷ € £ … — “quoted” ‘single’ «guillemets»
"""
FRAGMENTS = [
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'Re", "it's", "don't", "DON'T", " ",
    "  ", "   ", "    ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\t\n", "1", "12", "123",
    "1234567", "3.14", "0x1F", "1000", "a", "text", " the", " quick", "self", "parse_special",
    "return", "len(text)", "(", ")", "{", "};", "!=", "==", "->", "//", "/*", "#", "\"", "'", "`",
    "é", "ß", "Größe", "Привет", "мир", "你好", "世界", "日本語", "カタカナ", "한국어", "مرحبا", "שלום", "👍",
    "🇩🇪", "\u200d", "\ufeff", "\x01", "\x7f", "½", "²", "٣", "१२", "①", "Ⅷ", "…", "—", "“",
    "”", "€", "£", "+", "<", "=", ">", "$", "^", "|", "_", "-", "/", "。", "，", "、", ".", "...", " .", "?",
    "!", "@x", " 你好", "b c",
]
MARKS = ["e\u0301", "a\u0308", "हिन्दी", "ไทย", "\ufe0f", "👨\u200d👩\u200d👧"]
WIDE_SPACES = ["\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\u1680", "\u180e"]
CAMEL = ["fooBar", "HTTPServer", "iPhone", "ǅ", "ʰ", "ª"]
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>", "</tool_call>", "<|im_",
            "end|>", "<|fim_prefix|>", "<file_sep>", "user", "[PAD]"]
EVERYTHING = FRAGMENTS + MARKS + WIDE_SPACES + CAMEL + ["~"]
PRE = [  # name, how many cases, what they are made of
    ("qwen2", 120, EVERYTHING + SPECIALS), ("llama-bpe", 120, EVERYTHING + SPECIALS),
    ("smollm", 120, EVERYTHING + SPECIALS), ("gpt-2", 120, EVERYTHING + SPECIALS),
    ("qwen35", 60, EVERYTHING), ("default", 40, EVERYTHING), ("falcon", 40, EVERYTHING),
    ("deepseek-llm", 40, FRAGMENTS + MARKS + CAMEL),
    ("deepseek-coder", 40, FRAGMENTS + MARKS + CAMEL),
    ("deepseek-v3", 40, FRAGMENTS + MARKS + CAMEL), ("tekken", 40, FRAGMENTS),
    ("gpt-4o", 40, FRAGMENTS), ("youtu", 40, FRAGMENTS), ("bloom", 30, EVERYTHING),
    ("viking", 30, EVERYTHING), ("bailingmoe", 40, EVERYTHING), ("seed-coder", 40, EVERYTHING),
    ("exaone-moe", 40, EVERYTHING), ("minicpm5", 40, EVERYTHING), ("jais-2", 40, EVERYTHING),
    ("laguna", 40, EVERYTHING),
]


def byte_stand_ins():
    """GPT-2's printable characters for the 256 bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable}
    table.update({b: chr(0x100 + i) for i, b in enumerate(rest)})
    return table


def train(symbols, merges):
    """Byte-pair training: the most frequent neighbours become one, `merges` times."""
    made = []
    for _ in range(merges):
        counts = {}
        for pair in zip(symbols, symbols[1:]):
            counts[pair] = counts.get(pair, 0) + 1
        (left, right), count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < 2:
            break
        made.append((left, right))
        joined, at = [], 0
        while at < len(symbols):
            if symbols[at:at + 2] == [left, right]:
                joined.append(left + right)
                at += 2
            else:
                joined.append(symbols[at])
                at += 1
        symbols = joined
    return made


def bpe_vocabulary():
    stand_in = byte_stand_ins()
    merges = train([stand_in[b] for b in TRAINING.encode()], 400)
    # Words that are tokens without a merge that makes them: only ignore_merges finds them.
    whole = ["\u0120quick", "123"]
    tokens = [stand_in[b] for b in range(256)] + [left + right for left, right in merges]
    tokens += [word for word in whole if word not in tokens]
    tokens = list(dict.fromkeys(tokens))
    types = [1] * len(tokens)
    for text, kind in (("<|im_start|>", 3), ("<|im_end|>", 3), ("<|endoftext|>", 3),
                       ("<tool_call>", 4), ("</tool_call>", 4), ("[PAD]", 5)):
        tokens.append(text)
        types.append(kind)
    return {"model": "gpt2", "tokens": tokens, "types": types,
            "merges": [left + " " + right for left, right in merges],
            "bos": tokens.index("<|endoftext|>"), "eos": tokens.index("<|im_end|>")}


def spm_vocabulary():
    text = [c if c != " " else "\u2581" for c in TRAINING.replace("\r", "")]
    merges = train(text, 300)
    tokens = [("<unk>", 2, 0.0), ("<s>", 3, 0.0), ("</s>", 3, 0.0)]
    tokens += [("<0x%02X>" % b, 6, 0.0) for b in range(256)]
    tokens += [("<|im_start|>", 3, 0.0), ("<|im_end|>", 3, 0.0), ("<tool_call>", 4, 0.0),
               ("</tool_call>", 4, 0.0), ("[PAD]", 5, 0.0)]
    # Two tokens a score, so that ties are decided by position.
    tokens += [(left + right, 1, -float(i // 2)) for i, (left, right) in enumerate(merges)]
    known = {token[0] for token in tokens}
    tokens += [(c, 1, -1000.0) for c in dict.fromkeys(text)
               if c not in known and c not in "\n日½é"]  # these fall back to bytes
    return {"model": "llama", "tokens": [t[0] for t in tokens], "types": [t[1] for t in tokens],
            "scores": [t[2] for t in tokens], "bos": 1, "eos": 2}


def write_model(path, vocabulary):
    """A GGUF of one random layer around the vocabulary."""
    def text(value):
        data = value.encode()
        return struct.pack("<Q", len(data)) + data

    def strings(values):
        return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))

    count, width, hidden = len(vocabulary["tokens"]), 32, 64
    keys = []

    def key(name, kind, data):
        keys.append(text(name) + struct.pack("<I", kind) + data)

    key("general.architecture", 8, text("llama"))
    for name, value in (("context_length", 512), ("embedding_length", width), ("block_count", 1),
                        ("feed_forward_length", hidden), ("attention.head_count", 2),
                        ("attention.head_count_kv", 2), ("rope.dimension_count", 16)):
        key("llama." + name, 4, struct.pack("<I", value))
    key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5))
    key("tokenizer.ggml.model", 8, text(vocabulary["model"]))
    key("tokenizer.ggml.tokens", 9, strings(vocabulary["tokens"]))
    key("tokenizer.ggml.token_type", 9,
        struct.pack("<IQ%di" % count, 5, count, *vocabulary["types"]))
    if "scores" in vocabulary:
        key("tokenizer.ggml.scores", 9,
            struct.pack("<IQ%df" % count, 6, count, *vocabulary["scores"]))
    else:
        key("tokenizer.ggml.pre", 8, text("qwen2"))
        key("tokenizer.ggml.merges", 9, strings(vocabulary["merges"]))
    key("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", vocabulary["bos"]))
    key("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", vocabulary["eos"]))
    tensors = [("token_embd.weight", (width, count)), ("output_norm.weight", (width,)),
               ("output.weight", (width, count))]
    for name, shape in (("attn_norm", (width,)), ("attn_q", (width, width)),
                        ("attn_k", (width, width)), ("attn_v", (width, width)),
                        ("attn_output", (width, width)), ("ffn_norm", (width,)),
                        ("ffn_gate", (width, hidden)), ("ffn_up", (width, hidden)),
                        ("ffn_down", (hidden, width))):
        tensors.append(("blk.0.%s.weight" % name, shape))
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys)
    offset = 0
    for name, shape in tensors:
        header += text(name) + struct.pack("<I", len(shape))
        elements = 1
        for size in shape:
            header += struct.pack("<Q", size)
            elements *= size
        header += struct.pack("<IQ", 0, offset)
        offset += (elements * 4 + 31) // 32 * 32
    header += b"\0" * (-len(header) % 32)
    with open(path, "wb") as f:
        f.write(header + struct.pack("<f", 0.01) * (offset // 4))


class Server:
    def __init__(self, program, model, override=None):
        command = [program, "-m", model, "-c", "512", "-t", "1", "--no-warmup",
                   "--host", "127.0.0.1", "--port", str(PORT)]
        if override:
            command += ["--override-kv", override]
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(os.path.abspath(program)))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=env)

    def __enter__(self):
        for _ in range(300):
            time.sleep(0.2)
            if self.process.poll() is not None:
                sys.exit("the server ended with %d" % self.process.returncode)
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/health" % PORT)
                return self
            except OSError:
                pass
        sys.exit("the server does not answer")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ids(self, text, special):
        body = {"content": text, "add_special": False, "parse_special": special}
        request = urllib.request.Request("http://127.0.0.1:%d/tokenize" % PORT,
                                         json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["tokens"]


def texts(seed, count, fragments):
    rng = random.Random(seed)
    by_category = {}
    for code in range(0x20, 0x20000):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Cs", "Co"):
            by_category.setdefault(category, []).append(chr(code))
    categories = sorted(by_category)
    for number in range(count):
        if fragments is EVERYTHING and number % 4 == 3:  # a quarter of any characters at all
            yield "".join(rng.choice(by_category[rng.choice(categories)]) if rng.random() < 0.6
                          else rng.choice(" \n.a1'sB(") for _ in range(rng.randint(1, 12)))
        else:
            yield "".join(rng.choice(fragments) for _ in range(rng.randint(1, 10)))


def cases(server, seed, count, fragments):
    for number, text in enumerate(texts(seed, count, fragments)):
        special = number % 2 == 1
        yield {"text": text, "parse_special": special, "ids": server.ids(text, special)}


def write_vocabulary(name, vocabulary, made):
    with open(os.path.join(HERE, name), "w") as f:
        f.write('{"vocabulary": %s,\n"cases": [\n' % json.dumps(vocabulary, ensure_ascii=False))
        f.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in made))
        f.write("\n]}\n")


def main():
    program, models = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocabulary.gguf")
        vocabulary, made = bpe_vocabulary(), []
        write_model(path, vocabulary)
        for seed, (pre, count, fragments) in enumerate(PRE):
            with Server(program, path, "tokenizer.ggml.pre=str:" + pre) as server:
                made += [dict(case, pre=pre) for case in cases(server, seed, count, fragments)]
        write_vocabulary("tokenizer_bpe.json", vocabulary, made)
        vocabulary, made = spm_vocabulary(), []
        write_model(path, vocabulary)
        everything = EVERYTHING + SPECIALS + ["\u2581", "\u2581\u2581", "<s>", "</s>", "<0x41>"]
        for prefix in (True, False):
            override = "tokenizer.ggml.add_space_prefix=bool:" + str(prefix).lower()
            with Server(program, path, override) as server:
                made += [dict(case, add_space_prefix=prefix)
                         for case in cases(server, 100 + prefix, 150, everything)]
        write_vocabulary("tokenizer_spm.json", vocabulary, made)
    with open(os.path.join(HERE, "tokenizer_cases.jsonl"), "w") as f:
        for seed, model in enumerate(models):
            with Server(program, model) as server:
                for fragments in (EVERYTHING + SPECIALS, EVERYTHING):
                    for case in cases(server, 200 + seed, 120, fragments):
                        case["model"] = os.path.basename(model)
                        f.write(json.dumps(case, ensure_ascii=False) + "\n")


main()
