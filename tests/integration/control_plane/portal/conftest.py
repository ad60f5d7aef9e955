from collections.abc import AsyncIterator

import pytest

from tests.integration.control_plane.platform import Platform
from tests.integration.control_plane.portal.person import Person
from tests.integration.control_plane.portal.test_sign_in_router import browse, sign_in


@pytest.fixture
async def admin(platform: Platform) -> AsyncIterator[Person]:
    """Sign in the first administrator."""
    async with browse(platform) as browser:
        await sign_in(browser)
        yield await Person.of(browser)
