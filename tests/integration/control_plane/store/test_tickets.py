"""Tickets, with which browsers connect."""

import json
import socket
import time
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from services.control_plane.identity.bearer import BearerVerifier
from services.control_plane.identity.models import Account
from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.kit.redis_client import connect
from services.control_plane.kit.security import Sealer
from services.control_plane.oauth.dpop import DpopReader
from services.control_plane.oauth.keyring import KeyRing
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.store.application_tokens import ApplicationTokens
from services.control_plane.store.tickets import TicketService
from shared import keys
from shared.claims import read_key_id
from shared.definition import ApiId
from shared.subscription import ApplicationId
from shared.tickets import MAX_CHARACTERS, SECONDS, Ticket, digest_ticket
from tests.integration.control_plane.oauth.browser import code_client
from tests.integration.control_plane.platform import (
    CLIENT_ID,
    CLIENT_SECRET,
    Platform,
    Start,
    fields,
    on_sqlite,
    problem,
)

TICKETS = "/store/v1/tickets"
PAGE = "https://app.test"


async def make_token(platform: Platform, application: dict[str, Any], **changes: Any) -> str:
    """Make a key of an application, and return its first token."""
    path = f"/store/v1/applications/{application['id']}/keys"
    key = await platform.made(path, {"key_type": "SANDBOX", "scopes": ["write", "read"], **changes})
    return str(key["token"]["access_token"])


def kept(redis_url: str, text: str) -> tuple[Ticket, int]:
    """Return what a pod would find under a ticket's text, and for how many seconds yet."""
    key = keys.ticket(digest_ticket(text))
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert text not in repr([redis.keys("*"), redis.get(key)])
        return Ticket.model_validate_json(str(redis.get(key))), int(str(redis.ttl(key)))


async def test_an_application_s_token_gets_a_ticket_that_is_good_as_long(platform: Platform, redis_url: str) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    token = await make_token(platform, application, validity_seconds=600)
    expires_at = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))["exp"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = await platform.client.post(TICKETS, json={"api_id": api["id"]}, headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.json()["expires_in"] == SECONDS
    text = answer.json()["ticket"]
    assert 43 <= len(text) <= MAX_CHARACTERS
    ticket, seconds_left = kept(redis_url, text)
    assert 0 < seconds_left <= SECONDS
    assert ticket.model_dump() == {
        "api_id": api["id"],
        "application_id": application["id"],
        "key_type": "SANDBOX",
        "scopes": (),
        "claims": ticket.claims and ticket.claims.model_dump(),
        "key_id": read_key_id(token),
    }
    assert ticket.claims is not None
    assert (ticket.claims.scopes, ticket.claims.exp) == (frozenset({"read", "write"}), expires_at)
    again = await platform.client.post(TICKETS, json={"api_id": api["id"]}, headers=headers)
    assert again.json()["ticket"] != text


async def test_a_subscriber_gets_one_for_an_application_of_theirs(platform: Platform, redis_url: str) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    await make_token(platform, application, scopes=["read"])
    for key_type, scopes in (("SANDBOX", ("read",)), ("PRODUCTION", ())):
        body = {"api_id": api["id"], "application_id": application["id"], "key_type": key_type}
        ticket, _ = kept(redis_url, (await platform.made(TICKETS, body))["ticket"])
        assert (ticket.application_id, ticket.key_type) == (application["id"], key_type)
        assert (ticket.scopes, ticket.claims) == (scopes, None)


async def test_what_one_may_not_see_is_not_found(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    body = {"api_id": api["id"], "application_id": application["id"], "key_type": "PRODUCTION"}
    hidden = await platform.publish_api(name="Hidden", context="/hidden", visibility="restricted", roles=["publisher"])
    created = await platform.make_api(name="Created", context="/created")
    async with platform.account("another", "store:subscribe") as other:
        problem(await other.post(TICKETS, json=body), 404, "not_found")
        own = (await other.get("/store/v1/applications")).json()["items"][0]
        mine = {**body, "application_id": own["id"]}
        assert (await other.post(TICKETS, json=mine)).status_code == 201
        key = (await other.post(f"/store/v1/applications/{own['id']}/keys", json={"key_type": "SANDBOX"})).json()
        token = {"Authorization": f"Bearer {key['token']['access_token']}"}
        for unseen in (hidden["id"], created["id"], "nothing"):
            problem(await other.post(TICKETS, json={**mine, "api_id": unseen}), 404, "not_found")
            problem(await other.post(TICKETS, json={"api_id": unseen}, headers=token), 404, "not_found")


async def test_a_token_that_is_gone_or_of_another_kind_gets_none(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    headers = {"Authorization": f"Bearer {await make_token(platform, application, validity_seconds=60)}"}
    body = {"api_id": api["id"]}
    managing = await platform.client.post(TICKETS, json=body)
    assert "application_id and key_type" in problem(managing, 401, "unauthorized")["detail"]
    owners = {**body, "application_id": application["id"], "key_type": "SANDBOX"}
    problem(await platform.client.post(TICKETS, json=owners, headers=headers), 401, "unauthorized")
    platform.clock.move(seconds=66)
    assert (
        "expired"
        in problem(await platform.client.post(TICKETS, json=body, headers=headers), 401, "unauthorized")["detail"]
    )
    platform.clock.move(seconds=-66)
    await platform.client.delete(f"/store/v1/applications/{application['id']}/keys/SANDBOX")
    assert (
        "gone"
        in problem(await platform.client.post(TICKETS, json=body, headers=headers), 401, "unauthorized")["detail"]
    )
    async with platform.account("publisher", roles=("publisher",)) as publisher:
        problem(await publisher.post(TICKETS, json=owners), 403, "insufficient_scope")
    del platform.client.headers["Authorization"]
    for form in (body, owners):
        problem(await platform.client.post(TICKETS, json=form), 401, "unauthorized")


def disable(platform: Platform, *, disabled: bool = True, **which: str) -> None:
    with platform.database.writing() as session:
        session.execute(update(Account).filter_by(**which).values(disabled=disabled))


async def test_of_who_is_disabled_no_ticket_is_made(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application()
    body = {"api_id": api["id"]}
    of_application = {"Authorization": f"Bearer {await make_token(platform, application)}"}
    client = await code_client(platform, "With people")
    signed_in = (await client.exchange(await client.get_code())).json()
    of_person = {"Authorization": f"Bearer {signed_in['access_token']}"}
    of_subscriber = {**body, "application_id": application["id"], "key_type": "SANDBOX"}

    async def statuses() -> list[int]:
        sent = [(body, of_application), (body, of_person), (of_subscriber, {})]
        answers = [await platform.client.post(TICKETS, json=form, headers=headers) for form, headers in sent]
        return [answer.status_code for answer in answers]

    assert await statuses() == [201, 201, 201]
    disable(platform, kind="person")  # who signed in, and owns nothing
    assert await statuses() == [201, 401, 201]
    disable(platform, kind="person", disabled=False)
    disable(platform, kind="service")  # who owns the applications
    assert await statuses() == [401, 401, 401]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "api_id"),
        ({"api_id": "a", "application_id": "b"}, "key_type"),
        ({"api_id": "a", "key_type": "SANDBOX"}, "key_type"),
        ({"api_id": "a", "application_id": "b", "key_type": "STAGING"}, "key_type"),
        ({"api_id": "a", "application_id": "/", "key_type": "SANDBOX"}, "application_id"),
        ({"api_id": "a", "scopes": ["all"]}, "scopes"),
    ],
)
@on_sqlite
async def test_a_request_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(TICKETS, json=body))) == [field]


