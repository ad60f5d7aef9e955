"""Who has subscribed hears what becomes of an API, and nobody else does."""

from typing import Any

import httpx

from tests.integration.control_plane.platform import Platform, problem
from tests.integration.control_plane.workflow.test_approvals import own_application, post, subscribe

NOTICES = "/store/v1/notices"


async def read(client: httpx.AsyncClient, **params: Any) -> list[tuple[str, str, bool]]:
    response = await client.get(NOTICES, params=params)
    assert response.status_code == 200, response.text
    return [(item["kind"], item["version"], item["read"]) for item in response.json()["items"]]


async def test_subscribers_hear_of_the_steps_of_their_apis(platform: Platform, subscriber: httpx.AsyncClient) -> None:
    api = await platform.publish_api()
    await platform.act(api, "block", "unblock")  # before the subscription: no news
    await subscribe(subscriber, await own_application(subscriber), api)
    await platform.act(api, "block", "unblock", "publish", "deprecate", "retire")
    assert await read(subscriber) == [
        ("retired", "1.0", False),
        ("deprecated", "1.0", False),
        ("unblocked", "1.0", False),
        ("blocked", "1.0", False),
    ]
    async with platform.account("carol", roles=("subscriber",)) as carol:
        assert await read(carol) == []


async def test_subscribers_hear_of_a_new_version_that_they_may_see(
    platform: Platform, subscriber: httpx.AsyncClient
) -> None:
    await platform.made("/admin/v1/roles", {"name": "inner", "scopes": []})
    api = await platform.publish_api()
    await subscribe(subscriber, await own_application(subscriber), api)
    versions = f"/publisher/v1/apis/{api['id']}/versions"
    made = [await platform.made(versions, {"version": name}) for name in ("2.0", "3.0")]
    assert await read(subscriber) == []  # nobody can call them yet
    hidden = {"visibility": "restricted", "roles": ["inner"]}
    await platform.client.patch(f"/publisher/v1/apis/{made[1]['id']}", json=hidden)
    for version in made:
        await platform.act(version, "publish")
    await platform.publish_api(name="Other", context="/other")
    assert await read(subscriber) == [("new_version", "2.0", False)]


async def test_what_concerns_two_applications_is_told_once(platform: Platform, subscriber: httpx.AsyncClient) -> None:
    api = await platform.publish_api()
    await subscribe(subscriber, await own_application(subscriber), api)
    await subscribe(subscriber, await post(subscriber, "/store/v1/applications", {"name": "Second"}), api)
    version = await platform.made(f"/publisher/v1/apis/{api['id']}/versions", {"version": "2.0"})
    await platform.act(version, "publish")
    await platform.act(api, "deprecate")
    assert await read(subscriber) == [("deprecated", "1.0", False), ("new_version", "2.0", False)]
    assert await read(subscriber, sort="name") == [("new_version", "2.0", False), ("deprecated", "1.0", False)]


async def test_notices_are_marked_as_read_by_each_for_themselves(
    platform: Platform, subscriber: httpx.AsyncClient
) -> None:
    api = await platform.publish_api()
    await subscribe(subscriber, await own_application(subscriber), api)
    await platform.subscribe(await platform.make_application(), api)
    await platform.act(api, "block", "unblock")
    newest, oldest = (item["id"] for item in (await subscriber.get(NOTICES)).json()["items"])
    for _ in range(2):
        assert (await subscriber.post(f"{NOTICES}/read", json={"ids": [oldest, oldest]})).status_code == 204
    assert await read(subscriber) == [("unblocked", "1.0", False), ("blocked", "1.0", True)]
    assert await read(subscriber, unread=True) == [("unblocked", "1.0", False)]
    assert await read(platform.client, unread=True) == [("unblocked", "1.0", False), ("blocked", "1.0", False)]
    assert await read(subscriber, q="nothing") == []
    async with platform.account("carol", roles=("subscriber",)) as carol:
        problem(await carol.post(f"{NOTICES}/read", json={"ids": [newest]}), 404, "not_found")
    problem(await subscriber.post(f"{NOTICES}/read", json={"ids": [newest, 10**9]}), 404, "not_found")
    assert len(await read(subscriber, unread=True)) == 1
