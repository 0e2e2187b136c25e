"""Small templates for every corner of the language, to be rendered by both sides.

A line is a template; what both sides must refuse is here as well as what both must render."""

VARIABLES = {
    "s": "Hello, World", "e": "", "u": "żółw Ärger 日本語 😀 ß", "n": 7, "z": 0, "neg": -3, "f": 2.5,
    "t": True, "no": False, "nil": None, "l": [3, 1, 2], "el": [], "words": ["b", "A", "c", "a"],
    "d": {"a": 1, "b": [1, 2], "c": {"x": "y"}, "items": "shadow", "Z": None}, "ed": {},
    "rows": [{"name": "bob", "age": 30, "tag": "x"}, {"name": "Al", "age": 25, "tag": "y"},
             {"name": "cy", "age": 30, "tag": "x", "extra": {"deep": [1, {"k": "v"}]}}],
    "text": "line one\nline two\n\n  indented\n", "html": "<a href=\"x\">'&'</a>",
    "quote": "it's", "dq": 'say "hi"', "both": "'\"", "esc": "tab\tnl\nback\\slash\x01\x7f",
    "big": 9007199254740993, "pi": 3.14159, "tiny": 1e-7, "huge": 1e20, "mixed": [1, "a", None, True, 2.0],
    "nested": [[1, [2, [3]]], {"k": [{"q": 1}]}], "pairs": [["a", 1], ["b", 2]],
    "messages": [{"role": "system", "content": "sys"}, {"role": "user", "content": " hi "},
                 {"role": "assistant", "content": None}, {"role": "user", "content": "bye"}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
}

EXPRESSIONS = r"""
1
-1
1 + 2 * 3
(1 + 2) * 3
2 ** 3 ** 2
-2 ** 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7 / 2
6 / 2
7.5 // 2
-7.5 % 2
1 / 0
1 // 0
1 % 0
1.0 / 0
0 ** -1
2 ** -1
2 ** 0.5
2 ** 62
1_000
0x1F + 0o17 + 0b101
1e3
1.5e-3
1E5
12.0
0.1 + 0.2
1e16
123456789012345678.0
1e-5
0.0001
-0.0
1.0e300 * 10
huge * huge
1 ~ 2 ~ "a"
"a" ~ none ~ true ~ 1.0
"a" "b" 'c'
"a" + "b"
"a" + 1
1 + "a"
"ab" * 3
3 * "ab"
"ab" * -1
[1] * 2
[1] + [2]
(1,) + (2, 3)
[1] + (2,)
[1] + 1
"a" - "b"
none + 1
true + true
true * 3
not true
not not 1
not ""
-"a"
+"a"
-true
+n
--n
- -n
n is even
n is odd
z is even
neg is odd
f is odd
"a" is odd
n is divisibleby 7
n is divisibleby(3)
n is divisibleby z
n is number
f is number
t is number
s is number
n is integer
t is integer
f is float
n is float
s is string
l is string
d is mapping
l is mapping
l is iterable
s is iterable
n is iterable
missing is iterable
d is iterable
l is sequence
s is sequence
d is sequence
n is sequence
missing is sequence
d.items() is sequence
(1, 2) is sequence
missing is defined
missing is undefined
missing is not defined
d.a is defined
d.q is defined
d.q.r is defined
missing.x is defined
nil is none
nil is not none
nil is defined
t is true
t is false
no is false
1 is true
z is false
t is boolean
1 is boolean
s is lower
"abc" is lower
"ABC" is upper
"123" is upper
missing is callable
range is callable
s.upper is callable
n is callable
n is sameas 7
nil is sameas none
t is sameas true
1 is sameas true
n is eq 7
n is equalto(7)
n is ne 7
n is gt 5
n is ge 7
n is lt 5
n is le 5
n is greaterthan 5
n is lessthan 5
3 is in l
3 is in [1, 2]
"a" is in "abc"
"x" is not in "abc"
3 is not in l
1 in l
9 in l
9 not in l
"Wor" in s
"" in s
1 in s
"a" in d
"q" in d
"q" not in d
[1] in d
1 in n
1 in nil
1 in missing
missing in l
missing in s
"a" in ("a", "b")
2 in range(5)
not 1 in l
1 == 1.0
1 == true
"1" == 1
none == none
none == false
missing == missing
missing == none
[1, 2] == [1, 2]
[1, 2] == (1, 2)
(1, 2) == (1, 2)
{"a": 1} == {"a": 1.0}
{"a": 1} != {"a": 2}
1 != 1
1 < 2 < 3
1 < 3 < 2
3 > 2 > 1
1 < 2 > 1
1 <= 1.0
"a" < "b"
"a" < "B"
"a" < 1
none < 1
[1, 2] < [1, 3]
[1, 2] < [1, 2, 3]
[1, "a"] < [1, 2]
(1, 2) >= (1, 2)
l < missing
missing < 1
true < 2
big == 9007199254740992.0
big > 9007199254740992.0
1 and 0
1 and 2
0 or "x"
"" or none
none and missing.x
1 or missing.x
missing or "default"
missing and 1
1 if true
1 if false
1 if false else 2
1 if z else 2 if n else 3
(1 if false) is defined
(1 if false).x
"yes" if s else "no"
"%s and %s" % (1, "b")
"%s" % 1
"%d" % 3.7
"%d" % "x"
"%5d|%-5d|%05d|%+d|% d" % (1, 2, 3, 4, 5)
"%x %X %o %#x" % (255, 255, 8, 255)
"%x" % -255
"%e %E %g %G" % (1.5, 1.5, 1.5, 1e10)
"%.2f" % 3.14159
"%8.3f|" % pi
"%-8.3f|" % pi
"%08.3f|" % -3.14159
"%5s|%-5s|" % ("a", "b")
"%.2s" % "abcdef"
"%r" % "a'b"
"%c%c" % ("x", 65)
"%%"
"%% %s" % 1
"%s %s" % 1
"%s" % (1, 2)
"%(a)s %(b)s" % d
"%(q)s" % d
"abc" % ()
"abc" % 1
"abc" % []
"abc" % d
"%s" % l
"%s" % (l,)
"%s" % missing
"%q" % 1
"%"
"%5"
"%*d" % (5, 3)
"%.*f" % (2, 3.14159)
"%i" % 3
"%u" % 3
"%ld" % 3
"%s" % none
"%5.1f%%" % 45.678
n.missing
n.missing.x
missing.x
missing["x"]
missing()
missing + 1
missing ~ "x"
nil.x
nil.x.y
nil["x"]
s.x
s.x.y
l[0]
l[-1]
l[3]
l[-4]
l["0"]
l[1.0]
l[true]
l.0
l.1
rows.0.name
rows[0].name
rows[0]["name"]
rows[2].extra.deep[1].k
rows[1].extra
rows[1].extra.deep
d.a
d["a"]
d["items"]
d.Z
d["q"]
d.q
d[1]
d[[1]]
d[(1, 2)]
s[0]
s[-1]
s[100]
u[0]
u[1]
u[-1]
u[11]
u|length
u[::-1]
u[1:4]
u[-5:]
s[1:5]
s[:5]
s[5:]
s[::2]
s[::-1]
s[10:2:-2]
s[-3:]
s[:-3]
s[100:]
s[3:1]
s[::0]
s[1.5:]
s["a":]
s[missing:]
l[1:]
l[::-1]
l[:2]
l[-2:]
l[none:none]
(1, 2, 3)[1:]
range(10)[2:5]
range(10)[::3]|list
range(10)[-1]
range(3)[5]
n[0]
n[1:]
d[1:]
nil[1:]
missing[1:]
{"a": 1}["a"]
{"a": 1}.a
{1: "one"}[1]
{1: "one"}[true]
{1: "one"}[1.0]
{none: 1}[none]
{(1, 2): 3}[(1, 2)]
{[1]: 2}
{"a": 1, "a": 2}
{"a": {}}
{}
[]
()
(1,)
(1, 2)
[1, 2,]
{"a": 1,}
(1)
("a", 'b', "it's", 'q"q', "both'\"")
l
d
mixed
nested
rows
u
[u]
[esc]
[quote, dq, both]
{"k": none, "t": true, "f": 1.0}
[1.0, 1e16, 1e-5, 123456.789]
[missing]
[[], {}, ()]
range(5)
range(1, 5)
range(1, 10, 3)
range(5, 0, -2)|list
range(0)|list
range(5)|list
range(5)|length
range(5)|last
range(2, 5)|first
range(1000000)
range(1, 2, 0)
range("a")
range()
range(3) == range(3)
d.keys()
d.values()
d.items()
d.keys()|list
d.values()|list
{"x": 1}.items()|list
{"x": 1}.items()|first
d.keys()|length
"a" in d.keys()
1 in d.values()
("a", 1) in d.items()
d.get("a")
d.get("q")
d.get("q", 5)
d.get("q", default=5)
d.get()
d.get([1])
d.pop("a")
d.update({"x": 1})
l.append(1)
l.pop()
l.append
l.count(1)
l.index(2)
l.index(9)
l.copy()
d.copy() == d
(1, 2, 1).count(1)
(1, 2, 1).index(2)
d.clear()
ed|length
s.upper()
s.lower()
s.title()
s.capitalize()
s.swapcase()
"hello wORLD-foo it's".title()
"ÀÉ ß ǆ".upper()
"ÀÉ ẞ İ".lower()
"ß".upper()
"ßa".capitalize()
"ŉx".title()
u.upper()
u.lower()
u.title()
s.strip("Hd")
"  x  ".strip() ~ "|"
"  x  ".lstrip() ~ "|"
"  x  ".rstrip() ~ "|"
"xxaxx".strip("x")
"xyaxy".lstrip("yx")
"\u00a0 x\u2003".strip() ~ "|"
"a".strip(none)
"a".strip(1)
"żażż".strip("ż")
s.split()
s.split(", ")
s.split("o")
s.split("o", 1)
s.split("")
" a  b c ".split()
" a  b c ".split(none, 1)
" a  b c ".split(" ")
"a,b,,c".split(",")
"a,b,,c".split(",", 2)
"a,b,,c".split(sep=",", maxsplit=1)
"a,b,c".rsplit(",", 1)
"a,b,c".rsplit(",")
" a b  c ".rsplit(none, 1)
" a b  c ".rsplit()
"".split()
"".split(",")
text.splitlines()
text.splitlines(true)
"a\r\nb\rc\x0bd\u2028e".splitlines()
"a".splitlines()
"".splitlines()
s.startswith("Hello")
s.startswith("hello")
s.startswith(("x", "Hell"))
s.startswith(["x"])
s.startswith("World", 7)
s.startswith("", 100)
s.endswith("World")
s.endswith("Hello", 0, 5)
s.endswith(1)
s.startswith(missing)
s.replace("o", "0")
s.replace("o", "0", 1)
s.replace("", "-")
s.replace("", "-", 2)
s.replace("zz", "-")
"aaa".replace("aa", "b")
s.replace(1, 2)
s.find("o")
s.find("o", 5)
s.find("zz")
s.rfind("o")
s.rfind("")
s.find("", 3)
s.find("", 100)
s.index("W")
s.index("zz")
s.rindex("o")
u.find("日")
u.index("😀")
u.rfind("ß")
s.count("o")
s.count("")
s.count("l", 3)
s.count("l", 3, 5)
s.count("l", -3)
"aaaa".count("aa")
"-".join(["a", "b"])
"-".join("abc")
"-".join([1])
"-".join(l)
"-".join([])
"".join(("x", "y"))
", ".join(d)
"a-b-c".partition("-")
"a-b-c".rpartition("-")
"abc".partition("-")
"abc".rpartition("-")
"abc".partition("")
"prefix-x".removeprefix("prefix-")
"x.txt".removesuffix(".txt")
"x".removeprefix("y")
"a".ljust(5) ~ "|"
"a".rjust(5) ~ "|"
"a".center(6, "*")
"ab".center(5, "*")
"ab".center(7, "*")
"a".ljust(5, "ab")
"42".zfill(5)
"-42".zfill(5)
"+".zfill(3)
"abc".isalpha()
"abc1".isalpha()
"abc1".isalnum()
"123".isdigit()
"1²".isdigit()
"1²".isdecimal()
"½".isnumeric()
"".isdigit()
" \t".isspace()
"é日".isalpha()
"abc".islower()
"Abc".islower()
"ABC".isupper()
"Hello World".istitle()
"Hello world".istitle()
"abc".isascii()
u.isascii()
"a_1".isidentifier()
"1a".isidentifier()
"{} and {}".format(1, "b")
"{0} {1} {0}".format("a", "b")
"{a} {b}".format(a=1, b=2)
"{0.a} {0[b]}".format(d)
"{:>5}|{:<5}|{:^5}|".format("a", "b", "c")
"{:*^7}".format("x")
"{:05d}".format(42)
"{:+d} {: d}".format(1, 2)
"{:x} {:#x} {:b} {:o} {:X}".format(255, 255, 5, 8, 255)
"{:,}".format(1234567)
"{:_}".format(1234567)
"{:.2f}".format(pi)
"{:10.3f}|".format(pi)
"{:e}".format(12345.678)
"{:g} {:g}".format(1e10, 0.1)
"{:%}".format(0.25)
"{:.1%}".format(0.255)
"{:.3}".format("abcdef")
"{:.3}".format(pi)
"{!r} {!s}".format("a", "b")
"{{}}".format()
"{{{}}}".format(1)
"{".format()
"}".format()
"{} {}".format(1)
"{0} {}".format(1, 2)
"{q}".format(a=1)
"{:d}".format("x")
"{:s}".format(1)
"{:5}".format(none)
"{}".format(none)
"{}".format(l)
"{:5}|".format(1)
"{:<5}|".format(1)
"{:^5}|".format(1)
"{:{}}|".format("x", 5)
"{:>{w}}|".format("x", w=4)
"{:.2f}".format(1)
"{}".format(true)
"{:d}".format(true)
"{:.0f}".format(2.5)
"{:,.2f}".format(1234567.891)
s|upper
s|lower
s|title
s|capitalize
"hello wORLD-foo (bar) it's".title()|title
"foo-bar [baz] <q> {x} it's"|title
n|upper
missing|upper
nil|upper
"  x "|trim ~ "|"
"xxaxx"|trim("x")
n|trim
nil|trim
missing|trim
s|length
l|length
d|length
n|length
nil|length
missing|length
missing|count
s|first
s|last
l|first
l|last
el|first
el|last
el|first is defined
missing|first
d|first
d|last
n|first
e|first
u|first
u|last
l|list
s|list
d|list
u|list
n|list
missing|list
nil|list
l|sort
l|sort(reverse=true)
l|sort(true)
words|sort
words|sort(case_sensitive=true)
rows|sort(attribute="age")|map(attribute="name")|list
rows|sort(attribute="age,name")|map(attribute="name")|list
rows|sort(attribute="name")|map(attribute="name")|list
mixed|sort
s|sort
d|sort
missing|sort
l|reverse|list
s|reverse
u|reverse
d|reverse|list
(1, 2)|reverse|list
n|reverse
missing|reverse|list
l|sum
el|sum
rows|sum(attribute="age")
l|sum(start=10)
words|sum
[[1], [2]]|sum(start=[])
words|sum(start="")
[1.5, 2]|sum
l|min
l|max
words|min
words|max
words|max(case_sensitive=true)
el|max
rows|max(attribute="age")
rows|min(attribute="name")
mixed|max
["a", "A", "b", "B", "a"]|unique|list
["a", "A"]|unique(case_sensitive=true)|list
rows|unique(attribute="age")|map(attribute="name")|list
[[1], [1]]|unique|list
[1, 1.0, true, "1"]|unique|list
words|join
words|join(", ")
l|join("-")
rows|join(", ", attribute="name")
rows|join(", ", "name")
mixed|join("/")
s|join("-")
d|join(",")
missing|join(",")
nil|join
n|join
l|join(1)
missing|default("x")
missing|default
missing|d("x")
nil|default("x")
nil|default("x", true)
e|default("x", true)
e|d("x", boolean=true)
z|default(5, true)
missing.x|default("x")
d.q|default("x")
(1 if false)|default("x")
s|replace("o", "0")
s|replace("o", "0", 1)
s|replace("l", "", 2)
n|replace(7, 8)
s|replace("H")
text|indent
text|indent(2)
text|indent(2, true)
text|indent(2, first=true, blank=true)
text|indent(width="> ")
"a\nb"|indent(0)
n|indent
s|center(20) ~ "|"
"a"|center(4) ~ "|"
"foo bar baz qux"|truncate(9)
"foo bar baz qux"|truncate(9, true)
"foo bar baz qux"|truncate(9, true, "")
"foo bar baz qux"|truncate(11)
"foo bar baz qux"|truncate(5, leeway=0)
"foo"|truncate(2)
s|wordcount
u|wordcount
"a_b c-d"|wordcount
html|e
html|escape
html|safe
html|forceescape
n|e
html|urlencode
"a b/c?d=é&x"|urlencode
{"a b": "c/d", "e": 1}|urlencode
[("a", "b c")]|urlencode
"%s-%s"|format(1, 2)
"%(a)s"|format(a=1)
"%s"|format(1, a=2)
"%s"|format
n|string
nil|string
t|string
missing|string
l|string
"42"|int
" 42 "|int
"42.7"|int
"abc"|int
"abc"|int(5)
"abc"|int(default=none)
"0x1F"|int(base=16)
"1F"|int(0, 16)
"0b11"|int(0, 2)
"0x1F"|int(0, 0)
"1_000"|int
"1__0"|int
""|int
42.9|int
-42.9|int
true|int
nil|int
l|int
missing|int
"inf"|int
"1e3"|int
"+5"|int
"-5"|int
"--5"|int
"3.5"|float
" 3.5 "|float
"abc"|float
"abc"|float(1.5)
"1e400"|float
"-inf"|float
"nan"|float
"0x10"|float
nil|float
missing|float
3|float
"1_0.5"|float
-3|abs
-3.5|abs
true|abs
"a"|abs
missing|abs
2.5|round
3.5|round
2.675|round(2)
2.5|round|int
42.55|round(1, "floor")
42.55|round(1, "ceil")
42|round
1234|round(-2)
1250|round(-2)
1350|round(-2)
1234.5|round(-2)
3.7|round(0, "x")
"a"|round
true|round
2.5|round(method="ceil")
-2.5|round
l|batch(2)|list
l|batch(2, 0)|list
l|batch(2, "x")|map("join", "-")|list
range(7)|batch(3)|list
range(7)|slice(3)|list
range(7)|slice(3, "x")|list
range(7)|slice(0)|list
l|slice(5)|list
d|dictsort
d|dictsort(true)
d|dictsort(by="value")
d|dictsort(by="x")
{"b": 1, "A": 2, "c": 0}|dictsort
{"b": 1, "A": 2, "c": 0}|dictsort(case_sensitive=true)
{"b": 1, "A": 2, "c": 0}|dictsort(false, "value")
{"b": 1, "A": 2, "c": 0}|dictsort(reverse=true)
d|items|list
ed|items|list
l|items|list
missing|items|list
rows|groupby("age")
rows|groupby("age")|length
rows|groupby("tag")|map(attribute="grouper")|list
rows|groupby("tag")|map(attribute="list")|map("length")|list
rows|groupby("missing", default="none")|map("first")|list
rows|groupby("extra.deep", default=[])|length
rows|map(attribute="name")|list
rows|map(attribute="name")|join(",")
rows|map(attribute="missing")|list
rows|map(attribute="missing", default="-")|list
rows|map(attribute="extra.deep")|list
rows|map(attribute="extra.deep", default="-")|list
rows|map(attribute=0)|list
pairs|map(attribute=1)|list
pairs|map(attribute="1")|list
words|map("upper")|list
words|map("replace", "a", "b")|list
words|map("nosuch")|list
words|map|list
words|map()|list
nil|map("upper")|list
missing|map("upper")|list
words|map("upper")|length
words|map("upper")|first
words|map("upper") is sequence
words|map("upper") is iterable
(words|map("upper"))[0]
words|map("upper")|last
words|map("upper")|reverse|list
l|select("odd")|list
l|select|list
mixed|select|list
mixed|reject|list
l|reject("odd")|list
l|select("gt", 1)|list
l|select(">", 1)|list
l|select("in", [1, 2])|list
l|select("divisibleby", 2)|list
l|select("nosuch")|list
l|select(1)|list
rows|selectattr("extra")|map(attribute="name")|list
rows|selectattr("extra", "defined")|map(attribute="name")|list
rows|selectattr("extra", "undefined")|map(attribute="name")|list
rows|rejectattr("extra", "defined")|map(attribute="name")|list
rows|rejectattr("extra")|map(attribute="name")|list
rows|selectattr("age", "equalto", 30)|map(attribute="name")|list
rows|selectattr("age", "==", 30)|map(attribute="name")|join("+")
rows|selectattr("age", "lt", 30)|list|length
rows|selectattr("name", "in", ["bob"])|list|length
rows|selectattr("extra.deep")|list|length
rows|selectattr|list
messages|selectattr("role", "equalto", "user")|list|length
(messages|selectattr("role", "equalto", "user")|list)[-1].content
messages|selectattr("role", "equalto", "user")|length
messages|rejectattr("content", "none")|map(attribute="content")|map("trim")|join("|")
l|attr("index") is callable
d|attr("a") is defined
d|attr("keys") is callable
s|tojson
u|tojson
esc|tojson
n|tojson
f|tojson
nil|tojson
t|tojson
l|tojson
d|tojson
ed|tojson
el|tojson
nested|tojson
rows|tojson(indent=2)
rows|tojson(indent=4)
[]|tojson(indent=2)
{}|tojson(indent=2)
[[]]|tojson(indent=2)
{"a": []}|tojson(indent=0)
d|tojson(indent="--")
d|tojson(indent=true)
d|tojson(separators=(",", ":"))
d|tojson(separators=[",", ": "], indent=1)
d|tojson(sort_keys=true)
{"b": 1, "a": 2}|tojson(sort_keys=true)
{"b": 1, 2: 2}|tojson(sort_keys=true)
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
{(1, 2): 3}|tojson
u|tojson(ensure_ascii=true)
u|tojson(true)
u|tojson(ensure_ascii=false)
(1, 2)|tojson
range(3)|tojson
missing|tojson
d.items()|tojson
words|map("upper")|tojson
1e16|tojson
1.0|tojson
huge|tojson
tiny|tojson
html|tojson
namespace(a=1)|tojson
s|tojson|length
l|nosuch
n is nosuch
s|upper|lower|title
s | upper
-n|abs
(-n)|abs
n|abs + 1
"a" + "b"|upper
"a" ~ "b"|upper
not s|length
l|length > 2
l|length is gt 2
l|first + 1
1 + l|first
s.upper()|lower
s|upper()
(s|upper).lower()
s|default("x").lower()
[1, 2]|first|string ~ "x"
dict(a=1, b=2)
dict({"a": 1}, b=2)
dict([("a", 1)])
dict(1)
dict(pairs)
dict()
namespace(a=1).a
namespace(a=1).b
namespace({"a": 1}).a
namespace(a=1)
namespace(a=1)["a"]
cycler(1, 2).next()
cycler(1, 2).current
cycler()
raise_exception("stop")
strftime_now("%Y-%m-%d %H:%M")
strftime_now("%d %b %Y, %A %B %j")
strftime_now()
"\x41\u0042\n\t\\\'\"" ~ '\101\q'
"\u00e9\U0001F600"
"line\
cont"
'\0'|length
"{{ x }}"
"{% x %}"
true
True
false
False
none
None
TRUE
loop is defined
1 if 2 else
1 +
(1
[1
{"a" 1}
{"a": }
a b
1 2
"a
s.
s[
s[]
|upper
s|
s|upper(
f(x=1, 2)
f(x=1, x=2)
range(*[1, 5])|list
range(*l)
dict(**{"a": 1})
dict(**1)
dict(**{1: 2})
"{} {a}".format(*[1], **{"a": 2})
s.split(*[","])
s.upper(1)
s.upper(x=1)
s.replace("a")
s.replace("a", "b", 1, 2)
d.items(1)
range(3)()
"a"()
l()
(lambda)
s.__class__
s.__class__.__mro__
d.__class__ is defined
s["__class__"]
{}.__init__
a.b.c
[].x
1.5.x
n|d(1)|d(2)
rows|map(attribute="age")|sum / 3
"a,b;c"|replace(",", ";")|list|select("ne", ";")|join
(rows|groupby("age"))[0].grouper
(rows|groupby("age"))[1].list|map(attribute="name")|list
(rows|groupby("age"))[0][0]
rows[0] == {"name": "bob", "age": 30, "tag": "x"}
messages[1:]|length
messages[::-1]|map(attribute="role")|list
messages|map(attribute="role")|unique|list
messages[-1]["content"]
(messages|last).content
messages[0].content.split("")
not messages
messages|length - 1
(messages|length) % 2 == 0
messages[0]["role"] == "system" and messages|length > 1
messages|tojson
1 if messages[0].role == "system" else 0
9223372036854775807
9223372036854775807 - 1
-9223372036854775807 - 1
s is string and n is number
s is not string or n is not number
s is string is true
n is not none and n > 5
nil is none or nil.x
d is mapping and "a" in d
d.a is defined and d.a is not none
(d.q if d.q is defined else "none")
"yes" if "a" in d and d["a"] == 1 else "no"
l|length == 3 and l[0] == 3
[x, y]
[s, n]|join("-")
(1, "a", none)|join(",")
{"a": l}.a[0]
{"f": "x"}["f"] ~ "y"
"abc"[1]
"abc"[-1:]
[1, 2, 3][1:][0]
(1, 2)[0]
"a"|upper ~ "b"|upper
"x" in "xyz" and not "q" in "xyz"
2 * 3 ~ 4
2 ~ 3 * 4
1 + 2 ~ 3
1 - 2 - 3
2 * 3 % 4
10 / 4 * 2
- 2 + 3
-2|abs + 3
1 < 2 == true
1 == 1 == 1
1 in [1] == true
s == s == s
""|length
"\ud83d\ude00"
1.
.5
1..2
1e
0777
00
1__0
5 is 5
is
not
n is not
range.x
s.format_map({"a": 1})
"{a}".format_map({"a": 1})
s.expandtabs()
"a\tb".expandtabs(4)
"a".isprintable()
"ab" < "abc" <= "abd"
"😀" > "ｱ"
{{- n -}}
{{+ n }}
{{ n -}}   x
x   {{- n }}
"""

# What Python does and we do not; neither is known from any template.
APART = [
    ('"٣"|int', "digits of other scripts"),
    ('"\\N{BULLET}"', "characters by name"),
    ("s.casefold()", "case folding"),
    ("n.bit_length()", "methods of numbers"),
    ("lipsum is defined", "filler text"),
    ('"ΑΣ".lower()', "the final sigma"),
]

STATEMENTS = [
    "{% for x in l %}{{ x }}{% endfor %}",
    "{% for x in l %}{{ loop.index }}:{{ loop.index0 }}:{{ loop.revindex }}:{{ loop.revindex0 }}:"
    "{{ loop.first }}:{{ loop.last }}:{{ loop.length }}:{{ loop.depth }}:{{ loop.depth0 }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for x in l %}{{ loop.previtem.x }}{% endfor %}",
    "{% for x in l %}{{ loop.nosuch }}|{{ loop['index'] }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in el %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in l %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.last }}{{ loop.nextitem }}{{ loop.previtem }};{% endfor %}",
    "{% for x in l if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in l if loop.index %}{{ x }}{% endfor %}",
    "{% set ns = namespace(go=true) %}{% for x in [1,2,3,4] if ns.go %}{{ x }}{% if x == 2 %}{% set ns.go = false %}{% endif %}{% endfor %}",
    "{% set ns = namespace(go=true) %}{% for x in [1,2,3,4] if ns.go %}{{ x }}{{ loop.last }}{% if x == 2 %}{% set ns.go = false %}{% endif %}{% endfor %}",
    "{% set ns = namespace(go=true) %}{% for x in [1,2,3,4] if ns.go %}{{ x }}{{ loop.length }}{% if x == 2 %}{% set ns.go = false %}{% endif %}{% endfor %}",
    "{% for a, b in pairs %}{{ a }}={{ b }};{% endfor %}",
    "{% for (a, b) in pairs %}{{ a }}={{ b }};{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{{ loop.last }}{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for a, b in l %}{{ a }}{% endfor %}",
    "{% for a, b in [[1,2,3]] %}{{ a }}{% endfor %}",
    "{% for i, (a, b) in [[1, [2, 3]]] %}{{ i }}{{ a }}{{ b }}{% endfor %}",
    "{% for k in d %}{{ k }},{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}",
    "{% for c in u %}{{ c }}.{% endfor %}",
    "{% for x in missing %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in n %}{{ x }}{% endfor %}",
    "{% for x in nil %}{{ x }}{% endfor %}",
    "{% for x in range(3) %}{{ x }}{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in (1, 2) + (3,) %}{{ x }}{% endfor %}",
    "{% for x in l|sort %}{{ x }}{% endfor %}",
    "{% for x in l recursive %}{{ x }}{% endfor %}",
    "{% for n in tree recursive %}{{ n.v }}{% if n.c %}({{ loop(n.c) }}){% endif %}{{ loop.depth }}{% endfor %}",
    "{% for n in tree %}{{ loop(n.c) }}{% endfor %}",
    "{% for n in tree recursive %}[{{ n.v }}{{ loop.index }}{{ loop(n.c) if n.c else '' }}]{% else %}none{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index }},{% endfor %}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% continue %}{% else %}else{% endfor %}",
    "{% for x in l %}{% break %}{% else %}else{% endfor %}",
    "{% for x in l %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% else %}else{% endfor %}",
    "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }},{% endfor %}{% endfor %}",
    "{% for x in l %}{% filter upper %}a{% if x == 1 %}{% break %}{% endif %}{% endfilter %}{% endfor %}",
    "{% break %}", "{% continue %}", "{% if t %}{% break %}{% endif %}",
    "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{{ m() }}{% endfor %}",
    "{% for x in l %}{% set y = x %}{% endfor %}{{ y }}",
    "{% set y = 0 %}{% for x in l %}{% set y = y + x %}{{ y }}{% endfor %}{{ y }}",
    "{% set y = 0 %}{% for x in l %}{{ y }}{% set y = x %}{{ y }}{% endfor %}{{ y }}",
    "{% for x in l %}{% if loop.first %}{% set y = x %}{% endif %}{{ y }}{% endfor %}",
    "{% for x in l %}{% endfor %}{{ x }}",
    "{% set x = 9 %}{% for x in l %}{% endfor %}{{ x }}",
    "{% for n in l %}{{ n }}{% endfor %}{{ n }}",
    "{% set ns = namespace(v=0) %}{% for x in l %}{% set ns.v = ns.v + x %}{% endfor %}{{ ns.v }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{% set ns.b = ns.a + 1 %}{{ ns.a }}{{ ns.b }}{{ ns.c }}",
    "{% set d.x = 1 %}", "{% set missing.x = 1 %}", "{% set n.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1, 2, 3] %}", "{% set (a, b) = 'xy' %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}", "{% set a = 1, %}{{ a }}", "{% set a, = [5] %}{{ a }}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% set x %}block {{ n }}{% endset %}[{{ x }}]",
    "{% set x | upper %}block {{ n }}{% endset %}[{{ x }}]",
    "{% set x | replace('b', 'c') | upper %}bb{% endset %}[{{ x }}]",
    "{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y }}",
    "{% set x = 1 %}{% set x %}{{ x }}2{% endset %}{{ x }}",
    "{% set ns = namespace() %}{% set ns.t %}abc{% endset %}{{ ns.t }}",
    "{% set 1 = 2 %}", "{% set true = 2 %}", "{% set none = 2 %}", "{% set a.b.c = 1 %}", "{% set a[0] = 1 %}",
    "{% set x = %}", "{% set %}", "{% set x 1 %}", "{% set x = 1 if false %}{{ x is defined }}{{ x }}",
    "{% if n %}a{% elif s %}b{% else %}c{% endif %}", "{% if z %}a{% elif s %}b{% else %}c{% endif %}",
    "{% if z %}a{% elif e %}b{% else %}c{% endif %}", "{% if z %}a{% elif e %}b{% endif %}",
    "{% if z %}a{% elif e %}b{% elif n %}d{% elif s %}x{% else %}c{% endif %}",
    "{% if z %}{% if n %}a{% endif %}{% else %}{% if n %}b{% endif %}{% endif %}",
    "{% if missing %}a{% else %}b{% endif %}", "{% if missing.x %}a{% else %}b{% endif %}",
    "{% if n: %}a{% endif %}", "{% if n %}{% set q = 1 %}{% endif %}{{ q }}", "{% if z %}{% set q = 1 %}{% endif %}{{ q }}",
    "{% if l is defined and l|length > 0 and l[0] == 3 %}yes{% endif %}",
    "{% if %}a{% endif %}", "{% if n %}a", "{% endif %}", "{% else %}", "{% if n %}a{% endfor %}", "{% nosuch %}",
    "{% if n %}a{% else %}b{% else %}c{% endif %}", "{% if 1, 2 %}a{% endif %}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(b=4, a=5) }}|{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=1) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}{{ m(none) }}",
    "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=b, b=1) %}{{ a }}{% endmacro %}{{ m() }}",
    "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a) %}{{ varargs|join(',') }}|{{ kwargs|tojson }}{% endmacro %}{{ m(1, 2, 3, x=4) }}",
    "{% macro m() %}{{ n }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ q }}{% endmacro %}{% set q = 5 %}{{ m() }}",
    "{% set q = 5 %}{% macro m() %}{% set q = 6 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}",
    "{% macro m() %}{{ x }}{% endmacro %}{% for x in l %}{{ m() }}{% endfor %}",
    "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro fact(k) %}{% if k <= 1 %}1{% else %}{{ k * fact(k - 1)|int }}{% endif %}{% endmacro %}{{ fact(10) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% macro m() %}  x  {% endmacro %}[{{ m()|trim }}]", "{% macro m() %}x{% endmacro %}{{ m.name }}",
    "{% macro m() %}a{{ caller() }}b{% endmacro %}{% call m() %}X{{ n }}{% endcall %}",
    "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% call n %}x{% endcall %}",
    "{% macro m(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(i) m(l) %}<{{ i }}>{% endcall %}",
    "{% macro a() %}[{{ caller() }}]{% endmacro %}{% macro b() %}{% call a() %}({{ caller() }}){% endcall %}{% endmacro %}{% call b() %}x{% endcall %}",
    "{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m(1) }}", "{% macro none() %}{% endmacro %}", "{% macro m(true) %}{% endmacro %}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'a': 2}) }}",
    "{% macro m(x) %}{% if x is mapping %}{% for k in x %}{{ m(x[k]) }}{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ m(d) }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}abc{% endfilter %}",
    "{% filter indent(2, first=true) %}a\nb{% endfilter %}", "{% filter nosuch %}a{% endfilter %}",
    "{% filter trim %}  {% set qq = 1 %}{{ qq }} {% endfilter %}{{ qq }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}",
    "{% with a = 1 %}{% with b = a %}{{ b }}{% endwith %}{% endwith %}", "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% generation %}x{{ n }}{% endgeneration %}", "{% generation %}{% set a = 1 %}{{ a }}{% endgeneration %}{{ a }}",
    "{% for x in l %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{% print n %}", "{% print n, s %}", "{% raw %}{{ x }}{% y %}{# z #}{% endraw %}", "{%- raw -%}  a  {%- endraw -%}  b",
    "a {%- raw %}  b{% endraw %}\nc", "  {% raw %} b {% endraw %}  c", "{% raw %}x", "{% raw %}{% endraw %}",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% do l.append(1) %}",
    "{# comment #}x", "a{# comment #}\nb", "a\n  {# comment #}\nb", "a {#- comment -#} b", "a {# c", "{# a {{ b }} #}c", "{#- -#}", "{##}x",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc", "a\n  {%- if t %}\n  b\n  {%- endif %}\nc", "a\n  {% if t -%}\n  b\n  {% endif -%}\nc",
    "a\n  {%+ if t %}\n  b\n  {%+ endif %}\nc", "{% if t +%}\nb{% endif +%}\nc", "{% if t %}\n\n\nb{% endif %}\n\nc\n", "x\n\n", "x\n", "\n", "\n\n",
    "  {{ n }}  \n  {{ n }}", "  {{- n -}}  \n  {{ n }}", "a  {% set x = 1 %}  b", "\t{% set x = 1 %}\n  \t {% set y = 2 %}z",
    "a\r\nb\rc\n{% if t %}\r\nd{% endif %}\r\n", "{{ 'a\r\nb' }}", "{%if t%}a{%endif%}", "{{n}}{{s}}", "{{ {'a': {'b': 1}}}}", "{{ {'a': {}}|tojson }}",
    "{{ '}}' }}", "{{ \"%}\" }}", "{% if '%}' %}a{% endif %}", "{{ [1,2][0]}}", "{ {n} }", "{", "{{", "{%", "{{ n", "{% if n", "}}", "%}", "#}", "{{}}", "{{ }}", "{%%}", "{% %}",
    "{{ n }}{", "a{b}c", "{{ n }", "{{ n %}", "{% if n }}", "{{ (n }}", "{{ n) }}", "{{ [n) }}", "{{ n ; }}", "{{ n ! }}", "{{ n ? }}", "{{ $ }}", "{{ @ }}", "{{ n & 1 }}", "{{ ñ }}", "{{ 'é' }}é",
    "{% set ñ = 1 %}{{ ñ }}", "\u00a0{% if t %}a{% endif %}", "a\u2003{%- if t %}b{% endif %}", "{{ n }}\n{% if t %}\nb\n{% endif %}\n",
    "{% for x in l %}\n{{ x }}\n{% endfor %}\n", "{% for x in l -%}\n{{ x }}\n{%- endfor %}\n", "{%- for x in l %}\n    {{- x }}\n{%- endfor %}",
    "{% set j = joiner('; ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}",
    "{% set it = l|map('string') %}{{ it|first }}{{ it|join }}{{ it|list }}", "{% set it = l|select('odd') %}{% for x in it %}{{ x }}{% endfor %}{% for x in it %}{{ x }}{% endfor %}",
    "{% if l|select('gt', 100) %}yes{% endif %}", "{% set it = l|map('string') %}{{ '1' in it }}{{ it|list }}",
    "{% for m in messages %}{{ m.role }}: {{ m.content or '-' }}\n{% endfor %}", "{% for m in messages %}{{ m['content']|trim }}{% endfor %}",
    "{% for m in messages[1:] %}{{ loop.index0 }}{{ m.role }}{% endfor %}", "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}{% endfor %}",
    "{% for m in messages|reverse %}{{ m.role }}{% endfor %}", "{% set last = messages|selectattr('role', 'equalto', 'user')|list|last %}{{ last.content }}",
    "{% set content = messages[0].content %}{% set content = content + '!' %}{{ content }}", "{{ messages[0].content + none }}", "{{ 'a' + messages[2].content }}",
    "{% for m in messages if m.content is string %}{{ m.content }}{{ ',' if not loop.last }}{% endfor %}",
    "{% set x = namespace(l=[]) %}{% for i in range(3) %}{% set x.l = x.l + [i] %}{% endfor %}{{ x.l }}",
    "{% set ns = namespace(t='') %}{% for i in range(50) %}{% set ns.t = ns.t + i|string %}{% endfor %}{{ ns.t }}",
    "{% for i in range(3) %}{% for j in range(3) if j != i %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for a in l %}{% for b in l %}{% if b == 1 %}{% continue %}{% endif %}{{ a }}{{ b }}{% if a == 1 %}{% break %}{% endif %} {% endfor %}{% endfor %}",
    "{{ 1 }}{{ 2 }}{{ 3 }}", "{{ 1, 2 }}", "{{ 1, }}", "{% if n %}{% filter nosuch %}a{% endfilter %}{% endif %}", "{% if z %}{{ n|nosuch }}{% endif %}ok", "{% if z %}{{ n is nosuch }}{% endif %}ok",
    "{{ n|nosuch if z else 'ok' }}", "{% for x in el %}{{ x|nosuch }}{% endfor %}", "{% if z %}{% for x in el %}{{ x|nosuch }}{% endfor %}{% endif %}ok",
    "{% macro m() %}{{ 1|nosuch }}{% endmacro %}ok", "{{ loop }}", "{% set loop = 1 %}{{ loop }}", "{% for loop in l %}{% endfor %}", "{% for x in l %}{% set loop = 1 %}{% endfor %}",
    "{% for x in l %}{% else %}{{ loop }}{% endfor %}", "{% for x in el %}{% else %}{{ loop is defined }}{% endfor %}", "{% for true in l %}{% endfor %}", "{% for x.y in l %}{% endfor %}", "{% for x l %}{% endfor %}", "{% for in l %}{% endfor %}",
    "{% for x in l %}", "{% for x in l %}{% endfor %}{% endfor %}", "{% for x in l %}{% if x %}{% endfor %}{% endif %}", "{% endset %}", "{% set range = 5 %}{{ range }}", "{% set x = range %}{{ x(3)|list }}",
    "{% set f = s.upper %}{{ f() }}", "{% set f = d.get %}{{ f('a') }}", "{{ {'f': s.lower}.f() }}", "{{ [s.upper][0]() }}",
    "{% set a = {'x': [1, {'y': 2}]} %}{{ a.x[1].y }}{{ a['x'][0] }}", "{% set tool = rows[0] %}{% set tool = tool.name %}{{ tool }}",
    "{% for tool in rows %}{% set tool = tool.name %}{{ tool }}{% endfor %}", "{% for k, v in rows[0].items() if k != 'age' %}{{ k }}:{{ v }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% set x = s if s is string else '' %}{{ x }}", "{% set out = rows[0]|tojson %}{{ out[:-1] }}", "{{ ('a' if t else 'b') ~ ('c' if no else 'd') }}",
    "{%- if messages[0]['role'] == 'system' -%}\n  {%- set sys = messages[0]['content'] -%}\n  {%- set rest = messages[1:] -%}\n{%- endif -%}\n{{ sys }}{{ rest|length }}",
    "{% set x = 1 %}\n\n{% set y = 2 %}\n{{ x }}\n{{ y }}",
    "{% for x in [[1, 2], [3]] %}{% for y in x %}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{{ [[]]|first|first is defined }}", "{{ missing|first|default('q') }}", "{{ ([]|first).x }}", "{{ d.a.b }}", "{{ d.a.b.c }}", "{{ d.c.x.y }}", "{{ d.c.x.upper() }}", "{{ d.c.x.nosuch() }}",
]
