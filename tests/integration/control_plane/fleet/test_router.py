"""Open connections, as those see and close them who may."""

import asyncio
import time

import pytest
from redis import Redis
from sqlmodel import select
from websockets.asyncio.client import ClientConnection

from services.control_plane.kit.audit import AuditEntry
from shared import keys
from tests.integration.control_plane.fleet.conftest import Fleet, id_of
from tests.integration.control_plane.platform import CLIENT_ID, on_sqlite, problem
from tests.support.waiting import eventually

pytestmark = on_sqlite


async def ended(client: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(5):
        await client.wait_closed()
    return client.close_code, client.close_reason


async def test_an_administrator_sees_each_connection_and_closes_it(fleet: Fleet) -> None:
    async with fleet.connect(await fleet.token()) as client:
        await client.send("hello")
        await client.recv()
        listed = await fleet.platform.read("/admin/v1/connections")
        (found,) = listed["items"]
        assert (listed["total"], listed["unanswered"]) == (1, 0)
        assert found["id"] == id_of(client)
        assert (found["api_id"], found["application_id"]) == (fleet.api["id"], fleet.application["id"])
        assert (found["application"], found["owner"], found["key_type"]) == ("Mine", CLIENT_ID, "PRODUCTION")
        assert (found["messages_published"], found["messages_delivered"]) == (1, 1)
        path = f"/admin/v1/connections/{found['id']}"
        assert (await fleet.platform.client.delete(path)).status_code == 204
        assert await ended(client) == (4411, "closed_by_administrator")
        problem(await fleet.platform.client.delete(path), 404, "not_found")


async def test_pages_go_through_all(fleet: Fleet) -> None:
    token = await fleet.token()
    async with fleet.connect(token) as one, fleet.connect(token) as two, fleet.connect(token) as three:
        pages = [await fleet.platform.read("/admin/v1/connections", limit=2, offset=offset) for offset in (0, 2)]
        newest = await fleet.platform.read("/admin/v1/connections", limit=1, sort="-opened_at")
    assert [[item["id"] for item in page["items"]] for page in pages] == [[id_of(one), id_of(two)], [id_of(three)]]
    assert [item["id"] for item in newest["items"]] == [id_of(three)]
    assert {page["total"] for page in (*pages, newest)} == {3}


async def test_all_that_match_are_closed_and_never_all_by_mistake(fleet: Fleet) -> None:
    client = fleet.platform.client
    token = await fleet.token()
    async with fleet.connect(token) as one, fleet.connect(token) as two:
        problem(await client.delete("/admin/v1/connections"), 422, "invalid")
        none = await client.delete("/admin/v1/connections", params={"application_id": "another"})
        assert none.json() == {"closed": 0, "unanswered": 0}
        both = await client.delete("/admin/v1/connections", params={"application_id": fleet.application["id"]})
        assert both.json() == {"closed": 2, "unanswered": 0}
        assert {await ended(one), await ended(two)} == {(4411, "closed_by_administrator")}
    async with fleet.connect(token) as last:
        assert (await client.delete("/admin/v1/connections", params={"all": True})).json()["closed"] == 1
        assert await ended(last) == (4411, "closed_by_administrator")


async def test_a_publisher_sees_and_closes_those_of_an_api(fleet: Fleet) -> None:
    other = await fleet.platform.make_api(name="Other", context="/other")
    mine, others = (f"/publisher/v1/apis/{api['id']}/connections" for api in (fleet.api, other))
    async with fleet.connect(await fleet.token()) as client:
        assert (await fleet.platform.read(mine))["total"] == 1
        assert (await fleet.platform.read(others, api_id=fleet.api["id"]))["total"] == 0
        path = f"{others}/{id_of(client)}"
        problem(await fleet.platform.client.delete(path), 404, "not_found")
        problem(await fleet.platform.client.delete(mine), 422, "invalid")
        closed = await fleet.platform.client.delete(mine, params={"all": True})
        assert closed.json() == {"closed": 1, "unanswered": 0}
        assert await ended(client) == (4411, "closed_by_publisher")


async def test_a_subscriber_sees_and_closes_their_own_alone(fleet: Fleet) -> None:
    async with (
        fleet.connect(await fleet.token()) as client,
        fleet.platform.account("stranger", "store:subscribe") as stranger,
    ):
        path = f"/store/v1/connections/{id_of(client)}"
        assert (await stranger.get("/store/v1/connections", params={"owner": CLIENT_ID})).json()["total"] == 0
        problem(await stranger.delete(path), 404, "not_found")
        problem(await stranger.get("/admin/v1/connections"), 403, "insufficient_scope")
        assert (await fleet.platform.read("/store/v1/connections"))["total"] == 1
        assert (await fleet.platform.client.delete(path)).status_code == 204
        assert await ended(client) == (4411, "closed_by_subscriber")


async def test_a_connection_goes_on_with_a_fresh_token(fleet: Fleet) -> None:
    async with fleet.connect(await fleet.token(5)) as client:
        path, fresh = f"/store/v1/connections/{id_of(client)}/token", await fleet.token(3600)
        renewed = await fleet.platform.client.post(path, headers={"Authorization": f"Bearer {fresh}"})
        assert renewed.status_code == 200, renewed.text
        assert renewed.json()["id"] == id_of(client)
        over = time.monotonic() + 7
        await eventually(lambda: time.monotonic() > over, within=10)
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), 5) == "still here"


async def test_no_token_of_another_sort_renews_a_connection(fleet: Fleet) -> None:
    sandbox = await fleet.platform.made(
        f"/store/v1/applications/{fleet.application['id']}/keys", {"key_type": "SANDBOX"}
    )
    bearer = {"Authorization": f"Bearer {sandbox['token']['access_token']}"}
    await fleet.caught_up()
    async with fleet.connect(await fleet.token()) as client:
        path = f"/store/v1/connections/{id_of(client)}/token"
        refused = await fleet.platform.client.post(path, headers=bearer)
        assert problem(refused, 409, "renewal_refused")["reason"] == "token_invalid"
        problem(await fleet.platform.client.post(path), 401, "unauthorized")  # a subscriber's own token
        fresh = {"Authorization": f"Bearer {await fleet.token()}"}
        nowhere = await fleet.platform.client.post("/store/v1/connections/none/token", headers=fresh)
        problem(nowhere, 404, "not_found")


async def test_a_worker_that_is_silent_is_counted(fleet: Fleet, redis_client: Redis) -> None:
    redis_client.zadd(keys.PODS, {"silent": time.time() + 60})  # noqa: TID251 - the pods' clock
    assert (await fleet.platform.read("/admin/v1/connections"))["unanswered"] == 1
    nowhere = await fleet.platform.client.delete("/admin/v1/connections/none")
    problem(nowhere, 503, "unavailable")
    assert nowhere.headers["Retry-After"] == "1"


async def test_what_is_closed_is_written_down(fleet: Fleet) -> None:
    async with fleet.connect(await fleet.token()) as client:
        await fleet.platform.client.delete(f"/admin/v1/connections/{id_of(client)}")
    with fleet.platform.database.reading() as session:
        actions = session.exec(select(AuditEntry.action).where(AuditEntry.target_id == id_of(client))).all()
    assert actions == ["connection.close"]


@pytest.mark.parametrize(
    "bad", [{"offset": 901}, {"limit": 101}, {"sort": "id"}, {"q": "a\nb"}, {"pod": "a/b"}], ids=str
)
async def test_what_can_not_be_asked_is_refused(fleet: Fleet, bad: dict[str, str]) -> None:
    problem(await fleet.platform.client.get("/admin/v1/connections", params=bad), 422, "invalid")
