from collections.abc import Iterator

import pytest

from tests.support.outside import Outside, outside_issuer


@pytest.fixture
def outside() -> Iterator[Outside]:
    with outside_issuer() as issuer:
        yield issuer
