"""Pictures of APIs."""

import pytest

from services.control_plane.publisher.pictures import MAX_PICTURE_BYTES, media_type_of
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
PNG = b"\x89PNG\r\n\x1a\n and the rest"
JPEG = b"\xff\xd8\xff\xe0 and the rest"
WEBP = b"RIFF\x0a\x00\x00\x00WEBPVP8 "


@pytest.mark.parametrize(
    ("content", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp"), (b" " + PNG, None)]
)
def test_the_first_bytes_say_what_it_is(content: bytes, media_type: str | None) -> None:
    assert media_type_of(content) == media_type


async def test_a_picture_is_put_seen_and_deleted(platform: Platform) -> None:
    api = await platform.publish_api(visibility="restricted", roles=["admin"])
    path = f"{APIS}/{api['id']}/thumbnail"
    problem(await platform.client.get(path), 404, "not_found")
    put = await platform.client.put(path, content=PNG, headers={"Content-Type": "image/webp"})
    assert put.json()["thumbnail"] is True
    async with platform.account("stranger", "store:subscribe") as stranger:
        hidden = await stranger.get(f"/store/v1/apis/{api['id']}/thumbnail")
        problem(hidden, 404, "not_found")
    await platform.client.patch(f"{APIS}/{api['id']}", json={"visibility": "public"})
    shown = await platform.client.get(f"/store/v1/apis/{api['id']}/thumbnail")
    for answer in (await platform.client.get(path), shown):
        assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    again = await platform.client.get(path, headers={"If-None-Match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    copy = await platform.made(f"{APIS}/{api['id']}/versions", {"version": "2.0"})
    assert (await platform.client.get(f"{APIS}/{copy['id']}/thumbnail")).content == PNG

    stale = {"If-Match": put.headers["etag"]}
    problem(await platform.client.put(path, content=JPEG, headers=stale), 412, "precondition_failed")
    assert (await platform.client.put(path, content=JPEG)).status_code == 200
    assert (await platform.client.get(path)).headers["content-type"] == "image/jpeg"
    problem(await platform.client.delete(path, headers=stale), 412, "precondition_failed")
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.delete(path), 404, "not_found")
    assert (await platform.read(f"{APIS}/{api['id']}"))["thumbnail"] is False


@on_sqlite
@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", PNG + b"x" * MAX_PICTURE_BYTES],
    ids=["empty", "SVG", "GIF", "too long"],
)
async def test_what_is_no_small_picture_is_refused(platform: Platform, content: bytes) -> None:
    api = await platform.make_api()
    answer = await platform.client.put(
        f"{APIS}/{api['id']}/thumbnail", content=content, headers={"Content-Type": "image/png"}
    )
    assert "body" in fields(answer)
    problem(await platform.client.get(f"{APIS}/{api['id']}/thumbnail"), 404, "not_found")
