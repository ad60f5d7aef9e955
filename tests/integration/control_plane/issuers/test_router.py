"""Issuers that administrators let publishers trust."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from shared import keys
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem
from tests.support.outside import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Answer, Outside, make_key

ISSUERS = "/admin/v1/issuers"


def body_of(outside: Outside, **changes: Any) -> dict[str, Any]:
    return {"name": "partner", "issuer": outside.issuer, "audience": AUDIENCE, **changes}


def pushed(platform: Platform, redis: Redis) -> dict[str, Any]:
    """Return the external issuers that the pods find."""
    issuers = {id_: json.loads(body) for id_, body in platform.catalogue(redis)["issuer"].items()}
    return {id_: body for id_, body in issuers.items() if id_ != "local"}


async def test_an_issuer_is_made_with_its_keys(platform: Platform, outside: Outside, redis_client: Redis) -> None:
    made = await platform.client.post(ISSUERS, json=body_of(outside))
    issuer = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"{ISSUERS}/partner"), made.text
    assert (issuer["key_ids"], issuer["failure"]) == ([outside.keys[0].kid], None)
    assert await platform.read(f"{ISSUERS}/partner") == issuer
    assert (await platform.read(ISSUERS, q="realms"))["items"] == [issuer]
    assert pushed(platform, redis_client) == {
        "external/partner": {
            "issuer": outside.issuer,
            "keys": [],
            "sealed_assertion_key": None,
            "external": {
                "name": "partner",
                "audience": AUDIENCE,
                "application_claim": None,
                "keys": [outside.keys[0].as_dict(private=False)],
                "introspection": None,
            },
        }
    }


async def test_an_issuer_is_put_back_as_it_was_read_and_changed(
    platform: Platform, outside: Outside, redis_client: Redis
) -> None:
    made = await platform.client.post(ISSUERS, json=body_of(outside))
    changed = made.json() | {"audience": "another", "application_claim": "appid"}
    outside.keys.append(make_key())
    tag = {"If-Match": made.headers["etag"]}
    put = await platform.client.put(f"{ISSUERS}/partner", json=changed, headers=tag)
    assert put.status_code == 200, put.text
    assert set(put.json()["key_ids"]) == {key.kid for key in outside.keys}
    told = pushed(platform, redis_client)["external/partner"]["external"]
    assert (told["audience"], told["application_claim"], len(told["keys"])) == ("another", "appid", 2)
    stale = await platform.client.put(f"{ISSUERS}/partner", json=changed, headers=tag)
    problem(stale, 412, "precondition_failed")


async def test_an_issuer_is_deleted_unless_an_api_trusts_it(
    platform: Platform, outside: Outside, redis_client: Redis
) -> None:
    await platform.made(ISSUERS, body_of(outside))
    api = await platform.publish_api(issuers=["partner"])
    problem(await platform.client.delete(f"{ISSUERS}/partner"), 409, "in_use")
    told = json.loads(platform.catalogue(redis_client)["api"][api["id"]])
    assert told["issuers"] == ["partner"]
    assert (await platform.read(f"/store/v1/apis/{api['id']}"))["issuers"] == ["partner"]
    patched = await platform.client.patch(f"/publisher/v1/apis/{api['id']}", json={"issuers": []})
    assert patched.json()["issuers"] == []
    assert (await platform.client.delete(f"{ISSUERS}/partner")).status_code == 204
    assert pushed(platform, redis_client) == {}
    problem(await platform.client.get(f"{ISSUERS}/partner"), 404, "not_found")


@on_sqlite
async def test_what_is_wrong_is_said_of_its_field(platform: Platform, outside: Outside) -> None:
    refused = {
        "issuer": [
            {"issuer": "ftp://x"},
            {"issuer": f"{outside.issuer}?a=b"},
            {"issuer": f"{outside.issuer}/"},  # not what it calls itself
            {"issuer": platform.settings.public_url},
            {"issuer": "http://192.0.2.1"},
        ],
        "jwks_uri": [{"jwks_uri": f"http://127.0.0.1:{outside.server_port}/nothing"}, {"jwks_uri": "/keys"}],
        "audience": [{"audience": ""}, {"audience": "a\nb"}],
        "application_claim": [{"application_claim": "a b"}],
        "name": [{"name": "a/b"}],
    }
    for field, bodies in refused.items():
        for changes in bodies:
            answer = await platform.client.post(ISSUERS, json=body_of(outside, **changes))
            assert fields(answer).keys() == {field}, (changes, answer.text)
    assert (await platform.read(ISSUERS))["total"] == 0


async def test_a_name_and_a_url_stand_for_one_issuer(platform: Platform, outside: Outside) -> None:
    await platform.made(ISSUERS, body_of(outside))
    problem(await platform.client.post(ISSUERS, json=body_of(outside, name="again")), 409, "already_exists")
    moved = body_of(outside, issuer=f"{outside.issuer}/b", jwks_uri=f"http://127.0.0.1:{outside.server_port}/keys")
    problem(await platform.client.post(ISSUERS, json=moved), 409, "already_exists")
    answer = await platform.client.put(f"{ISSUERS}/partner", json=moved)
    assert fields(answer).keys() == {"issuer"}


@on_sqlite
async def test_nothing_is_kept_of_an_issuer_that_does_not_answer(platform: Platform, outside: Outside) -> None:
    outside.answers["/keys"] = Answer({}, 503)
    answer = await platform.client.post(ISSUERS, json=body_of(outside))
    assert fields(answer) == {"issuer": "it answered 503, and not 200 with JSON"}
    problem(await platform.client.get(f"{ISSUERS}/partner"), 404, "not_found")


def asking(outside: Outside, **changes: Any) -> dict[str, Any]:
    said = {"url": outside.introspection_url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **changes}
    return body_of(outside, introspection=said)


async def test_what_an_issuer_is_asked_with_is_sealed_for_the_pods(
    platform: Platform, outside: Outside, redis_client: Redis
) -> None:
    made = await platform.made(ISSUERS, asking(outside))
    assert made["introspection"] == {
        "url": outside.introspection_url,
        "client_id": CLIENT_ID,
        "client_secret": True,
    }
    told = pushed(platform, redis_client)["external/partner"]["external"]["introspection"]
    assert (told["url"], told["client_id"]) == (outside.introspection_url, CLIENT_ID)
    key = str(redis_client.get(keys.CATALOGUE_KEY))
    assert Fernet(key).decrypt(told["sealed_secret"]).decode() == CLIENT_SECRET
    put = await platform.client.put(f"{ISSUERS}/partner", json=made)  # as it was read
    assert put.json()["introspection"] == made["introspection"]
    assert pushed(platform, redis_client)["external/partner"]["external"]["introspection"] == told
    gone = await platform.client.put(f"{ISSUERS}/partner", json=body_of(outside))
    assert gone.json()["introspection"] is None
    assert pushed(platform, redis_client)["external/partner"]["external"]["introspection"] is None


@on_sqlite
async def test_what_an_issuer_is_asked_with_must_do(platform: Platform, outside: Outside) -> None:
    wrong: dict[str, list[dict[str, Any]]] = {
        "introspection": [{"client_secret": "wrong"}, {"client_id": "another"}, {"url": "http://192.0.2.1/"}],
        "introspection.url": [{"url": "ftp://x"}],
        "introspection.client_secret": [{"client_secret": True}, {"client_secret": ""}],
    }
    for field, bodies in wrong.items():
        for changes in bodies:
            answer = await platform.client.post(ISSUERS, json=asking(outside, **changes))
            assert fields(answer).keys() == {field}, (changes, answer.text)
    outside.answers["/introspect"] = Answer({"not": "RFC 7662"})
    assert fields(await platform.client.post(ISSUERS, json=asking(outside))).keys() == {"introspection"}


@on_sqlite
async def test_a_kept_secret_is_sent_nowhere_else(platform: Platform, outside: Outside) -> None:
    made = await platform.made(ISSUERS, asking(outside))
    made["introspection"]["url"] = "https://thief.example/"
    answer = await platform.client.put(f"{ISSUERS}/partner", json=made)
    assert fields(answer).keys() == {"introspection.client_secret"}


@on_sqlite
async def test_only_administrators_say_whom_to_trust(platform: Platform, outside: Outside) -> None:
    async with platform.account("publisher", "publisher:write", "store:subscribe") as client:
        problem(await client.get(ISSUERS), 403, "insufficient_scope")
        problem(await client.post(ISSUERS, json=body_of(outside)), 403, "insufficient_scope")
    assert outside.asked == []


@on_sqlite
@pytest.mark.parametrize("auth", [{"types": ["api_key"]}, {"types": ["none"]}])
async def test_an_api_trusts_whom_it_can(platform: Platform, outside: Outside, auth: dict[str, Any]) -> None:
    await platform.made(ISSUERS, body_of(outside))
    api = await platform.make_api(issuers=["partner", "partner"])
    assert api["issuers"] == ["partner"]
    path = f"/publisher/v1/apis/{api['id']}"
    assert fields(await platform.client.patch(path, json={"issuers": ["nobody"]})).keys() == {"issuers.0"}
    assert fields(await platform.client.patch(path, json={"auth": auth})).keys() == {"issuers"}
