"""What a backend is told of its callers, and can verify by the published keys."""

import asyncio
import json
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import ECKey

from services.data_plane.assertion import KEPT_SECONDS, VALID_SECONDS, AssertionBook
from services.data_plane.connection import Caller
from services.data_plane.refusal import RefusedError
from services.data_plane.table import RouteTable
from shared import keys
from shared.assertions import ASSERTION_HEADER, ASSERTION_TYPE
from shared.claims import IssuerDefinition
from shared.definition import ApiDefinition
from shared.limits import PolicyName
from shared.subscription import ApplicationDefinition, ApplicationId
from tests.integration.data_plane.conftest import Backend, Gate
from tests.integration.data_plane.test_credentials import key_for
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.waiting import eventually
from tests.support.world import ISSUER, World

UNSEALING_KEY = Fernet.generate_key()


def make_key() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


def sealed(key: ECKey) -> str:
    return Fernet(UNSEALING_KEY).encrypt(json.dumps(key.as_dict(private=True)).encode()).decode()


def put_key(world: World, key: ECKey) -> None:
    """Tell the pods what to sign with, as the control plane does."""
    world.redis.set(keys.CATALOGUE_KEY, UNSEALING_KEY)
    definition = world.issuer.definition.model_copy(update={"sealed_assertion_key": sealed(key)})
    world.put("issuer", "local", definition)


def read(backend: Backend, key: ECKey, index: int = -1) -> dict[str, Any]:
    """Verify the assertion of a handshake as a backend should, and return its claims."""
    request = backend.handshakes[index].request
    assert request is not None
    (text,) = request.headers.get_all(ASSERTION_HEADER)
    public = ECKey.import_key(key.as_dict(private=False))
    token = jwt.decode(text, public, algorithms=["ES256"])
    assert token.header == {"alg": "ES256", "typ": ASSERTION_TYPE, "kid": key.kid}
    registry = jwt.JWTClaimsRegistry(
        leeway=0, iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": "/echo/1.0"}
    )
    registry.validate(token.claims)
    return token.claims


async def asserting(gate: Gate, backend: Backend, **fields: Any) -> ECKey:
    """Have the API ask for assertions, and return the key that they are signed with."""
    key = make_key()
    put_key(gate.world, key)
    gate.world.put_api(backend.url, backend_assertion=True, **fields)
    await opened(gate)
    return key


async def opened(gate: Gate) -> None:
    """Wait until the pod has all that the world published, and can open what is sealed in it."""
    await gate.caught_up()
    await eventually(lambda: gate.pod.catalogue.unsealing_key == UNSEALING_KEY.decode())


async def test_a_backend_is_told_who_calls_and_by_which_right(gate: Gate, backend: Backend) -> None:
    key = await asserting(gate, backend)
    forged = {ASSERTION_HEADER: "mine", "x_jwt_assertion": "mine", "X.JWT.Assertion": "mine"}
    async with gate.connect(token=gate.world.issuer.token(sub="alice", scope="chat"), headers=forged):
        pass
    assert "mine" not in str(backend.request.headers)
    claims = read(backend, key)
    moments = {name: claims.pop(name) for name in ("iat", "exp", "jti")}
    assert moments["exp"] - moments["iat"] == VALID_SECONDS
    assert abs(time.time() - moments["iat"]) < 30  # noqa: TID251 - a test's tokens are of now
    assert claims == {
        "iss": ISSUER,
        "aud": "/echo/1.0",
        "sub": "alice",
        "client_id": "key",
        "scope": "chat",
        "application": {"id": "app", "name": "app"},
        "subscription": {"id": "app-api", "policy": "Unlimited"},
        "key_type": "PRODUCTION",
        "api": {"name": "Echo", "context": "/echo", "version": "1.0"},
    }


async def test_an_api_that_does_not_ask_gets_none(gate: Gate, backend: Backend) -> None:
    async with gate.connect(headers={ASSERTION_HEADER: "mine"}):
        pass
    assert ASSERTION_HEADER not in backend.request.headers


