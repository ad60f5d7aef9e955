"""What is found among APIs."""

import pytest

from services.control_plane.publisher.searching import read_query
from tests.integration.control_plane.platform import Platform, fields

APIS = "/publisher/v1/apis"
STORE = "/store/v1/apis"


@pytest.mark.parametrize(
    ("q", "filters", "words"),
    [
        ("echo  socket", [], "echo  socket"),
        ("an tag:demo echo state:published", [("tag", "demo"), ("state", "published")], "an echo"),
        ('category:"real time" x', [("category", "real time")], "x"),
        ("property:region=eu", [("property", "region=eu")], ""),
        ("mytag:demo ws://x", [], "mytag:demo ws://x"),
        ("tag:", [], "tag:"),
    ],
)
def test_a_query_is_filters_and_words(q: str, filters: list[tuple[str, str]], words: str) -> None:
    assert read_query(q) == (filters, words)


async def test_all_that_is_said_of_an_api_is_searched(platform: Platform) -> None:
    await platform.made("/admin/v1/categories", {"name": "Finance"})
    described = {"tags": ["real time"], "categories": ["Finance"], "properties": {"region": "eu_1", "team": "red"}}
    echo = await platform.publish_api(description="Says 100% again", **described)
    await platform.publish_api(name="Other", context="/other", tags=["eu-1"], properties={"region": "euX1"})
    await platform.make_api(name="Draft", context="/draft", tags=["real time"])
    for name, visibility in (("Beginners", "api"), ("Insiders", "private")):
        await platform.made(f"{APIS}/{echo['id']}/documents", {"name": name, "visibility": visibility})

    async def found(q: str, path: str = STORE) -> set[str]:
        return {item["name"] for item in (await platform.read(path, q=q))["items"]}

    for q in ("websocket", "/echoweb", "100%", "REAL T", "financ", "eu_1", "team", "beginner"):
        assert await found(q) == await found(q, APIS) - {"Draft"} == {"EchoWebSocket"}, q
    for q in ('tag:"real time"', "category:Finance", "property:region=eu_1", "property:team", "state:published again"):
        assert await found(q) == {"EchoWebSocket"}, q
    for q in ("%", "_"):
        assert await found(q) == {"EchoWebSocket"}, q
    for q in ("tag:real", "category:%", "property:region=eu", "property:region=", "state:created", "nothing"):
        assert await found(q) == set(), q
    assert await found("state:Created", APIS) == {"Draft"}
    assert await found('tag:"real time"', APIS) == {"EchoWebSocket", "Draft"}
    assert await found("insider", APIS) == {"EchoWebSocket"}
    assert await found("insider") == set(), "what one may not see is not found"
    assert await found("state:published state:blocked") == set()
    for hostile in ("'; DROP TABLE api; --", '"', "tag:'\"", "\\", "property:=", "property:a=b=c"):
        assert await found(hostile) == set(), hostile
    assert "must be one of CREATED" in fields(await platform.client.get(STORE, params={"q": "state:gone"}))["q"]
