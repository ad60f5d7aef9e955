"""Snippets as text: what they hold, and that no value leaves the place where it stands."""

import ast
import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from services.control_plane.kit.problems import NotFoundError
from services.control_plane.store.schemas import StoreApiRead
from services.control_plane.store.snippets.languages import LANGUAGES
from services.control_plane.store.snippets.writer import Writer

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WRITER = Writer("https://manage.example.com")
HOSTILE = ("'$(id)`id`'", "a&b;c#d", "!${x}%41")  # scopes as RFC 6749, section 3.3, allows them


def make_read(**changes: Any) -> StoreApiRead:
    fields: dict[str, Any] = {
        "id": "1f2e",
        "name": 'Echo"\n*/ # ',
        "context": "/echo",
        "version": "1.0",
        "default": False,
        "description": "",
        "tags": [],
        "categories": [],
        "business_owner": None,
        "technical_owner": None,
        "properties": {},
        "thumbnail": False,
        "state": "PUBLISHED",
        "policies": [],
        "auth_types": ["oauth2"],
        "scopes": [],
        "issuers": [],
        "visibility": "public",
        "gateway_urls": ["ws://gateway.example.com/echo/1.0", "wss://gateway.example.com/echo/1.0"],
        "environments": [],
        "created_at": NOW,
        "updated_at": NOW,
    }
    return StoreApiRead.model_validate(fields | changes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_calls_the_encrypted_address(language: str) -> None:
    text = WRITER.write(make_read(), language).text
    assert ("https://" if language == "curl" else "wss://") + "gateway.example.com/echo/1.0" in text
    assert "ws://gateway.example.com" not in text
    assert "Echo" not in text, "names are free text"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_asks_for_the_credential_that_the_api_takes(language: str) -> None:
    texts = {kind: WRITER.write(make_read(auth_types=[kind]), language).text for kind in ("oauth2", "api_key", "none")}
    token = "https://manage.example.com/store/v1/tickets" if language == "browser" else "CONSUMER_SECRET"
    key = "?apikey=" if language == "browser" else "API_KEY"
    assert {kind for kind, text in texts.items() if token in text} == {"oauth2"}
    assert {kind for kind, text in texts.items() if key in text} == {"api_key"}
    both = WRITER.write(make_read(auth_types=["api_key", "oauth2"]), language).text
    assert both == texts["oauth2"]


def test_values_are_quoted_for_the_language() -> None:
    api = make_read(scopes=list(HOSTILE))
    asked = " ".join(HOSTILE)
    python = ast.parse(WRITER.write(api, "python").text)
    assert asked in {node.value for node in ast.walk(python) if isinstance(node, ast.Constant)}
    for language in ("curl", "wscat"):
        (line,) = (line for line in WRITER.write(api, language).text.splitlines() if "data-urlencode" in line)
        assert f"scope={asked}" in shlex.split(line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_addresses_are_written_in_ascii(language: str) -> None:
    text = WRITER.write(make_read(gateway_urls=['wss://h/é\u2028"$(id)\\\n']), language).text
    assert text.isascii()
    assert "/%C3%A9%E2%80%A8%22$(id)%5C%0A" in text


def test_an_unknown_language_is_told_which_there_are() -> None:
    with pytest.raises(NotFoundError, match="python, browser, node, java, go, wscat, curl") as error:
        WRITER.write(make_read(), "../writer")
    assert "writer" not in str(error.value)
