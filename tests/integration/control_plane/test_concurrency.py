"""Several callers at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime

import httpx
import pytest
from redis import Redis
from sqlalchemy import Engine, text, update
from sqlmodel import col, select

from services.control_plane.publisher.models import Api
from tests.integration.control_plane.platform import Platform
from tests.support.waiting import eventually

APIS = "/publisher/v1/apis"

on_postgresql = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)


async def statuses(requests: Iterable[Awaitable[httpx.Response]]) -> Counter[int]:
    return Counter(answer.status_code for answer in await asyncio.gather(*requests))


async def test_one_of_several_subscriptions_is_made(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
    found = await statuses(platform.client.post("/store/v1/subscriptions", json=body) for _ in range(6))
    assert found == {201: 1, 409: 5}


async def test_one_of_several_keys_is_made(platform: Platform) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    found = await statuses(platform.client.post(path, json={"key_type": "SANDBOX"}) for _ in range(6))
    assert found == {201: 1, 409: 5}


async def test_no_change_is_lost_between_editors(platform: Platform, redis_url: str) -> None:
    api = await platform.publish_api()
    path = f"{APIS}/{api['id']}"
    before = int((await platform.client.get(path)).headers["etag"].strip('"'))
    found = await statuses(platform.client.patch(path, json={"name": f"n{number}"}) for number in range(8))
    assert found.keys() <= {200, 412}
    after = int((await platform.client.get(path)).headers["etag"].strip('"'))
    assert after - before == found[200]
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        pushed = platform.catalogue(redis)["api"][api["id"]]
    assert f'"name":"{(await platform.read(path))["name"]}"' in pushed


async def test_a_context_never_has_two_defaults(platform: Platform) -> None:
    first = await platform.make_api(default=True)
    versions = [await platform.made(f"{APIS}/{first['id']}/versions", {"version": f"{n}.0"}) for n in range(2, 6)]
    found = await statuses(
        platform.client.patch(f"{APIS}/{version['id']}", json={"default": True}) for version in versions
    )
    assert found.keys() <= {200, 409, 412}
    assert found[200]
    items = (await platform.read(APIS))["items"]
    assert [item["default"] for item in items].count(True) == 1


async def test_a_subscription_and_the_end_of_its_api_do_not_cross(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
    subscribed, deleted = await asyncio.gather(
        platform.client.post("/store/v1/subscriptions", json=body), platform.client.delete(f"{APIS}/{api['id']}")
    )
    assert (subscribed.status_code, deleted.status_code) in {(201, 409), (404, 204), (409, 204)}


@on_postgresql
async def test_one_that_publishes_holds_versions_in_the_order_that_others_do(platform: Platform) -> None:
    older = [await platform.publish_api(), await platform.publish_api(version="2.0")]
    new = await platform.make_api(version="3.0")
    first, second = sorted(api["id"] for api in older)
    with platform.database.writing() as session:
        for id_, year in ((first, 2010), (second, 2011)):
            session.connection().execute(
                update(Api).where(col(Api.id) == id_).values(created_at=datetime(year, 1, 1, tzinfo=UTC))
            )
    body = {"action": "publish", "require_resubscription": False}
    await holds_the_first_one_first(platform, platform.client.post(f"{APIS}/{new['id']}/lifecycle", json=body))


@on_postgresql
async def test_one_that_takes_the_default_holds_versions_in_the_order_that_others_do(platform: Platform) -> None:
    versions = [await platform.make_api(version=f"{number}.0") for number in range(3)]
    first, _, last = sorted(api["id"] for api in versions)
    assert (await platform.client.patch(f"{APIS}/{last}", json={"default": True})).status_code == 200
    await holds_the_first_one_first(platform, platform.client.patch(f"{APIS}/{first}", json={"default": True}))


async def holds_the_first_one_first(platform: Platform, request: Awaitable[httpx.Response]) -> None:
    """See that a request which waits for the API whose id is the first holds no other one meanwhile."""
    engine = platform.database.engine
    with engine.connect() as other:
        first, *rest = other.execute(select(Api.id).order_by(col(Api.id)).with_for_update()).scalars()
        other.rollback()
        async with asyncio.TaskGroup() as tasks:
            other.execute(select(Api.id).where(col(Api.id) == first).with_for_update())
            answer = tasks.create_task(answered(request))
            try:
                await eventually(lambda: waits_for_a_row(engine))
                free = select(Api.id).where(col(Api.id) != first).order_by(col(Api.id))
                assert other.execute(free.with_for_update(skip_locked=True)).scalars().all() == rest
            finally:
                other.rollback()
    assert answer.result().status_code == 200


async def answered(request: Awaitable[httpx.Response]) -> httpx.Response:
    return await request


def waits_for_a_row(engine: Engine) -> bool:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'"
    with engine.connect() as connection:
        return bool(connection.execute(text(asked)).scalar_one())
