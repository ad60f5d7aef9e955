"""The page that says what is tested names tests that are there."""

import re
from pathlib import Path

from tests.architecture.repository import read

PAGE = Path("docs/reference/conformance.md")
POD = Path("tests/integration/data_plane")


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", read(PAGE))
    assert len(named) > 30
    assert [(file, test) for file, test in named if f"async def {test}(" not in read(POD / file)] == []