async def test_of_an_api_key_the_application_is_the_subject(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend)
    key = await asserting(gate, backend, auth={"types": ["api_key"]})
    async with gate.connect(token=None, headers=shown):
        pass
    claims = read(backend, key)
    assert claims["sub"] == claims["application"]["id"] == "app"
    assert "client_id" not in claims


async def test_a_new_key_signs_from_the_next_handshake_on(gate: Gate, backend: Backend) -> None:
    await asserting(gate, backend)
    async with gate.connect():
        pass
    key = make_key()
    put_key(gate.world, key)
    await gate.caught_up()
    async with gate.connect():
        pass
    read(backend, key)


async def test_no_access_token_is_good_by_the_key_that_signs_assertions(gate: Gate, backend: Backend) -> None:
    key = await asserting(gate, backend)
    genuine = gate.world.issuer.key
    gate.world.issuer.key = key
    forged = gate.world.issuer.token()
    gate.world.issuer.key = genuine
    assert slug(await refusal(gate, token=forged)) == (401, "token_invalid")


async def test_an_assertion_is_no_access_token(gate: Gate, backend: Backend) -> None:
    await asserting(gate, backend)
    async with gate.connect():
        pass
    shown = backend.request.headers[ASSERTION_HEADER]
    assert slug(await refusal(gate, token=shown)) == (401, "token_invalid")


@pytest.mark.parametrize("put", [None, "not sealed with this key", ""])
async def test_without_a_key_nobody_is_let_through_unnamed(gate: Gate, backend: Backend, put: str | None) -> None:
    gate.world.redis.set(keys.CATALOGUE_KEY, UNSEALING_KEY)
    definition = gate.world.issuer.definition.model_copy(update={"sealed_assertion_key": put})
    gate.world.put("issuer", "local", definition)
    gate.world.put_api(backend.url, backend_assertion=True)
    await opened(gate)
    refused = await refusal(gate)
    assert slug(refused) == (503, "not_ready")
    assert int(refused[2]["retry-after"]) > 0
    assert backend.handshakes == []


async def test_many_at_once_cost_one_signature(gate: Gate, backend: Backend) -> None:
    key = await asserting(gate, backend)
    token = gate.world.issuer.token()

    async def connect() -> None:
        async with gate.connect(token=token):
            pass

    await asyncio.gather(*(connect() for _ in range(10)))
    assert len({read(backend, key, index)["jti"] for index in range(10)}) == 1


class Moment:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


API = ApiDefinition.model_validate(
    {"id": "1", "name": "Echo", "context": "/echo", "version": "1.0", "state": "PUBLISHED", "endpoints": {}}
    | {"backend_assertion": True}
)
CALLER = Caller(
    ApplicationDefinition(id=ApplicationId("app"), name="App", owner="me", policy=PolicyName("Gold")), "PRODUCTION"
)


def table_with(text: str | None) -> RouteTable:
    public = make_key().as_dict(private=False)
    issuer = IssuerDefinition(issuer=ISSUER, keys=(public,), sealed_assertion_key=text)
    return RouteTable().with_objects("issuer", {"local": issuer})


def test_one_is_kept_for_a_moment_and_no_longer() -> None:
    clock, table = Moment(), table_with(sealed(make_key()))
    book = AssertionBook(UNSEALING_KEY.decode, clock)
    first = book.write(API, CALLER, table)
    clock.now += KEPT_SECONDS - 1
    assert book.write(API, CALLER, table) == first
    renamed = API.model_copy(update={"name": "Another"})
    assert book.write(renamed, CALLER, table) != first, "what is told is another thing"
    clock.now += 1
    assert book.write(API, CALLER, table) != first
    clock.now -= 1000
    assert book.write(API, CALLER, table) != first, "a clock that was set back"


def test_a_pod_without_the_unsealing_key_signs_nothing() -> None:
    book = AssertionBook(lambda: None, Moment())
    with pytest.raises(RefusedError, match="not_ready"):
        book.write(API, CALLER, table_with(sealed(make_key())))
