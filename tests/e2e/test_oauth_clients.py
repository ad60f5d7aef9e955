"""Clients that others wrote, and that know nothing of us but our issuer."""

from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.e2e.conftest import CLIENT_ID, Installation
from tests.support.node import run_script

pytestmark = pytest.mark.timeout(180)

OAUTH = Path(__file__).with_name("clients") / "oauth.mjs"
GATEWAY = "urn:framegate:gateway"


async def test_oauth4webapi_finds_nothing_wrong(installation: Installation) -> None:
    given = {
        "issuer": installation.issuer,
        "audience": GATEWAY,
        "token": await installation.token(CLIENT_ID, installation.client_secret, scope="store:subscribe"),
        "username": "admin",
        "password": installation.admin_password,
    }
    said = await run_script(OAUTH, given)
    seen, secrets = said["seen"], said["secrets"]
    assert len(secrets) >= 20
    for number, secret in enumerate(secrets):
        installation.canaries.add(**{f"secret {number} of oauth4webapi": secret})
    assert not seen["key_has_secret"]
    for claims in seen["claims"].values():
        assert claims["sub"] == claims["client_id"]
        assert claims["scope"] == "read"
        assert claims["introspected"]["active"]
        assert claims["introspected"]["jti"] == claims["jti"]
        assert claims["revoked"] == {"active": False}
    assert list(seen["claims"]) == ["basic", "post", "assertion"]
    assert seen["wrong_secret"] == "invalid_client"
    assert seen["other_audience"] == 'unexpected JWT "aud" (audience) claim value aud'
    person, refreshed = seen["person"], seen["refreshed"]
    assert person["sub"] == refreshed["sub"] != person["client_id"]
    assert person["scope"] == "read write"
    assert seen["refresh_token_introspected"]["active"]
    assert seen["refresh_after_revocation"] == "invalid_grant"
    assert seen["access_after_revocation"] == {"active": False}
    bound = {"token_type": "dpop", "bound": True}  # the client writes the type in lower case
    assert seen["bound"] == dict.fromkeys(("client_credentials", "authorization_code", "refresh_token"), bound)


async def test_joserfc_verifies_by_what_it_discovers(installation: Installation) -> None:
    token = await installation.token(CLIENT_ID, installation.client_secret)
    async with httpx.AsyncClient(trust_env=False) as client:
        server = (await client.get(f"{installation.issuer}/.well-known/oauth-authorization-server")).json()
        keys = (await client.get(server["jwks_uri"])).json()
    assert not any("d" in key for key in keys["keys"])
    decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    essential: jwt.ClaimsOption = {"essential": True}
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server["issuer"]},
        aud={"essential": True, "value": "urn:framegate:management"},
        client_id={"essential": True, "value": CLIENT_ID},
        exp=essential,
        iat=essential,
        jti=essential,
        sub=essential,
    ).validate(decoded.claims)
