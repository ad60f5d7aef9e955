"""What waits for an administrator gives no right, and is decided once."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.integration.control_plane.platform import ECHO, Platform, fields, problem
from tests.integration.control_plane.workflow.conftest import APPROVALS, OWN, choose, decide, pending

CREATED = 201


async def subscribe(
    client: httpx.AsyncClient, application: dict[str, Any], api: dict[str, Any], policy: str = "Gold"
) -> dict[str, Any]:
    body = {"application_id": application["id"], "api_id": api["id"], "policy": policy}
    return await post(client, "/store/v1/subscriptions", body)


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any], status: int = CREATED) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def own_application(client: httpx.AsyncClient) -> dict[str, Any]:
    (application,) = (await client.get("/store/v1/applications")).json()["items"]
    assert isinstance(application, dict)
    return application


async def state_of(client: httpx.AsyncClient, subscription: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get(f"/store/v1/subscriptions/{subscription['id']}")).json()
    return answer


async def test_nothing_is_asked_unless_it_was_chosen(platform: Platform, subscriber: httpx.AsyncClient) -> None:
    subscription = await subscribe(subscriber, await own_application(subscriber), await platform.publish_api())
    assert subscription["state"] == "UNBLOCKED"
    assert (await platform.read(APPROVALS))["total"] == 0


async def test_a_subscription_reaches_pods_when_it_is_approved(
    platform: Platform, subscriber: httpx.AsyncClient, redis_client: Redis
) -> None:
    api, application = await platform.publish_api(), await own_application(subscriber)
    await choose(platform, approve_subscriptions=True)
    subscription = await subscribe(subscriber, application, api)
    assert subscription["state"] == "PENDING"
    assert platform.catalogue(redis_client)["subscription"] == {}
    asked = await pending(platform, "subscription")
    assert (asked["asked_by_name"], asked["wanted"], asked["target_id"]) == ("bob", "Gold", subscription["id"])
    assert asked["title"] == "DefaultApplication to EchoWebSocket 1.0"

    decided = (await decide(platform, asked, "approve", "Welcome")).json()

    assert (decided["state"], decided["comment"]) == ("APPROVED", "Welcome")
    assert (await state_of(subscriber, subscription))["state"] == "UNBLOCKED"
    assert list(platform.catalogue(redis_client)["subscription"]) == [subscription["id"]]
    (seen,) = (await subscriber.get(OWN)).json()["items"]
    assert (seen["state"], seen["comment"], seen["decided_by_name"]) == ("APPROVED", "Welcome", "bootstrap")


async def test_a_rejected_subscription_gives_no_right_and_can_be_asked_for_again(
    platform: Platform, subscriber: httpx.AsyncClient, redis_client: Redis
) -> None:
    api, application = await platform.publish_api(), await own_application(subscriber)
    await choose(platform, approve_subscriptions=True)
    subscription = await subscribe(subscriber, application, api)
    path = f"/store/v1/subscriptions/{subscription['id']}"
    await decide(platform, await pending(platform, "subscription"), "reject", "Not this one")
    assert (await state_of(subscriber, subscription))["state"] == "REJECTED"
    problem(await subscriber.patch(path, json={"policy": "Gold"}), 409, "conflict")
    # What its publisher does with it makes no right of it.
    await post(platform.client, f"/publisher/v1/subscriptions/{subscription['id']}/unblock", {}, 200)
    assert platform.catalogue(redis_client)["subscription"] == {}
    assert (await subscriber.delete(path)).status_code == 204
    assert (await subscribe(subscriber, application, api))["state"] == "PENDING"


async def test_another_policy_is_asked_for_too_and_the_old_one_holds_meanwhile(
    platform: Platform, subscriber: httpx.AsyncClient, redis_client: Redis
) -> None:
    api = await platform.publish_api(policies=["Gold", "Silver"])
    subscription = await subscribe(subscriber, await own_application(subscriber), api, "Silver")
    path = f"/store/v1/subscriptions/{subscription['id']}"
    await choose(platform, approve_subscriptions=True)
    moved = (await subscriber.patch(path, json={"policy": "Gold"})).json()
    assert (moved["policy"], moved["pending_policy"], moved["state"]) == ("Silver", "Gold", "UNBLOCKED")
    assert (await subscriber.patch(path, json={"policy": "Silver"})).json()["pending_policy"] is None
    assert (await platform.read(APPROVALS, state="PENDING"))["total"] == 0
    await subscriber.patch(path, json={"policy": "Gold"})
    pushed = json.loads(platform.catalogue(redis_client)["subscription"][subscription["id"]])
    assert pushed["policy"] == "Silver"

    await decide(platform, await pending(platform, "subscription"), "approve")

    assert (await state_of(subscriber, subscription))["policy"] == "Gold"
    pushed = json.loads(platform.catalogue(redis_client)["subscription"][subscription["id"]])
    assert pushed["policy"] == "Gold"


async def test_what_can_not_be_done_any_more_stays_open(platform: Platform, subscriber: httpx.AsyncClient) -> None:
    api = await platform.publish_api(policies=["Gold", "Silver"])
    await choose(platform, approve_subscriptions=True)
    subscription = await subscribe(subscriber, await own_application(subscriber), api)
    await platform.act(api, "deprecate")
    asked = await pending(platform, "subscription")
    problem(await decide(platform, asked, "approve"), 409, "conflict")
    assert (await state_of(subscriber, subscription))["state"] == "PENDING"
    assert (await decide(platform, asked, "reject")).status_code == 200


async def test_an_application_gets_no_keys_before_it_is_approved(
    platform: Platform, subscriber: httpx.AsyncClient, redis_client: Redis
) -> None:
    await choose(platform, approve_applications=True)
    application = await post(subscriber, "/store/v1/applications", {"name": "Sensors"})
    path = f"/store/v1/applications/{application['id']}"
    assert application["state"] == "PENDING"
    body = {"key_type": "PRODUCTION"}
    problem(await subscriber.post(f"{path}/keys", json=body), 409, "conflict")
    problem(await subscriber.post(f"{path}/api-keys", json={"name": "one", **body}), 409, "conflict")
    metadata = {"client_name": "x", "grant_types": ["client_credentials"]}
    refused = await subscriber.post("/oauth2/register", json=metadata)
    assert (refused.status_code, refused.json()["error"]) == (400, "access_denied")
    assert application["id"] not in platform.catalogue(redis_client)["application"]

    await decide(platform, await pending(platform, "application"), "approve")

    assert (await subscriber.get(path)).json()["state"] == "ACTIVE"
    await post(subscriber, f"{path}/keys", body)
    assert application["id"] in platform.catalogue(redis_client)["application"]


async def test_what_was_read_of_an_application_can_be_put_back(
    platform: Platform, subscriber: httpx.AsyncClient
) -> None:
    application = await own_application(subscriber)
    assert application["state"] == "ACTIVE"
    response = await subscriber.put(f"/store/v1/applications/{application['id']}", json=application)
    assert response.status_code == 200


async def test_a_publication_leaves_the_state_until_it_is_approved(
    platform: Platform, publisher: httpx.AsyncClient, redis_client: Redis
) -> None:
    await choose(platform, approve_publications=True)
    api = await post(publisher, "/publisher/v1/apis", ECHO)
    path = f"/publisher/v1/apis/{api['id']}/lifecycle"
    life = await post(publisher, path, {"action": "publish"}, 200)
    assert (life["state"], life["pending"]) == ("CREATED", "publish")
    assert api["id"] not in platform.catalogue(redis_client)["api"]
    problem(await publisher.post(path, json={"action": "publish"}), 409, "conflict")

    await decide(platform, await pending(platform, "publication"), "approve")

    life = (await publisher.get(path)).json()
    assert (life["state"], life["pending"]) == ("PUBLISHED", None)
    assert life["history"][0]["actor"] == api["owner"]
    assert api["id"] in platform.catalogue(redis_client)["api"]
    # Neither what takes rights away nor what is open already is asked for.
    for action, state in (("publish", "PUBLISHED"), ("block", "BLOCKED"), ("unblock", "PUBLISHED")):
        assert (await post(publisher, path, {"action": action}, 200))["state"] == state


async def test_a_publication_can_be_rejected_replaced_and_withdrawn(
    platform: Platform, publisher: httpx.AsyncClient
) -> None:
    await choose(platform, approve_publications=True)
    api = await post(publisher, "/publisher/v1/apis", ECHO)
    path = f"/publisher/v1/apis/{api['id']}/lifecycle"
    await post(publisher, path, {"action": "publish"}, 200)
    first = await pending(platform, "publication")
    await post(publisher, path, {"action": "prototype"}, 200)
    problem(await decide(platform, first, "approve"), 409, "conflict")
    second = await pending(platform, "publication")
    assert second["wanted"] == "prototype"
    await decide(platform, second, "reject", "Say what it does first")
    assert (await publisher.get(path)).json()["pending"] is None
    problem(await publisher.delete(f"{path}/pending"), 404, "not_found")
    await post(publisher, path, {"action": "publish"}, 200)
    assert (await publisher.delete(f"{path}/pending")).status_code == 204
    states = [item["state"] for item in (await publisher.get(OWN, params={"sort": "asked_at"})).json()["items"]]
    assert states == ["WITHDRAWN", "REJECTED", "WITHDRAWN"]


async def test_what_is_no_longer_publishable_is_not_published_by_an_approval(
    platform: Platform, publisher: httpx.AsyncClient
) -> None:
    await choose(platform, approve_publications=True)
    api = await post(publisher, "/publisher/v1/apis", ECHO)
    path = f"/publisher/v1/apis/{api['id']}"
    await post(publisher, f"{path}/lifecycle", {"action": "publish"}, 200)
    assert (await publisher.patch(path, json={"endpoints": {"production": None}})).status_code == 200
    assert "endpoints" in fields(await decide(platform, await pending(platform, "publication"), "approve"))
    assert (await publisher.get(f"{path}/lifecycle")).json()["pending"] == "publish"


@pytest.mark.parametrize("kind", ["subscription", "application", "publication"])
async def test_what_is_deleted_asks_no_more(
    platform: Platform, subscriber: httpx.AsyncClient, publisher: httpx.AsyncClient, kind: str
) -> None:
    api = await platform.publish_api()
    await choose(platform, **{f"approve_{kind}s": True})
    if kind == "publication":
        made = await post(publisher, "/publisher/v1/apis", {**ECHO, "name": "Other", "context": "/other"})
        path = f"/publisher/v1/apis/{made['id']}"
        await post(publisher, f"{path}/lifecycle", {"action": "publish"}, 200)
        gone = await publisher.delete(path)
    else:
        application = await post(subscriber, "/store/v1/applications", {"name": "Sensors"})
        if kind == "subscription":
            await subscribe(subscriber, application, api)
        gone = await subscriber.delete(f"/store/v1/applications/{application['id']}")
    assert gone.status_code == 204
    (asked,) = (await platform.read(APPROVALS))["items"]
    assert asked["state"] == "WITHDRAWN"
    problem(await decide(platform, asked, "approve"), 409, "conflict")


async def test_of_two_administrators_one_decides(platform: Platform, subscriber: httpx.AsyncClient) -> None:
    api, application = await platform.publish_api(), await own_application(subscriber)
    await choose(platform, approve_subscriptions=True)
    for _ in range(5):
        subscription = await subscribe(subscriber, application, api)
        asked = await pending(platform, "subscription")
        answers = await asyncio.gather(*(decide(platform, asked, verdict) for verdict in ("approve", "reject")))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
        expected = {"APPROVED": "UNBLOCKED", "REJECTED": "REJECTED"}[winner["state"]]
        assert (await state_of(subscriber, subscription))["state"] == expected
        await subscriber.delete(f"/store/v1/subscriptions/{subscription['id']}")


async def test_a_withdrawal_and_an_approval_at_once_leave_nothing_half_done(
    platform: Platform, subscriber: httpx.AsyncClient, redis_client: Redis
) -> None:
    api, application = await platform.publish_api(), await own_application(subscriber)
    await choose(platform, approve_subscriptions=True)
    for _ in range(5):
        subscription = await subscribe(subscriber, application, api)
        path = f"/store/v1/subscriptions/{subscription['id']}"
        asked = await pending(platform, "subscription")
        decided, deleted = await asyncio.gather(decide(platform, asked, "approve"), subscriber.delete(path))
        assert decided.status_code in (200, 409, 412)
        assert deleted.status_code in (204, 412)
        state = (await platform.read(f"{APPROVALS}/{asked['id']}"))["state"]
        assert state == ("APPROVED" if decided.status_code == 200 else "WITHDRAWN")
        if deleted.status_code == 412:  # the approval came first
            assert (await subscriber.delete(path)).status_code == 204
        assert platform.catalogue(redis_client)["subscription"] == {}


async def test_only_administrators_decide_and_each_sees_their_own(
    platform: Platform, subscriber: httpx.AsyncClient, publisher: httpx.AsyncClient
) -> None:
    await choose(platform, approve_applications=True)
    await post(subscriber, "/store/v1/applications", {"name": "Sensors"})
    asked = await pending(platform, "application")
    problem(await subscriber.post(f"{APPROVALS}/{asked['id']}/approve"), 403, "insufficient_scope")
    problem(await subscriber.get(APPROVALS), 403, "insufficient_scope")
    assert (await publisher.get(OWN)).json()["total"] == 0
    problem(await decide(platform, {"id": "nothing"}, "approve"), 404, "not_found")
    assert "comment" in fields(await decide(platform, asked, "approve", "x" * 1001))


async def test_a_manifest_asks_once(platform: Platform) -> None:
    api = await platform.publish_api(policies=["Gold", "Silver"])
    await platform.subscribe(await platform.make_application(), api)
    await choose(platform, approve_publications=True, approve_subscriptions=True)
    manifest = {
        "apis": [{**ECHO, "name": "New", "context": "/new", "state": "published"}],
        "subscriptions": [{"application": "App", "api": "EchoWebSocket", "policy": "Silver"}],
    }
    first = await post(platform.client, "/publisher/v1/apply", manifest, 200)
    assert [change["action"] for change in first["changes"]] == ["create", "update"]
    second = await post(platform.client, "/publisher/v1/apply", manifest, 200)
    assert [change["action"] for change in second["changes"]] == ["none", "none"]
    assert (await platform.read(APPROVALS))["total"] == 2


async def test_a_manifest_withdraws_what_it_no_longer_asks_for(platform: Platform) -> None:
    await choose(platform, approve_publications=True)
    entry = {**ECHO, "state": "published"}
    await post(platform.client, "/publisher/v1/apply", {"apis": [entry]}, 200)
    asked = await pending(platform, "publication")
    back = {"apis": [{**entry, "state": "created"}]}
    (change,) = (await post(platform.client, "/publisher/v1/apply?dry_run=true", back, 200))["changes"]
    assert (change["fields"], change["before"], change["after"]) == (
        ["pending"],
        {"pending": "publish"},
        {"pending": None},
    )
    assert (await platform.read(f"{APPROVALS}/{asked['id']}"))["state"] == "PENDING"
    await post(platform.client, "/publisher/v1/apply", back, 200)
    assert (await platform.read(f"{APPROVALS}/{asked['id']}"))["state"] == "WITHDRAWN"
    (again,) = (await post(platform.client, "/publisher/v1/apply", back, 200))["changes"]
    assert again["action"] == "none"
