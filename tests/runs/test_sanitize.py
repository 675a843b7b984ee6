"""Only HTML that shows something passes, and text passes unchanged."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from alertlab.runs.sanitize import sanitize

# Beautiful Soup wonders whether a bare address was meant to be fetched.
pytestmark = pytest.mark.filterwarnings("ignore::bs4.MarkupResemblesLocatorWarning")

PIXEL = "data:image/png;base64,iVBORw0KGgo="

CASES = [  # id, given, expected
    ("script", "a<script>alert(1)</script>b", "ab"),
    ("style", "<style>p {color: red}</style><p>x</p>", "<p>x</p>"),
    ("style_attribute", '<p style="color:red">x</p>', "<p>x</p>"),
    ("handler", '<b onclick="alert(1)" onMouseOver="alert(1)">x</b>', "<b>x</b>"),
    ("unknown_element", "<blink><b>x</b></blink>", "<b>x</b>"),
    ("comment", "a<!-- <script>alert(1)</script> -->b", "ab"),
    ("svg", "<svg><script>alert(1)</script></svg>x", "x"),
    ("unclosed", "<div><b>x", "<div><b>x</b></div>"),
    ("stray_end", "x</div></body>", "x"),
    ("second_title", "<h1>x</h1>", "<h2>x</h2>"),
    ("own_link", '<a href="#there">x</a>', '<a href="#there">x</a>'),
    ("link_out", '<a href="https://a.example/b">docs</a>', "docs (https://a.example/b)"),
    ("bare_link", '<a href="https://a.example">https://a.example</a>', "https://a.example"),
    ("javascript", '<a href="javascript:alert(1)">x</a>', "x"),
    ("javascript_hidden", '<a href=" java\tscript:alert(1)">x</a>', "x"),
    ("file_link", '<a href="file:///etc/passwd">x</a>', "x"),
    ("image_inside", f'<img alt="a" src="{PIXEL}">', f'<img alt="a" src="{PIXEL}"/>'),
    ("image_outside", '<img alt="a" src="https://a.example/x.png">', "[image: a]"),
    ("image_relative", '<img src="x.png">', "[image: not part of this report]"),
    ("image_is_page", '<img alt="a" src="data:text/html;base64,PGI+">', "[image: a]"),
    ("other_source", '<p src="https://a.example">x</p>', "<p>x</p>"),
    ("refresh", '<meta http-equiv="refresh" content="0;url=https://a.example">x', "x"),
    ("frame", '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;">y</iframe>x', "x"),
    ("escaped_text", "&lt;script&gt; &amp; x", "&lt;script&gt; &amp; x"),
    (
        "table",
        '<table border="1"><tr><th scope="col" aria-label="l">a</th></tr></table>',
        '<table><tr><th aria-label="l" scope="col">a</th></tr></table>',
    ),
]


@pytest.mark.parametrize(("given", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_sanitize(given, expected):
    """Each danger goes, each harmless thing stays."""
    assert normal(sanitize(given)) == normal(expected)


def normal(html):
    """The fragment with its attributes in order of name."""
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(True):
        tag.attrs = dict(sorted(tag.attrs.items()))
    return str(soup)


PIECES = st.sampled_from(
    [
        *("<", ">", "</", '"', "'", "=", "&lt;", "&#60;", "--", "<!--", "-->", "]]>", "<![CDATA["),
        *("script", "style", "svg", "math", "noscript", "title", "textarea", "img", "a", "p"),
        *(" src", " href", " onerror", "alert(1)", "javascript:", "https://a.example", "x", " "),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_soup_passes(soup):
    """Whatever is stirred together, no program and no outside address comes out; twice is once."""
    clean = sanitize(soup)
    parsed = BeautifulSoup(clean, "html.parser")
    for tag in parsed.find_all(True):
        assert tag.name in ("img", "a", "p")
        assert set(tag.attrs) <= {"src", "href"}
        assert re.match(r"#|data:image/", tag.get("src") or tag.get("href") or "#")
    assert sanitize(clean) == clean


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_text_passes_unchanged(text):
    """Escaped text means the same afterwards."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert BeautifulSoup(sanitize(escaped), "html.parser").get_text() == text
