"""A check that never fails is worth nothing: each rule is shown a breach and must see it."""

import os
import subprocess
import sys

import pytest

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
LAYERS = os.path.join(ROOT, "tools", "check_layers.sh")
TIDY = os.path.join(ROOT, "tools", "check_tidy.py")

CLEAN = {
    "src/base/error.h": "#ifndef BASE_ERROR_H\n#define BASE_ERROR_H\nint error_x(void);\n#endif\n",
    "src/base/error.c": '#include "base/error.h"\n\nint error_x(void) {\n    return 1;\n}\n',
    "src/base/log.h": "#ifndef BASE_LOG_H\n#define BASE_LOG_H\n#endif\n",
    "src/text/chat.h": "#ifndef TEXT_CHAT_H\n#define TEXT_CHAT_H\n#endif\n",
    "src/gguf/gguf.h": "#ifndef GGUF_GGUF_H\n#define GGUF_GGUF_H\n"
                       '#include "base/error.h"\n#endif\n',
    "tests/meson.build": "names = ['error']\n",
    "tests/test_error.c": "int main(void) {\n    return 0;\n}\n",
}


def write_tree(root, files):
    for name, text in {**CLEAN, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def run(command, root):
    done = subprocess.run([*command, str(root)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def layers(root):
    return run(["sh", LAYERS], root)


def tidy(root):
    return run([sys.executable, TIDY], root)


def test_a_clean_tree_passes_both(tmp_path):
    write_tree(tmp_path, {"src/text/x_avx2.c": '#include "gguf/gguf.h"\n#include <stdio.h>\n'})
    assert layers(tmp_path) == (0, "")
    assert tidy(tmp_path) == (0, "")


@pytest.mark.parametrize("name, text, where, message", [
    ("src/base/a.c", '#include "gguf/gguf.h"\n', "src/base/a.c:1", "base may not include gguf"),
    ("src/text/a.c", '\n#include "base/error.h"\n#include "engine/x.h"\n', "src/text/a.c:3",
     "text may not include engine"),
    ("src/text/a.h", '# include "../base/error.h"\n', "src/text/a.h:1", "written from src/"),
    ("src/text/a.c", '#include "chat.h"\n', "src/text/a.c:1", "written from src/"),
    ("src/text/a.c", '#include "base/nothing.h"\n', "src/text/a.c:1", "is not in src/"),
    ("src/kernels/a.c", '#include "base/log.h"\n', "src/kernels/a.c:1",
     "kernels may not include base/log.h"),
    ("src/engine/scheduler.c", '#include "text/chat.h"\n', "src/engine/scheduler.c:1",
     "engine may not include text"),
    ("src/novel/a.c", "int x;\n", "src/novel/a.c:1", 'the folder "novel" has no row'),
    ("src/text/deep/a.c", "int x;\n", "src/text/deep/a.c:1", "not deeper"),
    ("src/a.c", "int x;\n", "src/a.c:1", "not deeper and not above"),
])
def test_layers_sees(tmp_path, name, text, where, message):
    write_tree(tmp_path, {name: text})
    code, out = layers(tmp_path)
    assert code == 1
    assert f"{where}: " in out and message in out


def test_layers_allows_the_exceptions_of_the_table(tmp_path):
    write_tree(tmp_path, {
        "src/engine/generation.c": '#include "text/chat.h"\n',
        "src/cli/cmd_x.c": '#include "text/chat.h"\n#include "gguf/gguf.h"\n',
    })
    assert layers(tmp_path) == (0, "")


def test_layers_refuses_a_tree_without_sources(tmp_path):
    assert layers(tmp_path)[0] == 2


def function(lines):
    return "int f(void) {\n" + "    f();\n" * (lines - 2) + "}\n"


def table(lines):
    return "static const int t[] = {\n" + "    1,\n" * (lines - 2) + "};\n"


BREACHES = [
    ("a tab", "src/base/error.c", "int a;\n\tint b;\n", 2),
    ("a tab", "Makefile.txt", "a\n\tb\n", 2),
    ("blank at the end", "src/base/error.c", "int a; \n", 1),
    ("blank at the end", "README.md", "text  \n", 1),
    ("carriage return", "src/base/error.c", "int a;\r\n", 1),
    ("no newline at the end", "src/base/error.c", "int a;", 1),
    ("101 columns", "src/base/error.c", "/* " + "x" * 95 + " */\n", 1),
    ("101 columns", "meson.build", "# " + "x" * 99 + "\n", 1),
    ("f() has 71 lines", "src/base/error.c", "int x;\n\n" + function(71), 3),
    ("f() has 71 lines", "tests/test_error.c", function(71), 1),
    ("1201 lines", "src/base/error.c", "int x;\n" * 1201, 1),
    ("getenv() outside", "src/base/error.c", 'char *a = getenv("A");\n', 1),
    ("abort() outside", "src/base/error.c", "void f(void) {\n    abort();\n}\n", 2),
    ("exit() outside", "src/base/error.c", "void f(void) {\n    exit (1);\n}\n", 2),
    ("_exit() outside", "src/base/error.c", "void f(void) {\n    _exit(1);\n}\n", 2),
    ("malloc() in src/kernels", "src/kernels/a_avx2.c", "void *p = malloc(1);\n", 1),
    ("goto fail", "src/base/error.c", "void f(void) {\n    goto fail;\n}\n", 2),
    ("without the number", "src/base/error.c", "/* TO" "DO: later */\n", 1),
    ("without the number", "docs/x.md", "FIX" "ME\n", 1),
    ("the guard BASE_ERROR_H", "src/base/error.h", "#ifndef ERROR_H\n#define ERROR_H\n#endif\n", 1),
    ("the guard BASE_ERROR_H", "src/base/error.h", "int x;\n", 1),
    ("includes a .c file", "tests/test_error.c", '#include "../src/base/error.c"\n', 1),
    ("says nothing", "src/base/utils.h", "#ifndef BASE_UTILS_H\n#define BASE_UTILS_H\n#endif\n", 1),
    ("the path of a machine", "docs/x.md", "see /wo" "rk/main\n", 1),
    ("the path of a machine", "docs/x.md", "see /ro" "ot/.cache\n", 1),
    ("the path of a machine", "src/base/error.c", 'char *p = "/ho' 'me/jane/x";\n', 1),
    ("host of a package registry", "scripts/x.sh", "curl https://py" "pi.org/simple\n", 1),
    ("outside the repository", "docs/x.md", "../sha" "red/golden\n", 1),
    ("no tests/test_arena.c", "src/base/arena.c", "int x;\n", 1),
    ("not listed in tests/meson.build", "tests/test_other.c", "int x;\n", 1),
]


@pytest.mark.parametrize("message, name, text, line", BREACHES)
def test_tidy_sees(tmp_path, message, name, text, line):
    write_tree(tmp_path, {name: text})
    code, out = tidy(tmp_path)
    assert code == 1
    assert [found for found in out.splitlines()
            if found.startswith(f"{name}:{line}: ") and message in found], out


FINE = [
    ("src/base/error.c", function(70)),
    ("src/base/error.c", table(2000)),
    ("src/base/error.c", "int f(void) {\n" + table(200) + "    return 0;\n}\n"),
    ("src/base/error.c", '/* exit() and getenv("X") are named here */\nchar *a = "abort()";\n'),
    ("src/base/error.c", "void f(void) {\n    at_exit(1);\n    s->exit(2);\n    goto done;\n}\n"),
    ("src/base/error.c", "/* TO" "DO #12: later */\n"),
    ("src/base/error.c", "#define M(x) do { \\\n    x; \\\n} while (0)\n" + function(70)),
    ("src/config/error.c", 'char *a = getenv("A");\n'),
    ("src/cli/main.c", "int main(void) {\n    exit(1);\n}\n"),
    ("src/cli/cmd_serve.c", "int x;\n"),
    ("src/kernels/matmul_avx512.c", "int x;\n"),
    ("src/text/unicode_table.c", "/* The classes.  Written by\n * tools/make.py. */\nint x;\n"),
    ("docs/x.md", "x" * 500 + " ~/work/x and src/work/y\n"),
    ("src/base/error.c", "/* " + "\u00e9" * 94 + " */\n"),
]


@pytest.mark.parametrize("name, text", FINE)
def test_tidy_accepts(tmp_path, name, text):
    write_tree(tmp_path, {name: text})
    assert tidy(tmp_path) == (0, "")


def test_tidy_says_how_many_on_stderr(tmp_path):
    write_tree(tmp_path, {"src/base/error.c": "\tint a; \n"})
    done = subprocess.run([sys.executable, TIDY, str(tmp_path)], capture_output=True, text=True,
                          check=False)
    assert done.stderr == "check_tidy: 2 breaches\n"


def test_tidy_lets_a_test_cover_the_files_that_it_names(tmp_path):
    write_tree(tmp_path, {
        "src/base/str.c": "int x;\n",
        "src/base/arena.c": "int y;\n",
        "tests/test_error.c": "/* test_error.c - x.  Covers: str.c. */\nint main(void);\n",
    })
    assert tidy(tmp_path) == (1, "src/base/arena.c:1: no tests/test_arena.c\n")
