"""Policies of paths: there must be one, of level api, and it can't go as long as a path has it."""

from typing import Any

from tests.integration.control_plane.platform import Platform, fields, problem

APIS = "/publisher/v1/apis"


def paths(policy: str | None) -> dict[str, Any]:
    return {"paths": [{"path": "/rooms/{id}", "policy": policy}]}


async def test_a_path_names_a_policy_of_its_level(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}"
    for policy in ("Gold", "Plutonium"):
        assert fields(await platform.client.patch(path, json=paths(policy))).keys() == {"paths.0.policy"}
    patched = await platform.client.patch(path, json=paths("10KPerMin"))
    assert patched.json()["paths"][0]["policy"] == "10KPerMin"
    assert (await platform.client.patch(path, json=paths(None))).json()["paths"][0]["policy"] is None


async def test_a_policy_of_a_path_is_in_use(platform: Platform) -> None:
    policy = {"name": "Few", "level": "api", "limits": [{"amount": 2}]}
    made = await platform.client.post("/admin/v1/policies", json=policy)
    assert made.status_code == 201, made.text
    api = await platform.make_api(**paths("Few"))
    place = made.headers["location"]
    problem(await platform.client.delete(place), 409, "in_use")
    copied = await platform.client.post(f"{APIS}/{api['id']}/versions", json={"version": "2.0"})
    await platform.client.delete(f"{APIS}/{api['id']}")
    problem(await platform.client.delete(place), 409, "in_use")
    await platform.client.patch(f"{APIS}/{copied.json()['id']}", json=paths(None))
    assert (await platform.client.delete(place)).status_code == 204
