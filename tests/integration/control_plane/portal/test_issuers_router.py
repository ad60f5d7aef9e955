"""External issuers in the console."""

from collections.abc import Iterator

import pytest

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, version_in, wrong_at
from tests.support.outside import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Outside, outside_issuer

pytestmark = on_sqlite


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer


async def test_an_issuer_is_added_changed_and_deleted(admin: Person, platform: Platform, outside: Outside) -> None:
    assert "No issuer but Framegate itself." in await admin.see("/admin/issuers")
    fields = {"name": "partner", "issuer": outside.issuer, "audience": AUDIENCE}
    client = {"introspection_url": f"{outside.issuer}/introspect", "introspection_client_id": CLIENT_ID}
    secret = {"introspection_client_secret": CLIENT_SECRET}
    bad = await admin.send("/admin/issuers/new", 422, **{**fields, "issuer": "nothing"})
    assert "must be an https:// URL" in wrong_at(bad, "issuer")
    assert 'value="partner"' in bad
    await admin.send("/admin/issuers/new", **fields, **client, **secret)
    assert outside.issuer in await admin.see("/admin/issuers")
    place = "/admin/issuers/partner"
    page = await admin.see(place)
    assert CLIENT_SECRET not in page
    loaded = version_in(page, place)
    await admin.send(place, **{**fields, **client, "audience": "another"}, if_match=loaded)
    kept = await platform.read("/admin/v1/issuers/partner")
    assert (kept["audience"], kept["introspection"]["client_secret"]) == ("another", True)
    late = await admin.send(place, 422, **{**fields, "audience": "third"}, if_match=loaded)
    assert "Somebody changed it meanwhile" in late
    assert await admin.send(f"{place}/delete") == "/admin/issuers?done=deleted"
