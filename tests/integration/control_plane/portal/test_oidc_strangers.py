"""Strangers at the door to the OpenID provider: what they may have it, and us, do."""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.integration.control_plane.platform import Platform, Start, on_sqlite
from tests.integration.control_plane.portal.test_oidc_router import (
    OIDC,
    browser,
    go_out,
    platform,
    provider,
    sign_in_there,
    start,
)
from tests.integration.control_plane.portal.test_sign_in_router import browse
from tests.support.oidc import OidcProvider
from tests.support.slow import slow_link

__all__ = ["browser", "platform", "provider", "start"]  # fixtures


@on_sqlite
async def test_a_provider_that_is_ill_is_left_alone_for_a_moment(
    browser: httpx.AsyncClient, provider: OidcProvider
) -> None:
    provider.metadata["issuer"] = "http://127.0.0.1:9"
    for _ in range(3):
        assert (await browser.get(OIDC)).status_code == 502
    assert provider.asked == ["/.well-known/openid-configuration"]


@on_sqlite
async def test_answers_that_are_none_reach_the_provider_only_so_often(
    browser: httpx.AsyncClient, platform: Platform, provider: OidcProvider
) -> None:
    async def bring_junk() -> int:
        state = parse_qs(urlsplit(await go_out(browser)).query)["state"][0]
        return (await browser.get(f"{OIDC}/callback", params={"code": "junk", "state": state})).status_code

    assert {await bring_junk() for _ in range(20)} == {502}
    assert await bring_junk() == 429
    assert provider.asked.count("/token") == 20
    async with browse(platform, "192.0.2.7") as other:
        assert (await sign_in_there(other)).status_code == 303
    platform.clock.move(minutes=1)
    assert (await sign_in_there(browser)).status_code == 303


@on_sqlite
async def test_nobody_waits_for_a_place_with_a_provider_that_hangs(start: Start, provider: OidcProvider) -> None:
    with slow_link(provider.server_port) as link:
        link.delay_seconds = 60
        async with start(oidc_issuer=f"http://127.0.0.1:{link.port}") as platform, browse(platform) as browser:
            began = time.monotonic()
            waiting = [asyncio.ensure_future(browser.get(OIDC)) for _ in range(7)]
            (first, *_), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert first.result().status_code == 503
            assert time.monotonic() - began < 1
            await asyncio.gather(*waiting)
