"""What a manifest says of APIs for people: it is made, exported and made again."""

from typing import Any

import pytest

from services.control_plane.apply import export
from services.control_plane.kit.data_urls import write_data_url
from services.control_plane.kit.files import BINARY
from services.control_plane.publisher.document_schemas import MAX_FILE_BYTES
from services.control_plane.publisher.pictures import MAX_PICTURE_BYTES
from tests.integration.control_plane.apply.test_router import APPLY, EXPORT, actions, apply
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem
from tests.integration.control_plane.publisher.test_pictures import PNG

APIS = "/publisher/v1/apis"
GUIDE: dict[str, Any] = {"name": "Guide", "type": "HOWTO", "markdown": "# Begin"}
FORUM: dict[str, Any] = {"name": "Forum", "type": "FORUM", "source": "url", "url": "https://forum.example.com"}


def samples(content: bytes, name: str) -> dict[str, Any]:
    return {"name": "Samples", "source": "file", "file": write_data_url(content, BINARY), "file_name": name}


DESCRIBED: dict[str, Any] = {
    **ECHO,
    "categories": ["Finance"],
    "business_owner": {"name": "Ada"},
    "technical_owner": {"name": "Team", "email": "team@example.com"},
    "properties": {"region": "eu"},
    "maintainers": ["creator"],
    "documents": [FORUM, GUIDE, samples(b"pages", "guide.pdf")],
    "thumbnail": write_data_url(PNG, "image/png"),
}


async def test_what_is_exported_makes_the_same_again(platform: Platform) -> None:
    await platform.made("/admin/v1/categories", {"name": "Finance"})
    assert actions(await apply(platform.client, {"apis": [DESCRIBED]})) == {"create EchoWebSocket": []}
    assert actions(await apply(platform.client, {"apis": [DESCRIBED]})) == {}
    exported = await platform.read(EXPORT)
    (entry,) = exported["apis"]
    assert {name: entry[name] for name in ("categories", "properties", "maintainers")} == {
        name: DESCRIBED[name] for name in ("categories", "properties", "maintainers")
    }
    assert entry["documents"] == DESCRIBED["documents"]
    assert entry["thumbnail"] == DESCRIBED["thumbnail"]
    assert actions(await apply(platform.client, exported)) == {}
    (api,) = (await platform.read(APIS))["items"]
    assert (await platform.client.delete(f"{APIS}/{api['id']}")).status_code == 204
    await apply(platform.client, exported)
    again = await platform.read(EXPORT)
    assert again == exported


async def test_documents_are_those_of_the_manifest(platform: Platform) -> None:
    plain = {**ECHO, "documents": [FORUM, GUIDE]}
    await apply(platform.client, {"apis": [plain]})
    (api,) = (await platform.read(APIS))["items"]
    path = f"{APIS}/{api['id']}/documents"
    before = {item["name"]: item["updated_at"] for item in (await platform.read(path))["items"]}
    assert actions(await apply(platform.client, {"apis": [ECHO]})) == {}, "not said: they stay"
    changed = {**ECHO, "documents": [GUIDE, {"name": "More", "markdown": "more", "visibility": "private"}]}
    for dry_run in (True, False):
        answer = await apply(platform.client, {"apis": [changed]}, dry_run=dry_run)
        assert actions(answer) == {"update EchoWebSocket": ["documents"]}
    items = (await platform.read(path))["items"]
    assert [item["name"] for item in items] == ["Guide", "More"]
    assert items[0]["updated_at"] == before["Guide"]
    assert actions(await apply(platform.client, {"apis": [changed]})) == {}


async def test_a_file_is_put_where_it_is_another(platform: Platform) -> None:
    for content, name, changes in (
        (b"pages", "guide.pdf", {"create EchoWebSocket": []}),
        (b"pages", "guide.pdf", {}),
        (b"other pages", "guide.pdf", {"update EchoWebSocket": ["documents"]}),
        (b"other pages", "other.pdf", {"update EchoWebSocket": ["documents"]}),
    ):
        manifest = {"apis": [{**ECHO, "documents": [samples(content, name)]}]}
        for dry_run in (True, False):
            assert actions(await apply(platform.client, manifest, dry_run=dry_run)) == changes
        (api,) = (await platform.read(APIS))["items"]
        (document,) = (await platform.read(f"{APIS}/{api['id']}/documents"))["items"]
        file = await platform.client.get(f"{APIS}/{api['id']}/documents/{document['id']}/file")
        assert (file.content, document["file_name"]) == (content, name)
    kept = {**ECHO, "documents": [{"name": "Samples", "source": "file"}]}
    assert actions(await apply(platform.client, {"apis": [kept]})) == {}, "not said: it stays"
    text = {**ECHO, "documents": [{"name": "Samples", "markdown": "none"}]}
    (change,) = await apply(platform.client, {"apis": [text]})
    assert change["before"]["documents"][0]["file"].startswith("sha256:")
    assert change["after"]["documents"][0]["file"] is None
    assert actions(await apply(platform.client, {"apis": [text]})) == {}


