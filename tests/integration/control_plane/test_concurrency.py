"""Several callers at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable

import httpx
from redis import Redis

from tests.integration.control_plane.platform import Platform

APIS = "/publisher/v1/apis"


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
