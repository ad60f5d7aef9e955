"""Rows to what the pods read. Pure."""

from typing import Final

from services.control_plane.oauth.keyring import Keys, as_jwks
from services.control_plane.oauth.models import SigningKey
from services.control_plane.oauth.schemas import SigningKeyRead
from shared.claims import IssuerDefinition

ISSUER_ID: Final = "local"


def define_issuer(issuer: str, keys: Keys) -> IssuerDefinition:
    return IssuerDefinition(
        issuer=issuer, keys=tuple(as_jwks(keys.public)), sealed_assertion_key=keys.sealed_assertion_key
    )


def read_signing_key(key: SigningKey) -> SigningKeyRead:
    state = "retired" if key.retired_at else "current" if key.activated_at else "next"
    fields = key.model_dump(include=set(SigningKeyRead.model_fields))
    return SigningKeyRead.model_validate({**fields, "kid": key.id, "state": state})
