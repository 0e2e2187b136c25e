#!/usr/bin/env python3
"""Writes src/text/unicode_table.c: the class of every Unicode code point.

Needs the Python package `regex`, whose releases carry the Unicode character database
(2026.5.9 carries Unicode 17).  Usage: tools/make_unicode_table.py > src/text/unicode_table.c
"""
import regex

BLOCK = 128
# One digit a class, in the order of enum unicode_class_digit in src/text/unicode.h.
CLASSES = [
    (1, r"[\p{Lu}\p{Lt}]"),
    (2, r"\p{Ll}"),
    (3, r"[\p{Lm}\p{Lo}]"),
    (4, r"\p{M}"),
    (5, r"\p{N}"),
    (6, r"\p{P}"),
    (7, r"\p{S}"),
    (8, r"\p{White_Space}"),
]
PATTERNS = [(digit, regex.compile(text)) for digit, text in CLASSES]


def class_digit(code):
    if 0xD800 <= code < 0xE000:
        return 0
    for digit, pattern in PATTERNS:
        if pattern.match(chr(code)):
            return digit
    return 0


def main():
    classes = [class_digit(code) for code in range(0x110000)]
    # The variation selectors of plane 14 are marks; unicode.c has them as a special case, so that
    # the index may end after the last ideograph.
    assert all(classes[code] == 4 for code in range(0xE0100, 0xE01F0))
    classes[0xE0100:0xE01F0] = [0] * 0xF0
    last = max(code for code in range(0x110000) if classes[code])
    ended = (last // BLOCK + 1) * BLOCK
    blocks, index = {}, []
    for start in range(0, ended, BLOCK):
        text = "".join(map(str, classes[start:start + BLOCK]))
        index.append(blocks.setdefault(text, len(blocks)))
    assert len(blocks) <= 256

    print("/* unicode_table.c - the class of every code point.  Written by")
    print(" * tools/make_unicode_table.py from the Unicode character database (Unicode 17);")
    print(" * do not edit.")
    print(" *")
    print(" * Two stages: unicode_index[code >> 7] is the number of a block of 128 code points,")
    print(" * and a block is a string of digits, one a code point (see unicode.h). */")
    print('#include "text/unicode.h"')
    print()
    print("const uint32_t unicode_index_end = 0x%X;" % ended)
    print()
    print("const uint8_t unicode_index[0x%X >> 7] = {" % ended)
    for start in range(0, len(index), 18):
        print("    " + " ".join("%d," % i for i in index[start:start + 18]))
    print("};")
    print()
    print("const char unicode_blocks[][%d] = {" % (BLOCK + 1))
    for text in blocks:
        half = BLOCK // 2
        print('    "%s"' % text[:half])
        print('    "%s",' % text[half:])
    print("};")


main()
