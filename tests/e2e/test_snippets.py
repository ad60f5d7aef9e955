"""The store's snippets against real pods: each comes back when its connection is closed, until it may not."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.control_plane.store.snippets.languages import LANGUAGES
from tests.e2e.conftest import Installation
from tests.e2e.test_live_policy import gain
from tests.integration.data_plane.conftest import Backend
from tests.support.snippets import NAME, RUN, Client, run_in_browser, run_snippet
from tests.support.waiting import eventually, free_port

pytestmark = pytest.mark.timeout(180)


async def close_all(framegate: Installation, count: int) -> None:
    """Close so many connections as an administrator, once they are there."""

    async def listed() -> list[str]:
        items = (await framegate.call("GET", "/admin/v1/connections"))["items"]
        return [item["id"] for item in items] if len(items) == count else []

    for id_ in await eventually(listed, within=20):
        await framegate.call("DELETE", f"/admin/v1/connections/{id_}", status=204)


async def all_say(clients: Mapping[str, Client], pattern: str) -> None:
    def silent() -> dict[str, list[str]]:
        return {language: client.lines for language, client in clients.items() if not client.count(pattern)}

    try:
        await eventually(lambda: not silent(), within=30)
    except AssertionError:
        pytest.fail(f"{pattern} is missing: {silent()}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("_tools", [NAME], ids=str)
async def test_snippets_come_back_until_they_may_not(
    _tools: str, installation: Installation, production: Backend, tmp_path: Path
) -> None:
    framegate, page = installation, free_port()
    body = {
        "name": "Echo",
        "context": "/echo",
        "version": "1.0",
        "endpoints": {"production": {"urls": [production.url]}},
        "policies": ["Unlimited"],
        "origins": [f"http://localhost:{page}"],
    }
    api = (await framegate.post("/publisher/v1/apis", body))["id"]
    await framegate.move(api, "publish")
    access = await gain(framegate, api, "/echo/1.0", "robots")
    key = {"CONSUMER_KEY": access.key["consumer_key"], "CONSUMER_SECRET": access.key["consumer_secret"]}
    texts = {name: (await framegate.call("GET", f"/store/v1/apis/{api}/snippets/{name}"))["text"] for name in LANGUAGES}
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(
                run_in_browser(texts[name], page, access.token)
                if name == "browser"
                else run_snippet(name, texts[name], tmp_path / name, **key)
            )
            for name in (*RUN, "curl")
        }
        await all_say(clients, "hello|HTTP/1.1 101")
        curl = clients.pop("curl")
        await eventually(curl.ended.is_set, within=10)
        await close_all(framegate, len(RUN))
        await all_say(clients, "4411.*closed_by_administrator")
        await eventually(lambda: len(production.handshakes) == 2 * len(RUN) + 1, within=20)
        await framegate.call("DELETE", f"/store/v1/subscriptions/{access.subscription}", status=204)
        await all_say(clients, "4503.*subscription_removed")
        for client in clients.values():
            await eventually(client.ended.is_set, within=10)
        assert len(production.handshakes) == 2 * len(RUN) + 1, "and none came back"