async def test_pages_of_the_api_s_origins_may_read_the_answer(platform: Platform) -> None:
    api = await platform.publish_api(origins=[PAGE])
    other = await platform.publish_api(name="Other", context="/other", origins=["https://*.other.test"])
    application = await platform.make_application()
    body = {"application_id": application["id"], "key_type": "SANDBOX"}

    async def allowed(of_api: dict[str, Any], origin: str, **headers: str) -> str | None:
        answer = await platform.client.post(
            TICKETS, json={**body, "api_id": of_api["id"]}, headers={"Origin": origin, **headers}
        )
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
        header: str | None = answer.headers.get("access-control-allow-origin")
        return header

    assert await allowed(api, PAGE) == PAGE
    assert await allowed(api, PAGE, Authorization="Bearer bad") == PAGE  # a page can tell that it needs a new token
    assert await allowed(api, "https://x.other.test") is None
    assert await allowed(other, "https://x.other.test") == "https://x.other.test"
    assert await allowed(other, PAGE) is None
    unlisted = await platform.publish_api(name="Unlisted", context="/unlisted")
    assert await allowed(unlisted, PAGE) is None


async def test_a_preflight_is_answered_for_origins_that_an_api_lists(platform: Platform) -> None:
    await platform.make_api(name="Created", context="/created", origins=["https://created.test"])
    await platform.publish_api(origins=[PAGE])
    del platform.client.headers["Authorization"]  # browsers send none
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = await platform.client.options(TICKETS, headers={"Origin": PAGE, **asked})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type, DPoP"
    for origin in ("https://evil.test", "https://created.test", "null"):
        refused = await platform.client.options(TICKETS, headers={"Origin": origin, **asked})
        assert not [name for name in refused.headers if name.startswith("access-control")]
    elsewhere = await platform.client.options("/store/v1/apis", headers={"Origin": PAGE, **asked})
    assert "access-control-allow-origin" not in elsewhere.headers


@on_sqlite
async def test_without_redis_the_caller_is_told_to_come_back(started: Start) -> None:
    async with started(redis_url="redis://127.0.0.1:9/0") as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        api, application = await platform.publish_api(origins=[PAGE]), await platform.make_application()
        body = {"api_id": api["id"], "application_id": application["id"], "key_type": "SANDBOX"}
        answer = await platform.client.post(TICKETS, json=body, headers={"Origin": PAGE})
    problem(answer, 503, "unavailable")
    assert (answer.headers["retry-after"], answer.headers["access-control-allow-origin"]) == ("1", PAGE)


def test_a_redis_that_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    ticket = Ticket(api_id=ApiId("a"), application_id=ApplicationId("b"), key_type="SANDBOX")
    sealer = Sealer("a key of the tests, of 32 characters or more")
    keyring = KeyRing(sealer, sealer, "ES256", system_clock)
    database, proofs = Database(f"sqlite:///{tmp_path}/unused.db"), DpopReader("", system_clock)
    bearer = BearerVerifier("", keyring, Revocations(system_clock), proofs, database, system_clock)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, nobody answers
        redis = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.2)
        began = time.monotonic()
        with redis, pytest.raises(UnavailableError):
            TicketService(ApplicationTokens(bearer), redis, Bulkhead(1, 0.2)).keep(ticket)
        assert time.monotonic() - began < 1
