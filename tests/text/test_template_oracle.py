"""Our templates against Python's jinja2: what one renders the other renders, byte for byte, and what
one refuses the other refuses."""

import oracle
import pytest
import snippets


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
