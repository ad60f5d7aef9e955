from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import ValidationError

from shared.claims import (
    ExpiredTokenError,
    ExternalIssuerDefinition,
    InvalidTokenError,
    IssuerDefinition,
    UnknownKeyError,
)
from shared.external import MAX_CLIENT_ID_LENGTH, ExternalVerifier
from tests.support.forgery import forged, good
from tests.support.outside import make_rsa_key

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://login.partner.example/realms/a", "https://gateway.example"
KEY = ECKey.generate_key("P-256", {"kid": "current", "alg": "ES256", "use": "sig"})
RSA = make_rsa_key()
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "sub": "alice", "aud": ["account", AUDIENCE], "azp": "their-app", "jti": "1", "iat": NOW,
    "exp": NOW + 60, "scope": "openid chat",
}  # fmt: skip


def verifier(application_claim: str | None = None, *keys: Any) -> ExternalVerifier:
    public = tuple(key.as_dict(private=False) for key in keys or (KEY, RSA))
    definition = ExternalIssuerDefinition(
        name="partner", audience=AUDIENCE, application_claim=application_claim, keys=public
    )
    return ExternalVerifier.of(ISSUER, definition)


def sign(changes: dict[str, Any] | None = None, header: dict[str, Any] | None = None, key: Any = KEY) -> str:
    """Sign the claims with changes; what is None is left out."""
    claims = {name: value for name, value in (CLAIMS | (changes or {})).items() if value is not None}
    head = {"alg": str(key.alg), "typ": "JWT", "kid": key.kid} | (header or {})
    return jwt.encode({name: value for name, value in head.items() if value is not None}, claims, key)


def test_names_of_an_external_issuer_are_never_taken_for_ours() -> None:
    claims = verifier().verify(sign(), NOW)
    assert (claims.sub, claims.client_id, claims.jti) == ("partner/alice", "partner/their-app", "partner/1")
    assert (claims.iss, claims.aud, claims.exp) == (ISSUER, AUDIENCE, NOW + 60)
    assert claims.scopes == {"openid", "chat"}


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", "application/JWT"])
def test_types_that_issuers_use(typ: str) -> None:
    assert verifier().verify(sign(header={"typ": typ}), NOW).client_id == "partner/their-app"


def test_rsa_keys_too() -> None:
    assert verifier().verify(sign(key=RSA), NOW).client_id == "partner/their-app"


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": None}, set()),
        ({"scope": ["a", "b"]}, {"a", "b"}),
        ({"scope": None, "scp": "a b"}, {"a", "b"}),
        ({"scope": None, "scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": ["a", "b"]}, {"openid", "chat"}),
    ],
)
def test_scopes_in_each_form(changes: dict[str, Any], scopes: set[str]) -> None:
    assert verifier().verify(sign(changes), NOW).scopes == scopes


@pytest.mark.parametrize(
    ("claim", "changes", "client"),
    [
        (None, {"client_id": "of-9068"}, "of-9068"),
        (None, {}, "their-app"),
        ("appid", {"appid": "of-azure"}, "of-azure"),
        ("sub", {}, "alice"),
    ],
)
def test_the_claim_that_names_the_application(claim: str | None, changes: dict[str, Any], client: str) -> None:
    assert verifier(claim).verify(sign(changes), NOW).client_id == f"partner/{client}"


