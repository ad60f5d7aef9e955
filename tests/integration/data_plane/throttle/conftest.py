from collections.abc import Iterator

import pytest

from tests.integration.data_plane.throttle.network import Site


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    site = Site.open(redis_url)
    yield site
    site.close()
