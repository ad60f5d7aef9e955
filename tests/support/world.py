"""A catalogue in Redis as the control plane would write it, without a control plane."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from redis import Redis

from shared import keys
from shared.catalogue import KINDS, Change, Mark, digest_objects
from shared.claims import GATEWAY_AUDIENCE, IssuerDefinition
from shared.contract import Contract
from shared.definition import ApiDefinition, ApiId, Endpoint, Endpoints
from shared.limits import Level, Limit, OnExceed, Policy, PolicyName
from shared.subscription import (
    ApplicationDefinition,
    ApplicationId,
    ClientId,
    KeyDefinition,
    SubscriptionDefinition,
    SubscriptionId,
)

Flat = dict[Any, Any]
"""A plain mapping, as redis-py types those that it takes."""

ISSUER = "http://issuer.test"


class Issuer:
    """Signs access tokens as the control plane does."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", parameters={"kid": uuid.uuid4().hex, "alg": "ES256", "use": "sig"})

    @property
    def definition(self) -> IssuerDefinition:
        return IssuerDefinition(issuer=ISSUER, keys=(self.key.as_dict(private=False),))

    def token(self, client_id: str = "key", *, seconds: int = 3600, **claims: Any) -> str:
        now = int(time.time())  # noqa: TID251 - a test's tokens are of now
        body = {
            "iss": ISSUER,
            "sub": client_id,
            "aud": GATEWAY_AUDIENCE,
            "client_id": client_id,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + seconds,
        } | claims
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}, body, self.key)


@dataclass
class World:
    """Objects by kind and id, and the Redis that they are written into."""

    redis: Redis
    issuer: Issuer = field(default_factory=Issuer)
    epoch: str = "one"
    revision: int = 0
    bodies: dict[str, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def put(self, kind: str, id_: str, body: Contract | str | None) -> None:
        """Publish one change."""
        text = body.model_dump_json() if isinstance(body, Contract) else body
        self.revision += 1
        if text is None:
            self.bodies[kind].pop(id_, None)
            self.redis.hdel(keys.catalogue_objects(kind), id_)
        else:
            self.bodies.setdefault(kind, {})[id_] = text
            self.redis.hset(keys.catalogue_objects(kind), id_, text)
        self.redis.hset(keys.CATALOGUE_STATE, mapping=Flat(self.mark.fields()))
        entry = Flat(Change(self.revision, kind, id_, text).fields())
        self.redis.xadd(keys.CATALOGUE_STREAM, entry, id=f"{self.revision}-0")

    @property
    def mark(self) -> Mark:
        triples = ((kind, id_, body) for kind, objects in self.bodies.items() for id_, body in objects.items())
        return Mark(self.epoch, self.revision, digest_objects(triples))

    def put_policy(
        self, level: Level, name: str, amount: int | None = None, on_exceed: OnExceed = "delay", **fields: Any
    ) -> None:
        """Publish a policy with one limit of messages, or with the `limits` given."""
        if amount:
            fields["limits"] = (Limit(amount=amount, window_seconds=fields.pop("window_seconds", 60)),)
        policy = Policy(name=PolicyName(name), level=level, on_exceed=on_exceed, **fields)
        self.put("policy", policy.id, policy)

    def put_api(self, backend: str | None, *, sandbox: str | None = None, **fields: Any) -> ApiDefinition:
        """Publish /echo 1.0, unless said otherwise."""
        endpoints = Endpoints(
            production=Endpoint(urls=(backend,)) if backend else None,
            sandbox=Endpoint(urls=(sandbox,)) if sandbox else None,
        )
        api = ApiDefinition.model_validate(
            {"id": "api", "name": "Echo", "context": "/echo", "version": "1.0", "state": "PUBLISHED"}
            | {"endpoints": endpoints}
            | fields
        )
        self.put("api", api.id, api)
        return api

    def put_application(self, name: str = "app", policy: str = "Unlimited", **fields: Any) -> None:
        application = ApplicationDefinition.model_validate(
            {"id": ApplicationId(name), "name": name, "owner": "somebody", "policy": PolicyName(policy)} | fields
        )
        self.put("application", name, application)

    def put_key(self, client_id: str = "key", application: str = "app", key_type: str = "PRODUCTION") -> None:
        key = {"client_id": ClientId(client_id), "application_id": application, "key_type": key_type}
        self.put("key", client_id, KeyDefinition.model_validate(key))

    def put_subscription(
        self, api: str = "api", application: str = "app", policy: str = "Unlimited", state: str = "UNBLOCKED"
    ) -> None:
        id_ = f"{application}-{api}"
        subscription = {"id": SubscriptionId(id_), "application_id": application, "api_id": ApiId(api)}
        self.put(
            "subscription",
            id_,
            SubscriptionDefinition.model_validate(subscription | {"policy": policy, "state": state}),
        )

    def put_tutorial(self, backend: str, *, sandbox: str | None = None, **fields: Any) -> None:
        """Publish all that one authenticated connection needs."""
        self.put("issuer", "local", self.issuer.definition)
        for level in ("subscription", "application", "api"):
            self.put_policy(level, "Unlimited")
        self.put_api(backend, sandbox=sandbox, **fields)
        self.put_application()
        self.put_key()
        self.put_key("sandbox-key", key_type="SANDBOX")
        self.put_subscription()
