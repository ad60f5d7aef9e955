"""AsyncAPI documents over REST: given, generated, imported, and shown to subscribers."""

import copy
import json
from typing import Any

import httpx
import pytest
import yaml

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.models import ApiDocument
from tests.integration.control_plane.asyncapi.mutants import CHAT_2, CHAT_3, change
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
STORE = "/store/v1/apis"

LOCAL = {"servers.main.host": "127.0.0.1:9", "servers.main.pathname": "/v2", "servers.main.protocol": "ws"}
CHAT: dict[str, Any] = change(CHAT_3, LOCAL | {"servers.other.host": "127.0.0.1:10"})

ROOMS = [{"path": "/rooms/{id}", "scopes": ["read"]}, {"path": "/admin/*", "scopes": ["admin"]}]


def as_yaml(document: dict[str, Any]) -> dict[str, Any]:
    """Return a request's body and its type."""
    content = yaml.safe_dump(copy.deepcopy(document), sort_keys=False).encode()
    return {"content": content, "headers": {"Content-Type": "application/yaml"}}


async def put(platform: Platform, api: dict[str, Any], document: Any, **headers: str) -> httpx.Response:
    return await platform.client.put(f"{APIS}/{api['id']}/asyncapi", json=document, headers=headers)


async def test_an_api_without_a_document_gets_one_of_its_fields(platform: Platform) -> None:
    auth = {"types": ["oauth2", "api_key"], "scopes": ["chat"]}
    api = await platform.publish_api(description="Says it again", tags=["a"], auth=auth, paths=ROOMS, default=True)
    answer = await platform.client.get(f"{APIS}/{api['id']}/asyncapi")
    document = answer.json()

    assert check(document) == document
    assert answer.headers["etag"] == (await platform.client.get(f"{APIS}/{api['id']}")).headers["etag"]
    assert await platform.read(f"{STORE}/{api['id']}/asyncapi") == document


async def test_what_is_given_is_kept_and_given_back(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}/asyncapi"
    given = await put(platform, api, CHAT)
    assert given.json() == CHAT
    read = await platform.client.get(path)
    assert read.json() == CHAT
    assert read.headers["etag"] == given.headers["etag"] != '"1"'

    assert (await put(platform, api, CHAT | {"x-seen": True})).status_code == 200
    problem(await put(platform, api, CHAT, **{"If-Match": given.headers["etag"]}), 412, "precondition_failed")
    assert (await platform.read(path))["x-seen"]

    problem(
        await platform.client.delete(f"{APIS}/{api['id']}", headers={"If-Match": '"1"'}), 412, "precondition_failed"
    )
    assert (await platform.client.delete(f"{APIS}/{api['id']}")).status_code == 204
    with platform.database.reading() as session:
        assert session.get(ApiDocument, api["id"]) is None


async def test_what_is_given_as_2_is_told_as_3(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}/asyncapi"
    answer = await platform.client.put(path, **as_yaml(CHAT_2))
    told = answer.json()
    assert await platform.read(path) == told == check(copy.deepcopy(CHAT_2))
    assert told["asyncapi"] == "3.0.0"
    assert told["operations"]["say"]["action"] == "receive"
    with platform.database.reading() as session:
        assert session.get_one(ApiDocument, api["id"]).content == CHAT_2


async def test_a_new_version_has_the_document_of_the_old_one(platform: Platform) -> None:
    api = await platform.make_api()
    await put(platform, api, CHAT)
    copied = await platform.made(f"{APIS}/{api['id']}/versions", {"version": "2.0"})
    assert await platform.read(f"{APIS}/{copied['id']}/asyncapi") == CHAT


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        (change(CHAT_3, {"operations.say.action": "shout"}), {"/operations/say/action"}),
        (change(CHAT_2, {"channels./rooms/{id}.publish.colour": 1}), {"/channels/~1rooms~1{id}/publish"}),
        (change(CHAT_3, {"components.schemas.said": {"$ref": "http://10.0.0.1/"}}), None),
        (change(CHAT_3, {"asyncapi": "1.2.0"}), {"/asyncapi"}),
        ({}, {"/asyncapi"}),
        ([], {"document"}),
    ],
    ids=["3", "2", "a remote reference", "1", "nothing", "a list"],
)
@on_sqlite
async def test_what_is_wrong_is_named_and_not_kept(platform: Platform, document: Any, errors: set[str] | None) -> None:
    api = await platform.make_api()
    found = fields(await put(platform, api, document))
    assert found.keys() == (errors or {"/components/schemas/said/$ref", "/components/messages/said/payload/$ref"})
    assert (await platform.read(f"{APIS}/{api['id']}/asyncapi"))["info"]["title"] == "EchoWebSocket"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, "Content-Type"),
        ({"content": b"{}"}, "Content-Type"),
        ({"files": {"document": b"{}"}}, "file"),
        ({"data": {"file": "{}"}, "files": {"other": b""}}, "file"),
        ({"content": b"a: *b", "headers": {"Content-Type": "text/yaml; charset=utf-8"}}, "/a"),
        ({"content": b"a: 1", "headers": {"Content-Type": "application/vnd.aai.asyncapi+json"}}, "document"),
        ({"content": b"a: 1", "headers": {"Content-Type": "application/vnd.aai.asyncapi+yaml"}}, "/asyncapi"),
        ({"content": b"{" + b" " * 600_000 + b"}", "headers": {"Content-Type": "application/json"}}, "document"),
    ],
)
@on_sqlite
async def test_a_body_that_can_not_be_read_is_refused(platform: Platform, request_: dict[str, Any], field: str) -> None:
    for answer in (
        await platform.client.post(f"{APIS}/import", **request_),
        await platform.client.put(f"{APIS}/{(await platform.make_api())['id']}/asyncapi", **request_),
    ):
        assert list(fields(answer)) == [field]


