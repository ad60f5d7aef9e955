import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import credentials
from cli.errors import CommandError
from cli.rest import Rest, RestError, segment, sign_in

FAR = datetime(9999, 1, 1, tzinfo=UTC)


def rest_of(*answers: tuple[int, object]) -> tuple[Rest, list[httpx.Request]]:
    """Return a client whose requests get these answers in turn, and the requests."""
    rest, seen, left = Rest("http://control-plane", "token"), [], list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        status, body = left.pop(0)
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body))

    rest._client = httpx.Client(base_url="http://control-plane", transport=httpx.MockTransport(answer))
    return rest, seen


def page(first: int, count: int, total: int) -> tuple[int, dict[str, Any]]:
    return 200, {"items": [{"name": str(n)} for n in range(first, first + count)], "total": total}


def test_all_pages_are_read_and_no_more_than_wanted() -> None:
    rest, seen = rest_of(page(0, 100, 150), page(100, 50, 150))
    items, total = rest.list_items("/things", q="x")
    assert (len(items), total) == (150, 150)
    assert [request.url.params["offset"] for request in seen] == ["0", "100"]
    rest, seen = rest_of(page(0, 100, 150))
    items, total = rest.list_items("/things", 30)
    assert (len(items), total, len(seen)) == (30, 150, 1)


def test_a_list_that_shrinks_or_has_no_pages_ends() -> None:
    assert rest_of(page(0, 100, 150), page(100, 0, 90))[0].list_items("/things")[1] == 100
    assert rest_of((200, [{"a": 1}]))[0].list_items("/things") == ([{"a": 1}], 1)
    assert rest_of((200, {"items": []}))[0].list_items("/things") == ([], 0)


def test_a_refusal_is_told_with_its_fields() -> None:
    problem = {"title": "Some fields are not valid", "errors": [{"field": "a.0", "message": "is bad"}]}
    with pytest.raises(RestError) as caught:
        rest_of((422, problem))[0].ask("POST", "/things", {})
    assert str(caught.value) == "POST /things: HTTP 422 Some fields are not valid\n  a.0: is bad"
    with pytest.raises(RestError, match=r"^GET /things: HTTP 502$"):
        rest_of((502, b"<html>"))[0].ask("GET", "/things")
    with pytest.raises(RestError, match="framegate login"):
        rest_of((401, {"title": "A valid access token is needed"}))[0].ask("GET", "/things")


def test_says_that_nobody_answers() -> None:
    with Rest("http://127.0.0.1:1", "token") as rest, pytest.raises(CommandError, match=r"GET http://127.0.0.1:1/a: "):
        rest.ask("GET", "/a")


def test_an_answer_without_a_body_is_none() -> None:
    assert rest_of((204, b""))[0].ask("DELETE", "/things/a") is None


def test_a_name_is_one_segment() -> None:
    assert segment("a/b c") == "a%2Fb%20c"


def test_who_signed_in_elsewhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FRAMEGATE_URL", raising=False)
    monkeypatch.delenv("FRAMEGATE_CLIENT_ID", raising=False)
    form = {"url": "https://production", "access_token": "a", "refresh_token": "b"}
    credentials.save(credentials.Credentials.model_validate({**form, "expires_at": FAR}))
    with sign_in() as rest:
        assert rest._client.base_url == "https://production"
    monkeypatch.setenv("FRAMEGATE_URL", "https://production/")
    with sign_in() as rest:
        assert rest._client.base_url == "https://production"
    monkeypatch.setenv("FRAMEGATE_URL", "https://staging/")
    with pytest.raises(CommandError, match=r"signed in at https://production, but FRAMEGATE_URL is https://staging: "):
        sign_in()
