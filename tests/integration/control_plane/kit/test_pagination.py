"""Lists."""

from typing import Any

import pytest

from tests.integration.control_plane.platform import Platform, fields, on_sqlite

APPLICATIONS = "/store/v1/applications"


async def names(platform: Platform, **params: Any) -> list[str]:
    return [item["name"] for item in (await platform.read(APPLICATIONS, **params))["items"]]


async def test_pages_sorting_and_search(platform: Platform) -> None:
    for name in ("b", "a", "c_1", "cx1", "100%"):
        await platform.make_application(name, description=f"about {name}")
    page = await platform.read(APPLICATIONS, limit=2, offset=1, sort="-name")
    assert (page["total"], page["limit"], page["offset"]) == (6, 2, 1)
    everything = await names(platform, sort="name")
    assert await names(platform, sort="-name") == everything[::-1]
    assert [item["name"] for item in page["items"]] == everything[::-1][1:3]
    assert await names(platform, sort="created_at") == ["DefaultApplication", "b", "a", "c_1", "cx1", "100%"]
    assert await names(platform, offset=100) == []
    assert await names(platform, q="ABOUT B") == ["b"]
    assert await names(platform, q="c_1") == ["c_1"]  # no wildcard
    assert await names(platform, q="%") == ["100%"]
    assert (await platform.read(APPLICATIONS))["limit"] == 25


@on_sqlite
@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 10**30}, "offset"),
        ({"sort": "password"}, "sort"),
        ({"sort": "--name"}, "sort"),
        ({"q": "a\0"}, "q"),
        ({"q": "x" * 101}, "q"),
    ],
)
async def test_what_makes_no_page_is_refused(platform: Platform, params: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.get(APPLICATIONS, params=params))) == [field]
