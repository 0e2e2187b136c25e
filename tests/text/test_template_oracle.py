"""Our templates against Python's jinja2: what one renders the other renders, byte for byte;
what one refuses the other refuses."""

import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import conversations  # noqa: E402  (found through the line above)
import gguf_template  # noqa: E402
import oracle  # noqa: E402
import random_templates  # noqa: E402
import snippets  # noqa: E402


@pytest.fixture(scope="module")
def renderer():
    path = oracle.program()
    if not path:
        pytest.skip("build the target render_template, or set LONGHAUL_RENDER_TEMPLATE")
    r = oracle.Renderer(path)
    yield r
    r.close()


def expressions():
    return [line for line in snippets.EXPRESSIONS.split("\n") if line.strip()]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_prints_as_in_python(renderer, expression):
    template = expression if expression.lstrip().startswith("{{") else "{{ " + expression + " }}"
    assert not oracle.difference(renderer, template, snippets.VARIABLES)


@pytest.mark.parametrize("template", snippets.STATEMENTS)
def test_a_statement_does_as_in_python(renderer, template):
    assert not oracle.difference(renderer, template, snippets.VARIABLES)


def templates():
    """The published templates of LONGHAUL_REFERENCE_DIR and those of the models at hand."""
    found = {}
    reference = os.environ.get("LONGHAUL_REFERENCE_DIR")
    if reference:
        for path in sorted(pathlib.Path(reference, "templates").glob("*.jinja")):
            found[path.stem] = path.read_text()
    models = os.environ.get("LONGHAUL_MODELS_DIR", "~/.cache/longhaul/models")
    for path in sorted(pathlib.Path(models).expanduser().glob("*.gguf")):
        source = gguf_template.chat_template(path)
        if source:
            found[path.stem] = source
    return found


TEMPLATES = templates()


@pytest.mark.skipif(not TEMPLATES, reason="no LONGHAUL_REFERENCE_DIR and no models")
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_published_template_renders_as_in_python(renderer, name):
    wrong, rendered, refused = [], 0, 0
    for case, variables in conversations.variables():
        text, _ = oracle.render_python(TEMPLATES[name], variables)
        rendered, refused = rendered + (text is not None), refused + (text is None)
        found = oracle.difference(renderer, TEMPLATES[name], variables)
        if found:
            wrong.append(case + found[-600:])
    assert rendered > 0
    assert not wrong, f"{len(wrong)} of {rendered + refused} cases:\n" + "\n".join(wrong[:5])


@pytest.mark.parametrize("expression,what", snippets.APART)
def test_what_is_left_out_is_known(renderer, expression, what):
    """Fails once we learn it, so that the list stays true."""
    assert oracle.difference(renderer, "{{ " + expression + " }}", snippets.VARIABLES), what


# Where the two may differ: what Python prints with an address or as a complex number; what jinja2
# computes before it runs; and generators, which Python does not look into until they are read.
APART = re.compile(r" at 0x|generator|[0-9]j\)|<function|<bound", re.IGNORECASE)
EAGER = re.compile(r"iterated over|be sliced|needs a dict|64 bits")


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(4))
def test_random_templates_render_as_in_python(renderer, seed):
    wrong, rendered = [], 0
    templates = random_templates.expressions(seed, 1500) + random_templates.statements(seed, 400)
    for template in templates:
        text, _ = oracle.render_python(template, snippets.VARIABLES)
        ours, error = renderer.render(template, snippets.VARIABLES)
        rendered += text is not None
        if text != ours and not APART.search(text or "") and not EAGER.search(error or ""):
            wrong.append(oracle.difference(renderer, template, snippets.VARIABLES))
    assert rendered > 300
    assert not wrong, f"{len(wrong)} of {len(templates)}:\n" + "\n".join(wrong[:5])
