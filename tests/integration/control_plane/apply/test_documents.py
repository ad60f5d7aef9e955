"""What a manifest says of APIs for people: it is made, exported and made again."""

from typing import Any

import pytest

from services.control_plane.apply import export
from tests.integration.control_plane.apply.test_router import APPLY, actions, apply
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
GUIDE: dict[str, Any] = {"name": "Guide", "type": "HOWTO", "markdown": "# Begin"}
FORUM: dict[str, Any] = {"name": "Forum", "type": "FORUM", "source": "url", "url": "https://forum.example.com"}
DESCRIBED: dict[str, Any] = {
    **ECHO,
    "categories": ["Finance"],
    "business_owner": {"name": "Ada"},
    "technical_owner": {"name": "Team", "email": "team@example.com"},
    "properties": {"region": "eu"},
    "maintainers": ["creator"],
    "documents": [FORUM, GUIDE],
}


async def test_what_is_exported_makes_the_same_again(platform: Platform) -> None:
    await platform.made("/admin/v1/categories", {"name": "Finance"})
    assert actions(await apply(platform.client, {"apis": [DESCRIBED]})) == {"create EchoWebSocket": []}
    assert actions(await apply(platform.client, {"apis": [DESCRIBED]})) == {}
    exported = await platform.read("/publisher/v1/export")
    (entry,) = exported["apis"]
    assert {name: entry[name] for name in ("categories", "properties", "maintainers")} == {
        name: DESCRIBED[name] for name in ("categories", "properties", "maintainers")
    }
    assert entry["documents"] == [FORUM, {**GUIDE}]
    assert actions(await apply(platform.client, exported)) == {}
    (api,) = (await platform.read(APIS))["items"]
    assert (await platform.client.delete(f"{APIS}/{api['id']}")).status_code == 204
    await apply(platform.client, exported)
    again = await platform.read("/publisher/v1/export")
    assert again == exported


async def test_documents_are_those_of_the_manifest(platform: Platform) -> None:
    plain = {**ECHO, "documents": [FORUM, GUIDE]}
    await apply(platform.client, {"apis": [plain]})
    (api,) = (await platform.read(APIS))["items"]
    path = f"{APIS}/{api['id']}/documents"
    file = await platform.made(path, {"name": "Samples", "source": "file"})
    before = {item["name"]: item["updated_at"] for item in (await platform.read(path))["items"]}
    assert actions(await apply(platform.client, {"apis": [ECHO]})) == {}, "not said: they stay"
    changed = {**ECHO, "documents": [GUIDE, {"name": "More", "markdown": "more", "visibility": "private"}]}
    for dry_run in (True, False):
        answer = await apply(platform.client, {"apis": [changed]}, dry_run=dry_run)
        assert actions(answer) == {"update EchoWebSocket": ["documents"]}
    items = (await platform.read(path))["items"]
    assert [item["name"] for item in items] == ["Guide", "More", "Samples"], "files stay"
    assert items[0]["updated_at"] == before["Guide"]
    assert items[2]["id"] == file["id"]
    assert actions(await apply(platform.client, {"apis": [changed]})) == {}


@on_sqlite
async def test_a_text_does_not_take_the_place_of_a_file(platform: Platform) -> None:
    await apply(platform.client, {"apis": [ECHO]})
    (api,) = (await platform.read(APIS))["items"]
    path = f"{APIS}/{api['id']}/documents"
    file = await platform.made(path, {"name": "Guide", "source": "file"})
    put = await platform.client.put(f"{path}/{file['id']}/file?name=guide.pdf", content=b"pages")
    assert put.status_code < 300, put.text
    for dry_run in ("true", "false"):
        manifest = {"apis": [{**ECHO, "documents": [FORUM, GUIDE]}]}
        answer = await platform.client.post(APPLY, params={"dry_run": dry_run}, json=manifest)
        assert list(fields(answer)) == ["apis.0.documents.1.name"]
    assert (await platform.client.get(f"{path}/{file['id']}/file")).content == b"pages"
    assert (await platform.read(path))["total"] == 1, "nothing half-done"


@on_sqlite
async def test_what_is_wrong_with_a_document_is_named_by_its_place(platform: Platform) -> None:
    for documents, place in (
        ([{"name": "Samples", "source": "file"}], "apis.0.documents.0.source"),
        ([GUIDE, GUIDE], "apis.0.documents"),
        ([{"name": "Forum", "source": "url", "url": "http://plain.example.com"}], "apis.0.documents.0.url"),
    ):
        answer = await platform.client.post(APPLY, json={"apis": [{**ECHO, "documents": documents}]})
        assert list(fields(answer)) == [place]
    unknown = await platform.client.post(APPLY, json={"apis": [{**ECHO, "categories": ["Nothing"]}]})
    assert list(fields(unknown)) == ["apis.0.categories.0"]
    assert (await platform.read(APIS))["total"] == 0


@on_sqlite
async def test_an_export_has_a_limit(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await apply(platform.client, {"apis": [{**ECHO, "documents": [GUIDE]}]})
    monkeypatch.setattr(export, "MAX_BYTES", 3)
    problem(await platform.client.get("/publisher/v1/export"), 409, "conflict")
