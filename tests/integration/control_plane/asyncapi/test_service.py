"""What an API asks of its messages, and what its document has to say to that, over REST."""

from typing import Any

from services.control_plane.catalogue.models import CatalogueObject
from services.control_plane.publisher.messages import Asked
from shared.definition import ApiDefinition
from tests.integration.control_plane.asyncapi.mutants import CHAT_3, GONE, change
from tests.integration.control_plane.platform import Platform, fields

APIS = "/publisher/v1/apis"
CHECKED: dict[str, Any] = {"validation": {"publish": "close"}, "max_message_bytes": {"publish": 65_536}}
MOCKED: dict[str, Any] = {"endpoints": {"sandbox": {"mock": True}}}
EXAMPLE = {
    "operations.hear": {"action": "send", "channel": {"$ref": "#/channels/lobby"}},
    "channels.lobby.messages.said.examples": [{"payload": "hello"}],
}


async def give(platform: Platform, api: dict[str, Any], document: Any) -> Any:
    return await platform.client.put(f"{APIS}/{api['id']}/asyncapi", json=document)


async def ask(platform: Platform, api: dict[str, Any], patch: dict[str, Any]) -> Any:
    return await platform.client.patch(f"{APIS}/{api['id']}", json=patch)


def told(platform: Platform, api: dict[str, Any]) -> ApiDefinition:
    """Return the API as the pods have it."""
    with platform.database.reading() as session:
        return ApiDefinition.model_validate_json(session.get_one(CatalogueObject, ("api", api["id"])).body)


async def test_checks_need_a_document_and_a_size(platform: Platform) -> None:
    api = await platform.publish_api()
    refused = await ask(platform, api, {"validation": {"publish": "close"}})
    assert fields(refused).keys() == {"validation"}
    refused = await ask(platform, api, CHECKED)
    assert fields(refused).keys() == {"validation.publish"}
    assert (await give(platform, api, CHAT_3)).status_code == 200
    assert (await ask(platform, api, CHECKED)).json()["validation"] == {"publish": "close", "subscribe": "off"}
    definition = told(platform, api)
    assert definition.validation.publish == "close"
    assert [channel.path for channel in definition.validation.channels] == [None, "/rooms/{id}"]
    assert "text" in definition.validation.schemas[0].text


async def test_another_document_is_told_and_one_that_says_too_little_is_refused(platform: Platform) -> None:
    api = await platform.publish_api()
    await give(platform, api, CHAT_3)
    await ask(platform, api, CHECKED)
    before = told(platform, api).validation
    await give(platform, api, change(CHAT_3, {"components.schemas.said.required": ["text"]}))
    assert told(platform, api).validation != before
    refused = await give(platform, api, change(CHAT_3, {"components.messages.said.payload": GONE}))
    assert fields(refused).keys() == {"/operations/say/messages/0"}
    refused = await give(platform, api, change(CHAT_3, {"operations": GONE}))
    assert fields(refused).keys() == {"validation.publish"}
    assert (await platform.read(f"{APIS}/{api['id']}/asyncapi"))["operations"]


async def test_an_error_in_the_document_is_one_about_validation(platform: Platform) -> None:
    api = await platform.publish_api()
    await give(platform, api, change(CHAT_3, {"components.messages.said.payload": GONE}))
    refused = fields(await ask(platform, api, CHECKED))
    assert "/operations/say/messages/0 of the AsyncAPI document" in refused["validation"]


async def test_a_new_version_has_checks_and_document(platform: Platform) -> None:
    api = await platform.publish_api()
    await give(platform, api, CHAT_3)
    await ask(platform, api, CHECKED)
    made = await platform.client.post(f"{APIS}/{api['id']}/versions", json={"version": "2.0"})
    assert made.json()["validation"]["publish"] == "close"
    published = await platform.client.post(f"{APIS}/{made.json()['id']}/lifecycle", json={"action": "publish"})
    assert published.status_code == 200
    assert told(platform, made.json()).validation.schemas == told(platform, api).validation.schemas


async def test_a_sandbox_may_be_a_mock_with_examples(platform: Platform) -> None:
    api = await platform.publish_api()
    refused = await ask(platform, api, MOCKED)
    assert fields(refused).keys() == {"endpoints.sandbox.mock"}
    await give(platform, api, change(CHAT_3, EXAMPLE))
    endpoints = (await ask(platform, api, MOCKED)).json()["endpoints"]
    assert (endpoints["sandbox"]["mock"], endpoints["sandbox"]["urls"]) == (True, [])
    definition = told(platform, api)
    assert definition.endpoints.sandbox is None
    assert definition.mock is not None
    assert definition.mock.key_types == ("SANDBOX",)
    tests = await platform.client.post(f"{APIS}/{api['id']}/endpoints/test")
    assert {result["environment"] for result in tests.json()["results"]} == {"production"}
    again = await ask(platform, api, {"endpoints": {"sandbox": None}})
    assert again.json()["endpoints"]["sandbox"] is None
    assert told(platform, api).mock is None


async def test_an_endpoint_has_urls_or_is_a_mock(platform: Platform) -> None:
    api = await platform.make_api()
    wrong: list[dict[str, Any]] = [{}, {"mock": True, "urls": ["ws://127.0.0.1:9"]}, {"urls": []}]
    for endpoint in wrong:
        refused = await ask(platform, api, {"endpoints": {"sandbox": endpoint}})
        assert fields(refused).keys() == {"endpoints.sandbox.urls"}


async def test_a_prototype_may_be_all_mock_and_a_published_api_not(platform: Platform) -> None:
    api = await platform.make_api()
    await give(platform, api, change(CHAT_3, EXAMPLE))
    await ask(platform, api, {"endpoints": {"production": None}})
    assert (await ask(platform, api, {"endpoints": {"production": {"mock": True}}})).status_code == 200
    lifecycle = f"{APIS}/{api['id']}/lifecycle"
    refused = await platform.client.post(lifecycle, json={"action": "publish"})
    assert fields(refused).keys() == {"endpoints.production.mock"}
    assert (await platform.client.post(lifecycle, json={"action": "prototype"})).status_code == 200
    definition = told(platform, api)
    assert definition.mock is not None
    assert definition.mock.key_types == ("PRODUCTION",)
    refused = await platform.client.post(lifecycle, json={"action": "publish"})
    assert fields(refused).keys() == {"endpoints.production.mock"}


def test_what_is_off_asks_for_nothing() -> None:
    assert not Asked("off", "off", ()).anything
    assert Asked("off", "report", ()).anything
    assert Asked("off", "off", ("SANDBOX",)).anything
