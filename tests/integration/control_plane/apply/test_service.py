"""What a manifest does: which API a subscription means, the states on the way, and what pruning spares."""

from typing import Final

import pytest

from tests.integration.control_plane.apply.test_router import APPLY, MANIFEST, SUBSCRIPTION, actions, apply
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem

DEFAULTS: Final = (("/a", "1.0"), ("/b", "2.0"), ("/A", "3.0"))


@on_sqlite
async def test_a_context_has_one_default(platform: Platform) -> None:
    versions = [{**ECHO, "context": path, "version": version, "default": True} for path, version in DEFAULTS]
    answer = await platform.client.post(APPLY, json={"apis": versions})
    assert fields(answer) == {"apis": "0 and 2 are both the default of their context"}
    versions[2]["default"] = False
    await apply(platform.client, {"apis": versions})
    assert actions(await apply(platform.client, {"apis": versions})) == {}


async def test_prune_deletes_what_is_the_callers_and_not_named(platform: Platform) -> None:
    theirs = await platform.publish_api(name="Theirs", context="/theirs")
    async with platform.account(
        "team", "publisher:read", "publisher:write", "publisher:publish", "store:subscribe"
    ) as team:
        manifest = {**MANIFEST, "policies": [], "apis": [{**ECHO, "state": "published"}]}
        manifest["subscriptions"] = [SUBSCRIPTION, {"application": "Robot", "api": "Theirs", "policy": "Gold"}]
        await apply(team, manifest)
        less = {"apis": manifest["apis"], "applications": manifest["applications"]}
        assert actions(await apply(team, less)) == {}
        gone: dict[str, list[str]] = {"delete Robot to EchoWebSocket 1.0": [], "delete Robot to Theirs 1.0": []}
        assert actions(await apply(team, less, prune=True)) == gone
        await apply(team, manifest)
        everything = {**gone, "delete Robot": [], "delete EchoWebSocket": []}
        assert actions(await apply(team, {}, prune=True, dry_run=True)) == everything
        assert actions(await apply(team, {}, prune=True)) == everything
        left = (await team.get("/store/v1/applications")).json()["items"]
        assert [item["name"] for item in left] == ["DefaultApplication"]
    assert [item["id"] for item in (await platform.read("/publisher/v1/apis"))["items"]] == [theirs["id"]]


async def test_prune_spares_what_others_use(platform: Platform) -> None:
    async with platform.account("team", "publisher:write", "publisher:publish") as team:
        await apply(team, {"apis": [{**ECHO, "state": "published"}]})
        (api,) = (await platform.read("/publisher/v1/apis"))["items"]
        await platform.subscribe(await platform.make_application(), api)
        answer = await team.post(APPLY, json={}, params={"prune": True})
        (error,) = problem(answer, 409, "in_use")["errors"]
        assert error == {"field": "prune EchoWebSocket 1.0", "message": "The API has subscriptions."}
    assert (await platform.read("/publisher/v1/apis"))["total"] == 1


async def test_prune_spares_what_a_subscription_names(platform: Platform) -> None:
    await apply(platform.client, MANIFEST)
    await platform.make_api(name="Unnamed", context="/unnamed")
    (application,) = (await platform.read("/store/v1/applications", q="Robot"))["items"]
    only = {"subscriptions": [SUBSCRIPTION]}
    assert actions(await apply(platform.client, only, prune=True)) == {"delete Unnamed": []}
    assert (await platform.read("/store/v1/applications", q="Robot"))["items"] == [application]
    assert (await platform.read("/store/v1/subscriptions"))["total"] == 1


async def test_a_subscription_finds_its_api(platform: Platform) -> None:
    versions = [{**ECHO, "version": version, "state": "published"} for version in ("1.0", "2.0")]
    manifest = {"apis": versions, "applications": [{"name": "Robot"}], "subscriptions": [SUBSCRIPTION]}
    answer = await platform.client.post(APPLY, json=manifest)
    assert fields(answer) == {"subscriptions.0.version": "'EchoWebSocket' has several: 1.0, 2.0"}
    manifest["subscriptions"] = [{**SUBSCRIPTION, "version": "2.0"}]
    await apply(platform.client, manifest)
    for change in ({"version": "3.0"}, {"api": "Other"}):
        wrong = {"subscriptions": [{**SUBSCRIPTION, **change}]}
        assert list(fields(await platform.client.post(APPLY, json=wrong))) == ["subscriptions.0.api"]
    twice = {"subscriptions": [{**SUBSCRIPTION, "version": "2.0"}]}
    await apply(platform.client, {"apis": []}, prune=False)
    assert actions(await apply(platform.client, twice)) == {}


