"""Markdown from outside, as HTML that can do nothing: no HTML of its own, no pictures, links that only lead away."""

from collections.abc import MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_LOWEST_HEADING: Final = 6


def render(text: str, below: int = 2) -> Markup:
    """Return the HTML of a text whose headings stand below those of the page."""
    tokens = _READER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + below, _LOWEST_HEADING)}"
        token.attrs.pop("style", None)  # of columns: our policy takes none inline
    return Markup(_READER.renderer.render(tokens, _READER.options, {}))  # noqa: S704 - escaped by the renderer


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
