"""Markdown from outside, as HTML that can do nothing: no HTML of its own, no pictures, links that only lead away."""

from collections.abc import Iterable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_LOWEST_HEADING: Final = 6

MAX_HTML_LENGTH: Final = 256_000
"""A short text can ask for much: a target of links is written once and used often, and a row needs no cells."""

_KEPT: Final = 32
"""Texts whose HTML is remembered: guests ask for the same one again and again."""


def render(text: str, below: int = 2) -> Markup:
    """Return the HTML of a text whose headings stand below those of the page; of too long a one, only what it says."""
    html = _render(text, below)
    return Markup("<pre>{}</pre>").format(text) if html is None else html


def is_too_long(text: str) -> bool:
    """Tell whether a text's HTML would be longer than what is shown."""
    return _render(text) is None


@lru_cache(_KEPT)
def _render(text: str, below: int = 2) -> Markup | None:
    tokens = _READER.parse(text)
    if _least_length(tokens) > MAX_HTML_LENGTH:
        return None
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + below, _LOWEST_HEADING)}"
        token.attrs.pop("style", None)  # of columns: our policy takes none inline
    html = _READER.renderer.render(tokens, _READER.options, {})
    return Markup(html) if len(html) <= MAX_HTML_LENGTH else None  # noqa: S704 - escaped by the renderer


def _least_length(tokens: Iterable[Token]) -> int:
    """Return what HTML has at least, before it is made."""
    return sum(
        _least_length(token.children)
        if token.children
        else len(token.content) + 2 * len(token.tag) + sum(len(str(value)) for value in token.attrs.values())
        for token in tokens
    )


class _Renderer(RendererHTML):
    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        tokens[idx].attrSet("rel", "nofollow noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return '<div class="scroll">' + self.renderToken(tokens, idx, options, env)

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>\n"


class _Reader(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library asks by this name
        try:
            return urlsplit(url).scheme.lower() in _SCHEMES
        except ValueError:
            return False


_READER: Final = _Reader("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table").disable("image")