@on_sqlite
async def test_a_form_that_is_none_is_refused(platform: Platform) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await platform.client.post(f"{APIS}/import", content=b"nothing", headers=headers)
    assert answer.status_code in (400, 422)


async def test_an_api_is_made_of_a_document(platform: Platform) -> None:
    info = {"title": "Chat of Rooms!", "version": "1.4", "description": "Talk", "tags": [{"name": "b"}, {"name": "a"}]}
    made = await platform.client.post(f"{APIS}/import", json=CHAT | {"info": info})
    api = made.json()
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{APIS}/{api['id']}"
    assert api == (await platform.client.get(made.headers["location"])).json()
    assert made.headers["etag"] == (await platform.client.get(made.headers["location"])).headers["etag"]
    assert {key: api[key] for key in ("name", "context", "version", "description", "state", "tags")} == {
        "name": "Chat of Rooms!",
        "context": "/chat-of-rooms",
        "version": "1.4",
        "description": "Talk",
        "state": "CREATED",
        "tags": ["a", "b"],
    }
    assert api["endpoints"]["production"]["urls"] == ["ws://127.0.0.1:9/v2"]
    assert api["endpoints"]["sandbox"] is None
    assert [path["path"] for path in api["paths"]] == ["/rooms/{id}", "/lobby"]
    assert await platform.read(f"{made.headers['location']}/asyncapi") == CHAT | {"info": info}

    problem(await platform.client.post(f"{APIS}/import", json=CHAT | {"info": info}), 409, "already_exists")
    assert (await platform.read(APIS))["total"] == 1


@pytest.mark.parametrize(
    "request_",
    [
        as_yaml(CHAT_2),
        {"files": {"file": ("chat.yaml", json.dumps(CHAT_2))}},
        {"files": {"file": ("chat.yaml", as_yaml(CHAT_2)["content"])}},
    ],
    ids=["YAML", "a file of JSON", "a file of YAML"],
)
@on_sqlite
async def test_an_api_is_made_of_yaml_and_files(platform: Platform, request_: dict[str, Any]) -> None:
    made = await platform.client.post(f"{APIS}/import", params={"context": "/talk"}, **request_)
    assert made.status_code == 201, made.text
    assert made.json()["context"] == "/talk"
    assert made.json()["endpoints"]["production"]["urls"] == ["wss://example.com/v1"]


@pytest.mark.parametrize(
    ("changes", "params", "errors"),
    [
        ({}, {"context": "talk"}, ["context"]),
        ({"info.title": "\N{HIRAGANA LETTER A}"}, {}, ["context"]),
        ({"info.title": "x" * 101, "info.version": "1 beta"}, {}, ["/info/title", "/info/version"]),
        ({"info.tags": [{"name": "a"}, {"name": "b" * 51}]}, {}, ["/info/tags/1/name"]),
        ({"servers.main.host": "user@127.0.0.1"}, {}, ["/servers/main"]),
        ({"servers.main.host": "169.254.169.254"}, {}, ["/servers/main"]),
        (
            {"servers.main.host": "{region}.example.com", "servers.main.variables": {"region": {}}},
            {},
            ["/servers/main/variables/region"],
        ),
        ({"channels": {f"c{n}": {"address": f"/{n}"} for n in range(101)}, "operations": {}}, {}, ["/channels"]),
    ],
)
@on_sqlite
async def test_a_document_that_makes_no_api_says_where(
    platform: Platform, changes: dict[str, Any], params: dict[str, str], errors: list[str]
) -> None:
    answer = await platform.client.post(f"{APIS}/import", json=change(CHAT, changes), params=params)
    assert list(fields(answer)) == errors
    assert (await platform.read(APIS))["total"] == 0


async def test_an_import_that_is_sent_again_is_done_once(platform: Platform) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await platform.client.post(f"{APIS}/import", json=CHAT, headers=headers)
    again = await platform.client.post(f"{APIS}/import", json=CHAT, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await platform.read(APIS))["total"] == 1


