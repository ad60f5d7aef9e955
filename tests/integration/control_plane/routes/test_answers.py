"""Whatever is asked, right or wrong: nothing breaks, and the answer is one that the OpenAPI document tells of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.control_plane.routes.holdings import Cast
from tests.integration.control_plane.routes.requests import Requests

# PostgreSQL refuses more than SQLite does: NUL, numbers that are too large.
pytestmark = [
    pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True),
    pytest.mark.timeout(300),
]

EXAMPLES: Final = 6
"""Right ones of each operation in a bounded run, and as many that need not be: always the same."""

METHODS: Final = ("get", "post", "put", "patch", "delete")
"""What is there ends last, and what is in it before that."""


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, set[int]]]:
    """Yield the method, path and statuses of each operation; but of tails, which answer for minutes."""
    for method in METHODS:
        for path in sorted(document["paths"], key=len, reverse=True):
            if not path.endswith("/tail") and (operation := document["paths"][path].get(method)) is not None:
                yield method, path, {int(status) for status in operation["responses"]}


def examples(requests: Requests, method: str, path: str, count: int) -> list[dict[str, Any]]:
    """Return what Hypothesis makes up first: an async client can't be called while it does."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests.of(method, path))
    def collect(request: dict[str, Any]) -> None:
        found.append(request)

    collect()
    return found


@pytest.mark.parametrize("role", ["admin", "subscriber"])
async def test_no_request_breaks_anything_and_every_status_is_told_of(cast: Cast, role: str, rounds: int) -> None:
    caller, own = await cast.hold("one", role, restricted=False)
    _, foreign = await cast.hold("other", role, restricted=True)
    caller.event_hooks = {}  # what is made up may be both a secret and a name
    document = cast.platform.app.openapi()
    right, any_ = (Requests(document, [own, foreign], right=right) for right in (True, False))
    count = EXAMPLES * rounds
    wrong = []
    answered = set()
    for method, path, told in operations(document):
        for request in [made for kind in (any_, right) for made in examples(kind, method, path, count)]:
            answer = await caller.request(**request)
            answered.add(answer.status_code)
            if answer.status_code >= 500 or answer.status_code not in told:
                wrong.append((answer.status_code, request, answer.text))
    assert not wrong, "\n".join(map(str, wrong))
    assert {200, 404, 422} <= answered
