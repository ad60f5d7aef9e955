from datetime import UTC, datetime

import pytest
from joserfc.jwk import ECKey, KeySet

from services.control_plane.oauth.keyring import Keys
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.oauth.projection import define_issuer
from services.control_plane.oauth.tokens import TokenIssuer
from shared.claims import GATEWAY_AUDIENCE, MANAGEMENT_AUDIENCE, InvalidTokenError, TokenVerifier

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
OLD = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
ASSERTING = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
CLIENT = OAuthClient(id="client", secret_hash="x", audience=GATEWAY_AUDIENCE, token_validity_seconds=60, created_at=NOW)
ISSUER = "https://cp.example.com"


KEYS = Keys(KEY, KeySet([KEY, OLD]), KeySet([ASSERTING]), "sealed")


def issue(*scopes: str, validity: int | None = None) -> str:
    issuer = TokenIssuer(ISSUER, KEYS, lambda: NOW)
    return issuer.issue(CLIENT, scopes, validity).access_token


def verifier(audience: str = GATEWAY_AUDIENCE) -> TokenVerifier:
    definition = define_issuer(ISSUER, KEYS)
    return TokenVerifier(
        definition.issuer, audience, KeySet.import_key_set({"keys": [dict(key) for key in definition.keys]})
    )


def test_pods_can_verify_what_we_sign_with_what_they_are_told() -> None:
    claims = verifier().verify(issue("read", "write"), NOW.timestamp())
    assert claims.client_id == claims.sub == "client"
    assert claims.scopes == frozenset({"read", "write"})
    assert claims.exp - claims.iat == 60


def test_a_token_can_be_shorter() -> None:
    claims = verifier().verify(issue(validity=5), NOW.timestamp())
    assert claims.exp - claims.iat == 5
    assert claims.scope == ""


def test_an_application_s_token_is_not_for_management() -> None:
    with pytest.raises(InvalidTokenError, match="another audience"):
        verifier(MANAGEMENT_AUDIENCE).verify(issue(), NOW.timestamp())


def test_what_pods_are_told_is_public() -> None:
    definition = define_issuer(ISSUER, KEYS)
    assert '"d"' not in definition.model_dump_json()
    assert {key["kid"] for key in definition.keys} == {KEY.kid, OLD.kid}, "and no token is good by an assertion's key"
    assert definition.sealed_assertion_key == "sealed"
    assert {key["kid"] for key in KEYS.jwks()} == {KEY.kid, OLD.kid, ASSERTING.kid}
