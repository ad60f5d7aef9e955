"""What a pod answers about its open connections, and what it does with them."""

import asyncio
import time
import uuid
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection

from services.data_plane.settings import Settings
from shared import keys
from shared.claims import AccessClaims
from shared.connections import (
    Answer,
    Beat,
    CloseConnections,
    ListConnections,
    Question,
    RenewConnection,
    Selection,
)
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_revocations import revoke
from tests.support.waiting import eventually
from tests.support.world import Issuer, World


async def ask(world: World, question: Question) -> Answer:
    """Put a question as the control plane does, and return the first answer."""
    answer = await try_to_ask(world, question, 5)
    assert answer is not None
    return answer


async def try_to_ask(world: World, question: Question, seconds: float) -> Answer | None:
    asked = uuid.uuid4().hex
    world.redis.xadd(keys.CONNECTION_QUESTIONS, {"id": asked, "question": question.model_dump_json()})
    found = await asyncio.to_thread(world.redis.blpop, [keys.connection_answers(asked)], seconds)
    return None if found is None else Answer.model_validate_json(cast("tuple[str, str]", found)[1])


def list_all(first: int = 10, *, newest: bool = False, **selection: Any) -> ListConnections:
    return ListConnections(selection=Selection(**selection), first=first, newest=newest)


def id_of(client: ClientConnection) -> str:
    assert client.response is not None
    return client.response.headers["X-Connection-Id"]


def claims(gate: Gate, **changes: Any) -> AccessClaims:
    """Return the claims of a fresh token, as the control plane verified it."""
    now = int(time.time())  # noqa: TID251 - a test's tokens are of now
    body = {"iss": "x", "aud": "x", "sub": "key", "client_id": "key", "jti": "fresh", "iat": now, "exp": now + 3600}
    return AccessClaims.model_validate(body | changes)


async def ended(client: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(5):
        await client.wait_closed()
    return client.close_code, client.close_reason


async def test_a_connection_is_described(gate: Gate) -> None:
    async with gate.connect(compression=None) as client:
        await client.send("four")
        await client.recv()
        answer = await ask(gate.world, list_all())
        (connection,) = answer.connections
    assert answer.matched == 1
    assert (connection.id, connection.pod) == (id_of(client), gate.pod.name)
    assert (connection.api_id, connection.context, connection.version) == ("api", "/echo", "1.0")
    assert (connection.application_id, connection.application, connection.owner) == ("app", "app", "somebody")
    assert (connection.key_type, connection.user, connection.address) == ("PRODUCTION", None, "127.0.0.1")
    assert (connection.messages_published, connection.bytes_delivered) == (1, 4)
    now = time.time()  # noqa: TID251 - the pod speaks of now
    assert now - 5 < connection.opened_at <= now < (connection.expires_at or 0)
    assert 0 <= connection.idle_seconds < 5


@pytest.mark.parametrize(
    ("selection", "matched"),
    [
        ({}, 2),
        ({"api_id": "api"}, 2),
        ({"api_id": "other"}, 0),
        ({"application_id": "app"}, 2),
        ({"application_id": "x"}, 0),
        ({"application_ids": {"app", "x"}}, 2),
        ({"application_ids": {"x"}}, 0),
        ({"application_ids": set()}, 0),
        ({"owner": "somebody"}, 2),
        ({"owner": "some"}, 0),
        ({"pod": "another"}, 0),
        ({"address": "127.0.0.1"}, 2),
        ({"address": "127.0.0.2"}, 0),
        ({"text": "ECHO"}, 2),
        ({"text": "nothing"}, 0),
        ({"id": "none"}, 0),
    ],
)
async def test_what_is_selected_matches_all_that_is_set(gate: Gate, selection: dict[str, Any], matched: int) -> None:
    async with gate.connect(), gate.connect():
        assert (await ask(gate.world, list_all(**selection))).matched == matched


async def test_the_oldest_come_first_or_the_newest(gate: Gate) -> None:
    async with gate.connect() as first, gate.connect() as second, gate.connect() as third:
        oldest = await ask(gate.world, list_all(2))
        newest = await ask(gate.world, list_all(1, newest=True))
    assert [connection.id for connection in oldest.connections] == [id_of(first), id_of(second)]
    assert [connection.id for connection in newest.connections] == [id_of(third)]
    assert oldest.matched == newest.matched == 3


async def test_what_is_selected_is_closed_and_nothing_else(gate: Gate) -> None:
    async with gate.connect() as one, gate.connect() as other:
        close = CloseConnections(selection=Selection(id=id_of(one)), reason="closed_by_administrator")
        assert (await ask(gate.world, close)).matched == 1
        assert await ended(one) == (4411, "closed_by_administrator")
        await other.send("still here")
        assert await asyncio.wait_for(other.recv(), 5) == "still here"
        assert (await ask(gate.world, close)).matched == 0


async def test_a_fresh_token_keeps_a_connection_open(gate: Gate) -> None:
    token = gate.world.issuer.token(seconds=2)
    async with gate.connect(token=token) as client:
        answer = await ask(gate.world, RenewConnection(id=id_of(client), claims=claims(gate)))
        assert (answer.matched, answer.refused, answer.expires_at) == (1, None, claims(gate).exp)
        over = time.monotonic() + 4
        await eventually(lambda: time.monotonic() > over)
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"
        revoke(gate.world, "fresh")
        assert await ended(client) == (4501, "token_revoked")


async def test_a_connection_ends_with_the_key_that_signed_its_fresh_token(gate: Gate) -> None:
    async with gate.connect() as client:
        old, gate.world.issuer = gate.world.issuer, Issuer()
        both = (*old.definition.keys, *gate.world.issuer.definition.keys)
        gate.world.put("issuer", "local", old.definition.model_copy(update={"keys": both}))
        await gate.caught_up()
        key_id = gate.world.issuer.key.kid
        fresh = claims(gate, iss=old.definition.issuer)
        answer = await ask(gate.world, RenewConnection(id=id_of(client), claims=fresh, key_id=key_id))
        assert (answer.matched, answer.refused) == (1, None)
        gate.world.put("issuer", "local", old.definition)
        assert await ended(client) == (4501, "key_revoked")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"sub": "somebody else"}, "token_invalid"),
        ({"client_id": "sandbox-key"}, "token_invalid"),
        ({"cnf": {"jkt": "a"}}, "token_invalid"),
        ({"jti": "revoked"}, "token_revoked"),
    ],
    ids=str,
)
async def test_no_other_token_does(gate: Gate, changes: dict[str, Any], refused: str) -> None:
    revoke(gate.world, "revoked")
    await eventually(lambda: "revoked" in gate.pod.revocations)
    async with gate.connect() as client:
        answer = await ask(gate.world, RenewConnection(id=id_of(client), claims=claims(gate, **changes)))
        assert (answer.matched, answer.refused) == (1, refused)
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"


