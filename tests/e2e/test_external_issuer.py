"""Tokens of another issuer, from the administrator who trusts it to the backend that is told who calls."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from shared.assertions import ASSERTION_HEADER, ASSERTION_TYPE
from tests.e2e.conftest import Installation
from tests.integration.data_plane.conftest import Backend
from tests.support.outside import AUDIENCE, CLIENT_ID, CLIENT_SECRET, outside_issuer

pytestmark = pytest.mark.timeout(120)


async def test_another_issuer_s_tokens_reach_a_backend_that_verifies_who_calls(
    installation: Installation, production: Backend
) -> None:
    framegate = installation
    framegate.canaries.add(introspection_secret=CLIENT_SECRET)
    with outside_issuer() as outside:
        asked = {"url": outside.introspection_url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        issuer = {"name": "partner", "issuer": outside.issuer, "audience": AUDIENCE, "introspection": asked}
        await framegate.post("/admin/v1/issuers", issuer)
        body = {"name": "Mine", "context": "/mine", "version": "1.0", "issuers": ["partner"], "backend_assertion": True}
        endpoints = {"production": {"urls": [production.url]}}
        api = await framegate.post("/publisher/v1/apis", {**body, "endpoints": endpoints, "policies": ["Gold"]})
        await framegate.move(api["id"], "publish")
        application = await framegate.application()
        wanted = {"application_id": application, "api_id": api["id"], "policy": "Gold"}
        await framegate.post("/store/v1/subscriptions", wanted)
        mapping = {"key_type": "PRODUCTION", "issuer": "partner", "token": outside.token()}
        await framegate.post(f"/store/v1/applications/{application}/external-keys", mapping)
        await framegate.caught_up()
        for pod, token in enumerate((outside.token(), outside.opaque_token())):
            framegate.canaries.add(external=token)
            async with framegate.connect("/mine/1.0", token, pod) as client:
                await client.send("hello")
                assert await client.recv() == "hello"
            claims = await told(framegate, production)
            assert (claims["sub"], claims["client_id"]) == ("partner/alice", "partner/their-app")
            assert claims["application"] == {"id": application, "name": "DefaultApplication"}
            assert claims["subscription"]["policy"] == "Gold"


async def told(framegate: Installation, backend: Backend) -> dict[str, Any]:
    """Verify what the latest handshake says of its caller, as the how-to tells."""
    request = backend.handshakes[-1].request
    assert request is not None
    keys = KeySet.import_key_set(await framegate.call("GET", "/oauth2/jwks"))
    token = jwt.decode(request.headers[ASSERTION_HEADER], keys, algorithms=["ES256"])
    assert token.header["typ"] == ASSERTION_TYPE
    jwt.JWTClaimsRegistry(
        leeway=5,
        iss={"essential": True, "value": framegate.issuer},
        aud={"essential": True, "value": "/mine/1.0"},
        exp={"essential": True},
    ).validate(token.claims)
    return token.claims
