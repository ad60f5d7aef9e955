"""`Idempotency-Key`."""

import asyncio

import httpx
import pytest
from sqlmodel import select

from services.control_plane.kit.idempotency import IdempotentRequest
from tests.integration.control_plane.platform import ECHO, Platform, Start, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
KEY = {"Idempotency-Key": "a-key"}


def stored(platform: Platform) -> list[IdempotentRequest]:
    with platform.database.reading() as session:
        return list(session.exec(select(IdempotentRequest)).all())


async def test_a_request_that_comes_again_is_answered_again_and_done_once(platform: Platform) -> None:
    first = await platform.client.post(APIS, json=ECHO, headers=KEY)
    again = await platform.client.post(APIS, json=ECHO, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for header in ("location", "etag", "content-type"):
        assert again.headers[header] == first.headers[header]
    assert (await platform.read(APIS))["total"] == 1


async def test_requests_at_the_same_time_are_done_once(platform: Platform) -> None:
    answers = await asyncio.gather(*(platform.client.post(APIS, json=ECHO, headers=KEY) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await platform.read(APIS))["total"] == 1


async def test_without_a_key_each_is_done(platform: Platform) -> None:
    answers = await asyncio.gather(*(platform.client.post(APIS, json=ECHO) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_key_stands_for_one_request(platform: Platform) -> None:
    await platform.client.post(APIS, json=ECHO, headers=KEY)
    other = {**ECHO, "version": "2.0"}
    for answer in (
        await platform.client.post(APIS, json=other, headers=KEY),
        await platform.client.post("/store/v1/applications", json={"name": "App"}, headers=KEY),
    ):
        problem(answer, 422, "idempotency_key_reused")
    assert (await platform.read(APIS))["total"] == 1


async def test_a_key_is_its_caller_s_own(platform: Platform) -> None:
    body = {"name": "App"}
    mine = await platform.client.post("/store/v1/applications", json=body, headers=KEY)
    async with platform.account("another", "store:subscribe") as another:
        theirs = await another.post("/store/v1/applications", json=body, headers=KEY)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


async def test_a_failure_leaves_the_key_free(platform: Platform) -> None:
    problem(await platform.client.post(APIS, json={**ECHO, "policies": ["None"]}, headers=KEY), 422, "invalid")
    assert stored(platform) == []
    assert (await platform.client.post(APIS, json=ECHO, headers=KEY)).status_code == 201


async def test_a_secret_is_answered_again_but_kept_sealed(platform: Platform) -> None:
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    first = await platform.client.post(path, json={"key_type": "PRODUCTION"}, headers=KEY)
    again = await platform.client.post(path, json={"key_type": "PRODUCTION"}, headers=KEY)
    assert again.json() == first.json()
    assert again.headers["cache-control"] == "no-store"
    (row,) = stored(platform)
    assert row.response is not None
    assert first.json()["consumer_secret"] not in row.response


async def test_keys_are_forgotten_after_a_day(platform: Platform) -> None:
    await platform.client.post(APIS, json=ECHO, headers=KEY)
    platform.clock.move(hours=25)
    await platform.sign_in("bootstrap", "a secret of the tests + its % signs")
    problem(await platform.client.post(APIS, json=ECHO, headers=KEY), 409, "already_exists")
    await platform.client.post(APIS, json={**ECHO, "version": "2"}, headers={"Idempotency-Key": "another"})
    assert [row.key for row in stored(platform)] == ["another"]


@on_sqlite
@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_key_that_can_not_be_one_is_refused(platform: Platform, key: str) -> None:
    answer = await platform.client.post(APIS, json=ECHO, headers={"Idempotency-Key": key})
    assert list(fields(answer)) == ["Idempotency-Key"]


@on_sqlite
async def test_strangers_claim_no_keys(started: Start) -> None:
    async with started() as platform:
        answer: httpx.Response = await platform.client.post(APIS, json=ECHO, headers=KEY)
        problem(answer, 401, "unauthorized")
        assert stored(platform) == []
