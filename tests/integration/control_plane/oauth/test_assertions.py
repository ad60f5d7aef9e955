"""Clients that prove themselves with keys of their own (RFC 7523)."""

import asyncio
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.control_plane.oauth.proof import ASSERTION_TYPE
from services.control_plane.oauth.server import TokenServices
from services.control_plane.oauth.service import JWT_BEARER
from tests.integration.control_plane.oauth.browser import ISSUER, TOKEN, post
from tests.integration.control_plane.oauth.test_server import error_of
from tests.integration.control_plane.platform import Platform, on_sqlite, problem

Key = ECKey | RSAKey | OKPKey
KEY = ECKey.generate_key("P-256", {"kid": "1"})
NONE, HS256 = b'{"alg":"none","kid":"1"}', b'{"alg":"HS256","kid":"1"}'
OWN = ECKey.generate_key("P-256", {"kid": "1"})


@dataclass
class KeyClient:
    platform: Platform
    id: str
    secret: str

    def claims(self) -> dict[str, Any]:
        now = int(self.platform.clock().timestamp())
        return {"iss": self.id, "sub": self.id, "aud": ISSUER, "jti": uuid4().hex, "iat": now, "exp": now + 60}

    def sign(self, header: dict[str, Any] | None = None, key: Key = KEY, **changes: Any) -> str:
        head = {"alg": "ES256", "kid": "1", **(header or {})}
        claims = {name: value for name, value in (self.claims() | changes).items() if value is not None}
        return jwt.encode(head, claims, key, [head["alg"]])

    async def authenticate(self, assertion: str, path: str = TOKEN, **form: str) -> httpx.Response:
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        grant = {"grant_type": "client_credentials"} if path == TOKEN else {}
        return await post(self.platform, path, **{**grant, **proof, **form})

    async def grant(self, assertion: str) -> httpx.Response:
        return await post(self.platform, TOKEN, grant_type=JWT_BEARER, assertion=assertion)


async def key_client(platform: Platform, *keys: Key) -> KeyClient:
    application = await platform.make_application(uuid4().hex)
    jwks = {"keys": [key.as_dict(private=False) for key in keys or (KEY,)]}
    body = {"key_type": "PRODUCTION", "grant_types": ["client_credentials", JWT_BEARER], "jwks": jwks}
    made = await platform.made(f"/store/v1/applications/{application['id']}/keys", body)
    return KeyClient(platform, made["consumer_key"], made["consumer_secret"])


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(client: KeyClient) -> str:
    return f"{encode(NONE)}.{client.sign().split('.')[1]}."


def confused(client: KeyClient) -> str:
    """Return an assertion whose HMAC key is the client's public key (RFC 8725, section 2.1)."""
    signed = f"{encode(HS256)}.{client.sign().split('.')[1]}"
    return f"{signed}.{encode(hmac.digest(KEY.as_pem(private=False), signed.encode(), 'sha256'))}"


async def test_an_assertion_is_good_once(platform: Platform) -> None:
    client = await key_client(platform)
    for send in (client.authenticate, client.grant):
        assertion = client.sign()
        assert (await send(assertion)).status_code == 200
        again = await send(assertion)
        assert error_of(again, again.status_code) in ("invalid_client", "invalid_grant")
    assertion = client.sign()
    answers = await asyncio.gather(*(client.authenticate(assertion) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_introspection_uses_an_assertion_up_too(platform: Platform) -> None:
    client = await key_client(platform)
    token = (await client.authenticate(client.sign())).json()["access_token"]
    assertion = client.sign()
    for path in ("/oauth2/introspect", "/oauth2/revoke"):
        response = await client.authenticate(client.sign(), path, token=token, client_id=client.id)
        assert response.status_code == 200
    assert (await client.authenticate(assertion, "/oauth2/introspect", token=token)).json() == {"active": False}
    assert error_of(await client.authenticate(assertion, "/oauth2/introspect", token=token), 401) == "invalid_client"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", KEY),
        ("RS256", RSAKey.generate_key(2048, {"kid": "1"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "1"})),
    ],
)
@on_sqlite
async def test_keys_of_each_kind_are_good(platform: Platform, algorithm: str, key: Key) -> None:
    client = await key_client(platform, key)
    assert (await client.authenticate(client.sign({"alg": algorithm}, key))).status_code == 200
    assert (await client.authenticate(client.sign({"alg": algorithm}, key, aud=f"{ISSUER}{TOKEN}"))).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "http://localhost:8000/"},
        {"aud": f"{ISSUER}/oauth2/revoke"},
        {"aud": [ISSUER, "https://other.example.com"]},
        {"aud": []},
        {"aud": None},
        {"iss": "other"},
        {"iss": None},
        {"sub": "other"},
        {"sub": None},
        {"sub": "\0"},
        {"sub": 5},
        {"jti": None},
        {"exp": None},
        {"exp": 1},
        {"exp": 2**40},
        {"exp": "soon"},
        {"nbf": 2**40},
    ],
)
@on_sqlite
async def test_every_claim_counts(platform: Platform, change: dict[str, Any]) -> None:
    client = await key_client(platform)
    assertion = client.sign(**change)
    assert error_of(await client.authenticate(assertion), 401) == "invalid_client"
    assert error_of(await client.grant(assertion)) == "invalid_grant"


