"""What changes in the catalogue changes for connections that are open, on the spot."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request
from websockets.typing import Origin

from services.data_plane.connection import Visitor
from shared.blocks import BlockDefinition
from shared.limits import Limit
from tests.integration.data_plane.conftest import Backend, Gate, port_of
from tests.integration.data_plane.test_credentials import claims_of, put_ticket
from tests.integration.data_plane.test_refusals import attempt, refusal, slug
from tests.integration.data_plane.test_revocations import revoke
from tests.integration.data_plane.test_throttle import fresh_window, send_numbers
from tests.support.waiting import eventually
from tests.support.world import Issuer, World


def block(kind: str, value: str) -> BlockDefinition:
    return BlockDefinition.model_validate({"id": f"{kind}-block", "kind": kind, "value": value})


def put_block(kind: str, value: str) -> Callable[[World], None]:
    return lambda world: world.put("block", f"{kind}-block", block(kind, value))


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (lambda world: world.put("api", "api", None), 4510, "api_retired"),
        (lambda world: world.put_api("ws://127.0.0.1:1", state="RETIRED"), 4510, "api_retired"),
        (lambda world: world.put_api("ws://127.0.0.1:1", state="BLOCKED"), 1013, "api_blocked"),
        (lambda world: world.put_subscription(state="BLOCKED"), 4503, "subscription_blocked"),
        (lambda world: world.put_subscription(state="PROD_ONLY_BLOCKED"), 4503, "subscription_blocked"),
        (lambda world: world.put("subscription", "app-api", None), 4503, "subscription_removed"),
        (lambda world: world.put("key", "key", None), 4501, "key_revoked"),
        (lambda world: world.put("application", "app", None), 4503, "application_removed"),
        (put_block("application", "app"), 4503, "application_blocked"),
        (put_block("user", "somebody"), 4503, "user_blocked"),
        (lambda world: world.put_application(owner_disabled=True), 4503, "user_disabled"),
        (put_block("address", "127.0.0.0/8"), 4503, "address_blocked"),
        (put_block("api", "api"), 1013, "api_blocked"),
    ],
    ids=[
        "api removed", "api retired", "api blocked", "subscription blocked", "production blocked",
        "subscription removed", "key removed", "application removed", "application on the list", "user on the list",
        "owner disabled",
        "address on the list", "api on the list",
    ],
)  # fmt: skip
async def test_what_would_be_refused_now_is_closed(
    gate: Gate, change: Callable[[World], None], code: int, reason: str
) -> None:
    async with gate.connect() as client:
        began = time.monotonic()
        change(gate.world)
        async with asyncio.timeout(5):
            await client.wait_closed()
        assert time.monotonic() - began < 2
        assert (client.close_code, client.close_reason) == (code, reason)


async def test_who_is_blocked_does_not_get_in(gate: Gate) -> None:
    for kind, value in {"application": "app", "user": "somebody", "address": "127.0.0.1"}.items():
        gate.world.put("block", "one", block(kind, value))
        await gate.caught_up()
        assert slug(await refusal(gate)) == (403, f"{kind}_blocked")
    gate.world.put("block", "one", None)
    await gate.caught_up()
    async with gate.connect():
        pass


async def test_who_is_blocked_by_name_is_met_by_the_tokens_that_they_allowed(gate: Gate) -> None:
    tokens = {name: gate.world.issuer.token(sub=name) for name in ("maria's id", "maria")}
    maria = BlockDefinition(id="one", kind="user", value="maria", account_id="maria's id")
    async with gate.connect(token=tokens["maria's id"]) as blocked, gate.connect(token=tokens["maria"]) as other:
        gate.world.put("block", "one", maria)
        async with asyncio.timeout(5):
            await blocked.wait_closed()
        assert (blocked.close_code, blocked.close_reason) == (4503, "user_blocked")
        assert slug(await refusal(gate, token=tokens["maria's id"])) == (403, "user_blocked")
        await other.send("still here")
        assert await other.recv() == "still here"


async def test_a_block_of_a_person_is_not_of_the_service_account_of_that_name(gate: Gate) -> None:
    owners = {"one": "maria's id", "two": "the service's id", "older": None}
    for name, owner_id in owners.items():
        gate.world.put_application(name, owner="maria", owner_id=owner_id)
        gate.world.put_key(name, application=name)
        gate.world.put_subscription(application=name)

    async def met(block: BlockDefinition) -> set[str]:
        gate.world.put("block", "one", block)
        await gate.caught_up()
        return {name for name in owners if await attempt(gate, gate.world.issuer.token(name))}

    person = BlockDefinition(id="one", kind="user", value="maria", account_id="maria's id")
    assert await met(person) == {"one", "older"}
    assert await met(person.model_copy(update={"account_id": None})) == set(owners)


async def test_a_signing_key_that_is_deleted_closes_what_its_tokens_opened(gate: Gate, backend: Backend) -> None:
    """Unless they have expired: a key that retires is gone only after all that it signed."""
    gate.world.put_api(backend.url, close_at_expiry=False)
    await gate.caught_up()
    stolen, issuer = gate.world.issuer, Issuer()
    for ticket in ("used", "kept"):
        put_ticket(gate.world, ticket, claims=claims_of(gate), key_id=stolen.key.kid)
    both = (*stolen.definition.keys, *issuer.definition.keys)
    gate.world.put("issuer", "local", stolen.definition.model_copy(update={"keys": both}))
    await gate.caught_up()
    async with (
        gate.connect(token=stolen.token()) as client,
        gate.connect(token=stolen.token(seconds=-1)) as outliving,
        gate.connect(token=issuer.token()) as other,
        gate.connect("/echo/1.0?ticket=used", token=None) as by_ticket,
    ):
        gate.world.put("issuer", "local", issuer.definition)
        async with asyncio.timeout(5):
            await asyncio.gather(client.wait_closed(), by_ticket.wait_closed())
        for closed in (client, by_ticket):
            assert (closed.close_code, closed.close_reason) == (4501, "key_revoked")
        assert slug(await refusal(gate, "/echo/1.0?ticket=kept", token=None)) == (401, "key_revoked")
        for going_on in (outliving, other):
            await going_on.send("still here")
            assert await asyncio.wait_for(going_on.recv(), 5) == "still here"


@pytest.mark.parametrize(
    ("fields", "path", "origin", "expected"),
    [
        ({"origins": ["https://other.example"]}, "", "https://app.example", (4503, "origin_forbidden")),
        ({"origins": ["https://*.example"]}, "", "https://app.example", None),
        ({"origins": ["https://other.example"]}, "", None, None),
        ({"auth": {"scopes": ["write"]}}, "", None, (4503, "scope_missing")),
        ({"paths": [{"path": "/rooms/{id}", "scopes": ["write"]}]}, "/rooms/7", None, (4503, "scope_missing")),
        ({"paths": [{"path": "/rooms/{id}", "scopes": ["write"]}]}, "/elsewhere", None, None),
        ({"paths": [{"path": "/rooms/{id}", "scopes": ["read"]}]}, "/rooms/7", None, None),
        ({"paths": [{"path": "/admin"}]}, "/admin;x", None, (4503, "malformed_upgrade")),
    ],
)  # fmt: skip
async def test_what_an_api_narrows_holds_for_open_connections(
    gate: Gate,
    backend: Backend,
    fields: dict[str, Any],
    path: str,
    origin: Origin | None,
    expected: tuple[int, str] | None,
) -> None:
    token = gate.world.issuer.token(scope="read")
    async with gate.connect(f"/echo/1.0{path}", token, origin=origin) as client:
        began = time.monotonic()
        api = gate.world.put_api(backend.url, **fields)
        if expected is None:
            await eventually(lambda: [connection.api for connection in gate.pod.registry.all()] == [api])
            await client.send("still here")
            assert await asyncio.wait_for(client.recv(), 5) == "still here"
        else:
            await asyncio.wait_for(client.wait_closed(), 5)
            assert (client.close_code, client.close_reason) == expected
            assert time.monotonic() - began < 1


async def test_a_path_that_is_mapped_elsewhere_is_held_to_what_the_client_asked_for(
    gate: Gate, backend: Backend
) -> None:
    mapped = {"path": "/rooms/{id}", "backend_path": "/v2/{id}"}
    gate.world.put_api(backend.url, paths=[mapped])
    await gate.caught_up()
    token = gate.world.issuer.token(scope="read")
    async with gate.connect("/echo/1.0/rooms/7", token) as client:
        gate.world.put_api(backend.url, paths=[mapped, {"path": "/v2/*", "scopes": ["write"]}])
        await gate.caught_up()
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"
        gate.world.put_api(backend.url, paths=[mapped | {"scopes": ["write"]}])
        await asyncio.wait_for(client.wait_closed(), 5)
        assert (client.close_code, client.close_reason) == (4503, "scope_missing")


async def test_a_fault_with_one_connection_ends_that_one_alone(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    async with gate.connect() as broken, gate.connect() as other:
        first, _ = gate.pod.registry.all()
        first.visitor = cast("Visitor", None)  # for something that nobody thought of
        put_block("address", "192.0.2.1")(gate.world)
        await asyncio.wait_for(broken.wait_closed(), 5)
        assert (broken.close_code, broken.close_reason) == (1011, "internal_error")
        await other.send("still here")
        assert await asyncio.wait_for(other.recv(), 5) == "still here"
    assert "can't be held to what changed" in caplog.text


async def test_others_are_not_touched(gate: Gate, backend: Backend) -> None:
    async with gate.connect() as client:
        put_block("address", "192.0.2.1")(gate.world)
        put_block("application", "other")(gate.world)
        gate.world.put_api(backend.url, id="other", context="/other")
        await gate.caught_up()
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"


async def test_a_changed_policy_counts_for_open_connections_and_what_was_spent_stays_spent(
    gate: Gate, backend: Backend
) -> None:
    gate.world.put_policy("subscription", "Small", 5, "drop")
    gate.world.put_subscription(policy="Small")
    await gate.caught_up()
    await fresh_window(gate.world, 60, 15)
    async with gate.connect() as client:
        await send_numbers(client, 8)
        await asyncio.wait_for(await client.ping(), 5)
        assert len(backend.messages) == 5
        gate.world.put_policy("subscription", "Small", 7, "drop")
        await sees(gate, 7)
        await send_numbers(client, 8)
        await asyncio.wait_for(await client.ping(), 5)
        assert len(backend.messages) == 7, "two more"
        gate.world.put_policy("subscription", "Smaller", 6, "drop")
        gate.world.put_subscription(policy="Smaller")
        await sees(gate, 6)
        await send_numbers(client, 3)
        await asyncio.wait_for(await client.ping(), 5)
        assert len(backend.messages) == 7


async def test_who_waits_goes_on_when_the_limit_is_raised(gate: Gate, backend: Backend) -> None:
    gate.world.put_policy("subscription", "Small", 2)
    gate.world.put_subscription(policy="Small")
    await gate.caught_up()
    await fresh_window(gate.world, 60, 15)
    async with gate.connect() as client:
        await send_numbers(client, 6)
        assert [await asyncio.wait_for(client.recv(), 5) for _ in range(2)] == ["0", "1"]
        began = time.monotonic()
        gate.world.put_subscription(policy="Unlimited")
        assert [await asyncio.wait_for(client.recv(), 5) for _ in range(4)] == ["2", "3", "4", "5"]
        assert time.monotonic() - began < 2
    assert len(backend.messages) == 6


async def test_an_open_connection_counts_under_a_limit_that_came_later(gate: Gate) -> None:
    async with gate.connect(), gate.connect():
        limits = (Limit(unit="connections", amount=2, window_seconds=None),)
        gate.world.put_policy("subscription", "Two", limits=limits)
        gate.world.put_subscription(policy="Two")
        await sees(gate, 2)
        assert slug(await refusal(gate)) == (429, "too_many_connections")


async def sees(gate: Gate, amount: int) -> None:
    """Wait until the limit of the first connection is this one."""

    def amounts() -> list[int]:
        (connection, *_) = gate.pod.registry.all()
        return [quota.rule.amount for quota in connection.allotment.quotas.all]

    await eventually(lambda: amounts() == [amount], within=2)


@asynccontextmanager
async def slow_backend() -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """Serve a backend that is asked, and answers when it is let to; yield its URL and both events."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_: ServerConnection, __: Request) -> None:
        asked.set()
        await may_answer.wait()

    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=wait) as server:
        yield f"ws://127.0.0.1:{port_of(server)}", asked, may_answer


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda world: world.put_subscription(state="BLOCKED"), (403, "subscription_blocked")),
        (lambda world: world.put("key", "key", None), (401, "key_revoked")),
        (lambda world: world.put("api", "api", None), (404, "api_not_found")),
        (lambda world: revoke(world, "bad"), (401, "token_revoked")),
        (lambda world: world.put_api("ws://127.0.0.1:1", auth={"scopes": ["new"]}), (403, "scope_missing")),
    ],
    ids=["subscription blocked", "key removed", "api removed", "token revoked", "scope needed"],
)
async def test_what_changes_while_the_backend_is_dialled_counts_too(
    gate: Gate, change: Callable[[World], None], expected: tuple[int, str]
) -> None:
    async with slow_backend() as (url, asked, may_answer), asyncio.TaskGroup() as group:
        gate.world.put_api(url)
        await gate.caught_up()
        dialling = group.create_task(refusal(gate, token=gate.world.issuer.token(jti="bad")))
        await asyncio.wait_for(asked.wait(), 5)
        change(gate.world)
        await gate.caught_up()
        if expected[1] == "token_revoked":
            await eventually(lambda: "bad" in gate.pod.revocations)
        may_answer.set()
        assert slug(await asyncio.wait_for(dialling, 5)) == expected
    assert not len(gate.pod.registry)


async def test_an_api_may_let_connections_outlive_their_token_and_change_its_mind(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, close_at_expiry=False)
    await gate.caught_up()
    async with gate.connect(token=gate.world.issuer.token(seconds=1)) as client:
        expired = time.monotonic() + 3
        await eventually(lambda: time.monotonic() > expired)
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"
        gate.world.put_api(backend.url)
        async with asyncio.timeout(5):
            await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4401, "token_expired")


async def test_an_api_may_grant_a_while_after_the_expiry(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, expiry_grace_seconds=3)
    await gate.caught_up()
    async with gate.connect(token=gate.world.issuer.token(seconds=1)) as client:
        began = time.monotonic()
        async with asyncio.timeout(10):
            await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4401, "token_expired")
        assert time.monotonic() - began > 2.9
