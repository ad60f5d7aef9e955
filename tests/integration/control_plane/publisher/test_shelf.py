"""Documents of APIs."""

from typing import Any

import pytest

from services.control_plane.publisher import shelf
from services.control_plane.publisher.document_schemas import MAX_FILE_BYTES, MAX_MARKDOWN_LENGTH
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
GUIDE = {"name": "Guide", "type": "HOWTO", "summary": "How to begin", "markdown": "# Begin\n\nSay *hello*."}


async def test_a_document_is_made_read_changed_and_deleted(platform: Platform) -> None:
    api = await platform.publish_api()
    path = f"{APIS}/{api['id']}/documents"
    made = await platform.client.post(path, json=GUIDE)
    document = made.json()
    assert made.headers["location"] == f"{path}/{document['id']}"
    assert {name: document[name] for name in GUIDE} == GUIDE
    assert (document["source"], document["visibility"], document["url"]) == ("markdown", "api", None)
    problem(await platform.client.post(path, json=GUIDE), 409, "already_exists")
    seen = {"If-Match": made.headers["etag"]}
    forum = {"name": "Forum", "type": "FORUM", "source": "url", "url": "https://forum.example.com/echo?a=b"}
    put = await platform.client.put(f"{path}/{document['id']}", json=forum, headers=seen)
    assert (put.json()["url"], put.json()["markdown"]) == (forum["url"], None)
    problem(await platform.client.put(f"{path}/{document['id']}", json=GUIDE, headers=seen), 412, "precondition_failed")
    problem(await platform.client.delete(f"{path}/{document['id']}", headers=seen), 412, "precondition_failed")
    listed = (await platform.read(path))["items"]
    assert [item["name"] for item in listed] == ["Forum"]
    assert "markdown" not in listed[0]
    again = await platform.client.put(f"{path}/{document['id']}", json=(await platform.read(put_path(put, path))))
    assert again.status_code == 200, "what was read can be put back"
    assert (await platform.client.delete(f"{path}/{document['id']}")).status_code == 204
    problem(await platform.client.get(f"{path}/{document['id']}"), 404, "not_found")


def put_path(answer: Any, path: str) -> str:
    return f"{path}/{answer.json()['id']}"


async def test_subscribers_read_what_is_not_private(platform: Platform) -> None:
    api = await platform.publish_api()
    other = await platform.publish_api(name="Other", context="/other")
    path = f"{APIS}/{api['id']}/documents"
    shown = await platform.made(path, GUIDE)
    hidden = await platform.made(path, {"name": "Notes", "visibility": "private", "source": "file"})
    await platform.client.put(f"{path}/{hidden['id']}/file", params={"name": "notes.txt"}, content=b"secret")
    store = f"/store/v1/apis/{api['id']}/documents"
    async with platform.account("subscriber", "store:subscribe") as subscriber:
        assert [item["name"] for item in (await subscriber.get(store)).json()["items"]] == ["Guide"]
        assert (await subscriber.get(f"{store}/{shown['id']}")).json()["markdown"] == GUIDE["markdown"]
        for place in (
            f"{store}/{hidden['id']}",
            f"{store}/{hidden['id']}/file",
            f"/store/v1/apis/{other['id']}/documents/{shown['id']}",
        ):
            problem(await subscriber.get(place), 404, "not_found")
        await platform.act(api, "block")
        problem(await subscriber.get(f"{store}/{shown['id']}"), 404, "not_found")


async def test_a_file_is_only_ever_saved(platform: Platform) -> None:
    api = await platform.publish_api()
    path = f"{APIS}/{api['id']}/documents"
    document = await platform.made(path, {"name": "Samples", "type": "SAMPLES", "source": "file"})
    place = f"{path}/{document['id']}"
    problem(await platform.client.get(f"{place}/file"), 404, "not_found")
    content = b"<script>alert(1)</script>"
    put = await platform.client.put(f"{place}/file", params={"name": 'page "é".html'}, content=content)
    assert (put.json()["file_name"], put.json()["file_bytes"]) == ('page "é".html', len(content))
    for where in (place, f"/store/v1/apis/{api['id']}/documents/{document['id']}"):
        answer = await platform.client.get(f"{where}/file")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''page%20%22%C3%A9%22.html"
        assert answer.headers["x-content-type-options"] == "nosniff"
    copy = await platform.made(f"{APIS}/{api['id']}/versions", {"version": "2.0"})
    copied = (await platform.read(f"{APIS}/{copy['id']}/documents"))["items"][0]
    assert copied["id"] != document["id"]
    assert (await platform.client.get(f"{APIS}/{copy['id']}/documents/{copied['id']}/file")).content == content
    assert (await platform.client.put(place, json={"name": "Samples"})).json()["file_name"] is None
    problem(await platform.client.get(f"{place}/file"), 404, "not_found")
    problem(await platform.client.put(f"{place}/file", params={"name": "a"}, content=b"a"), 409, "conflict")
    assert (await platform.client.delete(f"{APIS}/{copy['id']}")).status_code == 204, "its files go with it"


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"type": "NOVEL"}, "type"),
        ({"visibility": "public"}, "visibility"),
        ({"markdown": "x" * (MAX_MARKDOWN_LENGTH + 1)}, "markdown"),
        ({"markdown": "\0"}, "markdown"),
        ({"source": "url", "url": "http://plain.example.com", "markdown": None}, "url"),
        ({"source": "url", "url": "javascript:alert(1)", "markdown": None}, "url"),
        ({"source": "url", "url": "https://a:b@example.com", "markdown": None}, "url"),
        ({"source": "url", "markdown": None}, "body"),
        ({"source": "file"}, "body"),
        ({"file_name": "mine"}, None),
    ],
)
async def test_what_is_wrong_with_a_document_is_named(
    platform: Platform, changes: dict[str, Any], field: str | None
) -> None:
    api = await platform.make_api()
    answer = await platform.client.post(f"{APIS}/{api['id']}/documents", json={**GUIDE, **changes})
    if field is None:  # only the platform sets it
        assert answer.json()["file_name"] is None
    else:
        assert field in fields(answer)


@on_sqlite
async def test_there_is_a_limit_to_files_and_to_documents(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}/documents"
    document = await platform.made(path, {"name": "Samples", "source": "file"})
    for name, content, field in (("a", b"", "body"), ("a", b"x" * (MAX_FILE_BYTES + 1), "body"), ("a/b", b"x", "name")):
        answer = await platform.client.put(f"{path}/{document['id']}/file", params={"name": name}, content=content)
        assert field in fields(answer)
    monkeypatch.setattr(shelf, "MAX_DOCUMENTS", 1)
    problem(await platform.client.post(path, json=GUIDE), 409, "conflict")


@on_sqlite
async def test_a_text_that_would_be_far_longer_as_html_is_refused(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}/documents"
    short = {"name": "Guide", "markdown": "short"}
    document = await platform.made(path, short)
    long = {"name": "Long", "markdown": "[a]: http://" + "b" * 30_000 + "\n\n" + "[a]" * 11_000}
    assert list(fields(await platform.client.post(path, json=long))) == ["markdown"]
    assert list(fields(await platform.client.put(f"{path}/{document['id']}", json=long))) == ["markdown"]
    assert (await platform.read(f"{path}/{document['id']}"))["markdown"] == "short"
