from collections.abc import Iterator
from typing import Any

import pytest

from services.control_plane.workflow.webhooks import MAX_WEBHOOKS
from tests.integration.control_plane.platform import Platform, Start, fields, on_sqlite, problem
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import eventually

WEBHOOKS = "/admin/v1/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def heard(receiver: Receiver, *types: str) -> None:
    async def is_heard() -> bool:
        return receiver.types == list(types)

    await eventually(is_heard, within=10)


async def make(platform: Platform, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    return await platform.made(WEBHOOKS, {"url": receiver.url, **fields})


async def test_what_happens_is_told_with_what_it_was(platform: Platform, receiver: Receiver) -> None:
    hook = await make(platform, receiver, events=["api.*", "application.delete"])
    api = await platform.publish_api()
    application = await platform.make_application("Sensors")
    await platform.client.delete(f"/store/v1/applications/{application['id']}")
    await heard(receiver, "api.create", "api.publish", "application.delete")
    assert all(sent.is_signed_with(hook["secret"]) for sent in receiver.sent)
    created, published, deleted = (sent.event["data"] for sent in receiver.sent)
    assert (created["id"], published["details"]["state"]) == (api["id"], "PUBLISHED")
    assert published["details"] | {"state": ""} == {
        "name": "EchoWebSocket",
        "context": "/echowebsocket",
        "version": "1.0",
        "state": "",
    }
    assert deleted["details"]["name"] == "Sensors"


async def test_both_ends_of_an_approval_are_told(platform: Platform, receiver: Receiver) -> None:
    await platform.client.patch("/admin/v1/settings", json={"approve_applications": True})
    await make(platform, receiver, events=["approval.*"])
    await platform.make_application("Sensors")
    (asked,) = (await platform.read("/admin/v1/approvals"))["items"]
    await platform.made(f"/admin/v1/approvals/{asked['id']}/reject", {"comment": "No"}, 200)
    await heard(receiver, "approval.ask", "approval.reject")
    assert receiver.sent[1].event["data"]["details"]["comment"] == "No"


async def test_a_webhook_is_managed_as_other_resources_are(platform: Platform, receiver: Receiver) -> None:
    body = {"url": receiver.url, "events": ["api.publish"]}
    response = await platform.client.post(WEBHOOKS, json=body, headers={"Idempotency-Key": "once"})
    hook = response.json()
    path = response.headers["Location"]
    assert path == f"{WEBHOOKS}/{hook['id']}"
    again = await platform.client.post(WEBHOOKS, json=body, headers={"Idempotency-Key": "once"})
    assert again.json() == hook
    read = await platform.client.get(path)
    assert "secret" not in read.json()
    assert read.json() == {name: value for name, value in hook.items() if name != "secret"}
    changed = await platform.client.put(path, json={**read.json(), "active": False}, headers={"If-Match": '"1"'})
    assert changed.json()["active"] is False
    stale = await platform.client.patch(path, json={"active": True}, headers={"If-Match": '"1"'})
    problem(stale, 412, "precondition_failed")
    patched = await platform.client.patch(path, json={"events": None, "description": "Ours"})
    assert (patched.json()["events"], patched.json()["description"]) == ([], "Ours")
    rotated = await platform.made(f"{path}/rotate-secret", {}, 200)
    assert rotated["secret"] != hook["secret"]
    assert [item["id"] for item in (await platform.read(WEBHOOKS, q="ours"))["items"]] == [hook["id"]]
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.get(path), 404, "not_found")


async def test_deliveries_are_seen_and_sent_again(platform: Platform, receiver: Receiver) -> None:
    receiver.answers.append(500)
    hook = await make(platform, receiver, events=["api.create"])
    path = f"{WEBHOOKS}/{hook['id']}"
    await platform.make_api()
    await heard(receiver, "api.create")

    async def has_failed() -> bool:
        return bool((await platform.read(path))["failures"] == 1)

    await eventually(has_failed, within=10)
    (delivery,) = (await platform.read(f"{path}/deliveries", state="PENDING"))["items"]
    assert (delivery["attempts"], delivery["status"], delivery["error"]) == (1, 500, "it answered 500")
    problem(await platform.client.post(f"{path}/deliveries/{delivery['id']}/redeliver"), 409, "conflict")
    assert (await platform.read(path))["pending"] == 1
    await platform.client.patch(path, json={"description": "Repaired"})  # what changed is tried at once
    await heard(receiver, "api.create", "api.create")

    async def is_delivered() -> bool:
        return bool((await platform.read(f"{path}/deliveries", state="DELIVERED"))["total"] == 1)

    await eventually(is_delivered, within=10)
    await platform.made(f"{path}/deliveries/{delivery['id']}/redeliver", {}, 200)
    await heard(receiver, "api.create", "api.create", "api.create")
    assert {sent.headers["webhook-id"] for sent in receiver.sent} == {delivery["id"]}


async def test_what_was_committed_is_told_after_a_restart(started: Start, platform: Platform) -> None:
    with receiving() as receiver:
        receiver.answers.append(500)
        await make(platform, receiver, events=["api.create"])
        await platform.make_api()
        await heard(receiver, "api.create")
        platform.clock.move(seconds=60)
        async with started():
            await heard(receiver, "api.create", "api.create")


@on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://user:pass@example.com"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "http://1.1.1.1/"}, "url"),
        ({"url": "https://127.0.0.1/", "events": ["sign_in"]}, "events.0"),
        ({"url": "https://127.0.0.1/", "events": ["api.publish", "nothing.*"]}, "events.1"),
        ({"url": "https://127.0.0.1/", "secret": "mine"}, "secret"),
    ],
)
async def test_what_may_not_be_is_refused(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert field in fields(await platform.client.post(WEBHOOKS, json=body))
    hook = await platform.made(WEBHOOKS, {"url": "https://127.0.0.1/"})
    assert field in fields(await platform.client.patch(f"{WEBHOOKS}/{hook['id']}", json=body))


@on_sqlite
async def test_there_are_only_so_many(platform: Platform) -> None:
    for _ in range(MAX_WEBHOOKS):
        await platform.made(WEBHOOKS, {"url": "https://127.0.0.1/", "active": False})
    problem(await platform.client.post(WEBHOOKS, json={"url": "https://127.0.0.1/"}), 409, "conflict")


@on_sqlite
async def test_they_are_the_administrators(platform: Platform) -> None:
    async with platform.account("bob", roles=("publisher", "subscriber")) as bob:
        problem(await bob.get(WEBHOOKS), 403, "insufficient_scope")
        problem(await bob.post(WEBHOOKS, json={"url": "https://127.0.0.1/"}), 403, "insufficient_scope")
