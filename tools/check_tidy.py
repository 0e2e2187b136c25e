#!/usr/bin/env python3
"""check_tidy.py [ROOT] - the countable rules of the house, as a test.

Prints FILE:LINE: MESSAGE for each breach; exit 0 when there is none, 1 otherwise.  Looks at the
files that git tracks or would track (all files below ROOT where there is no git).  Python's
standard library only.  The rules are the functions in RULES, each with its reason.
"""

import os
import re
import subprocess
import sys

LINE_COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 1200
COVERS_LINES = 12  # of a test's head, where "Covers:" may stand

# Kernels for one instruction set are tested through the table: tests/test_kernels*.c.
ISA_SUFFIX = re.compile(
    r"_(plain|sse\d*|avx2?|avx512|avx512\w+|amx|neon|sve2?|dotprod|i8mm|vnni|avxvnni)$")
# What a program wrote is tested through those who use it.
GENERATED = re.compile(r"written\s+(\*\s+)?by\s+(\*\s+)?tools/", re.I)
TEXT_SUFFIXES = {".c", ".h", ".cu", ".cuh", ".py", ".sh", ".md", ".build", ".txt", ".json", ".mjs",
                 ".js", ".css", ".html", ".yml", ".yaml", ".toml", ".service", ".options", ""}
CODE_SUFFIXES = {".c", ".h", ".cu", ".cuh", ".py", ".sh", ".build", ".mjs", ".js"}
C_SUFFIXES = {".c", ".h", ".cu", ".cuh"}
# Written in two parts, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~*$}-])/(wo" r"rk|ro" r"ot|home/[A-Za-z0-9_]+)(/|\b)(?!:)")
REGISTRY_HOST = re.compile(
    "|".join(re.escape(name + "." + top) for name, top in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"),
        ("deb.debian", "org"), ("crates", "io"), ("proxy.golang", "org"), ("maven", "org"))))
# Inputs of tests are what they are.
DATA = ("fuzz/seeds/", "tests/golden/", "tests/data/", "tests/text/snippets.py")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


class File:
    """One file: its path from the root, its lines, and its C code without comments and texts."""

    def __init__(self, root, path):
        self.path = path
        self.suffix = os.path.splitext(path)[1]
        self.stem = os.path.splitext(os.path.basename(path))[0]
        with open(os.path.join(root, path), "rb") as f:
            self.bytes = f.read()
        self.text = self.bytes.decode("utf-8", "replace")
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.code = blank_c(self.text) if self.suffix in C_SUFFIXES else ""
        self.code_lines = self.code.split("\n")

    def within(self, *folders):
        return any(self.path.startswith(folder + "/") for folder in folders)


