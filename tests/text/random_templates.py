"""Templates from a grammar and a seed: what nobody thought of writing down."""

import random

ATOMS = """
s e u n z neg f t no nil l el words d ed rows text quote mixed nested pairs messages missing
1 0 -1 2 3 10 2.5 0.1 1e3 true false none '' 'a' 'Hello' 'o' ', ' 'é' [] {} () [1,2] (1,'a')
{'a':1} {1:'x'} range(4) 'a,b,,c' '%s-%s' '{}/{}' 'role' 'name' 'user'
""".split()
# Not **: jinja2 makes -1 ** x mean -(1 ** x) or (-1) ** x, depending on whether it knows x.
BINARY = "+ - * / // % ~ == != < <= > >= in and or".split() + ["not in"]
UNARY = ["not ", "-", "+"]
# Generators are made lists at once: Python prints them with an address, and reads them late.
FILTERS = """
upper lower title capitalize trim length count first last list sort reverse|list sum min max
unique|list join default string int float abs round items|list dictsort tojson wordcount urlencode
join(',') join('-',attribute='name') sort(reverse=true) sort(attribute='age') default('q',true)
default('q') replace('o','0') replace('','.') replace('a','b',1) map('upper')|list
map('string')|list map(attribute='name')|list map(attribute='age',default=0)|list select|list
select('string')|list reject('none')|list selectattr('age')|list
selectattr('role','equalto','user')|list rejectattr('name','defined')|list batch(2)|list
batch(2,'x')|list slice(2)|list slice(3,'y')|list groupby('age') round(1) round(-1) int(5)
int(0,16) tojson(indent=1) tojson(sort_keys=true) indent(2) indent(2,true) center(9)
truncate(4,true) format(1,2) format('a') trim('H') unique(attribute='age')|list
sum(attribute='age') first|string last|string max(attribute='age') min(case_sensitive=true)
attr('upper') d(1)
""".split()
TESTS = """
defined undefined none string mapping iterable sequence number integer float boolean true false
odd even callable lower upper divisibleby(2) eq(1) ne('a') gt(1) lt('b') in([1,2]) sameas(none)
""".split()
ACCESS = """
[0] [-1] [1:] [:2] [::-1] ['a'] ['name'] .a .name .items() .keys()|list .get('a') .get('q',1)
.role .content [1:3] [5] .upper() .lower() .strip() .split() .split(',') .title() .x.y ['x']
.startswith('H') .endswith('d') .replace('l','L') .find('o') .count('o') .join(['x','y'])
.format(1,2) .splitlines() .capitalize() .isdigit() .index(1) .0 [none] [2.5] [:none:2] [True]
""".split()


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def pick(self, options):
        return self.random.choice(options)

    def expression(self, depth):
        if depth <= 0:
            return self.pick(ATOMS)
        r = self.random.random()
        inner = self.expression(depth - 1)
        if r < 0.20:
            return f"({inner} {self.pick(BINARY)} {self.expression(depth - 1)})"
        if r < 0.30:
            return f"{inner} {self.pick(BINARY)} {self.expression(depth - 1)}"
        if r < 0.55:
            return f"({inner})|{self.pick(FILTERS)}"
        if r < 0.63:
            return f"({inner}) is {self.pick(['', 'not '])}{self.pick(TESTS)}"
        if r < 0.80:
            return f"({inner}){self.pick(ACCESS)}"
        if r < 0.85:
            return f"({inner} if {self.expression(depth - 1)} else {self.expression(depth - 1)})"
        if r < 0.88:
            return f"({inner} if {self.expression(depth - 1)})"
        if r < 0.92:
            return f"[{inner}, {self.expression(depth - 1)}]"
        if r < 0.95:
            return "{" + f"'k': {inner}, 1: {self.expression(depth - 1)}" + "}"
        return self.pick(UNARY) + f"({inner})"

    def space(self):
        return self.pick(["", "", "\n", "  ", "\n  ", " x ", "y\n"])

    def tag(self, text):
        return (
            self.space()
            + "{%"
            + self.pick(["", "-", "", "+"])
            + " "
            + text
            + " "
            + self.pick(["", "-", ""])
            + "%}"
            + self.space()
        )

    def statement(self, depth):
        r = self.random.random()
        if depth <= 0 or r < 0.35:
            return (
                "{{"
                + self.pick(["", "-"])
                + " "
                + self.expression(2)
                + " "
                + self.pick(["", "-"])
                + "}}"
                + self.space()
            )
        body = self.statements(depth - 1)
        e = self.expression(1)
        if r < 0.50:
            other = (
                self.tag("else") + self.statements(depth - 1) if self.random.random() < 0.5 else ""
            )
            return self.tag(f"if {e}") + body + other + self.tag("endif")
        if r < 0.70:
            test = (
                f" if {self.pick(['x', 'x is string', 'not loop', 'x != 1'])}"
                if self.random.random() < 0.3
                else ""
            )
            inside = "{{ x }}{{ loop.index }}{{ ',' if not loop.last }}"
            if self.random.random() < 0.3:
                inside += (
                    self.tag("if loop.index0 == 1")
                    + self.tag(self.pick(["break", "continue"]))
                    + self.tag("endif")
                )
            other = self.tag("else") + "none" if self.random.random() < 0.3 else ""
            return self.tag(f"for x in {e}{test}") + inside + body + other + self.tag("endfor")
        if r < 0.82:
            return self.tag(f"set {self.pick(['x', 'y', 'n', 's'])} = {e}")
        if r < 0.88:
            return self.tag(f"set {self.pick(['x', 'y'])}") + body + self.tag("endset")
        if r < 0.94:
            self.names += 1
            name = f"m{self.names}"
            return (
                self.tag(f"macro {name}(a, b=2)")
                + "{{ a }}{{ b }}"
                + body
                + self.tag("endmacro")
                + "{{ "
                + f"{name}({e})"
                + " }}"
            )
        return (
            self.tag(f"filter {self.pick(['upper', 'trim', 'replace(1,2)'])}")
            + body
            + self.tag("endfilter")
        )

    def statements(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randint(1, 2)))


def expressions(seed, count):
    g = Generator(seed)
    return ["{{ " + g.expression(g.random.randint(1, 3)) + " }}" for _ in range(count)]


def statements(seed, count):
    g = Generator(seed)
    return [g.statements(3) for _ in range(count)]
