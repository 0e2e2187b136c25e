#!/usr/bin/env python3
"""Writes tests/golden/template.jsonl: what Python's jinja2 makes of the snippets, for the C tests
that run without Python.  The first line has the variables; then a template and its text a line, the
text null where jinja2 refuses it."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import oracle  # noqa: E402  (found through the line above)
import snippets  # noqa: E402


def main():
    target = pathlib.Path(__file__).parent.parent / "golden" / "template.jsonl"
    templates = [
        line if line.lstrip().startswith("{{") else "{{ " + line + " }}"
        for line in snippets.EXPRESSIONS.split("\n")
        if line.strip()
    ]
    with open(target, "w") as f:
        f.write(json.dumps({"now": oracle.NOW, "variables": snippets.VARIABLES}) + "\n")
        for template in templates + snippets.STATEMENTS:
            text, _ = oracle.render_python(template, snippets.VARIABLES)
            f.write(json.dumps({"template": template, "text": text}) + "\n")


main()
