"""Credentials in a query, for those that can set no header: they are taken out before anybody else sees it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from services.data_plane.connection import Credential, CredentialKind, Handshake
from services.data_plane.refusal import RefusedError
from shared.definition import Auth

_ALWAYS: Final[Mapping[str, CredentialKind]] = {"ticket": "ticket"}
_ON_DEMAND: Final[Mapping[str, CredentialKind]] = {**_ALWAYS, "access_token": "token", "apikey": "api_key"}


def take_credential(handshake: Handshake, auth: Auth) -> Handshake:
    """Return the handshake with the credential that its query had; the rest of that is as it was, byte for byte.

    A ticket may always stand there, a token or a key where the API says so. Raises `RefusedError`.
    """
    if not handshake.query or "none" in auth.types:
        return handshake
    names = _ON_DEMAND if auth.query else _ALWAYS
    found, kept = [], []
    for part in handshake.query.split("&"):
        name, _, value = part.partition("=")
        kind = names.get(unquote_plus(name))
        if kind is None:
            kept.append(part)
        else:
            found.append(Credential(kind, unquote_plus(value)))
    if not found:
        return handshake
    if len(found) > 1 or handshake.credential is not None:
        raise RefusedError("ambiguous_credentials")
    return handshake._replace(query="&".join(kept), credential=found[0])
