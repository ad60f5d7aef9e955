import secrets

import pytest

from services.control_plane.kit.database import Database
from tests.integration.control_plane.platform import Platform, on_sqlite, problem


async def test_lives_and_is_ready(platform: Platform) -> None:
    assert await platform.read("/healthz") == {"status": "ok"}
    assert await platform.read("/readyz") == {"status": "ok"}


@on_sqlite
async def test_is_not_ready_without_its_database(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setitem(platform.app.state.provided, Database, broken)
    answer = await platform.client.get("/readyz")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert (await platform.client.get("/healthz")).status_code == 200


@on_sqlite
async def test_counts_requests_by_route(platform: Platform) -> None:
    await platform.client.get("/publisher/v1/apis/one")
    await platform.client.get("/made-up")
    text = (await platform.client.get("/metrics")).text
    assert 'framegate_http_requests_total{method="GET",route="/publisher/v1/apis/{api_id}",status="404"} 1.0' in text
    assert 'route="unknown",status="404"' in text
    assert "made-up" not in text
    assert "framegate_catalogue_revision" in text


@on_sqlite
async def test_what_clients_make_up_makes_no_series(platform: Platform) -> None:
    async def series() -> set[str]:
        text = (await platform.client.get("/metrics")).text
        return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    async def ask(some: str) -> None:
        client = platform.client
        await client.get(f"/{some}", params={some: some}, headers={"Host": f"{some}.test", "X-API-Key": some})
        await client.get(f"/publisher/v1/apis/{some}")
        await client.request(some.upper(), "/healthz")
        await client.request(some.upper(), f"/{some}")

    await ask("first")
    await series()
    before = await series()
    for _ in range(50):
        await ask("x" + secrets.token_hex(6).translate(str.maketrans("0123456789", "ghijklmnop")))
    assert await series() == before
