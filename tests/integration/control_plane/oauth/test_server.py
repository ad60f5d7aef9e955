"""The token endpoint as RFC 6749 has it."""

import base64
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from services.control_plane.identity.scopes import ALL_SCOPES
from services.control_plane.oauth.service import SUPPORTED_GRANT_TYPES
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite, problem

TOKEN = "/oauth2/token"
FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}
POST = {**GRANT, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def ask(platform: Platform, body: dict[str, str] | str, **headers: str) -> httpx.Response:
    platform.client.headers.pop("Authorization", None)
    content = body if isinstance(body, str) else urlencode(body)
    return await platform.client.post(TOKEN, content=content, headers={"Content-Type": FORM, **headers})


def error_of(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    return str(response.json()["error"])


async def test_a_token_says_what_rfc_9068_asks_for(platform: Platform) -> None:
    response = await ask(platform, POST)
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" not in answer
    jwks = KeySet.import_key_set(await platform.read("/oauth2/jwks"))
    token = jwt.decode(answer["access_token"], jwks, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert token.header["kid"] in {key.kid for key in jwks.keys}
    claims = token.claims
    assert claims["iss"] == "http://localhost:8000"
    assert claims["aud"] == "urn:framegate:management"
    assert claims["sub"] == claims["client_id"] == CLIENT_ID
    assert claims["exp"] - claims["iat"] == 3600
    assert set(claims["scope"].split()) == set(ALL_SCOPES)
    again = jwt.decode((await ask(platform, POST)).json()["access_token"], jwks, algorithms=["ES256"])
    assert again.claims["jti"] != claims["jti"]


@on_sqlite
async def test_published_keys_are_public(platform: Platform) -> None:
    keys = (await platform.read("/oauth2/jwks"))["keys"]
    assert len(keys) == 4  # the current and the next, for tokens and for assertions
    for key in keys:
        assert "d" not in key
        assert (key["kty"], key["alg"], key["use"]) == ("EC", "ES256", "sig")


@on_sqlite
async def test_metadata_lists_what_is_on(platform: Platform) -> None:
    metadata = await platform.read("/.well-known/oauth-authorization-server")
    assert metadata["issuer"] == "http://localhost:8000"
    assert metadata["token_endpoint"] == "http://localhost:8000/oauth2/token"
    assert metadata["jwks_uri"] == "http://localhost:8000/oauth2/jwks"
    assert metadata["grant_types_supported"] == list(SUPPORTED_GRANT_TYPES)
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    for name in ("authorization", "token", "revocation", "introspection"):
        assert metadata[f"{name}_endpoint"].startswith("http://localhost:8000/oauth2/")


async def test_scopes_are_what_was_asked_for(platform: Platform) -> None:
    answer = await ask(platform, {**POST, "scope": "admin  store:subscribe admin"})
    assert answer.json()["scope"] == "admin store:subscribe"
    assert error_of(await ask(platform, {**POST, "scope": "admin more"})) == "invalid_scope"


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [(CLIENT_ID, "wrong"), (CLIENT_ID, ""), ("nobody", CLIENT_SECRET), ("nobody", "wrong"), ("", ""), ("\0", "x")],
)
@on_sqlite
async def test_unknown_and_wrong_look_the_same(platform: Platform, client_id: str, secret: str) -> None:
    reference = await ask(platform, GRANT, **basic("nobody", "wrong"))
    for response in (
        await ask(platform, GRANT, **basic(client_id, secret)),
        await ask(platform, {**GRANT, "client_id": client_id, "client_secret": secret}),
    ):
        assert error_of(response, 401) == "invalid_client"
        assert response.json() == reference.json()
        assert response.headers["www-authenticate"] == 'Basic realm="framegate"'


@pytest.mark.parametrize(
    "authorization", ["Basic", "Basic !!!", "Basic /w==", "Basic bm9jb2xvbg==", "Bearer x", "Digest username=x", ""]
)
@on_sqlite
async def test_a_header_that_can_not_be_read(platform: Platform, authorization: str) -> None:
    assert error_of(await ask(platform, GRANT, Authorization=authorization), 401) == "invalid_client"


@on_sqlite
async def test_basic_is_form_encoded_inside(platform: Platform) -> None:
    encoded = CLIENT_SECRET.replace("%", "%25").replace("+", "%2B")
    assert (await ask(platform, GRANT, **basic(CLIENT_ID, encoded))).status_code == 200
    assert (await ask(platform, GRANT, **basic(CLIENT_ID, CLIENT_SECRET.replace("%", "%25")))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        urlencode(GRANT) + "&" + urlencode(POST),
        "grant_type=client_credentials&scope=admin&scope=admin",
        "grant_type=",
        "scope=admin",
        "",
        "grant_type=client_credentials&x=%ff",
        "&".join(f"a{number}=1" for number in range(60)),
    ],
    ids=["repeated", "repeated scope", "empty", "missing", "nothing", "not UTF-8", "too many"],
)
@on_sqlite
async def test_a_form_that_can_not_be_read(platform: Platform, body: str) -> None:
    assert error_of(await ask(platform, body, **basic(CLIENT_ID, "x"))) == "invalid_request"


@on_sqlite
async def test_two_ways_to_authenticate_are_one_too_many(platform: Platform) -> None:
    assert error_of(await ask(platform, POST, **basic(CLIENT_ID, "x"))) == "invalid_request"
    other = {**GRANT, "client_id": "other"}
    assert error_of(await ask(platform, other, **basic(CLIENT_ID, "x"))) == "invalid_request"


@on_sqlite
async def test_query_parameters_are_not_read(platform: Platform) -> None:
    platform.client.headers.pop("Authorization", None)
    response = await platform.client.post(TOKEN, params=POST, headers={"Content-Type": FORM})
    assert error_of(response) == "invalid_request"


@on_sqlite
async def test_only_a_form_is_read(platform: Platform) -> None:
    platform.client.headers.pop("Authorization", None)
    assert error_of(await platform.client.post(TOKEN, json=POST)) == "invalid_request"


@pytest.mark.parametrize("grant", ["password", "implicit", "x"])
@on_sqlite
async def test_other_grants_are_not_supported(platform: Platform, grant: str) -> None:
    assert error_of(await ask(platform, {**POST, "grant_type": grant})) == "unsupported_grant_type"


@on_sqlite
async def test_only_posts_are_answered(platform: Platform) -> None:
    response = await platform.client.get(TOKEN, params=POST)
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


@on_sqlite
@pytest.mark.parametrize("url", ["https://cp.example.com", "http://control-plane:8000"])
async def test_the_public_url_says_whether_tls_is_used(started: Start, url: str) -> None:
    async with started(public_url=url) as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        assert await platform.read("/admin/v1/policies", limit=1)
        metadata = await platform.read("/.well-known/oauth-authorization-server")
    assert metadata["issuer"] == url


@on_sqlite
async def test_tokens_end(platform: Platform) -> None:
    platform.clock.move(seconds=3600 + 6)
    response = await platform.client.get("/admin/v1/policies")
    problem(response, 401, "unauthorized")
    assert 'error_description="The token has expired."' in response.headers["www-authenticate"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}])
