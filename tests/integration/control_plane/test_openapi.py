"""The OpenAPI document: what makers of clients need of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from services.control_plane.examples import EXAMPLES
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.support import toolbox

pytestmark = on_sqlite

NO_MODEL: Final = {"read_metrics"}
"""Their answers are no JSON."""

EMPTY: Final = ("204", "304")

SENT: Final = {
    "admin_create_block": "/admin/v1/blocklist",
    "admin_create_environment": "/admin/v1/environments",
    "admin_create_policy": "/admin/v1/policies",
    "admin_create_role": "/admin/v1/roles",
    "admin_create_service_account": "/admin/v1/service-accounts",
    "admin_create_user": "/admin/v1/users",
    "store_create_application": "/store/v1/applications",
}
"""Examples that an empty installation takes."""


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


async def test_every_operation_has_a_name_a_summary_a_tag_and_models(platform: Platform) -> None:
    document = platform.app.openapi()
    assert document["openapi"].startswith("3.1.")
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert not [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)]
    assert not [schema for schema in document["components"]["schemas"] if "__" in schema.strip("_")]
    for route, operation in operations(document):
        assert re.fullmatch(r"[A-Z]\w*( \w+)*", operation["summary"]), route
        assert len(operation["tags"]) == 1, route
        if operation["operationId"] not in NO_MODEL:
            assert all(
                answer_is_told(answer) for status, answer in operation["responses"].items() if status not in EMPTY
            )


def answer_is_told(answer: Mapping[str, Any]) -> bool:
    return all(content["schema"] for content in answer["content"].values())


async def test_summaries_and_names_read_well(platform: Platform) -> None:
    found = dict(operations(platform.app.openapi()))
    lists = found["GET /store/v1/apis"]
    assert (lists["operationId"], lists["summary"]) == ("store_list_apis", "List APIs")
    assert found["POST /oauth2/token"]["operationId"] == "oauth_create_token"
    assert found["GET /healthz"]["operationId"] == "read_health"


@pytest.mark.timeout(300)  # the first test that needs the toolbox installs it
async def test_an_example_is_accepted_by_its_schema(platform: Platform) -> None:
    document = platform.app.openapi()
    shown = {}
    for _, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in body:
            shown[operation["operationId"]] = body["example"]
            schema = {"components": document["components"], **body["schema"]}
            found = toolbox.ask("check_document", schema=schema, document=body["example"])
            assert found == [], operation["operationId"]
    assert shown == EXAMPLES


@pytest.mark.parametrize("operation", SENT)
async def test_an_example_does_what_it_says(platform: Platform, operation: str) -> None:
    await platform.made(SENT[operation], EXAMPLES[operation])
