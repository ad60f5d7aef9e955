"""What a backend is told of a caller, in a form that it can verify: a JWT that this pod signs."""

import json
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from services.data_plane.attached import Attached
from services.data_plane.connection import Caller
from services.data_plane.refusal import come_back_later
from services.data_plane.table import RouteTable
from shared.assertions import ASSERTION_ALGORITHM, ASSERTION_TYPE
from shared.claims import IssuerDefinition
from shared.definition import ApiDefinition
from shared.subscription import ApplicationDefinition

VALID_SECONDS: Final = 60
KEPT_SECONDS: Final = 10.0
"""So long one is used again: a storm of handshakes costs one signature for each caller."""

KEPT: Final = 10_000

_LOCKED: Final = "What callers are vouched for with can't be read yet."


class AssertionBook:
    """Signs what is true of a caller, and keeps it for a moment."""

    def __init__(self, find_unsealing_key: Callable[[], str | None], clock: Callable[[], float]) -> None:
        """`clock` is the wall clock in seconds."""
        self._find_unsealing_key = find_unsealing_key
        self._clock = clock
        self._keys: Attached[ECKey] = Attached()
        self._signed: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def write(self, api: ApiDefinition, caller: Caller, table: RouteTable) -> str | None:
        """Return the assertion that an API asks for. Raises `RefusedError` while none can be signed."""
        if not api.backend_assertion or caller.application is None:
            return None
        issuer = table.own_issuer
        if issuer is None or issuer.sealed_assertion_key is None:
            raise come_back_later("not_ready", _LOCKED)
        sealed = issuer.sealed_assertion_key
        key = self._keys.of(issuer, lambda: self._open(sealed))
        claims = _describe(issuer, api, caller, caller.application, table)
        return self._sign(claims, key)

    def _open(self, sealed: str) -> ECKey:
        unsealing_key = self._find_unsealing_key()
        if unsealing_key is None:
            raise come_back_later("not_ready", _LOCKED)
        try:
            return ECKey.import_key(json.loads(Fernet(unsealing_key).decrypt(sealed)))
        except (InvalidToken, ValueError, JoseError) as error:  # a ValueError: what should be a key is none
            raise come_back_later("not_ready", _LOCKED) from error

    def _sign(self, claims: dict[str, Any], key: ECKey) -> str:
        now = self._clock()
        told = f"{key.kid} {json.dumps(claims)}"  # whatever changes is signed anew
        kept = self._signed.get(told)
        if kept is not None and 0 <= now - kept[0] < KEPT_SECONDS:
            return kept[1]
        timed = {**claims, "iat": int(now), "exp": int(now) + VALID_SECONDS, "jti": uuid.uuid4().hex}
        header = {"alg": ASSERTION_ALGORITHM, "typ": ASSERTION_TYPE, "kid": key.kid}
        signed = jwt.encode(header, timed, key, [ASSERTION_ALGORITHM])
        self._signed[told] = (now, signed)
        self._signed.move_to_end(told)
        if len(self._signed) > KEPT:
            self._signed.popitem(last=False)
        return signed


def _describe(
    issuer: IssuerDefinition, api: ApiDefinition, caller: Caller, application: ApplicationDefinition, table: RouteTable
) -> dict[str, Any]:
    """Return who calls what, and by which right."""
    described: dict[str, Any] = {
        "iss": issuer.issuer,
        "aud": f"{api.context}/{api.version}",
        "sub": application.id,
        "application": {"id": application.id, "name": application.name},
        "key_type": caller.key_type,
        "api": {"name": api.name, "context": api.context, "version": api.version},
    }
    if caller.claims is not None:
        described |= {"sub": caller.claims.sub, "client_id": caller.claims.client_id, "scope": caller.claims.scope}
    subscription = table.subscriptions.get((application.id, api.id))
    if subscription is not None:  # a prototype needs none
        described["subscription"] = {"id": subscription.id, "policy": subscription.policy}
    return described