async def test_a_token_without_the_scopes_of_the_path_renews_nothing(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, auth={"scopes": ("read",)})
    await gate.caught_up()
    async with gate.connect(token=gate.world.issuer.token(scope="read")) as client:
        refused = await ask(gate.world, RenewConnection(id=id_of(client), claims=claims(gate)))
        good = await ask(gate.world, RenewConnection(id=id_of(client), claims=claims(gate, scope="read write")))
    assert (refused.refused, good.refused) == ("scope_missing", None)


async def test_another_application_learns_of_no_connection(gate: Gate) -> None:
    gate.world.put_application("stranger")
    gate.world.put_key("stranger-key", "stranger")
    await gate.caught_up()
    async with gate.connect() as client:
        stranger = claims(gate, client_id="stranger-key", sub="stranger-key")
        assert (await ask(gate.world, RenewConnection(id=id_of(client), claims=stranger))).matched == 0


async def test_a_question_that_is_not_understood_is_passed_over(gate: Gate) -> None:
    gate.world.redis.xadd(keys.CONNECTION_QUESTIONS, {"id": "new", "question": '{"kind": "of tomorrow"}'})
    gate.world.redis.xadd(keys.CONNECTION_QUESTIONS, {"of": "nobody"})
    assert await eventually(lambda: try_to_ask(gate.world, list_all(), 0.2), within=10)


async def test_a_pod_tells_how_it_is_and_says_goodbye(gate: Gate, pod_settings: Settings) -> None:
    redis = gate.world.redis

    def beats() -> list[Beat]:
        workers = cast("list[str]", redis.zrange(keys.PODS, 0, -1))
        texts = [cast("str | None", redis.get(keys.beat(worker))) for worker in workers]
        return [Beat.model_validate_json(text) for text in texts if text]

    gate.world.put("api", "bad", '{"id": "bad"}')
    async with gate.connect():
        await eventually(lambda: [beat.connections for beat in beats()] == [1])
        await eventually(lambda: [beat.revision for beat in beats()] == [gate.world.revision])
    (beat,) = beats()
    assert (beat.pod, beat.digest, beat.draining) == (gate.pod.name, gate.world.mark.digest, False)
    assert [(kind, id_) for kind, id_, _ in beat.refused] == [("api", "bad")]
    async with run_gate(gate.world, pod_settings) as other:
        await eventually(lambda: {beat.pod for beat in beats()} == {gate.pod.name, other.pod.name})
    assert {beat.pod for beat in beats()} == {gate.pod.name}