@on_sqlite
async def test_without_a_token_no_error_is_named(platform: Platform, header: dict[str, Any]) -> None:
    platform.client.headers.pop("Authorization", None)
    response = await platform.client.get("/admin/v1/policies", headers=header)
    problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == 'Bearer realm="framegate", DPoP algs="ES256 RS256 Ed25519"'


async def test_keys_stay_over_a_restart_and_only_under_their_secret(started: Start) -> None:
    async with started() as platform:
        token = await platform.fetch_token(CLIENT_ID, CLIENT_SECRET)
    async with started() as platform:
        headers = {"Authorization": f"Bearer {token}"}
        assert (await platform.client.get("/admin/v1/policies", headers=headers)).status_code == 200


@on_sqlite
async def test_who_guesses_waits_and_nobody_else(platform: Platform) -> None:
    wrong = {**POST, "client_secret": "wrong"}
    for _ in range(5):
        assert error_of(await ask(platform, wrong), 401) == "invalid_client"
    for body in (wrong, POST):  # the right secret waits too: otherwise the wait would tell which it is
        response = await ask(platform, body)
        assert error_of(response, 429) == "temporarily_unavailable"
        assert response.headers["retry-after"] == "1"
    assert error_of(await ask(platform, {**wrong, "client_id": "other"}), 401) == "invalid_client"
    platform.clock.move(seconds=1)
    assert (await ask(platform, POST)).status_code == 200
    assert error_of(await ask(platform, wrong), 401) == "invalid_client"


async def test_tokens_are_for_the_resource_of_their_client(platform: Platform) -> None:
    assert (await ask(platform, {**POST, "resource": "urn:framegate:management"})).status_code == 200
    for resource in ("urn:framegate:gateway", "https://other.example.com"):
        assert error_of(await ask(platform, {**POST, "resource": resource})) == "invalid_target"
