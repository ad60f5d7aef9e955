"""Stars and comments in the store."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.control_plane.store.feedback import MOST_COMMENTS
from services.control_plane.store.feedback_schemas import MAX_COMMENT_LENGTH
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem


@pytest.fixture
async def api(platform: Platform) -> dict[str, Any]:
    return await platform.publish_api()


@pytest.fixture
async def bob(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.account("bob", roles=("subscriber",)) as client:
        yield client


async def rating(client: httpx.AsyncClient, api: dict[str, Any]) -> tuple[float | None, int]:
    answer = (await client.get(f"/store/v1/apis/{api['id']}")).json()["rating"]
    (listed,) = (await client.get("/store/v1/apis")).json()["items"]
    assert listed["rating"] == answer
    return answer["average"], answer["count"]


async def test_each_rates_once_and_the_store_shows_the_average(
    platform: Platform, api: dict[str, Any], bob: httpx.AsyncClient
) -> None:
    path = f"/store/v1/apis/{api['id']}/rating"
    assert await rating(bob, api) == (None, 0)
    problem(await bob.get(path), 404, "not_found")
    for stars in (1, 4):
        assert (await bob.put(path, json={"stars": stars})).json()["stars"] == stars
    await platform.client.put(path, json={"stars": 5})
    assert (await bob.get(path)).json()["stars"] == 4
    assert await rating(bob, api) == (4.5, 2)
    assert (await bob.delete(path)).status_code == 204
    problem(await bob.delete(path), 404, "not_found")
    assert await rating(bob, api) == (5.0, 1)


@on_sqlite
@pytest.mark.parametrize("stars", [0, 6, 2.5, "many", None])
async def test_there_are_one_to_five_stars(api: dict[str, Any], bob: httpx.AsyncClient, stars: object) -> None:
    assert "stars" in fields(await bob.put(f"/store/v1/apis/{api['id']}/rating", json={"stars": stars}))


async def test_comments_are_written_read_and_deleted_by_who_wrote_them(
    platform: Platform, api: dict[str, Any], bob: httpx.AsyncClient
) -> None:
    path = f"/store/v1/apis/{api['id']}/comments"
    response = await bob.post(path, json={"text": "  <b>Fast</b>\nand small  "})
    assert response.status_code == 201
    made = response.json()
    assert (made["text"], made["author"], made["own"]) == ("<b>Fast</b>\nand small", "bob", True)
    await platform.made(path, {"text": "Thanks"})
    items = (await bob.get(path)).json()["items"]
    assert [(item["text"], item["own"]) for item in items] == [("Thanks", False), (made["text"], True)]
    del platform.client.headers["Authorization"]
    strangers = (await platform.client.get(path)).json()["items"]
    assert [item["author"] for item in strangers] == [None, None]
    problem(await bob.delete(f"{path}/{items[0]['id']}"), 403, "forbidden")
    assert (await bob.delete(response.headers["Location"])).status_code == 204
    problem(await bob.delete(response.headers["Location"]), 404, "not_found")


async def test_who_manages_the_api_removes_any(platform: Platform, bob: httpx.AsyncClient) -> None:
    async with (
        platform.account("alice", roles=("publisher",)) as alice,
        platform.account("eve", roles=("publisher",)) as eve,
    ):
        api = (await alice.post("/publisher/v1/apis", json={**ECHO, "name": "Hers", "context": "/hers"})).json()
        await alice.post(f"/publisher/v1/apis/{api['id']}/lifecycle", json={"action": "publish"})
        for remover, status in ((eve, 404), (alice, 204), (platform.client, 204)):
            made = (await bob.post(f"/store/v1/apis/{api['id']}/comments", json={"text": "Bad"})).json()
            answer = await remover.delete(f"/publisher/v1/apis/{api['id']}/comments/{made['id']}")
            assert answer.status_code == status
    other = await platform.publish_api()
    left = (await bob.get(f"/store/v1/apis/{api['id']}/comments")).json()["items"][0]
    elsewhere = await platform.client.delete(f"/publisher/v1/apis/{other['id']}/comments/{left['id']}")
    problem(elsewhere, 404, "not_found")


@on_sqlite
async def test_comments_are_bounded(platform: Platform, api: dict[str, Any], bob: httpx.AsyncClient) -> None:
    path = f"/store/v1/apis/{api['id']}/comments"
    for text in ("", "   ", "x" * (MAX_COMMENT_LENGTH + 1), "a\x00b", None):
        assert "text" in fields(await bob.post(path, json={"text": text}))
    written = [await bob.post(path, json={"text": "Again"}) for _ in range(MOST_COMMENTS)]
    assert {answer.status_code for answer in written} == {201}
    assert (await bob.delete(f"{path}/{written[0].json()['id']}")).status_code == 204  # it was written all the same
    refused = await bob.post(path, json={"text": "And again"})
    problem(refused, 429, "too_many_requests")
    assert "Retry-After" in refused.headers


async def test_what_one_may_not_see_one_does_not_judge(platform: Platform, bob: httpx.AsyncClient) -> None:
    hidden = await platform.make_api()
    base = f"/store/v1/apis/{hidden['id']}"
    problem(await bob.put(f"{base}/rating", json={"stars": 5}), 404, "not_found")
    problem(await bob.post(f"{base}/comments", json={"text": "I was here"}), 404, "not_found")
    problem(await bob.get(f"{base}/comments"), 404, "not_found")


async def test_who_leaves_takes_their_feedback_along(platform: Platform, api: dict[str, Any]) -> None:
    base = f"/store/v1/apis/{api['id']}"
    async with platform.account("carol", roles=("subscriber",)) as carol:
        await carol.put(f"{base}/rating", json={"stars": 1})
        await carol.post(f"{base}/comments", json={"text": "Bye"})
        me = (await carol.get("/account/v1/me")).json()["id"]
        assert (await platform.client.delete(f"/admin/v1/service-accounts/{me}")).status_code == 204
    assert await rating(platform.client, api) == (None, 0)
    assert (await platform.read(f"{base}/comments"))["total"] == 0
    await platform.act(api, "demote")
    assert (await platform.client.delete(f"/publisher/v1/apis/{api['id']}")).status_code == 204
