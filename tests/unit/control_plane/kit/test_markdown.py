"""Markdown as HTML that can do nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from services.control_plane.kit.markdown import MAX_HTML_LENGTH, is_too_long, render

TAGS = {"p", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br", "a", "table", "thead", "tbody"}
TAGS |= {"tr", "th", "td", "div", *(f"h{level}" for level in range(3, 7))}


def test_a_text_is_what_it_looks_like() -> None:
    html = render("# Begin\n\nSay *hello* to [us](https://example.com/a?b=c&d).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h3>Begin</h3>" in html
    assert "<em>hello</em>" in html
    assert '<a href="https://example.com/a?b=c&amp;d" rel="nofollow noopener noreferrer">us</a>' in html
    assert "<td>2</td>" in html
    assert "<h6>deep</h6>" in render("###### deep")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "![x](https://example.com/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,x)",
        "[x](/sign-out)",
        "[x](//evil.example.com)",
        "[x](https://[)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[x](&#106;avascript:alert(1))",
    ],
)
def test_nothing_runs_and_no_link_leads_into_the_console(text: str) -> None:
    html = render(text)
    assert "<script" not in html
    assert "<img" not in html
    assert re.search(r'href="(?!https?:|mailto:)', html) is None


PARTS = [*"<>[]()!\"'&;:#/* `|-\n\\ax1", "javascript:", " onerror=", "https://", "a|b\n:-|-\n"]


@given(st.lists(st.sampled_from(PARTS)))
def test_whatever_is_written_is_among_harmless_tags(parts: list[str]) -> None:
    html = render("".join(parts))
    for tag, attributes in re.findall(r"</?([a-z0-9]+)([^>]*)>", html):
        assert tag in TAGS
        assert re.fullmatch(r'( (href|title|rel|class|start)="[^"<>]*")* ?/?', attributes), html


@pytest.mark.parametrize(
    "text",
    [
        "[a]: http://" + "b" * 30_000 + "\n\n" + "[a]" * 11_000,
        "[a]: http://b '" + "t" * 30_000 + "'\n\n" + "[a]" * 11_000,
        "|" + "a|" * 2000 + "\n|" + "-|" * 2000 + "\n" + "|\n" * 28_000,
        '"' * 64_000,
    ],
)
def test_of_a_text_that_asks_for_too_much_is_shown_what_it_says(text: str) -> None:
    assert is_too_long(text)
    assert render(text) == f"<pre>{escape(text)}</pre>"


def test_a_long_text_is_rendered_once() -> None:
    text = "- *a* [b](https://example.com/)\n" * 2000
    assert not is_too_long(text)
    assert render(text) is render("".join(text))
    assert len(render(text)) <= MAX_HTML_LENGTH