@on_sqlite
async def test_a_strangers_version_of_a_name_is_not_meant(platform: Platform) -> None:
    await platform.publish_api(context="/stranger", version="0.9")
    async with platform.account("team", "publisher:write", "publisher:publish", "store:subscribe") as team:
        mine = {"apis": [{**ECHO, "state": "published"}], "applications": [{"name": "Robot"}]}
        manifest = {**mine, "subscriptions": [SUBSCRIPTION]}
        assert "create Robot to EchoWebSocket 1.0" in actions(await apply(team, manifest))
        assert actions(await apply(team, {"subscriptions": [SUBSCRIPTION]})) == {}
        theirs = {"subscriptions": [{**SUBSCRIPTION, "version": "0.9"}]}
        assert actions(await apply(team, theirs)) == {"create Robot to EchoWebSocket 0.9": []}


async def test_what_others_hide_can_not_be_subscribed_to(platform: Platform) -> None:
    await platform.publish_api(visibility="restricted", roles=["creator"])
    await platform.make_api(name="Draft", context="/draft")
    async with platform.account("stranger", "store:subscribe") as stranger:
        for name in ("EchoWebSocket", "Draft"):
            wanted = {"application": "DefaultApplication", "api": name, "policy": "Gold"}
            answer = await stranger.post(APPLY, json={"subscriptions": [wanted]})
            assert list(fields(answer)) == ["subscriptions.0.api"]


async def test_a_subscription_outlives_the_sight_of_its_api(platform: Platform) -> None:
    await apply(platform.client, MANIFEST)
    (api,) = (await platform.read("/publisher/v1/apis"))["items"]
    await platform.act(api, "block")
    manifest = {**MANIFEST, "apis": []}
    assert actions(await apply(platform.client, manifest)) == {}


async def test_states_on_the_way_do_not_matter(platform: Platform) -> None:
    names = ("created", "prototyped", "published", "blocked", "deprecated", "retired")
    apis = [{**ECHO, "name": name, "context": f"/{name}", "state": name} for name in names]
    subscriptions = [{"application": "DefaultApplication", "api": name, "policy": "Gold"} for name in names]
    manifest = {"apis": apis, "subscriptions": subscriptions}
    await apply(platform.client, manifest)
    found = (await platform.read("/publisher/v1/apis"))["items"]
    assert {api["name"]: api["state"].lower() for api in found} == {name: name for name in names}
    assert actions(await apply(platform.client, manifest)) == {}
    assert (await platform.read("/store/v1/subscriptions"))["total"] == len(names)


@pytest.mark.parametrize("state", ["created", "prototyped", "blocked"])
@on_sqlite
async def test_what_is_there_is_published_and_subscribed_to_in_one_go(platform: Platform, state: str) -> None:
    await apply(platform.client, {"apis": [{**ECHO, "state": state}], "applications": [{"name": "Robot"}]})
    manifest = {"apis": [{**ECHO, "state": "published"}], "subscriptions": [SUBSCRIPTION]}
    wanted = {"update EchoWebSocket": ["state"], "create Robot to EchoWebSocket 1.0": []}
    assert actions(await apply(platform.client, manifest)) == wanted
    assert actions(await apply(platform.client, manifest)) == {}


async def test_what_is_no_longer_served_may_lose_its_endpoints(platform: Platform) -> None:
    await apply(platform.client, {"apis": [{**ECHO, "state": "published"}]})
    bare = {**ECHO, "endpoints": {}, "state": "created"}
    assert actions(await apply(platform.client, {"apis": [bare]})) == {"update EchoWebSocket": ["state", "endpoints"]}
