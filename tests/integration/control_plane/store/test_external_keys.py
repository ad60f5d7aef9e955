"""Clients of external issuers, and the applications that they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from services.control_plane.store.external_keys import MAX_KEYS
from tests.integration.control_plane.issuers.test_router import ISSUERS, asking, body_of
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem
from tests.support.outside import Answer, Outside, outside_issuer

ADMIN = "/admin/v1/external-keys"


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer


@pytest.fixture
async def path(platform: Platform, outside: Outside) -> str:
    """Make an issuer and an application, and return where its external keys are."""
    await platform.made(ISSUERS, body_of(outside))
    return f"/store/v1/applications/{(await platform.make_application())['id']}/external-keys"


def body(token: str, **changes: Any) -> dict[str, Any]:
    return {"key_type": "SANDBOX", "issuer": "partner", "token": token, **changes}


def pushed(platform: Platform, redis: Redis) -> dict[str, Any]:
    return {id_: json.loads(text) for id_, text in platform.catalogue(redis)["key"].items()}


async def test_a_client_is_mapped_by_a_token_of_it(
    platform: Platform, outside: Outside, path: str, redis_client: Redis
) -> None:
    made = await platform.client.post(path, json=body(outside.token("their-app")))
    key = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"{path}/{key['id']}"), made.text
    assert (key["external_client_id"], key["issuer"], key["key_type"]) == ("their-app", "partner", "SANDBOX")
    assert await platform.read(f"{path}/{key['id']}") == key
    assert (await platform.read(path))["items"] == [key]
    told = {"client_id": "partner/their-app", "application_id": path.split("/")[4], "key_type": "SANDBOX"}
    assert pushed(platform, redis_client) == {"partner/their-app": told}
    assert (await platform.client.delete(f"{path}/{key['id']}")).status_code == 204
    assert pushed(platform, redis_client) == {}


async def test_of_an_opaque_token_the_issuer_is_asked(platform: Platform, outside: Outside, path: str) -> None:
    assert fields(await platform.client.post(path, json=body(outside.opaque_token()))) == {
        "token": "is refused: it is no JWT, and there is nobody to ask about it"
    }
    answer = await platform.client.put(f"{ISSUERS}/partner", json=asking(outside))
    assert answer.status_code == 200, answer.text
    made = await platform.made(path, body(outside.opaque_token("opaque-app")))
    assert made["external_client_id"] == "opaque-app"
    for token in ("opaque-unknown", outside.opaque_token(seconds=-60), outside.opaque_token(aud="account")):
        assert fields(await platform.client.post(path, json=body(token))).keys() == {"token"}
    outside.answers["/introspect"] = Answer({}, 500)
    assert fields(await platform.client.post(path, json=body(outside.opaque_token()))).keys() == {"token"}


async def test_a_client_is_one_application_s_alone(platform: Platform, outside: Outside, path: str) -> None:
    await platform.made(path, body(outside.token()))
    other = await platform.make_application("Other")
    again = await platform.client.post(
        f"/store/v1/applications/{other['id']}/external-keys", json=body(outside.token())
    )
    problem(again, 409, "already_exists")


@on_sqlite
async def test_without_a_good_token_no_client_is_anybody_s(platform: Platform, outside: Outside, path: str) -> None:
    good = outside.token()
    refused = {
        "token": [
            body(good[:-8] + "AAAAAAAA"),
            body(outside.token(seconds=-60)),
            body(outside.token(aud="account")),
            body(outside.token(azp=None)),
            body(outside.token(typ="id+jwt")),
            body("x" * 9000),
            body(""),
        ],
        "issuer": [body(good, issuer="nobody"), body(good, issuer="local")],
        "key_type": [body(good, key_type="OTHER")],
    }
    for field, bodies in refused.items():
        for sent in bodies:
            answer = await platform.client.post(path, json=sent)
            assert fields(answer).keys() == {field}, answer.text
            assert good not in answer.text
    assert (await platform.read(path))["total"] == 0


async def test_an_application_takes_its_clients_with_it(
    platform: Platform, outside: Outside, path: str, redis_client: Redis
) -> None:
    await platform.made(path, body(outside.token()))
    problem(await platform.client.delete(f"{ISSUERS}/partner"), 409, "in_use")
    assert (await platform.client.delete(path.removesuffix("/external-keys"))).status_code == 204
    assert pushed(platform, redis_client) == {}
    assert (await platform.client.delete(f"{ISSUERS}/partner")).status_code == 204


@on_sqlite
async def test_nobody_else_sees_them(platform: Platform, outside: Outside, path: str) -> None:
    key = await platform.made(path, body(outside.token()))
    async with platform.account("other", "store:subscribe") as client:
        problem(await client.get(path), 404, "not_found")
        problem(await client.post(path, json=body(outside.token("mine"))), 404, "not_found")
        problem(await client.delete(f"{path}/{key['id']}"), 404, "not_found")
        mine = (await client.post("/store/v1/applications", json={"name": "Mine"})).json()["id"]
        own = f"/store/v1/applications/{mine}/external-keys"
        problem(await client.delete(f"{own}/{key['id']}"), 404, "not_found")


@on_sqlite
async def test_an_application_has_only_so_many(platform: Platform, outside: Outside, path: str) -> None:
    for number in range(MAX_KEYS):
        await platform.made(path, body(outside.token(str(number))))
    problem(await platform.client.post(path, json=body(outside.token())), 409, "conflict")


async def test_an_administrator_takes_a_client_from_who_has_claimed_it(
    platform: Platform, outside: Outside, path: str, redis_client: Redis
) -> None:
    async with platform.account("other", "store:subscribe") as client:
        theirs = (await client.post("/store/v1/applications", json={"name": "Theirs"})).json()["id"]
        claimed = await client.post(f"/store/v1/applications/{theirs}/external-keys", json=body(outside.token()))
        assert claimed.status_code == 201, claimed.text
        problem(await client.get(ADMIN), 403, "insufficient_scope")
        problem(await client.delete(f"{ADMIN}/{claimed.json()['id']}"), 403, "insufficient_scope")
    problem(await platform.client.post(path, json=body(outside.token())), 409, "already_exists")
    (key,) = (await platform.read(ADMIN, q="partner/"))["items"]
    assert key == {**claimed.json(), "application_id": theirs}
    assert (await platform.client.delete(f"{ADMIN}/{key['id']}")).status_code == 204
    problem(await platform.client.delete(f"{ADMIN}/{key['id']}"), 404, "not_found")
    assert pushed(platform, redis_client) == {}
    await platform.made(path, body(outside.token()))


async def test_the_total_is_counted_anew_whatever_becomes_of_a_client(
    platform: Platform, outside: Outside, path: str
) -> None:
    async def totals() -> set[int]:
        return {(await platform.read(ADMIN, **query))["total"] for query in ({}, {"q": "partner/"})}

    assert await totals() == {0}
    await platform.made(path, body(outside.token("one")))
    assert await totals() == {1}
    two = await platform.made(path, body(outside.token("two")))
    assert await totals() == {2}
    assert (await platform.client.delete(f"{ADMIN}/{two['id']}")).status_code == 204
    assert await totals() == {1}
    assert (await platform.client.delete(path.removesuffix("/external-keys"))).status_code == 204
    assert await totals() == {0}


async def test_whom_tokens_name_is_not_changed_while_clients_are_mapped(
    platform: Platform, outside: Outside, path: str
) -> None:
    key = await platform.made(path, body(outside.token()))
    changed = body_of(outside, application_claim="sub")
    answer = await platform.client.put(f"{ISSUERS}/partner", json=changed)
    assert fields(answer) == {"application_claim": "can't be changed while clients that it named are mapped"}
    same = await platform.client.put(f"{ISSUERS}/partner", json=body_of(outside, audience="another"))
    assert same.status_code == 200, same.text
    assert (await platform.client.delete(f"{path}/{key['id']}")).status_code == 204
    assert (await platform.client.put(f"{ISSUERS}/partner", json=changed)).status_code == 200
