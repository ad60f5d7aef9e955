from urllib.parse import urlencode

from services.control_plane.portal.fields import Fields
from services.control_plane.portal.publisher_forms import read_design, read_implement, read_manage, values_of
from services.control_plane.publisher.schemas import ApiWrite


def sent(*pairs: tuple[str, str]) -> Fields:
    return Fields.read(urlencode(pairs).encode())


def test_a_design_is_a_body_of_the_rest() -> None:
    patch = read_design(sent(("name", "Echo"), ("context", "/echo"), ("version", "1.0"), ("tags", "a, b")))
    api = ApiWrite.model_validate(patch)
    assert (api.name, api.tags, api.visibility, api.default) == ("Echo", ["a", "b"], "public", False)


def test_an_environment_without_urls_has_no_endpoint() -> None:
    patch = read_implement(sent(("production_urls", "ws://a\nws://b"), ("production_balance", "failover")))
    production = {"mock": False, "urls": ["ws://a", "ws://b"], "balance": "failover"}
    assert patch["endpoints"] == {"production": production, "sandbox": None}


def test_a_mock_needs_no_urls() -> None:
    patch = read_implement(sent(("sandbox_mock", "1")))
    assert patch["endpoints"]["sandbox"] == {"mock": True, "urls": [], "balance": "round_robin"}


def test_what_is_emptied_is_null() -> None:
    patch = read_manage(sent(("policies", "Gold"), ("auth", "oauth2"), ("idle_timeout_seconds", "")))
    assert patch["policies"] == ["Gold"]
    assert patch["idle_timeout_seconds"] is None
    assert patch["api_policy"] is None
    assert patch["max_message_bytes"] == {"publish": "0", "subscribe": "0"}


def test_a_refused_form_shows_what_was_sent() -> None:
    assert values_of(None)["version"] == "1.0"
    assert values_of(None, {"name": "Echo", "context": "bad"})["context"] == "bad"
