"""Reads tokenizer.chat_template from a GGUF file, and nothing else."""

import struct

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
           11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


def chat_template(path):
    with open(path, "rb") as f:
        def number(form):
            return struct.unpack(form, f.read(struct.calcsize(form)))[0]

        def string():
            return f.read(number("<Q"))

        def value(kind):
            if kind == STRING:
                return string()
            if kind == ARRAY:
                inner, count = number("<I"), number("<Q")
                if inner in SCALARS:
                    f.seek(count * struct.calcsize(SCALARS[inner]), 1)
                else:
                    for _ in range(count):
                        value(inner)
                return None
            return number(SCALARS[kind])

        if f.read(4) != b"GGUF":
            return None
        number("<I"), number("<Q")
        for _ in range(number("<Q")):
            key, found = string(), value(number("<I"))
            if key == b"tokenizer.chat_template":
                return found.decode()
    return None
