"""Time and memory of any document are proportional to its length."""

import random
import time
import tracemalloc

import pytest

from sentilib import HTMLTokenizer
from sentilib._text._html import visible_text

NAMES = (
    "a abbr b font i nobr em p div span ul li dl dd table tr td th caption colgroup select option"
    " optgroup hr selectedcontent button form h1 svg g math mi mtext foreignObject title style"
    " script textarea xmp plaintext template video noscript iframe ruby rp rt frameset frame body"
    " html head br img input my-card o:p unknown"
).split()
OTHER = (
    "<!-- --> <!-- <!--> --!> <! <? ?> <?x <!doctype_html> <![CDATA[ ]]> < > </ </> <a <b_ <p_x="
    " <p_x=\" <p_x=' \" ' = / <a_b=\"<a_c='x'\"_d=' &amp; &am & &#x1F600; &#99999 ; x xyz_ _ \n {k}"
    " k{k} a{k}=1 </script </title </style <svg <!--<script> a< \0 é 日 -"
).split(" ")


def random_piece(random):
    if random.random() < 0.4:
        return random.choice(OTHER).replace("_", " ")
    name, kind = random.choice(NAMES), random.randrange(7)
    attributes = random.choice(["", "", " id={k}", " x='<b>'", ' "', " y=1 z", ' x="', " /"])
    return f"</{name}>" if kind < 2 else f"<{name}{attributes}" + ">" * (kind < 6)


def random_document(seed, size):
    """Return a document of about a number of characters; the same seed gives the same grammar."""
    generator = random.Random(seed)

    def pieces():
        return "".join(random_piece(generator) for _ in range(generator.randint(1, 4)))

    parts = [pieces() for _ in range(generator.choice([1, 1, 2, 3]))]
    shares = [generator.random() for _ in parts]
    return "".join(
        "".join(part.replace("{k}", str(k)) for k in range(int(size * share / len(part)) + 1))
        for part, share in zip(parts, [share / sum(shares) for share in shares], strict=True)
    )


def seconds(html, strict):
    start = time.process_time()
    visible_text(html, strict=strict)
    return time.process_time() - start


HOSTILE = {
    "a name that never ends": lambda n: "< " * 600 + "<a" + "b" * n,
    "names that never end": lambda n: ("<a" + "b" * (n // 600) + "<") * 600,
    "options": lambda n: "<select>" + "<option>a" * (n // 9),
    "selects": lambda n: "<select><option>" * (n // 16),
    "rules in a select": lambda n: "<select>" + "<hr>" * (n // 4),
    "groups in a select": lambda n: "<select>" + "<optgroup><option>a" * (n // 19),
    "selected content": lambda n: (
        "<select><button><selectedcontent></button>" + "<option selected>a" * (n // 18)
    ),
    "attributes": lambda n: "<p " + " ".join(f"a{k}=1" for k in range(n // 9)) + ">x",
    "attributes, repeated": lambda n: (
        "<b " + " ".join(f"a{k}" for k in range(n // 14)) + ">" + "<p>x" * 500
    ),
    "attributes out of sight": lambda n: (
        "<svg><style><b " + " ".join(f"a{k}" for k in range(n // 7)) + "></style>x"
    ),
    "attributes in a template": lambda n: (
        "<template><col><xmp><b " + " ".join(f"a{k}" for k in range(n // 7)) + "></xmp>x"
    ),
    "formatting": lambda n: "".join(f"<p><b id={k}>" for k in range(500)) + "<p>x" * (n // 4),
    "formatting, few tags": lambda n: (
        "".join(f"<b id={k}>" for k in range(170)) + "<p>" * 340 + "x" * n
    ),
    "foster parents": lambda n: "<table>" + "x<b>y" * (n // 5),
    "adoption": lambda n: "<b><div></b>x" * (n // 13),
    "depth": lambda n: "<div>" * (n // 5) + "x",
    "open comments": lambda n: "<!-- " * (n // 5),
    "open quotes": lambda n: "<a b=\"x'" * (n // 8),
    "quotes across tags": lambda n: "<a b='<a c=\"x\" '" * (n // 15),
    "open scripts": lambda n: "<script><!--<script>" * (n // 20),
    "open pictures": lambda n: "<svg><math><p>" * (n // 14) + "</svg>",
    "open fallbacks": lambda n: "<video><template><rp>" * (n // 21) + "</video>",
    "own elements": lambda n: "".join(f"<e-{k}>" for k in range(n // 8)),
    "references": lambda n: "&#" + "9" * n + ";&" + "a" * n,
    "many references": lambda n: "&hearts;&notit;&#300;" * (n // 21),
    "spaces": lambda n: "<" + " " * n + "<br" + " " * n,
}


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "html5"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_time_and_memory_are_linear(kind, strict):
    visible_text("<br>", strict=strict)
    small, large = (HOSTILE[kind](n) for n in (10_000, 80_000))
    before = min(seconds(small, strict) for _ in range(3))
    assert seconds(large, strict) < 32 * before + 0.3  # quadratic: 64 times, most of them minutes
    tracemalloc.start()
    visible_text(large, strict=strict)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * len(large)


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "html5"])
def test_no_random_grammar_is_worse_than_linear(strict):
    for seed in range(50):
        large = random_document(seed, 20_000)
        assert seconds(large, strict) < 0.5, (seed, large[:200])


def test_copies_of_the_rest_of_a_document_are_not_made_at_each_tag():
    """They are cheap enough to stay unnoticed in small documents."""
    simple = seconds("<b>" * 200_000, True)
    for hostile in ("<!>", "</>"):
        assert seconds(hostile * 200_000, True) < 3 * simple + 0.2


@pytest.mark.parametrize("document", ["e" + "\u0301" * 50_000, "&#" * 50_000, "<b>" * 30_000])
def test_the_memory_of_reading_a_document_is_a_multiple_of_its_bytes(document):
    """docs/serving.md gives the multiple: combining marks cost most."""
    tokenizer = HTMLTokenizer(n_jobs=1).fit(["a good film"])
    tokenizer.transform([document[:100]])
    tracemalloc.start()
    tokenizer.transform([document])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 130 * len(document.encode())
