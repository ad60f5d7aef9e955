"""Every error is a problem document."""

from collections.abc import AsyncIterator

import pytest

from services.control_plane.app import MAX_BODY_BYTES
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
JSON = {"Content-Type": "application/json"}

pytestmark = on_sqlite


@pytest.mark.parametrize("path", ["/nothing", f"{APIS}/", f"{APIS}/unknown", f"{APIS}/%00", f"{APIS}/a%20b"])
async def test_what_is_not_there(platform: Platform, path: str) -> None:
    problem(await platform.client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/store/v1/tags", "GET"), (APIS, "GET, POST"), (f"{APIS}/an-id", "DELETE, GET, PATCH, PUT")],
)
async def test_a_method_that_is_not_allowed_says_which_are(platform: Platform, path: str, allowed: str) -> None:
    answer = await platform.client.options(path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b'{"name": "\xff"}', b"[" * 100_000, b'{"name": ' + b'{"a": ' * 50_000],
    ids=["broken", "not UTF-8", "not UTF-8 inside", "deep list", "deep object"],
)
async def test_a_body_that_is_not_json(platform: Platform, body: bytes) -> None:
    problem(await platform.client.post(APIS, content=body, headers=JSON), 400, "malformed_request")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1"])
async def test_a_body_of_another_shape(platform: Platform, body: bytes) -> None:
    for method in ("POST", "PATCH"):
        path = APIS if method == "POST" else f"{APIS}/x"
        answer = await platform.client.request(method, path, content=body, headers=JSON)
        assert list(fields(answer)) == ["body"]


async def test_a_body_that_is_missing_or_no_json_at_all(platform: Platform) -> None:
    assert list(fields(await platform.client.post(APIS))) == ["body"]
    answer = await platform.client.post(APIS, content=b"name=x", headers={"Content-Type": "text/plain"})
    assert list(fields(answer)) == ["body"]


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", r"\r\nX-Injected: 1"])
async def test_text_that_could_break_out_is_refused_everywhere(platform: Platform, text: str) -> None:
    body = f'{{"name": "a{text}b"}}'
    for path in ("/store/v1/applications", "/admin/v1/service-accounts"):
        answer = await platform.client.post(path, content=body, headers=JSON)
        assert list(fields(answer)) == ["name"]
        assert "Injected" not in answer.text


async def test_a_body_that_is_too_large(platform: Platform) -> None:
    # Each of the two ways to say how long it is.
    huge = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    problem(await platform.client.post(APIS, content=huge, headers=JSON), 413, "too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (MAX_BODY_BYTES // 32)

    problem(await platform.client.post(APIS, content=chunks(), headers=JSON), 413, "too_large")


async def test_the_wrong_input_is_never_repeated(platform: Platform) -> None:
    answer = await platform.client.post(APIS, json={**ECHO, "version": "hidden secret"})
    assert list(fields(answer)) == ["version"]
    assert "hidden" not in answer.text


async def test_openapi_declares_problems(platform: Platform) -> None:
    document = await platform.read("/openapi.json")
    assert document["openapi"].startswith("3.1")
    responses = document["paths"][APIS]["post"]["responses"]
    assert {"201", "400", "401", "403", "409", "422"} <= responses.keys()
    assert "application/problem+json" in responses["409"]["content"]