async def test_a_picture_is_put_where_it_is_another(platform: Platform) -> None:
    for content, changes in (
        (PNG, {"create EchoWebSocket": []}),
        (PNG, {}),
        (PNG + b"!", {"update EchoWebSocket": ["thumbnail"]}),
    ):
        manifest = {"apis": [{**ECHO, "thumbnail": write_data_url(content, "image/png")}]}
        for dry_run in (True, False):
            assert actions(await apply(platform.client, manifest, dry_run=dry_run)) == changes
        (api,) = (await platform.read(APIS))["items"]
        assert (await platform.client.get(f"{APIS}/{api['id']}/thumbnail")).content == content
    assert actions(await apply(platform.client, {"apis": [ECHO]})) == {}, "not said: it stays"
    assert actions(await apply(platform.client, {"apis": [{**ECHO, "thumbnail": True}]})) == {}, "as an API is read"


@pytest.mark.parametrize(
    ("fields_of_api", "place"),
    [
        ({"documents": [GUIDE, GUIDE]}, "documents"),
        ({"documents": [{**FORUM, "url": "http://plain.example.com"}]}, "documents.0.url"),
        ({"documents": [GUIDE, {"name": "Samples", "source": "file", "file": "./guide.pdf"}]}, "documents.1.file"),
        ({"documents": [{**samples(b"", "empty.pdf")}]}, "documents.0.file"),
        ({"documents": [samples(b"x" * (MAX_FILE_BYTES + 1), "long.pdf")]}, "documents.0.file"),
        ({"documents": [samples(b"pages", "../guide.pdf")]}, "documents.0.file_name"),
        ({"documents": [{"name": "Samples", "source": "file", "file_name": "guide.pdf"}]}, "documents.0"),
        ({"documents": [{**samples(b"pages", "guide.pdf"), "source": "markdown"}]}, "documents.0"),
        ({"thumbnail": "./picture.png"}, "thumbnail"),
        ({"thumbnail": write_data_url(b"<svg/>", "image/png")}, "thumbnail"),
        ({"thumbnail": write_data_url(PNG + b"x" * MAX_PICTURE_BYTES, "image/png")}, "thumbnail"),
        ({"categories": ["Nothing"]}, "categories.0"),
    ],
)
@on_sqlite
async def test_what_is_wrong_with_it_is_named_by_its_place(
    platform: Platform, fields_of_api: dict[str, Any], place: str
) -> None:
    for dry_run in ("true", "false"):
        manifest = {"apis": [{**ECHO, **fields_of_api}]}
        answer = await platform.client.post(APPLY, params={"dry_run": dry_run}, json=manifest)
        assert list(fields(answer)) == [f"apis.0.{place}"]
    assert (await platform.read(APIS))["total"] == 0


@on_sqlite
async def test_an_export_goes_without_files(platform: Platform) -> None:
    entry = {**ECHO, "documents": [samples(b"pages", "guide.pdf")], "thumbnail": write_data_url(PNG, "image/png")}
    await apply(platform.client, {"apis": [entry]})
    exported = await platform.read(EXPORT, files="false")
    assert exported["apis"][0]["documents"] == [{"name": "Samples", "source": "file"}]
    assert "thumbnail" not in exported["apis"][0]
    assert actions(await apply(platform.client, exported)) == {}, "what is not said stays"


@on_sqlite
async def test_an_export_has_a_limit(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await apply(platform.client, {"apis": [{**ECHO, "thumbnail": write_data_url(PNG, "image/png")}]})
    monkeypatch.setattr(export, "MAX_BYTES", 3)
    assert "files=false" in problem(await platform.client.get(EXPORT), 409, "conflict")["detail"]
    assert (await platform.client.get(EXPORT, params={"files": "false"})).status_code == 200
    await apply(platform.client, {"apis": [{**ECHO, "documents": [GUIDE]}]})
    problem(await platform.client.get(EXPORT, params={"files": "false"}), 409, "conflict")
