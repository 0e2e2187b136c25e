#!/usr/bin/env python3
"""Writes src/text/template_unicode_table.c: what Python's str methods know about characters.

The templates that longhaul renders were written against Python, so Python's own answers are the
specification.  Run it with the interpreter to agree with:  tools/template_unicode.py > FILE"""

import sys
import unicodedata

ALL = [chr(c) for c in range(0x110000)]


def ranges(test):
    found = []
    for c, ch in enumerate(ALL):
        if test(ch):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def mapping(convert):
    """Rows (first, last, stride, delta) of the characters that map to one other character."""
    delta = {c: ord(convert(ch)) - c for c, ch in enumerate(ALL)
             if len(convert(ch)) == 1 and convert(ch) != ch}
    keys, rows, i = sorted(delta), [], 0
    while i < len(keys):
        best = (i, 1)
        for stride in (1, 2):
            j = i
            while (j + 1 < len(keys) and keys[j + 1] == keys[j] + stride
                   and delta[keys[j + 1]] == delta[keys[i]]):
                j += 1
            if j > best[0]:
                best = (j, stride)
        rows.append((keys[i], keys[best[0]], best[1], delta[keys[i]]))
        i = best[0] + 1
    return rows


def special(convert):
    """Rows (from, to, to, to) of the characters that map to several, or whose title differs."""
    return [(c, (list(map(ord, convert(ch))) + [0, 0])[:3]) for c, ch in enumerate(ALL)
            if len(convert(ch)) > 1]


def cell(row):
    if isinstance(row, (list, tuple)):
        return "{" + ", ".join(map(cell, row)) + "}"
    return f"0x{row:X}" if row >= 0 else str(row)


def emit(kind, name, rows):
    print(f"const struct {kind} template_unicode_{name}[] = {{")
    line = "   "
    for row in rows:
        text = f" {cell(row)},"
        if len(line) + len(text) > 98:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};")
    print(f"const int template_unicode_{name}_count = {len(rows)};\n")


def main():
    print(f"""/* template_unicode_table.c - written by tools/template_unicode.py from Unicode
 * {unicodedata.unidata_version}; not edited by hand.  Ranges are inclusive and sorted. */
#include "text/template_unicode.h"
""")
    for name, test in (("unprintable", lambda ch: not ch.isprintable()), ("alpha", str.isalpha),
                       ("numeric", str.isnumeric), ("digit", str.isdigit),
                       ("decimal", str.isdecimal), ("lower", str.islower), ("upper", str.isupper)):
        emit("template_unicode_range", name, ranges(test))
    emit("template_unicode_map", "to_upper", mapping(str.upper))
    emit("template_unicode_map", "to_lower", mapping(str.lower))
    emit("template_unicode_special", "special_upper", special(str.upper))
    emit("template_unicode_special", "special_title",
         [(c, (list(map(ord, ch.title())) + [0, 0])[:3]) for c, ch in enumerate(ALL)
          if ch.title() != ch.upper()])


sys.exit(main())
