"""Somebody who came with a token is looked at again: whether the token is still good."""

import pytest

from services.control_plane.identity.authenticator import Authenticator
from services.control_plane.identity.bearer import Credential
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.scopes import PUBLISHER_READ
from tests.integration.control_plane.identity.test_account_router import TOKENS, person
from tests.integration.control_plane.platform import Platform, on_sqlite

pytestmark = on_sqlite


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_personal_token_that_ended_is_noticed(platform: Platform, end: str) -> None:
    authenticator = platform.get(Authenticator)
    async with person(platform, "creator") as maria:
        asked = {"name": "ci", "scopes": [PUBLISHER_READ], "validity_seconds": 86400}
        made = (await maria.client.post(TOKENS, json=asked)).json()
        caller = authenticator.authenticate(Credential(made["token"], None, "GET", "/"))
        assert not caller.is_signed_in
        assert authenticator.look_again(caller, PUBLISHER_READ) == caller
        assert 86000 < authenticator.seconds_left(caller) <= 86400
        if end == "revoked":
            assert (await maria.client.delete(f"{TOKENS}/{made['id']}")).status_code == 204
        else:
            platform.clock.move(days=1)
            assert authenticator.seconds_left(caller) == 0
        with pytest.raises(UnauthorizedError, match=end):
            authenticator.look_again(caller, PUBLISHER_READ)
