"""Stage 1: an HTTP request becomes a well-formed handshake, or is refused (RFC 6455, section 4.2.1)."""

import binascii
from base64 import b64decode

from aiohttp import hdrs
from multidict import CIMultiDictProxy

from services.data_plane.connection import OWN_SUBPROTOCOL, Credential, Handshake, Headers, Request
from services.data_plane.forwarded import TrustedProxies, find_sender
from services.data_plane.http1 import tokens_of
from services.data_plane.refusal import RefusedError
from shared.headers import may_pass

BEARER_PREFIX = "bearer."

_UPGRADE_HEADERS = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
_SINGLE = (
    hdrs.HOST, hdrs.SEC_WEBSOCKET_KEY, hdrs.SEC_WEBSOCKET_VERSION, hdrs.ORIGIN, hdrs.AUTHORIZATION, "X-API-Key", "DPoP",
)  # fmt: skip


def read_handshake(request: Request, request_id: str, proxies: TrustedProxies) -> Handshake:
    """Return what a request asks for, and who asks by the word of `proxies`. Raises `RefusedError`."""
    headers = request.headers
    connection = tokens_of(headers, hdrs.CONNECTION)
    _check_upgrade(request, headers, connection)
    subprotocols = [
        name.strip() for line in headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ()) for name in line.split(",")
    ]
    credential = _read_credential(headers, subprotocols)
    offered = tuple(name for name in subprotocols if not name.startswith(BEARER_PREFIX))
    if subprotocols and not offered:
        # A browser drops a connection that answers none of the subprotocols that it offered.
        raise RefusedError("subprotocol_required", f"Offer your subprotocol, or {OWN_SUBPROTOCOL}, beside the token.")
    path, _, query = request.target.partition("?")
    sender = find_sender(headers, request.address, proxies, secure=request.secure)
    return Handshake(
        path=path,
        query=query,
        host=headers.get(hdrs.HOST, ""),
        key=headers[hdrs.SEC_WEBSOCKET_KEY],
        headers=_end_to_end(headers, connection),
        cookies=() if "cookie" in connection else tuple(headers.getall(hdrs.COOKIE, ())),
        subprotocols=offered,
        extensions=", ".join(headers.getall(hdrs.SEC_WEBSOCKET_EXTENSIONS, ())),
        credential=credential,
        origin=headers.get(hdrs.ORIGIN),
        address=sender.address,
        secure=sender.secure,
        forwarded_for=sender.chain,
        request_id=request_id,
    )


def _check_upgrade(request: Request, headers: CIMultiDictProxy[str], connection: frozenset[str]) -> None:
    if request.method != hdrs.METH_GET:
        raise RefusedError("method_not_allowed", headers={"Allow": "GET"})
    if "websocket" not in tokens_of(headers, hdrs.UPGRADE) or "upgrade" not in connection:
        raise RefusedError("upgrade_required", "Connect with a WebSocket client.", _UPGRADE_HEADERS)
    if headers.getall(hdrs.SEC_WEBSOCKET_VERSION, ()) != ["13"]:
        # Section 4.4: say which version would do.
        raise RefusedError("upgrade_required", "Only version 13 is spoken here.", _UPGRADE_HEADERS)
    _check_single(headers)
    if request.version < (1, 1):
        raise RefusedError("malformed_upgrade", "HTTP/1.1 is needed.")
    if hdrs.HOST not in headers:
        raise RefusedError("malformed_upgrade", "Host is missing.")
    if hdrs.TRANSFER_ENCODING in headers or headers.get(hdrs.CONTENT_LENGTH, "0") != "0":
        raise RefusedError("malformed_upgrade", "A handshake has no body.")
    if not _is_key(headers.get(hdrs.SEC_WEBSOCKET_KEY, "")):
        raise RefusedError("malformed_upgrade", "Sec-WebSocket-Key is not 16 bytes in base64.")


def _check_single(headers: CIMultiDictProxy[str]) -> None:
    if len({name.lower() for name, _ in headers.items()}) == len(headers):
        return
    for name in _SINGLE:
        if len(headers.getall(name, ())) > 1:
            raise RefusedError("malformed_upgrade", f"{name} stands more than once.")


def _is_key(value: str) -> bool:
    try:
        return len(b64decode(value, validate=True)) == 16  # noqa: PLR2004
    except (binascii.Error, ValueError):
        return False


def _read_credential(headers: CIMultiDictProxy[str], subprotocols: list[str]) -> Credential | None:
    """Return the one credential. RFC 6750, section 2: more than one is refused."""
    found = [Credential("token", name[len(BEARER_PREFIX) :]) for name in subprotocols if name.startswith(BEARER_PREFIX)]
    if authorization := headers.get(hdrs.AUTHORIZATION):
        scheme, _, value = authorization.partition(" ")
        # Another scheme is a credential that no API here takes: an empty token says so with the right challenge.
        known = scheme.lower() in ("bearer", "dpop")
        proof = headers.get("DPoP", "") if scheme.lower() == "dpop" else None
        found.append(Credential("token", value.strip() if known else "", proof))
    if api_key := headers.get("X-API-Key"):
        found.append(Credential("api_key", api_key))
    if len(found) > 1:
        raise RefusedError("ambiguous_credentials")
    return found[0] if found else None


def _end_to_end(headers: CIMultiDictProxy[str], connection: frozenset[str]) -> Headers:
    """Return what may reach the backend: nothing hop-by-hop, no credentials, none of the gateway's own names."""
    # A backend may read `_` and `.` in a name as `-`: such aliases of our names are removed too.
    return tuple([item for item in headers.items() if may_pass(item[0]) and item[0].lower() not in connection])