def test_what_is_not_said_is_made_of_the_token() -> None:
    token = sign({"jti": None, "sub": None, "iat": None, "aud": AUDIENCE, "exp": NOW + 60.9})
    claims = verifier().verify(token, NOW)
    assert claims.sub == "partner/their-app"
    assert claims.jti == verifier().verify(token, NOW).jti != verifier().verify(sign({"jti": None}), NOW).jti
    assert claims.exp == NOW + 60


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": f"{ISSUER}/"}, "another issuer"),
        ({"iss": None}, "malformed"),
        ({"aud": "account"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": [AUDIENCE, 1]}, "malformed"),
        ({"aud": None}, "malformed"),
        ({"exp": None}, "malformed"),
        ({"exp": str(NOW + 60)}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": float("nan")}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"exp": 10**400}, "malformed"),
        ({"nbf": float("nan")}, "malformed"),
        ({"sub": "\ud800"}, "malformed"),
        ({"jti": "\ud800"}, "malformed"),
        ({"sub": ["alice"]}, "malformed"),
        ({"scope": "a\ud800"}, "malformed"),
        ({"scope": ["a\n"]}, "malformed"),
        ({"azp": "\ud800"}, "does not name an application"),
        ({"azp": "a\0b"}, "does not name an application"),
        ({"nbf": NOW + 60}, "not valid yet"),
        ({"iat": NOW + 60}, "not valid yet"),
        ({"azp": None}, "does not name an application"),
        ({"azp": ""}, "does not name an application"),
        ({"azp": ["their-app"]}, "does not name an application"),
        ({"azp": "x" * (MAX_CLIENT_ID_LENGTH + 1)}, "does not name an application"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
        ({"cnf": {"x5t#S256": "x"}}, "bound to a key"),
        ({"cnf": "x"}, "malformed"),
        ({"scope": 1}, "malformed"),
    ],
)
def test_claims_that_do_not_hold(changes: dict[str, Any], why: str) -> None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    with pytest.raises(InvalidTokenError, match=why):
        verifier().verify(good(KEY, claims), NOW)  # as the issuer's key signs whatever it is given


def test_a_configured_claim_has_no_stand_in() -> None:
    with pytest.raises(InvalidTokenError, match="does not name an application"):
        verifier("appid").verify(sign({"client_id": "x"}), NOW)


def test_one_that_has_expired_was_good_once() -> None:
    with pytest.raises(ExpiredTokenError):
        verifier().verify(sign({"exp": NOW - 5}), NOW)


@pytest.mark.parametrize("typ", ["id+jwt", "logout+jwt", "dpop+jwt", "framegate-assertion+jwt", ""])
def test_other_types_are_refused(typ: str) -> None:
    with pytest.raises(InvalidTokenError, match="not an access token"):
        verifier().verify(sign(header={"typ": typ}), NOW)


def test_no_forgery_is_taken() -> None:
    claims = CLAIMS | {"aud": AUDIENCE}
    assert verifier(None, KEY).verify(good(KEY, claims), NOW).client_id == "partner/their-app"
    taken = []
    for attempt, token in forged(KEY, claims).items():
        try:
            verifier(None, KEY).verify(token, NOW)
        except InvalidTokenError:
            continue
        taken.append(attempt)
    assert taken == ["typ 'JWT'"], "which is how most external issuers mark their access tokens"


def test_what_an_issuer_answers_of_an_opaque_token() -> None:
    answer = CLAIMS | {"active": True, "iss": None}
    said = {name: value for name, value in answer.items() if value is not None}
    claims = verifier().read_answer(said, "opaque")
    assert (claims.iss, claims.client_id, claims.scope) == (ISSUER, "partner/their-app", "openid chat")
    verifier().check(claims, NOW)
    for refused in (
        {**said, "active": False},
        {**said, "active": "true"},
        {"active": True},
        {**said, "aud": "another"},
    ):
        with pytest.raises(InvalidTokenError):
            verifier().read_answer(refused, "opaque")
    with pytest.raises(InvalidTokenError, match="another issuer"):
        verifier().check(verifier().read_answer({**said, "iss": "https://another.example"}, "opaque"), NOW)


def test_an_unknown_key_is_told_apart() -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "new", "alg": "ES256", "use": "sig"})
    with pytest.raises(UnknownKeyError):
        verifier().verify(sign(key=stranger), NOW)
    with pytest.raises(UnknownKeyError):
        verifier().verify(sign(header={"kid": None}), NOW)
    assert verifier(None, KEY).verify(sign(header={"kid": None}), NOW).jti == "partner/1", "where there is but one"


def test_an_external_issuer_has_no_keys_that_an_older_pod_would_trust() -> None:
    external = ExternalIssuerDefinition(name="partner", audience=AUDIENCE, keys=(KEY.as_dict(private=False),))
    assert IssuerDefinition(issuer=ISSUER, keys=(), external=external).keys == ()
    with pytest.raises(ValidationError, match="stand in external"):
        IssuerDefinition(issuer=ISSUER, keys=(KEY.as_dict(private=False),), external=external)
    for keys in ((), ({"kty": "EC"},)):
        with pytest.raises(ValidationError, match="can't be read"):
            ExternalIssuerDefinition(name="partner", audience=AUDIENCE, keys=keys)
