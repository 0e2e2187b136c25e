#!/usr/bin/env python3
"""count_tests.py FORMAT FILE - "PASSED FAILED SKIPPED" from a test runner's report.

FORMAT is cmocka (meson's testlog .json, whose programs print cmocka's lines), junit (pytest's
XML) or tap (node's).  Each test inside a program counts; a program that crashed, timed out or
ran no test at all counts as one failure.  The names of what failed, and the last lines of
a program that failed, go to stderr.  Exit 1 when FILE is not a report.
"""

import json
import re
import sys
import xml.etree.ElementTree as xml

CMOCKA_LINE = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (?!tests: |\d+ test\(s\))(.+)$", re.M)


def count_program(entry):
    """One program of meson's log: (passed, failed, skipped, names of what failed)."""
    output = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    # cmocka repeats the names of what failed and was skipped at the end: hence sets.
    names = {"OK": [], "FAILED": [], "SKIPPED": []}
    for what, name in CMOCKA_LINE.findall(output):
        if what == "OK" or name not in names[what]:
            names[what].append(name)
    failed = list(names["FAILED"])
    result = entry.get("result", "")
    if result not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed:
        failed = [f"({result.lower()}, exit {entry.get('returncode')})"]
    if not any(names.values()) and not failed and result != "SKIP":
        failed = ["(ran no test)"]
    skipped = len(names["SKIPPED"]) + (result == "SKIP" and not any(names.values()))
    return len(names["OK"]), failed, skipped, output


def count_cmocka(path):
    passed = failed = skipped = programs = 0
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            entry = json.loads(line)
            programs += 1
            ok, bad, left, output = count_program(entry)
            passed, failed, skipped = passed + ok, failed + len(bad), skipped + left
            for name in bad:
                print(f"FAILED {entry['name']}: {name}", file=sys.stderr)
            if bad:
                print("\n".join(output.rstrip().split("\n")[-25:]), file=sys.stderr)
    if programs == 0:
        raise ValueError("no program was run")
    return passed, failed, skipped


def count_junit(path):
    passed = failed = skipped = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
            print(f"FAILED {case.get('classname')}.{case.get('name')}", file=sys.stderr)
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_tap(path):
    """The leaves of node's nested report: a suite's own line ends a deeper block and is none."""
    passed = failed = skipped = seen = 0
    deeper = 0  # the indent of the last result
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            match = re.match(r"(\s*)(not )?ok \d+(?: - (.*))?$", line.rstrip())
            if not match:
                continue
            seen += 1
            indent = len(match.group(1))
            is_suite, deeper = indent < deeper, indent
            if is_suite:
                continue
            name = match.group(3) or ""
            if re.search(r"# (SKIP|TO" r"DO)\b", name):
                skipped += 1
            elif match.group(2):
                failed += 1
                print(f"FAILED {name}", file=sys.stderr)
            else:
                passed += 1
    if seen == 0:
        raise ValueError("no result in it")
    return passed, failed, skipped


FORMATS = {"cmocka": count_cmocka, "junit": count_junit, "tap": count_tap}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in FORMATS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(*FORMATS[arguments[0]](arguments[1]))
    except (OSError, ValueError, xml.ParseError) as error:
        print(f"count_tests: {arguments[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
