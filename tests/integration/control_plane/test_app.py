"""The tutorial, from beginning to end."""

import json

from redis import Redis

from tests.integration.control_plane.platform import Platform


async def test_the_tutorial_over_rest(platform: Platform, redis_url: str) -> None:
    api = await platform.make_api(tags=["demo"])
    await platform.act(api, "publish")
    (shown,) = (await platform.read("/store/v1/apis", q="echo"))["items"]
    assert shown["gateway_urls"] == ["ws://localhost:9099/echowebsocket/1.0"]
    (application,) = (await platform.read("/store/v1/applications"))["items"]
    assert (application["name"], application["policy"]) == ("DefaultApplication", "Unlimited")
    subscription = await platform.subscribe(application, api)
    key = await platform.made(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION"})
    assert key["token"]["token_type"] == "Bearer"
    assert await platform.fetch_token(key["consumer_key"], key["consumer_secret"])

    with Redis.from_url(redis_url, decode_responses=True) as redis:
        found = platform.catalogue(redis)
    assert json.loads(found["api"][api["id"]])["state"] == "PUBLISHED"
    assert json.loads(found["subscription"][subscription["id"]])["policy"] == "Gold"
    assert json.loads(found["key"][key["consumer_key"]])["application_id"] == application["id"]
    assert json.loads(found["application"][application["id"]])["policy"] == "Unlimited"
    assert "subscription/Gold" in found["policy"]
    assert "local" in found["issuer"]
