"""tools/count_tests.py counts what the runners report, crashes included."""

import json
import os
import subprocess
import sys

COUNT = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "count_tests.py")


def count(tmp_path, kind, text):
    path = tmp_path / "report"
    path.write_text(text)
    done = subprocess.run([sys.executable, COUNT, kind, str(path)], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout.split(), done.stderr


def program(name, lines, result="OK", code=0, stderr=""):
    return json.dumps({"name": name, "stdout": "\n".join(lines), "stderr": stderr,
                       "result": result, "returncode": code}) + "\n"


def test_each_test_of_each_program_counts(tmp_path):
    text = program("base / a", ["[ RUN      ] one", "[       OK ] one", "[       OK ] two",
                                "[==========] 2 test(s) run.", "[  PASSED  ] 2 test(s)."])
    text += program("base / b", ["[       OK ] one", "[       OK ] avx2: zeros are zeros"])
    assert count(tmp_path, "cmocka", text) == (0, ["4", "0", "0"], "")


def test_the_list_at_the_end_is_not_counted_again(tmp_path):
    text = program("a", ["[       OK ] one", "[  SKIPPED ] two", "[  FAILED  ] three"], "FAIL", 1,
                   "[  SKIPPED ] tests: 1 test(s), listed below:\n[  SKIPPED ] two\n"
                   "[  FAILED  ] tests: 1 test(s), listed below:\n[  FAILED  ] three\n")
    code, totals, errors = count(tmp_path, "cmocka", text)
    assert (code, totals) == (0, ["1", "1", "1"])
    assert "FAILED a: three" in errors


def test_a_crash_a_timeout_and_an_empty_program_are_failures(tmp_path):
    text = program("a", ["[       OK ] one", "[ RUN      ] two"], "FAIL", -11)
    text += program("b", ["[       OK ] one"], "TIMEOUT", -9)
    text += program("c", ["nothing"])
    text += program("d", ["[       OK ] one"], "ERROR", 23, "LeakSanitizer: detected leaks")
    code, totals, errors = count(tmp_path, "cmocka", text)
    assert (code, totals) == (0, ["3", "4", "0"])
    assert "FAILED a: (fail, exit -11)" in errors and "ran no test" in errors


def test_pytest_results_are_counted(tmp_path):
    text = """<testsuites><testsuite><testcase classname="t" name="a"/>
        <testcase classname="t" name="b"><failure>x</failure></testcase>
        <testcase classname="t" name="c"><error>x</error></testcase>
        <testcase classname="t" name="d"><skipped/></testcase></testsuite></testsuites>"""
    code, totals, errors = count(tmp_path, "junit", text)
    assert (code, totals) == (0, ["1", "2", "1"])
    assert "FAILED t.b" in errors


def test_only_the_leaves_of_a_tap_report_count(tmp_path):
    text = """TAP version 13
# Subtest: suite
    # Subtest: one
    ok 1 - one
      ---
      duration_ms: 1
      ...
    not ok 2 - two
    ok 3 - three # SKIP no model
    1..3
not ok 1 - suite
ok 2 - plain
1..2
"""
    code, totals, errors = count(tmp_path, "tap", text)
    assert (code, totals) == (0, ["2", "1", "1"])
    assert errors == "FAILED two\n"


def test_what_is_not_a_report_is_refused(tmp_path):
    for kind in ("cmocka", "junit", "tap"):
        assert count(tmp_path, kind, "")[0] == 1
        assert count(tmp_path, kind, "garbage {")[0] == 1
