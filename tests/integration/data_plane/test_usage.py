"""What a pod counts of each application and API, and how it is sent."""

from collections import Counter
from typing import Any, cast

import pytest
from redis import Redis

from services.data_plane import usage
from shared import keys
from shared.usage import UsageBatch, UsageRow
from tests.integration.data_plane.conftest import Backend, Gate
from tests.integration.data_plane.test_refusals import refusal
from tests.support.waiting import eventually


def sent(redis: Redis) -> list[UsageBatch]:
    entries = cast("list[tuple[str, dict[str, str]]]", redis.xrange(keys.USAGE_STREAM))
    return [UsageBatch.model_validate_json(fields["batch"]) for _, fields in entries]


def total(rows: list[UsageRow], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def rows_of(gate: Gate) -> list[UsageRow]:
    return [row for batch in sent(gate.world.redis) for row in batch.rows]


async def test_messages_and_bytes_are_counted_while_a_connection_is_open_and_at_its_end(
    gate: Gate, backend: Backend
) -> None:
    async with gate.connect(compression=None) as client:
        for text in ("one", "three"):
            await client.send(text)
            assert await client.recv() == text
        await gate.pod.usage.flush()
        (first,) = rows_of(gate)
        assert (first.api_id, first.application_id, first.key_type, first.opened) == ("api", "app", "PRODUCTION", 1)
        assert (first.messages_published, first.messages_delivered) == (2, 2)
        assert (first.bytes_published, first.bytes_delivered) == (8, 8)
        await client.send("last")
        await client.recv()
    await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.usage.flush()
    rows = rows_of(gate)
    assert total(rows, "messages_published") == total(rows, "messages_delivered") == len(backend.messages) == 3
    assert total(rows, "bytes_published") == 12
    assert total(rows, "opened") == 1
    assert sum((Counter(row.closed) for row in rows), Counter()) == {"client_closed:1000": 1}


async def test_what_a_drain_drops_at_its_end_is_counted_as_closed(gate: Gate) -> None:
    async with gate.connect():
        (connection,) = gate.pod.registry.all()
        connection.relay.abort()
        await gate.pod.usage.end()
    assert sum((Counter(row.closed) for row in rows_of(gate)), Counter()).total() == 1


async def test_sizes_and_round_trips_are_counted_once_each(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, ping_interval_seconds=1)
    await gate.caught_up()
    async with gate.connect(compression=None) as client:
        connection = gate.pod.registry.all()[0]
        for size in (5, 5, 100):
            await client.send("x" * size)
            await client.recv()
        await eventually(lambda: connection.relay.round_trips, within=10)
        for _ in range(2):
            await gate.pod.usage.flush()
    await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.usage.flush()
    counted = {
        name: sum((Counter(getattr(row, name)) for row in rows_of(gate)), Counter())
        for name in ("published_sizes", "delivered_sizes", "round_trips")
    }
    assert counted["published_sizes"] == counted["delivered_sizes"] == {"3": 2, "7": 1}
    assert counted["round_trips"].total() == sum(connection.relay.round_trips.values()) >= 1
    metrics = gate.pod.telemetry.render().decode()
    assert 'framegate_message_bytes_bucket{direction="publish",le="16.0"} 2.0' in metrics
    assert 'framegate_message_bytes_sum{direction="subscribe"} 110.0' in metrics
    assert "framegate_ping_round_trip_seconds_count" in metrics


async def test_refusals_are_counted_as_far_as_it_is_known_whose_they_are(gate: Gate) -> None:
    await refusal(gate, path="/nowhere")
    await refusal(gate, token=None)
    gate.world.put_subscription(state="BLOCKED")
    await gate.caught_up()
    await refusal(gate)
    await gate.pod.usage.flush()
    refused = {(row.api_id, row.application_id): dict(row.refused) for row in rows_of(gate)}
    assert refused == {
        (None, None): {"api_not_found": 1},
        ("api", None): {"credentials_required": 1},
        ("api", "app"): {"subscription_blocked": 1},
    }


async def test_nothing_is_lost_or_doubled_while_redis_is_away(gate: Gate) -> None:
    redis = gate.world.redis
    async with gate.connect() as client:
        redis.config_set("maxmemory", 1)
        redis.config_set("maxmemory-policy", "noeviction")
        try:
            for _ in range(3):
                await client.send("x")
                await client.recv()
                await gate.pod.usage.flush()
            assert sent(redis) == []
        finally:
            redis.config_set("maxmemory", 0)
        await gate.pod.usage.flush()
    assert total(rows_of(gate), "messages_published") == 3
    numbers = [batch.number for batch in sent(redis)]
    assert numbers == list(range(len(numbers)))


async def test_a_batch_whose_reply_was_lost_is_sent_under_its_number_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis takes it, and the pod does not hear of that."""
    add = gate.pod.usage._redis.xadd

    async def lose_the_reply(*args: Any, **more: Any) -> None:
        await add(*args, **more)
        raise TimeoutError

    async with gate.connect():
        monkeypatch.setattr(gate.pod.usage._redis, "xadd", lose_the_reply)
        await gate.pod.usage.flush()
        monkeypatch.undo()
        await gate.pod.usage.flush()
    first, again, *_ = sent(gate.world.redis)
    assert first == again


async def test_memory_stays_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_ROWS", 1)
    await refusal(gate, path="/nowhere")
    await refusal(gate, token=None)
    await gate.pod.usage.flush()
    assert len(rows_of(gate)) == 1
    assert gate.pod.telemetry.registry.get_sample_value("framegate_usage_lost_total") == 1


async def test_many_subjects_go_in_several_batches(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "BATCH_ROWS", 1)
    await refusal(gate, path="/nowhere")
    await refusal(gate, token=None)
    await gate.pod.usage.flush()
    assert [(batch.number, len(batch.rows)) for batch in sent(gate.world.redis)] == [(0, 1), (1, 1)]


async def test_it_is_sent_by_itself(gate: Gate) -> None:
    async with gate.connect():
        await eventually(lambda: rows_of(gate), within=usage.INTERVAL_SECONDS + 5)


async def test_what_a_header_announces_and_never_comes_is_not_counted(gate: Gate) -> None:
    async with gate.connect(compression=None) as client:
        await client.send("four")
        await client.recv()
        mask = bytes(4)
        client.transport.write(bytes((0x82, 0xFF)) + (2**20).to_bytes(8) + mask + b"ten bytes.")
        (connection,) = gate.pod.registry.all()
        await eventually(lambda: connection.outcome(0.0).messages_published == 2)
        client.transport.abort()
    await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.usage.flush()
    assert total(rows_of(gate), "bytes_published") == 14


async def test_codes_that_the_ends_make_up_are_counted_together(gate: Gate) -> None:
    for code in (1000, 3001, 3999, 4000, 4999):
        async with gate.connect() as client:
            await client.close(code)
    await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.usage.flush()
    closed = sum((Counter(row.closed) for row in rows_of(gate)), Counter())
    assert closed == {"client_closed:1000": 1, "client_closed:3xxx": 2, "client_closed:4xxx": 2}


async def test_a_stream_that_nobody_takes_grows_no_further(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_WAITING", 1)
    for _ in range(3):
        await refusal(gate, path="/nowhere")
        await gate.pod.usage.flush()
    assert [dict(row.refused) for row in rows_of(gate)] == [{"api_not_found": 1}]
    gate.world.redis.delete(keys.USAGE_STREAM)
    await gate.pod.usage.flush()
    assert [dict(row.refused) for row in rows_of(gate)] == [{"api_not_found": 2}]


async def test_a_pod_that_goes_tries_again_and_says_that_it_goes(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart of Redis: connections that lay idle are gone."""
    add, failures = gate.pod.usage._redis.xadd, 3

    async def fail(*args: Any, **more: Any) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ConnectionError
        await add(*args, **more)

    async with gate.connect():
        monkeypatch.setattr(gate.pod.usage._redis, "xadd", fail)
    await eventually(lambda: not len(gate.pod.registry))
    before = gate.pod.usage.sent_until
    await gate.pod.usage.end()
    *_, batch = sent(gate.world.redis)  # before it there may be one of the interval's own
    assert (total(rows_of(gate), "opened"), batch.pod, batch.last) == (1, gate.pod.name, True)
    assert gate.pod.usage.sent_until > before


async def test_usage_is_under_the_policy_of_its_subscription(gate: Gate) -> None:
    gate.world.put_policy("subscription", "Gold")
    gate.world.put_subscription(policy="Gold")
    await gate.caught_up()
    async with gate.connect():
        gate.world.put("subscription", "app-api", None)
        await gate.caught_up()
        await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.usage.flush()
    assert {(row.policy, *row.closed) for row in rows_of(gate)} == {("Gold", "subscription_removed:4503")}


async def test_counts_that_found_no_room_are_told(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_ROWS", 1)
    await refusal(gate, path="/nowhere")
    await refusal(gate, token=None)
    await gate.pod.usage.flush()
    await gate.pod.usage.flush()
    await gate.pod.usage.flush()
    assert [(len(batch.rows), batch.lost) for batch in sent(gate.world.redis)] == [(1, 0), (0, 1)]


async def test_what_is_only_put_off_is_not_lost(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an open connection did is counted when there is room again."""
    async with gate.connect() as client:
        await gate.pod.usage.flush()
        await client.send("x")
        await client.recv()
        monkeypatch.setattr(usage, "MOST_ROWS", 0)
        await gate.pod.usage.flush()
        await gate.pod.usage.flush()
        monkeypatch.setattr(usage, "MOST_ROWS", 10)
        await gate.pod.usage.flush()
    assert total(rows_of(gate), "messages_published") == 1
    assert sum(batch.lost for batch in sent(gate.world.redis)) == 0


async def test_what_was_under_one_policy_stays_so_when_another_comes(gate: Gate) -> None:
    for policy in ("Gold", "Silver"):
        gate.world.put_policy("subscription", policy)
    gate.world.put_subscription(policy="Gold")
    await gate.caught_up()
    async with gate.connect(compression=None) as client:
        (connection,) = gate.pod.registry.all()
        await client.send("gold")
        await client.recv()
        gate.world.put_subscription(policy="Silver")
        await eventually(lambda: connection.policy == "Silver")
        for _ in range(2):
            await client.send("silver")
            await client.recv()
        await gate.pod.usage.flush()
    counted = {row.policy: row.messages_published for row in rows_of(gate)}
    assert counted == {"Gold": 1, "Silver": 2}
