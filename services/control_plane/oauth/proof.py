"""How a client says who it is: a secret in one of two places, or an assertion."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from authlib.oauth2.rfc6749 import InvalidRequestError

from services.control_plane.oauth.errors import InvalidClientError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Proof:
    """An assertion says itself whose it is: the id is what the form says of it, if anything."""

    client_id: str
    secret: str = ""
    assertion: str | None = None


def read_proof(authorization: str | None, form: Mapping[str, str]) -> Proof:
    """Return what a request proves itself with. Raises `InvalidRequestError` and `InvalidClientError`."""
    ways = (authorization is not None, "client_secret" in form, "client_assertion" in form)
    if sum(ways) > 1:
        raise InvalidRequestError("The client authenticates in two ways.")
    if authorization is not None:
        client_id, secret = _read_basic(authorization)
        if form.get("client_id", client_id) != client_id:
            raise InvalidRequestError("The client names itself in two ways.")
        proof = Proof(client_id, secret)
    elif "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidRequestError(f"client_assertion_type must be {ASSERTION_TYPE}.")
        proof = Proof(form.get("client_id", ""), assertion=form["client_assertion"])
    else:
        proof = Proof(form.get("client_id", ""), form.get("client_secret", ""))
    if "\0" in proof.client_id:
        raise InvalidClientError
    return proof


def _read_basic(authorization: str) -> tuple[str, str]:
    """Return id and secret, which are form-encoded inside (RFC 6749, section 2.3.1)."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError
    try:
        client_id, colon, secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        # `+` stays as it is: more clients send it unencoded than send a space.
        client_id, secret = unquote(client_id, errors="strict"), unquote(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise InvalidClientError from error
    if not colon:
        raise InvalidClientError
    return client_id, secret
