"""Which connections a selection means: of a handshake less may be known, and what isn't known never matches."""

from typing import Any

import pytest

from services.data_plane.connection import ANONYMOUS, Caller
from services.data_plane.selecting import matches
from shared.connections import Selection
from shared.definition import ApiDefinition
from shared.subscription import ApplicationDefinition

API = ApiDefinition.model_validate(
    {
        "id": "api",
        "name": "Echo",
        "context": "/echo",
        "version": "1.0",
        "state": "PUBLISHED",
        "endpoints": {"production": {"urls": ["ws://127.0.0.1:9"]}},
        "auth": {"types": ["oauth2"]},
    }
)
CALLER = Caller(
    ApplicationDefinition.model_validate({"id": "app", "name": "Robot", "owner": "somebody", "policy": "Unlimited"}),
    "PRODUCTION",
)


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        ({}, True),
        ({"api_id": "api"}, True),
        ({"api_id": "other"}, False),
        ({"application": "Robot"}, True),
        ({"application": "app"}, True),
        ({"application": "Rob"}, False),
        ({"application_id": "app", "owner": "somebody"}, True),
        ({"application_ids": frozenset({"app"})}, True),
        ({"application_ids": frozenset()}, False),
        ({"text": "ROB"}, True),
        ({"text": "nothing"}, False),
        ({"address": "192.0.2.1"}, True),
        ({"address": "192.0.2.2"}, False),
    ],
    ids=str,
)
def test_all_that_is_set_must_match(selection: dict[str, Any], meant: bool) -> None:
    assert matches(Selection(**selection), API, CALLER, "192.0.2.1", "c") is meant


@pytest.mark.parametrize("caller", [None, ANONYMOUS], ids=["unknown", "anonymous"])
@pytest.mark.parametrize(
    "selection",
    [{"api_id": "api"}, {"application": "app"}, {"application_ids": frozenset({"app"})}, {"owner": "somebody"}],
    ids=str,
)
def test_what_is_not_known_is_nobodys(selection: dict[str, Any], caller: Caller | None) -> None:
    assert not matches(Selection(**selection), None, caller, "192.0.2.1", "c")
    assert matches(Selection(), None, caller, "192.0.2.1", "c")