@on_sqlite
async def test_what_the_client_s_key_did_not_sign_is_refused(platform: Platform) -> None:
    client = await key_client(platform)
    for assertion in (
        client.sign(key=OWN),
        client.sign({"jwk": OWN.as_dict(private=False)}, OWN),
        client.sign({"jku": "http://127.0.0.1:9/"}, OWN),
        client.sign({"x5c": ["AAAA"]}, OWN),
        client.sign({"kid": "2"}),
        confused(client),
        unsigned(client),
        client.sign()[:-4],
        client.sign({"cty": "x" * 9000}),
        jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A128GCM"}, b"{}", KEY),
        "x",
        "a.b.c",
        "ä.ö.ü",
    ):
        assert error_of(await client.authenticate(assertion), 401) == "invalid_client", assertion
        assert error_of(await client.grant(assertion)) == "invalid_grant", assertion


@on_sqlite
async def test_a_client_with_keys_has_no_secret(platform: Platform) -> None:
    client = await key_client(platform)
    form = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": client.secret}
    assert error_of(await post(platform, TOKEN, **form), 401) == "invalid_client"
    two = await client.authenticate(client.sign(), client_secret=client.secret)
    assert error_of(two) == "invalid_request"
    assert error_of(await client.authenticate(client.sign(), client_assertion_type="x")) == "invalid_request"
    assert error_of(await client.authenticate(client.sign(), client_id="other"), 401) == "invalid_client"


@on_sqlite
async def test_used_assertions_are_forgotten_when_they_expire(platform: Platform) -> None:
    client = await key_client(platform)
    assertion = client.sign()
    await client.authenticate(assertion)
    platform.clock.move(seconds=91)
    with platform.database.writing() as session:
        platform.get(TokenServices).assertions.sweep(session)
    assert error_of(await client.authenticate(assertion), 401) == "invalid_client"


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [5]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [KEY.as_dict(private=True)]},
        {"keys": [ECKey.generate_key("P-384").as_dict(private=False)]},
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [KEY.as_dict(private=False)] * 11},
    ],
    ids=["none", "empty", "number", "half", "private", "other curve", "symmetric", "many"],
)
@on_sqlite
async def test_only_public_keys_that_are_strong_are_taken(platform: Platform, jwks: dict[str, Any]) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    response = await platform.client.post(path, json={"key_type": "PRODUCTION", "jwks": jwks})
    assert problem(response, 422, "invalid")["errors"][0]["field"].startswith("jwks")


@on_sqlite
async def test_half_a_surrogate_is_no_client(platform: Platform) -> None:
    client = await key_client(platform)
    head, _, signature = client.sign().split(".")
    payload = encode(b'{"sub": "\\ud800"}')
    for send in (client.authenticate, client.grant):
        answer = await send(f"{head}.{payload}.{signature}")
        assert error_of(answer, answer.status_code) in ("invalid_client", "invalid_grant")


@on_sqlite
async def test_a_grant_by_assertion_names_its_resource_too(platform: Platform) -> None:
    client = await key_client(platform)
    answer = await post(
        platform, TOKEN, grant_type=JWT_BEARER, assertion=client.sign(), resource="https://other.example"
    )
    assert error_of(answer) == "invalid_target"
