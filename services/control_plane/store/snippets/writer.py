"""Writes clients to start from: they connect, and come back as the close codes say."""

from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.control_plane.oauth.service import TOKEN_PATH
from services.control_plane.store.errors import no_snippet
from services.control_plane.store.schemas import SnippetRead, StoreApiRead
from services.control_plane.store.snippets.languages import LANGUAGES, Quote

Credential = Literal["oauth2", "api_key", "none"]

_TEMPLATES: Final = Path(__file__).with_name("templates")


class Writer:
    def __init__(self, public_url: str) -> None:
        self._public_url = _ascii(public_url)
        self._environments = {language.quote: _environment(language.quote) for language in LANGUAGES.values()}

    def write(self, api: StoreApiRead, name: str) -> SnippetRead:
        """Return a client of this API. Raises `NotFoundError`."""
        language = LANGUAGES.get(name)
        if language is None:
            raise no_snippet(LANGUAGES)
        template = self._environments[language.quote].get_template(f"{name}.j2")
        return SnippetRead(language=name, title=language.title, text=template.render(self._values(api)))

    def _values(self, api: StoreApiRead) -> dict[str, str]:
        encrypted = (url for url in api.gateway_urls if url.startswith("wss:"))
        url = _ascii(next(encrypted, api.gateway_urls[0]))
        return {
            "auth": _credential(api.auth_types),
            "url": url,
            "http_url": f"http{url.removeprefix('ws')}",
            "token_url": f"{self._public_url}{TOKEN_PATH}",
            "tickets_url": f"{self._public_url}/store/v1/tickets",
            "api_id": api.id,
            "scope": " ".join(api.scopes),
        }


def _environment(quote_value: Quote) -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701 - not HTML: `finalize` quotes each value for the language
        finalize=quote_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _credential(auth_types: list[str]) -> Credential:
    if "none" in auth_types:
        return "none"
    return "oauth2" if "oauth2" in auth_types else "api_key"


def _ascii(url: str) -> str:
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~")