async def test_subscribers_see_the_gateway_and_not_the_backend(platform: Platform) -> None:
    secret = {
        "servers.main.host": "backend-of-ours.test",
        "servers.main.security": [{"$ref": "#/components/securitySchemes/token"}],
        "channels.room.servers": [{"$ref": "#/servers/main"}],
        "operations.say.security": [{"$ref": "#/components/securitySchemes/token"}],
        "operations.say.traits": [{"summary": "said", "security": [{"$ref": "#/components/securitySchemes/token"}]}],
        "components.servers": {"spare": {"host": "backend-of-ours.test", "protocol": "ws"}},
    }
    api = (await platform.client.post(f"{APIS}/import", json=change(CHAT, secret))).json()
    path = f"{STORE}/{api['id']}/asyncapi"
    problem(await platform.client.get(path), 404, "not_found")
    await platform.client.patch(
        f"{APIS}/{api['id']}",
        json={"policies": ["Gold"], "paths": [{"path": "/rooms/{room}", "scopes": ["read"]}]},
    )
    await platform.act(api, "publish")

    answer = await platform.client.get(path, headers={"Authorization": ""})
    shown = answer.json()
    assert check(shown) == shown
    assert "etag" in answer.headers
    assert "backend-of-ours" not in answer.text
    assert [(server["host"], server["pathname"]) for server in shown["servers"].values()] == [
        ("localhost:9099", "/chat/1.0.0")
    ]
    assert shown["channels"]["room"]["address"] == "/rooms/{id}"
    assert shown["components"]["securitySchemes"].keys() == {"oauth2"}
    assert shown["operations"]["say"]["security"][0]["scopes"] == ["read"]
    assert shown["operations"]["say"]["traits"] == [{"summary": "said"}]
    assert shown["components"]["messages"] == CHAT["components"]["messages"]


@on_sqlite
async def test_documents_are_for_those_who_may_see_the_api(platform: Platform) -> None:
    api = await platform.publish_api(visibility="restricted", roles=["admin"])
    path, store = f"{APIS}/{api['id']}/asyncapi", f"{STORE}/{api['id']}/asyncapi"
    problem(await platform.client.get(path, headers={"Authorization": ""}), 401, "unauthorized")
    problem(await platform.client.get(store, headers={"Authorization": ""}), 404, "not_found")
    async with platform.account("reader", "publisher:read", "store:subscribe") as reader:
        problem(await reader.get(store), 404, "not_found")
        problem(await reader.put(path, json=CHAT), 403, "insufficient_scope")
        problem(await reader.post(f"{APIS}/import", json=CHAT), 403, "insufficient_scope")
    async with platform.account("other", "publisher:read", "publisher:write") as other:
        problem(await other.get(path), 404, "not_found")
        problem(await other.put(path, json=CHAT), 404, "not_found")
        own = (await other.post(f"{APIS}/import", json=CHAT)).json()
        for mine, against in ((own, api), (api, own)):
            answer = await other.get(f"{APIS}/{mine['id']}/asyncapi/diff", params={"against": against["id"]})
            assert answer.status_code == (422 if mine is own else 404)
    for missing in (f"{APIS}/none/asyncapi", f"{STORE}/none/asyncapi"):
        problem(await platform.client.get(missing), 404, "not_found")
    problem(await platform.client.put(f"{APIS}/none/asyncapi", json=CHAT), 404, "not_found")


async def test_versions_are_compared(platform: Platform) -> None:
    old = await platform.make_api()
    await put(platform, old, CHAT)
    new = await platform.made(f"{APIS}/{old['id']}/versions", {"version": "2.0"})
    path = f"{APIS}/{new['id']}/asyncapi/diff"
    assert await platform.read(path, against=old["id"]) == {"against": old["id"], "breaking": False, "changes": []}

    await put(platform, new, change(CHAT, {"components.schemas.said.required": ["text"], "channels.lobby": {}}))
    assert await platform.read(path, against=old["id"]) == {
        "against": old["id"],
        "breaking": True,
        "changes": [
            {"kind": "channel_removed", "breaking": True, "path": "/channels/lobby"},
            {"kind": "channel_added", "breaking": False, "path": "/channels/lobby"},
            {
                "kind": "property_now_required",
                "breaking": True,
                "path": "/channels/room/messages/said/payload/properties/text",
            },
        ],
    }
    generated = await platform.make_api(context="/other", name="Other")
    found = await platform.read(f"{APIS}/{generated['id']}/asyncapi/diff", against=new["id"])
    assert {item["kind"] for item in found["changes"]} >= {"operation_removed", "operation_added"}

    assert list(fields(await platform.client.get(path))) == ["against"]
    assert list(fields(await platform.client.get(path, params={"against": "none"}))) == ["against"]
    problem(await platform.client.get(f"{APIS}/none/asyncapi/diff", params={"against": old["id"]}), 404, "not_found")
