"""Versions of an API, and the subscriptions that go on from one to the next."""

import json
from typing import Any

import pytest
from redis import Redis
from sqlmodel import select

from services.control_plane.kit import audit
from services.control_plane.store import moving
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"


async def make_version(platform: Platform, api: dict[str, Any], version: str, **changes: Any) -> dict[str, Any]:
    made = await platform.made(f"{APIS}/{api['id']}/versions", {"version": version})
    if changes:
        assert (await platform.client.patch(f"{APIS}/{made['id']}", json=changes)).status_code == 200
    return made


async def publish(platform: Platform, api: dict[str, Any], **options: bool) -> dict[str, Any]:
    return await platform.made(f"{APIS}/{api['id']}/lifecycle", {"action": "publish", **options}, 200)


async def subscribed(platform: Platform, api: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return policy and state of an API's subscriptions, by application."""
    items = (await platform.read(f"{APIS}/{api['id']}/subscriptions"))["items"]
    return {item["application_id"]: (item["policy"], item["state"]) for item in items}


async def test_a_new_version_takes_nothing_over_unless_that_is_said(platform: Platform) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    await platform.subscribe(await platform.make_application(), old)
    new = await make_version(platform, old, "2.0")
    life = await publish(platform, new)
    assert life["history"][-1]["reason"] is None
    assert await subscribed(platform, new) == {}
    assert (await platform.read(f"{APIS}/{old['id']}"))["state"] == "PUBLISHED"


async def test_a_new_version_takes_over_and_deprecates(platform: Platform, redis_client: Redis) -> None:
    oldest = await platform.publish_api(policies=["Gold", "Silver"])
    older = await make_version(platform, oldest, "1.1")
    await publish(platform, older)
    one, two, three = [await platform.make_application(name) for name in ("one", "two", "three")]
    blocked = await platform.subscribe(one, oldest, "Silver")
    await platform.made(f"/publisher/v1/subscriptions/{blocked['id']}/block", {}, 200)
    await platform.subscribe(two, oldest, "Silver")
    await platform.subscribe(two, older, "Gold")
    new = await make_version(platform, oldest, "2.0")
    await publish(platform, new)
    await platform.subscribe(three, new, "Silver")
    await platform.subscribe(three, older, "Gold")

    life = await publish(platform, new, require_resubscription=False, deprecate_older_versions=True)

    assert life["history"][-1]["reason"] == "subscriptions taken over: 2"
    assert await subscribed(platform, new) == {
        one["id"]: ("Silver", "BLOCKED"),
        two["id"]: ("Gold", "UNBLOCKED"),  # the newest of the older ones counts
        three["id"]: ("Silver", "UNBLOCKED"),
    }
    assert len(await subscribed(platform, oldest)) == 2, "copied, not moved"
    for api in (oldest, older):
        last = (await platform.read(f"{APIS}/{api['id']}/lifecycle"))["history"][-1]
        assert (last["action"], last["reason"]) == ("deprecate", "version 2.0 was published")
    objects = platform.catalogue(redis_client)
    assert json.loads(objects["api"][older["id"]])["state"] == "DEPRECATED"
    copied = [json.loads(body) for body in objects["subscription"].values()]
    assert sorted(item["application_id"] for item in copied if item["api_id"] == new["id"]) == sorted(
        [one["id"], two["id"], three["id"]]
    )


async def test_a_version_that_lacks_a_policy_takes_nothing_over(platform: Platform) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    await platform.subscribe(await platform.make_application(), old, "Silver")
    new = await make_version(platform, old, "2.0", policies=["Gold"])
    body = {"action": "publish", "require_resubscription": False, "deprecate_older_versions": True}
    answer = await platform.client.post(f"{APIS}/{new['id']}/lifecycle", json=body)
    assert "Silver" in fields(answer)["require_resubscription"]
    states = [(await platform.read(f"{APIS}/{api['id']}"))["state"] for api in (old, new)]
    assert states == ["PUBLISHED", "CREATED"]


@on_sqlite
async def test_what_goes_with_publishing_goes_with_nothing_else(platform: Platform) -> None:
    api = await platform.publish_api()
    for option in ({"require_resubscription": False}, {"deprecate_older_versions": True}):
        answer = await platform.client.post(f"{APIS}/{api['id']}/lifecycle", json={"action": "block", **option})
        problem(answer, 422, "invalid")


async def test_subscriptions_are_moved_all_at_once(platform: Platform, redis_client: Redis) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    new = await make_version(platform, old, "2.0")
    await publish(platform, new)
    one, two = [await platform.make_application(name) for name in ("one", "two")]
    moved = await platform.subscribe(one, old, "Silver")
    ended = await platform.subscribe(two, old, "Gold")
    kept = await platform.subscribe(two, new, "Silver")
    path = f"{APIS}/{old['id']}/subscriptions/move"

    assert await platform.made(path, {"to": new["id"]}, 200) == {"moved": 1, "ended": 1}

    assert await subscribed(platform, old) == {}
    assert await subscribed(platform, new) == {one["id"]: ("Silver", "UNBLOCKED"), two["id"]: ("Silver", "UNBLOCKED")}
    objects = platform.catalogue(redis_client)["subscription"]
    assert set(objects) == {moved["id"], kept["id"]}
    assert json.loads(objects[moved["id"]])["api_id"] == new["id"]
    with platform.database.reading() as session:
        rows = {(row.action, row.target_id) for row in session.exec(select(audit.AuditEntry))}
    assert {("subscription.move", moved["id"]), ("subscription.delete", ended["id"])} <= rows
    assert await platform.made(path, {"to": new["id"]}, 200) == {"moved": 0, "ended": 0}


async def test_where_subscriptions_can_t_go_none_goes(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    new = await make_version(platform, old, "2.0", policies=["Gold"])
    other = await platform.publish_api(name="Other", context="/other")
    for name, policy in (("one", "Gold"), ("two", "Silver")):
        await platform.subscribe(await platform.make_application(name), old, policy)
    path = f"{APIS}/{old['id']}/subscriptions/move"

    async def refused(to: str) -> str:
        return fields(await platform.client.post(path, json={"to": to}))["to"]

    assert "CREATED" in await refused(new["id"])
    await publish(platform, new)
    assert "Silver" in await refused(new["id"])
    for to in (old["id"], other["id"], "nowhere"):
        assert "no such other version" in await refused(to)
    monkeypatch.setattr(moving, "MAX_AT_ONCE", 1)
    problem(await platform.client.post(path, json={"to": new["id"]}), 409, "conflict")
    assert len(await subscribed(platform, old)) == 2


async def test_a_subscriber_goes_on_to_another_version(platform: Platform, redis_client: Redis) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    new = await make_version(platform, old, "2.0", policies=["Gold"])
    other = await platform.publish_api(name="Other", context="/other")
    subscription = await platform.subscribe(await platform.make_application(), old, "Silver")
    path = f"/store/v1/subscriptions/{subscription['id']}"

    for api in (new, other):
        assert "api_id" in fields(await platform.client.patch(path, json={"api_id": api["id"]}))
    await publish(platform, new)
    assert "Gold" in fields(await platform.client.patch(path, json={"api_id": new["id"]}))["policy"]
    problem(await platform.client.patch(path, json={}), 422, "invalid")
    answer = await platform.client.patch(path, json={"api_id": new["id"], "policy": "Gold"})
    assert (answer.json()["api_id"], answer.json()["policy"]) == (new["id"], "Gold")
    assert json.loads(platform.catalogue(redis_client)["subscription"][subscription["id"]])["api_id"] == new["id"]

    application = {"id": subscription["application_id"]}
    second = await platform.subscribe(application, old)
    again = await platform.client.patch(f"/store/v1/subscriptions/{second['id']}", json={"api_id": new["id"]})
    problem(again, 409, "already_exists")


async def ask(platform: Platform, **choices: bool) -> None:
    assert (await platform.client.patch("/admin/v1/settings", json=choices)).status_code == 200


async def asked(platform: Platform) -> list[tuple[str, str, str]]:
    """Return the open questions."""
    items = (await platform.read("/admin/v1/approvals", state="PENDING", sort="asked_at"))["items"]
    return [(item["title"], item["wanted"], item["target_id"]) for item in items]


async def test_what_waits_for_an_approval_is_not_taken_over(platform: Platform, redis_client: Redis) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    one, two, three = [await platform.make_application(name) for name in ("one", "two", "three")]
    await platform.subscribe(one, old, "Silver")
    await ask(platform, approve_subscriptions=True)
    await platform.subscribe(two, old)
    await platform.subscribe(three, old)
    (_, (_, _, rejected)) = await asked(platform)
    (question,) = (await platform.read("/admin/v1/approvals", q="three", state="PENDING"))["items"]
    assert question["target_id"] == rejected
    await platform.made(f"/admin/v1/approvals/{question['id']}/reject", {}, 200)
    new = await make_version(platform, old, "2.0")

    await publish(platform, new, require_resubscription=False)

    assert await subscribed(platform, new) == {one["id"]: ("Silver", "UNBLOCKED")}
    pushed = [json.loads(body) for body in platform.catalogue(redis_client)["subscription"].values()]
    assert {item["application_id"] for item in pushed} == {one["id"]}


async def test_what_was_asked_of_a_moved_subscription_is_asked_of_the_new_version(
    platform: Platform, redis_client: Redis
) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver", "Bronze"])
    new = await make_version(platform, old, "2.0", policies=["Gold", "Silver"])
    await publish(platform, new)
    one, two, three, four = [await platform.make_application(name) for name in ("one", "two", "three", "four")]
    better, lost = [await platform.subscribe(application, old, "Silver") for application in (one, two)]
    await platform.subscribe(four, new, "Silver")
    await ask(platform, approve_subscriptions=True)
    waiting = await platform.subscribe(three, old)
    ended = await platform.subscribe(four, old)
    for subscription, policy in ((better, "Gold"), (lost, "Bronze")):
        path = f"/store/v1/subscriptions/{subscription['id']}"
        assert (await platform.client.patch(path, json={"policy": policy})).status_code == 200
    assert {target for _, _, target in await asked(platform)} == {item["id"] for item in (better, lost, waiting, ended)}

    move = {"to": new["id"]}
    assert await platform.made(f"{APIS}/{old['id']}/subscriptions/move", move, 200) == {"moved": 3, "ended": 1}

    assert set(await asked(platform)) == {
        ("one to EchoWebSocket 2.0", "Gold", better["id"]),
        ("three to EchoWebSocket 2.0", "Gold", waiting["id"]),
    }
    assert await subscribed(platform, new) == {
        one["id"]: ("Silver", "UNBLOCKED"),
        two["id"]: ("Silver", "UNBLOCKED"),
        three["id"]: ("Gold", "PENDING"),
        four["id"]: ("Silver", "UNBLOCKED"),
    }
    assert waiting["id"] not in platform.catalogue(redis_client)["subscription"]


async def test_another_version_is_no_way_around_an_approval(platform: Platform, redis_client: Redis) -> None:
    old = await platform.publish_api(policies=["Gold", "Silver"])
    new = await make_version(platform, old, "2.0")
    await publish(platform, new)
    one, two = [await platform.make_application(name) for name in ("one", "two")]
    approved = await platform.subscribe(one, old, "Silver")
    await ask(platform, approve_subscriptions=True)
    waiting = await platform.subscribe(two, old, "Silver")

    body = {"api_id": new["id"], "policy": "Gold"}
    refused = await platform.client.patch(f"/store/v1/subscriptions/{approved['id']}", json=body)
    assert "subscribe to that version" in fields(refused)["api_id"]
    moved = await platform.client.patch(f"/store/v1/subscriptions/{waiting['id']}", json=body)
    assert (moved.json()["state"], moved.json()["policy"]) == ("PENDING", "Gold")

    assert await asked(platform) == [("two to EchoWebSocket 2.0", "Gold", waiting["id"])]
    assert await subscribed(platform, old) == {one["id"]: ("Silver", "UNBLOCKED")}
    assert set(platform.catalogue(redis_client)["subscription"]) == {approved["id"]}
    (question,) = (await platform.read("/admin/v1/approvals", state="PENDING"))["items"]
    await platform.made(f"/admin/v1/approvals/{question['id']}/reject", {}, 200)
    again = await platform.client.patch(f"/store/v1/subscriptions/{waiting['id']}", json={"api_id": old["id"]})
    problem(again, 409, "conflict")


async def test_a_publication_that_waits_would_forget_its_options(platform: Platform) -> None:
    old = await platform.publish_api()
    await platform.subscribe(await platform.make_application(), old)
    new = await make_version(platform, old, "2.0")
    await ask(platform, approve_publications=True)
    options = {"require_resubscription": False, "deprecate_older_versions": True}
    refused = await platform.client.post(f"{APIS}/{new['id']}/lifecycle", json={"action": "publish", **options})
    assert fields(refused).keys() == options.keys()
    assert await asked(platform) == []
    assert (await publish(platform, new))["pending"] == "publish"
    (question,) = (await platform.read("/admin/v1/approvals", state="PENDING"))["items"]
    await platform.made(f"/admin/v1/approvals/{question['id']}/approve", {}, 200)
    assert len(await subscribed(platform, new)) == 0

    await publish(platform, new, **options)  # as the refusal says

    assert len(await subscribed(platform, new)) == 1
    assert (await platform.read(f"{APIS}/{old['id']}"))["state"] == "DEPRECATED"


async def test_deprecating_an_older_version_withdraws_what_it_asks(platform: Platform) -> None:
    old = await platform.publish_api()
    new = await make_version(platform, old, "2.0")
    await ask(platform, approve_publications=True)
    life = await platform.made(f"{APIS}/{old['id']}/lifecycle", {"action": "prototype"}, 200)
    assert (life["state"], life["pending"]) == ("PUBLISHED", "prototype")
    await ask(platform, approve_publications=False)
    await publish(platform, new, deprecate_older_versions=True)
    life = await platform.read(f"{APIS}/{old['id']}/lifecycle")
    assert (life["state"], life["pending"]) == ("DEPRECATED", None)
    assert await asked(platform) == []
