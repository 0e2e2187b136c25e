"""The two sides of the template tests: Python's jinja2, set up as transformers does, and ours."""

import datetime
import functools
import json
import os
import pathlib
import subprocess

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = 1771934400  # 2026-02-24 12:00:00 UTC


class Generation(jinja2.ext.Extension):
    """{% generation %} marks the assistant's part; for the text it just renders what is inside."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(pattern):
    return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(pattern)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


ENVIRONMENT = environment()


@functools.lru_cache(maxsize=64)
def compiled(template):
    return ENVIRONMENT.from_string(template)


def render_python(template, variables):
    """(text, None) or (None, message)."""
    try:
        text = compiled(template).render(**variables)
        text.encode("utf-8")
        return text, None
    except Exception as e:  # whatever jinja2 and Python raise counts as a refusal
        return None, f"{type(e).__name__}: {e}"


def program():
    """tests/render_template.c, the sanitized build first; LONGHAUL_RENDER_TEMPLATE names one."""
    root = pathlib.Path(__file__).parent.parent.parent
    named = os.environ.get("LONGHAUL_RENDER_TEMPLATE")
    builds = [root / b / "tests" / "render_template" for b in ("build-sanitize", "build")]
    for path in [pathlib.Path(named)] if named else builds:
        if path.is_file():
            return path
    return None


class Renderer:
    """Our side, as a process that answers line by line."""

    def __init__(self, path):
        self.process = subprocess.Popen([str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, template, variables, trusted=()):
        request = {
            "template": template,
            "globals": variables,
            "trusted": list(trusted),
            "now": NOW,
        }
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the renderer died of {template!r}"
        return json.loads(line)

    def render(self, template, variables):
        answer = self.ask(template, variables)
        return answer.get("text"), answer.get("error")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def difference(renderer, template, variables):
    """None where both sides agree, else what each of them says."""
    python, refusal = render_python(template, variables)
    ours, error = renderer.render(template, variables)
    if python == ours:
        return None
    return (
        f"\ntemplate: {template[:500]!r}\njinja2:   {python if python is not None else refusal!r}"
        f"\nours:     {ours if ours is not None else error!r}"
    )
