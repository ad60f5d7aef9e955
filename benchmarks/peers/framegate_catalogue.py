"""What the control plane would have published: one API, and one application that is subscribed to it."""

import redis
from joserfc import jwt
from joserfc.jwk import ECKey

from benchmarks.harness.machine import now
from shared.catalogue import Mark, digest_objects
from shared.claims import GATEWAY_AUDIENCE, IssuerDefinition
from shared.contract import Contract
from shared.definition import ApiDefinition, ApiId, Endpoint, Endpoints
from shared.keys import CATALOGUE_STATE, catalogue_objects
from shared.limits import Limit, Policy, PolicyName
from shared.subscription import (
    ApplicationDefinition,
    ApplicationId,
    ClientId,
    KeyDefinition,
    SubscriptionDefinition,
    SubscriptionId,
)

PATH = "/bench/1.0"

_ISSUER = "https://issuer.invalid"
_CLIENT = ClientId("bench-client")
_TOKEN_SECONDS = 6 * 3600
_NEVER_SECONDS = 24 * 3600  # timers run, and none of them out


def publish(redis_url: str, limits: tuple[Limit, ...], backend_port: int) -> ECKey:
    """Write a catalogue into an empty Redis; return the key that signs its tokens."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    objects = {
        (kind, id_): body.model_dump_json()
        for kind, id_, body in _objects(key, limits, f"ws://127.0.0.1:{backend_port}")
    }
    digest = digest_objects((kind, id_, body) for (kind, id_), body in objects.items())
    with redis.Redis.from_url(redis_url) as client, client.pipeline(transaction=True) as pipe:
        for (kind, id_), body in objects.items():
            pipe.hset(catalogue_objects(kind), id_, body)
        pipe.hset(CATALOGUE_STATE, mapping=dict(Mark(epoch="bench", revision=1, digest=digest).fields()))
        pipe.execute()
    return key


def sign_token(key: ECKey, id_: str = "bench-token") -> str:
    """Return an access token after RFC 9068."""
    issued = int(now().timestamp())
    claims = {
        "iss": _ISSUER,
        "sub": _CLIENT,
        "aud": GATEWAY_AUDIENCE,
        "client_id": _CLIENT,
        "jti": id_,
        "iat": issued,
        "exp": issued + _TOKEN_SECONDS,
        "scope": "",
    }
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, claims, key)


def _objects(key: ECKey, limits: tuple[Limit, ...], backend: str) -> list[tuple[str, str, Contract]]:
    policy = PolicyName("Bench")
    api, application = ApiId("api"), ApplicationId("application")
    definition = ApiDefinition(
        id=api,
        name="Bench",
        context="/bench",
        version="1.0",
        state="PUBLISHED",
        endpoints=Endpoints(production=Endpoint(urls=(backend,))),
        idle_timeout_seconds=_NEVER_SECONDS,
        max_connection_age_seconds=_NEVER_SECONDS,
    )
    policies = [Policy(name=policy, level=level, limits=limits) for level in ("subscription", "application")]
    return [
        ("issuer", "issuer", IssuerDefinition(issuer=_ISSUER, keys=(key.as_dict(private=False),))),
        *(("policy", str(one.id), one) for one in policies),
        ("api", api, definition),
        ("application", application, ApplicationDefinition(id=application, name="Bench", owner="bench", policy=policy)),
        ("key", _CLIENT, KeyDefinition(client_id=_CLIENT, application_id=application, key_type="PRODUCTION")),
        (
            "subscription",
            "subscription",
            SubscriptionDefinition(
                id=SubscriptionId("subscription"), application_id=application, api_id=api, policy=policy
            ),
        ),
    ]
