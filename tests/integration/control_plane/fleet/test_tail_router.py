"""What happens on connections, as those read it whose they are, and while they read it."""

import asyncio
import gc
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from redis import Redis

from services.control_plane.fleet import tails
from services.control_plane.fleet.tails import TailService
from services.control_plane.kit.problems import UnavailableError
from services.data_plane import tails as pod_tails
from shared import keys
from shared.connections import Selection
from shared.tail import TailBatch, TailEvent
from tests.integration.control_plane.fleet.conftest import Fleet, id_of
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, fields, on_sqlite, problem
from tests.support.serving import serve
from tests.support.waiting import eventually

pytestmark = on_sqlite


async def read(fleet: Fleet, *asked: tuple[str, dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return what each tail tells in two seconds in which somebody connects: two at once, as one account may."""
    return [found for at in range(0, len(asked), 2) for found in await _read_two(fleet, *asked[at : at + 2])]


async def _read_two(fleet: Fleet, *asked: tuple[str, dict[str, Any]]) -> list[list[dict[str, Any]]]:
    tails_on, client, token = fleet.pod.pod.tails._tails, fleet.platform.client, await fleet.token()
    before = set(tails_on)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(client.get(path, params={"seconds": 2, **query})) for path, query in asked]
        await eventually(lambda: len(tails_on.keys() - before) == len(asked))
        async with fleet.connect(token) as connection:
            await connection.send("four")
            await connection.recv()
    assert {answer.result().headers["content-type"] for answer in answers} == {"application/x-ndjson"}
    return [[json.loads(line) for line in answer.result().text.splitlines()] for answer in answers]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


ALL = ["watching", "opened", "message", "message", "closed", "ended"]


async def test_each_is_told_of_their_own(fleet: Fleet) -> None:
    paths = (f"/publisher/v1/apis/{fleet.api['id']}/tail", f"/store/v1/applications/{fleet.application['id']}/tail")
    for events in await read(fleet, *((path, {}) for path in (*paths, "/admin/v1/tail"))):
        assert kinds(events) == ALL
        assert (events[0]["connections"], events[0]["unanswered"]) == (0, 0)
        assert (events[1]["application"], events[1]["context"]) == ("Mine", "/echowebsocket")
        assert {(event["direction"], event["frames"]) for event in events[2:4]} == {("publish", 1), ("subscribe", 1)}
        assert events[-1]["cause"] == "over"


async def test_what_is_asked_for_holds_to_less_and_never_to_more(fleet: Fleet) -> None:
    other_api = (await fleet.platform.make_api(name="Other", context="/other"))["id"]
    other, mine = (await fleet.platform.make_application("Other"))["id"], fleet.application["id"]
    *nothing, less = await read(
        fleet,
        (f"/publisher/v1/apis/{other_api}/tail", {"api_id": fleet.api["id"]}),
        (f"/store/v1/applications/{other}/tail", {"application": "Mine"}),
        (f"/store/v1/applications/{mine}/tail", {"api_id": other_api}),
        ("/admin/v1/tail", {"application": "Other"}),
        ("/admin/v1/tail", {"application": "Mine", "sample": 2}),
    )
    assert [kinds(events) for events in nothing] == [["watching", "ended"]] * 4
    assert kinds(less) == ["watching", "opened", "message", "closed", "ended"]


async def test_others_are_refused(fleet: Fleet) -> None:
    async with fleet.platform.account("stranger", "store:subscribe", "publisher:read") as stranger:
        problem(await stranger.get(f"/store/v1/applications/{fleet.application['id']}/tail"), 404, "not_found")
        problem(await stranger.get("/admin/v1/tail"), 403, "insufficient_scope")


@pytest.mark.parametrize("bad", [{"seconds": 601}, {"seconds": 0}, {"sample": 0}, {"application": "a" * 101}], ids=str)
async def test_what_can_not_be_asked_is_refused(fleet: Fleet, bad: dict[str, Any]) -> None:
    assert set(fields(await fleet.platform.client.get("/admin/v1/tail", params=bad))) == set(bad)


def drain(lines: Iterator[str], until: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["event"] != until:
        found.append(json.loads(next(filter(None, lines))))
    return found


async def test_who_is_held_up_is_told_so_and_goes_on(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tails, pod_tails):
        monkeypatch.setattr(module, "TAIL_SECONDS", 0.5)
    monkeypatch.setattr(tails, "RENEW_SECONDS", 0.1)
    lines = fleet.platform.get(TailService).watch("somebody", Selection(), 1, 60, lambda: None)
    token = await fleet.token()
    async with fleet.connect(token) as client:
        await asyncio.to_thread(drain, lines, "opened")
        await eventually(lambda: not fleet.pod.pod.tails._tails, within=5)
        reading = asyncio.ensure_future(asyncio.to_thread(drain, lines, "message"))
        await eventually(lambda: len(fleet.pod.pod.tails._taps) == 1, within=5)
        await client.send("x")
        assert "interrupted" in kinds(await reading)
    lines.close()


async def test_no_more_read_than_there_are_threads_for(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    service = fleet.platform.get(TailService)
    many = [await asyncio.to_thread(service.watch, str(n), Selection(), 1, 60, lambda: None) for n in range(8)]
    problem(await fleet.platform.client.get("/admin/v1/tail"), 503, "unavailable")
    for lines in many:
        lines.close()
    assert (await fleet.platform.client.get("/admin/v1/tail", params={"seconds": 1})).status_code == 200


async def test_an_account_has_two_at_once(fleet: Fleet) -> None:
    service = fleet.platform.get(TailService)
    two = [await asyncio.to_thread(service.watch, "me", Selection(), 1, 60, lambda: None) for _ in range(2)]
    with pytest.raises(UnavailableError, match="end one"):
        service.watch("me", Selection(), 1, 60, lambda: None)
    for lines in two:
        lines.close()


async def test_whoever_leaves_gives_the_place_back_at_once(fleet: Fleet) -> None:
    headers = {"Authorization": fleet.platform.client.headers["Authorization"]}

    async def is_read(client: httpx.AsyncClient) -> bool:
        async with client.stream("GET", "/admin/v1/tail") as answer:
            return answer.status_code == 200 and "watching" in await anext(answer.aiter_lines())

    gc.disable()  # it would give places back, some day
    try:
        async with serve(fleet.platform.app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
            for _ in range(10):
                await eventually(lambda: is_read(client), within=10)
    finally:
        gc.enable()


async def test_what_is_missing_is_counted(fleet: Fleet, redis_client: Redis) -> None:
    """A worker left events out, and began anew; what comes then is of another version."""
    lines = fleet.platform.get(TailService).watch("somebody", Selection(), 1, 60, lambda: None)
    await asyncio.to_thread(next, lines)
    (stream,) = [keys.tail(id_) for id_ in fleet.pod.pod.tails._tails]
    event = TailEvent(event="opened", at=1.5, connection="c", address="192.0.2.1")
    for batch in (
        TailBatch(worker="one", since=1, total=5, events=(event,)),
        TailBatch(worker="one", since=1, total=6, events=(event,)),
        TailBatch(worker="one", since=2, total=1, events=(event,)),
    ):
        redis_client.xadd(stream, {"batch": batch.model_dump_json()})
    redis_client.xadd(stream, {"batch": "{}"})
    redis_client.xadd(
        stream, {"batch": TailBatch(worker="two", since=1, total=3, events=(event, event)).model_dump_json()}
    )
    found = [json.loads(await asyncio.to_thread(next, filter(None, lines))) for _ in range(7)]
    assert [event.get("count", event["event"]) for event in found] == [4, *["opened"] * 3, 1, *["opened"] * 2]
    assert found[1]["at"] == "1970-01-01T00:00:01.500+00:00"
    lines.close()


async def test_a_line_comes_though_nothing_happens(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "ALIVE_SECONDS", 0.1)
    answer = await fleet.platform.client.get("/admin/v1/tail", params={"seconds": 2})
    assert "alive" in kinds([json.loads(line) for line in answer.text.splitlines()])


async def test_the_connections_that_are_open_are_counted(fleet: Fleet) -> None:
    async with fleet.connect(await fleet.token()) as client:
        answer = await fleet.platform.client.get("/admin/v1/tail", params={"seconds": 1})
        assert id_of(client)
    assert json.loads(answer.text.splitlines()[0])["connections"] == 1


@pytest.mark.parametrize("of", ["apis", "applications", "everything"])
async def test_a_tail_ends_with_the_right_to_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    monkeypatch.setattr(tails, "CHECK_SECONDS", 0.2)
    on, before = fleet.pod.pod.tails._tails, set(fleet.pod.pod.tails._tails)
    async with fleet.platform.account("watcher", roles=("admin",)) as watcher:
        path = await _make_own(fleet, watcher, of)
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(watcher.get(f"{path}/tail", params={"seconds": 60}))
            await eventually(lambda: on.keys() - before)
            if of == "everything":
                (account,) = (await fleet.platform.read("/admin/v1/service-accounts", q="watcher"))["items"]
                path = f"/admin/v1/service-accounts/{account['id']}"
            assert (await fleet.platform.client.delete(path)).status_code in (204, 404)
            assert of != "applications" or (await watcher.delete(path)).status_code == 204
    assert json.loads(answer.result().text.splitlines()[-1]) == {"event": "ended", "cause": "forbidden"}


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_tail_ends_with_its_token(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(tails, "CHECK_SECONDS", 0.2)
    platform = fleet.platform
    on, before = fleet.pod.pod.tails._tails, set(fleet.pod.pod.tails._tails)
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(platform.client.get("/admin/v1/tail", params={"seconds": 60}))
        await eventually(lambda: on.keys() - before)
        if end == "expired":
            platform.clock.move(hours=2)
        else:
            token = platform.client.headers["Authorization"].removeprefix("Bearer ")
            auth = httpx.BasicAuth(CLIENT_ID, quote(CLIENT_SECRET))
            assert (await platform.client.post("/oauth2/revoke", data={"token": token}, auth=auth)).status_code == 200
    assert json.loads(answer.result().text.splitlines()[-1]) == {"event": "ended", "cause": "forbidden"}


async def test_a_tail_is_no_longer_than_its_token(fleet: Fleet) -> None:
    fleet.platform.clock.move(seconds=3598)
    answer = await fleet.platform.client.get("/admin/v1/tail", params={"seconds": 60})
    assert json.loads(answer.text.splitlines()[-1]) == {"event": "ended", "cause": "over"}


async def _make_own(fleet: Fleet, client: httpx.AsyncClient, of: str) -> str:
    """Make what is watched, and return its path."""
    if of == "everything":
        return "/admin/v1"
    api = {"name": "Own", "context": "/own", "version": "1.0", "endpoints": fleet.api["endpoints"]}
    collection = {"apis": "/publisher/v1/apis", "applications": "/store/v1/applications"}[of]
    made = await client.post(collection, json=api if of == "apis" else {"name": "Own"})
    return f"{collection}/{made.json()['id']}"
