"""A platform whose administrators want to be asked, and somebody who asks."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from tests.integration.control_plane.platform import Platform

SETTINGS: Final = "/admin/v1/settings"
APPROVALS: Final = "/admin/v1/approvals"
OWN: Final = "/account/v1/approvals"


async def choose(platform: Platform, **choices: bool) -> None:
    response = await platform.client.patch(SETTINGS, json=choices)
    assert response.status_code == 200, response.text


async def pending(platform: Platform, kind: str) -> dict[str, Any]:
    """Return the one open question of a kind."""
    (found,) = (await platform.read(APPROVALS, kind=kind, state="PENDING"))["items"]
    assert isinstance(found, dict)
    return found


async def decide(platform: Platform, approval: dict[str, Any], verdict: str, comment: str = "") -> httpx.Response:
    return await platform.client.post(f"{APPROVALS}/{approval['id']}/{verdict}", json={"comment": comment})


@pytest.fixture
async def subscriber(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.account("bob", roles=("subscriber",)) as client:
        yield client


@pytest.fixture
async def publisher(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.account("alice", roles=("publisher",)) as client:
        yield client
