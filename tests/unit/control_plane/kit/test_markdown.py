"""Markdown as HTML that can do nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control_plane.kit.markdown import render

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
