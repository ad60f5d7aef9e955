"""Tickets for the console's WebSocket, and what it says of refusals before they happen."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis import Redis

from shared import keys
from shared.tickets import SECONDS, Ticket, digest_ticket
from tests.integration.control_plane.asyncapi.test_router import CHAT
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.test_sign_in_router import browse, hidden_in, sign_in

pytestmark = on_sqlite


@pytest.fixture
async def browser(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(platform) as client:
        await sign_in(client)
        yield client


async def make_application(browser: httpx.AsyncClient) -> str:
    form = hidden_in(await browser.get("/applications/new"))
    made = await browser.post("/applications/new", data={**form, "name": "Mine", "policy": "Unlimited"})
    return made.headers["location"].split("/")[2].partition("?")[0]


async def ask(browser: httpx.AsyncClient, api: dict[str, Any], application: str, **headers: str) -> httpx.Response:
    form = hidden_in(await browser.get("/applications/new"))
    body = {**form, "application_id": application, "key_type": "PRODUCTION"}
    return await browser.post(f"/store/apis/{api['id']}/ticket", data=body, headers=headers)


async def test_a_ticket_is_for_one_s_own_application(
    browser: httpx.AsyncClient, platform: Platform, redis_client: Redis
) -> None:
    api, application = await platform.publish_api(), await make_application(browser)
    answer = (await ask(browser, api, application)).json()
    kept = redis_client.get(keys.ticket(digest_ticket(answer["ticket"])))
    ticket = Ticket.model_validate_json(str(kept))
    assert (ticket.api_id, ticket.application_id, ticket.key_type) == (api["id"], application, "PRODUCTION")
    assert answer["expires_in"] == SECONDS
    theirs = await platform.make_application("Theirs")
    assert (await ask(browser, api, theirs["id"])).status_code == 404


async def test_it_says_what_will_keep_a_connection_from_opening(browser: httpx.AsyncClient, platform: Platform) -> None:
    api = await platform.publish_api(origins=["https://app.example.com"])
    application = await make_application(browser)
    answer = (await ask(browser, api, application, Origin="http://control-plane")).json()
    assert answer["obstacles"] == [
        "This application is not subscribed to the API: subscribe it first.",
        "The API takes no connections from pages at http://control-plane: its publisher must add that to the origins.",
    ]
    form = hidden_in(await browser.get("/applications/new"))
    subscription = {**form, "application_id": application, "policy": "Gold"}
    await browser.post(f"/store/apis/{api['id']}/subscribe", data=subscription)
    await platform.client.patch(f"/publisher/v1/apis/{api['id']}", json={"origins": []})
    assert (await ask(browser, api, application)).json()["obstacles"] == []
    listed = await platform.read(f"/publisher/v1/apis/{api['id']}/subscriptions")
    await platform.made(f"/publisher/v1/subscriptions/{listed['items'][0]['id']}/block", {}, 200)
    blocked = (await ask(browser, api, application)).json()["obstacles"]
    assert blocked == ["The subscription is blocked by the API's publisher."]
    page = await browser.get(f"/store/apis/{api['id']}/try")
    assert "blocked by the API&#39;s publisher" in page.text


async def test_it_says_what_is_left_of_the_quota(browser: httpx.AsyncClient, platform: Platform) -> None:
    api, application = await platform.publish_api(), await make_application(browser)
    path = f"/store/apis/{api['id']}/quota"
    assert (await browser.get(path, params={"application": application})).json() == {"items": []}
    form = hidden_in(await browser.get("/applications/new"))
    subscription = {**form, "application_id": application, "policy": "Gold"}
    await browser.post(f"/store/apis/{api['id']}/subscribe", data=subscription)
    (quota,) = (await browser.get(path, params={"application": application})).json()["items"]
    assert quota == {
        "words": "5,000 of 5,000 messages left from client to backend, by Gold",
        "left": 5000,
        "amount": 5000,
    }
    theirs = await platform.make_application("Theirs")
    assert (await browser.get(path, params={"application": theirs["id"]})).status_code == 404


async def test_messages_of_the_document_are_there_to_begin_with(browser: httpx.AsyncClient, platform: Platform) -> None:
    api = await platform.publish_api()
    await make_application(browser)
    place = f"/store/apis/{api['id']}/try"
    assert "a message of the API" not in (await browser.get(place)).text
    await platform.client.put(f"/publisher/v1/apis/{api['id']}/asyncapi", json=CHAT)
    assert '<option value="0">said</option>' in (await browser.get(place)).text