def blank_c(text):
    """Comments, string and character literals replaced by blanks; lines stay where they are."""
    pattern = re.compile(
        r'//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/|"(?:[^"\\\n]|\\.|\\\n)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)

    def blank(match):
        found = match.group()
        if found[0] in "\"'":
            return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def without_directives(code):
    """A macro can hold half a block; its text is no function."""
    lines = code.split("\n")
    continued = False
    for i, line in enumerate(lines):
        directive = continued or line.lstrip().startswith("#")
        continued = directive and line.rstrip().endswith("\\")
        if directive:
            lines[i] = ""
    return "\n".join(lines)


def braces(code):
    """Yields (kind, name, first line, last line, lines of tables in it) of each outermost brace
    block; kind is "function", "table" (an initialiser) or "type"."""
    depth, head, head_line, line_number = 0, "", None, 1
    table_depth, table_line, table_lines = None, 0, 0
    start = None
    before = ""  # the last visible character
    for c in without_directives(code):
        if c == "\n":
            line_number += 1
            if depth == 0:
                head += " "
            continue
        if c == "{":
            if depth == 0:
                start = (head, head_line or line_number)
                table_lines = 0
            if before == "=" and depth > 0 and table_depth is None:
                table_depth, table_line = depth, line_number
            depth += 1
        elif c == "}":
            depth = max(0, depth - 1)
            if table_depth is not None and depth == table_depth:
                table_lines += line_number - table_line
                table_depth = None
            if depth == 0 and start is not None:
                yield kind_of(start[0]) + (start[1], line_number, table_lines)
                head, head_line, start = "", None, None
                before = c
                continue
        elif depth == 0:
            if c == ";":
                head, head_line = "", None
                before = c
                continue
            if head_line is None and not c.isspace():
                head_line = line_number
        if depth == 0:
            head += c
        if not c.isspace():
            before = c


def kind_of(head):
    head = re.sub(r"__attribute__\s*\(\(.*?\)\)\s*\)?", " ", head)
    if head.rstrip().endswith("="):
        return "table", ""
    name = re.search(r"(\w+)\s*\(", head)
    if name and head.rstrip().endswith(")"):
        return "function", name.group(1)
    return "type", ""


def rule_layout(file):
    """No tab, no trailing blank, no carriage return, a newline at the end: diffs show changes."""
    if file.path.startswith(DATA):
        return
    for number, line in enumerate(file.lines, 1):
        if "\t" in line:
            yield number, "a tab"
        if line.endswith("\r"):
            yield number, "a carriage return"
        elif line != line.rstrip():
            yield number, "a blank at the end of the line"
    if file.text and not file.text.endswith("\n"):
        yield len(file.lines), "no newline at the end of the file"


def rule_columns(file):
    if file.suffix not in CODE_SUFFIXES or file.path.startswith(DATA):
        return
    for number, line in enumerate(file.lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield number, f"{len(line)} columns; at most {LINE_COLUMNS_MAX}"


def rule_sizes(file):
    """A function fits a screen, a file an afternoon; tables are neither."""
    if file.suffix not in C_SUFFIXES:
        return
    tables = 0
    for kind, name, first, last, inner in braces(file.code):
        length = last - first + 1 - inner
        if kind == "table":
            tables += last - first + 1
        elif kind == "function" and length > FUNCTION_LINES_MAX:
            yield first, f"{name}() has {length} lines; at most {FUNCTION_LINES_MAX}"
    if len(file.lines) - tables > FILE_LINES_MAX:
        yield 1, f"{len(file.lines) - tables} lines without tables; at most {FILE_LINES_MAX}"


def forbidden_calls(file, pattern, message):
    call = re.compile(r"(?<![\w.>])(?:" + pattern + r")\s*\(")
    for number, line in enumerate(file.code_lines, 1):
        match = call.search(line)
        if match:
            yield number, message.format(match.group().rstrip("( "))


def rule_environment(file):
    """Behaviour comes from options in one table, not from variables read in the middle."""
    if file.within("src") and not file.within("src/config"):
        yield from forbidden_calls(file, "getenv|secure_getenv", "{}() outside src/config")


def rule_exits(file):
    """Nothing that a request or a file can reach may end the process."""
    if file.within("src") and not file.within("src/cli"):
        yield from forbidden_calls(file, "exit|abort|quick_exit|_Exit",
                                   "{}() outside src/cli: return an error")
        if not file.within("src/upstream"):  # a forked child that cannot exec has no other way
            yield from forbidden_calls(file, "_exit", "{}() outside src/cli: return an error")


def rule_kernels_do_not_allocate(file):
    if file.within("src/kernels"):
        yield from forbidden_calls(
            file, "malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|free",
            "{}() in src/kernels: the caller brings the memory")


def rule_goto_done(file):
    """One way out of a function: goto is for that only."""
    if file.suffix not in C_SUFFIXES:
        return
    for number, line in enumerate(file.code_lines, 1):
        match = re.search(r"\bgoto\s+(\w+|\*)", line)
        if match and match.group(1) != "done":
            yield number, f"goto {match.group(1)}: the one label is done"


def rule_unfinished(file):
    for number, line in enumerate(file.lines, 1):
        match = UNFINISHED.search(line)
        if match and not re.search(r"#\d+", line):
            yield number, f"{match.group()} without the number of an issue"


def rule_guards(file):
    """Every header has a guard, and the guard is its path: two can never be the same."""
    if file.suffix not in (".h", ".cuh"):
        return
    folders = [part for part in file.path.split("/")[:-1] if part != "src"]
    want = re.sub(r"\W", "_", "_".join(folders[-1:] + [os.path.basename(file.path)])).upper()
    lines = [(n, line.split()) for n, line in enumerate(file.code_lines, 1) if line.strip()]
    heads = [words for _, words in lines[:2]]
    if heads != [["#ifndef", want], ["#define", want]]:
        yield lines[0][0] if lines else 1, f"the header does not begin with the guard {want}"


def rule_no_c_includes(file):
    if file.suffix not in C_SUFFIXES:
        return
    for number, line in enumerate(file.lines, 1):
        if re.match(r'\s*#\s*include\s*[<"].*\.c[>"]', line):
            yield number, "includes a .c file"


def rule_names(file):
    for part in file.path.split("/"):
        if os.path.splitext(part)[0].lower() in VAGUE_NAMES:
            yield 1, f"the name {part} says nothing about what is in it"


def rule_places(file):
    """The project knows nothing of the machines that it was made on."""
    for number, line in enumerate(file.lines, 1):
        if MACHINE_PATH.search(line):
            yield number, f"the path of a machine: {MACHINE_PATH.search(line).group()}"
        if REGISTRY_HOST.search(line):
            yield number, f"the host of a package registry: {REGISTRY_HOST.search(line).group()}"
        if "../sha" "red" in line and file.path != ".ci/run":
            yield number, "a path outside the repository"


RULES = (rule_layout, rule_columns, rule_sizes, rule_environment, rule_exits,
         rule_kernels_do_not_allocate, rule_goto_done, rule_unfinished, rule_guards,
         rule_no_c_includes, rule_names, rule_places)


def check_tests(root, files):
    """Every source file has a test program, and every test program is run.

    The parts of one thing may be tested together: the head of that test then says
    "Covers: part.c, other_part.c" in its first lines."""
    paths = {file.path for file in files}
    covered = set()
    for file in files:
        if file.path.startswith("tests/test_"):
            head = "\n".join(file.lines[:COVERS_LINES])
            for listed_here in re.findall(r"Covers:([^.]*(?:\.c[^.]*)*)", head):
                covered |= set(re.findall(r"(\w+)\.c\b", listed_here))
    try:
        with open(os.path.join(root, "tests/meson.build"), encoding="utf-8") as f:
            listed = set(re.findall(r"'(\w+)'", re.sub(r"#.*", "", f.read())))
    except FileNotFoundError:
        listed = set()
    for file in files:
        parts = file.path.split("/")
        if len(parts) == 3 and parts[0] == "src" and file.suffix == ".c":
            if parts[1] == "cli" and (file.stem == "main" or file.stem.startswith("cmd_")):
                continue  # tested from outside: tests/cli
            if ISA_SUFFIX.search(file.stem) or file.stem in covered:
                continue
            if GENERATED.search(file.text[:400]):
                continue
            if f"tests/test_{file.stem}.c" not in paths:
                yield file.path, 1, f"no tests/test_{file.stem}.c"
        if len(parts) == 2 and re.fullmatch(r"tests/test_\w+\.c", file.path):
            if file.stem[len("test_"):] not in listed:
                yield file.path, 1, "not listed in tests/meson.build, so never run"


def list_files(root):
    """What git tracks or would track; without git every file that is not hidden."""
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
        names = [name for name in done.stdout.decode().split("\0") if name]
        top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"],
                             capture_output=True, check=True).stdout.decode().strip()
        if os.path.realpath(top) == os.path.realpath(root):
            return sorted(set(names))
    except (OSError, subprocess.CalledProcessError):
        pass
    names = []
    for folder, folders, found in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        names += [os.path.relpath(os.path.join(folder, name), root) for name in found]
    return sorted(names)


def load(root):
    for path in list_files(root):
        full = os.path.join(root, path)
        if os.path.splitext(path)[1] not in TEXT_SUFFIXES or not os.path.isfile(full):
            continue
        file = File(root, path)
        if b"\0" not in file.bytes:
            yield file


def check(root):
    files = list(load(root))
    for file in files:
        for rule in RULES:
            for number, message in rule(file):
                yield file.path, number, message
    yield from check_tests(root, files)


def main(arguments):
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    count = 0
    for path, number, message in sorted(set(check(root))):
        print(f"{path}:{number}: {message}")
        count += 1
    if count:
        print(f"check_tidy: {count} breaches", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
