"""Gateway environments over REST, and pods of two of them."""

import asyncio
import json
from typing import Any

import pytest
from redis import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.data_plane.app import Ports, Running, run_pod
from services.data_plane.settings import Settings
from tests.integration.control_plane.platform import (
    CLIENT_ID,
    CLIENT_SECRET,
    ECHO,
    Platform,
    Start,
    fields,
    on_sqlite,
    problem,
)
from tests.integration.data_plane.conftest import echo_backend
from tests.support.waiting import eventually

ENVIRONMENTS = "/admin/v1/environments"
EU: dict[str, Any] = {"name": "eu", "description": "Europe", "gateway_url": "wss://eu.example.com/"}


async def test_the_default_is_what_the_settings_say(started: Start) -> None:
    for url in ("ws://one.example.com", "wss://two.example.com"):
        async with started(gateway_url=url, gateway_tls_url=None) as platform:
            await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
            (default,) = (await platform.read(ENVIRONMENTS))["items"]
            assert (default["name"], default["gateway_url"], default["gateway_tls_url"]) == ("default", url, None)
            path = f"{ENVIRONMENTS}/default"
            assert (await platform.client.patch(path, json={"description": "all"})).json()["description"] == "all"
            answer = await platform.client.patch(path, json={"gateway_url": "ws://other"})
            assert fields(answer) == {"gateway_url": "is what FRAMEGATE_GATEWAY_URL says: change it there"}
            problem(await platform.client.delete(path), 409, "conflict")


async def test_an_environment_is_made_changed_and_deleted(platform: Platform) -> None:
    made = await platform.client.post(ENVIRONMENTS, json=EU)
    path = made.headers["location"]
    assert (await platform.read(path)) == made.json()
    assert made.json()["gateway_url"] == "wss://eu.example.com"
    problem(await platform.client.post(ENVIRONMENTS, json=EU), 409, "already_exists")
    put = await platform.client.put(path, json={**made.json(), "gateway_tls_url": "wss://tls.example.com"})
    assert (put.json()["gateway_tls_url"], put.json()["description"]) == ("wss://tls.example.com", "Europe")
    stale = await platform.client.delete(path, headers={"If-Match": made.headers["etag"]})
    problem(stale, 412, "precondition_failed")
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.get(path), 404, "not_found")
    actions = {entry["action"] for entry in (await platform.read("/admin/v1/audit", q="environment"))["items"]}
    assert actions == {"environment.create", "environment.update", "environment.delete"}


@on_sqlite
@pytest.mark.parametrize("url", ["http://x", "ws://", "ws://u:p@x", "ws://x?a", "ws://x/\n", "ws://[", "ws://x y"])
async def test_a_url_that_is_no_gateways_is_refused(platform: Platform, url: str) -> None:
    assert list(fields(await platform.client.post(ENVIRONMENTS, json={**EU, "gateway_url": url}))) == ["gateway_url"]


async def test_an_api_names_environments(platform: Platform, redis_client: Redis) -> None:
    answer = await platform.client.post("/publisher/v1/apis", json={**ECHO, "environments": ["default", "eu"]})
    assert fields(answer) == {"environments.1": "there is no environment 'eu': an administrator can add it"}
    await platform.made(ENVIRONMENTS, EU)
    api = await platform.publish_api(environments=["eu", "eu"])
    assert api["environments"] == ["eu"]
    shown = await platform.read(f"/store/v1/apis/{api['id']}")
    assert shown["environments"] == [
        {"name": "eu", "description": "Europe", "urls": ["wss://eu.example.com/echowebsocket/1.0"]}
    ]
    assert shown["gateway_urls"] == shown["environments"][0]["urls"]
    document = await platform.read(f"/store/v1/apis/{api['id']}/asyncapi")
    assert [server["host"] for server in document["servers"].values()] == ["eu.example.com"]
    assert json.loads(platform.catalogue(redis_client)["api"][api["id"]])["environments"] == ["eu"]
    problem(await platform.client.delete(f"{ENVIRONMENTS}/eu"), 409, "in_use")
    copy = await platform.made(f"/publisher/v1/apis/{api['id']}/versions", {"version": "2.0"})
    assert copy["environments"] == ["eu"]
    for one in (api, copy):
        await platform.client.patch(f"/publisher/v1/apis/{one['id']}", json={"environments": []})
    names = [each["name"] for each in (await platform.read(f"/store/v1/apis/{api['id']}"))["environments"]]
    assert names == ["default", "eu"]
    assert (await platform.client.delete(f"{ENVIRONMENTS}/eu")).status_code == 204


@on_sqlite
async def test_pods_serve_what_is_deployed_to_their_label(platform: Platform) -> None:
    await platform.made(ENVIRONMENTS, EU)
    ports = Ports(port=0, tls_port=0, ops_port=0)
    settings = Settings(redis_url=platform.settings.redis_url, demo=True, drain_seconds=0.1)
    async with (
        echo_backend() as backend,
        run_pod(settings, ports) as first,
        run_pod(settings.model_copy(update={"environment": "eu"}), ports) as second,
    ):
        auth = {"types": ["none"]}
        api = await platform.publish_api(endpoints={"production": {"urls": [backend.url]}}, auth=auth)
        await eventually(lambda: first.pod.catalogue.table.apis and second.pod.catalogue.table.apis, within=10)
        async with connect(url_of(first)) as here, connect(url_of(second)) as there:
            await deploy(platform, api, "eu")
            await asyncio.wait_for(here.wait_closed(), 5)
            assert (here.close_code, here.close_reason) == (4510, "api_retired")
            await there.send("still there")
            assert await there.recv() == "still there"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url_of(first))
        assert refused.value.response.status_code == 404
        await deploy(platform, api, "default", "eu")
        await eventually(lambda: first.pod.catalogue.table.apis, within=10)
        async with connect(url_of(first)) as back:
            await back.send("back")
            assert await back.recv() == "back"

        async def labels() -> bool:
            pods = (await platform.read("/admin/v1/gateways"))["items"]
            return sorted(pod["environment"] for pod in pods) == ["default", "eu"]

        await eventually(labels, within=10)


async def deploy(platform: Platform, api: dict[str, Any], *environments: str) -> None:
    path = f"/publisher/v1/apis/{api['id']}"
    answer = await platform.client.patch(path, json={"environments": list(environments)})
    assert answer.status_code == 200, answer.text


def url_of(pod: Running) -> str:
    return f"ws://127.0.0.1:{pod.port}/echowebsocket/1.0"
