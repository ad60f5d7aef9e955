from datetime import UTC, datetime
from typing import Any

from services.control_plane.environments.models import GatewayEnvironment
from services.control_plane.identity.models import Account
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.publisher.models import ApiEnvironment
from services.control_plane.store.models import Application, ApplicationKey, Subscription
from services.control_plane.store.projection import (
    define_application,
    define_key,
    define_subscription,
    gateway_urls,
    read_application,
    read_key,
    read_store_api,
    read_subscription,
)
from tests.unit.control_plane.publisher.test_projection import make_api

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNER = Account(id="u", kind="person", name="maria", disabled=True, created_at=NOW)
APPLICATION = Application(
    id="app", owner_id="me", name="App", policy_id="application/10PerMin", created_at=NOW, updated_at=NOW
)
SUBSCRIPTION = Subscription(
    id="sub",
    application_id="app",
    api_id="api",
    policy_id="subscription/Gold",
    state="PROD_ONLY_BLOCKED",
    created_at=NOW,
    updated_at=NOW,
)
KEY = ApplicationKey(application_id="app", key_type="SANDBOX", client_id="client", created_at=NOW, updated_at=NOW)
CLIENT = OAuthClient(
    id="client",
    secret_hash="hidden",
    audience="urn:framegate:gateway",
    scopes=["read"],
    grant_types=["client_credentials"],
    token_validity_seconds=60,
    created_at=NOW,
)


def test_pods_are_told_names_of_policies() -> None:
    definition = define_application(APPLICATION, OWNER)
    assert definition is not None
    assert definition.model_dump() == {
        "id": "app",
        "name": "App",
        "owner": "maria",
        "owner_id": "u",
        "owner_disabled": True,
        "policy": "10PerMin",
    }
    subscription = define_subscription(SUBSCRIPTION)
    assert subscription is not None
    assert subscription.model_dump() == {
        "id": "sub",
        "application_id": "app",
        "api_id": "api",
        "policy": "Gold",
        "state": "PROD_ONLY_BLOCKED",
    }
    assert define_key(KEY).model_dump() == {"client_id": "client", "application_id": "app", "key_type": "SANDBOX"}


def test_callers_read_names_of_policies() -> None:
    assert read_application(APPLICATION).policy == "10PerMin"
    assert read_subscription(SUBSCRIPTION).policy == "Gold"


def test_a_key_is_read_without_its_secret() -> None:
    read = read_key(KEY, CLIENT)
    assert (read.consumer_key, read.validity_seconds, read.scopes) == ("client", 60, ["read"])
    assert "hidden" not in read.model_dump_json()


def test_the_default_version_answers_at_the_context_too() -> None:
    gateways = ["ws://gw", "wss://gw"]
    assert gateway_urls(make_api(is_default=False), gateways) == ["ws://gw/Echo/1.0", "wss://gw/Echo/1.0"]
    assert gateway_urls(make_api(is_default=True), gateways) == [
        "ws://gw/Echo/1.0",
        "wss://gw/Echo/1.0",
        "ws://gw/Echo",
        "wss://gw/Echo",
    ]


def test_subscribers_do_not_see_backends() -> None:
    assert "ws://a" not in read_store_api(make_api(), [make_environment("default")]).model_dump_json()


def make_environment(name: str, **changes: Any) -> GatewayEnvironment:
    return GatewayEnvironment(name=name, gateway_url=f"ws://{name}", created_at=NOW, updated_at=NOW, **changes)


def test_subscribers_see_the_environments_that_an_api_is_deployed_to() -> None:
    everywhere = [make_environment("default"), make_environment("eu", gateway_tls_url="wss://eu", description="Europe")]
    read = read_store_api(make_api(is_default=False), everywhere)
    assert read.gateway_urls == ["ws://default/Echo/1.0", "ws://eu/Echo/1.0", "wss://eu/Echo/1.0"]
    there = make_api(is_default=False, environments=[ApiEnvironment(api_id="1", environment="eu")])
    (eu,) = read_store_api(there, everywhere).environments
    assert (eu.name, eu.description, eu.urls) == ("eu", "Europe", ["ws://eu/Echo/1.0", "wss://eu/Echo/1.0"])


def test_pods_do_not_know_what_waits_for_an_approval() -> None:
    for waiting in ("PENDING", "REJECTED"):
        assert define_application(Application(**APPLICATION.model_dump() | {"approval": waiting}), OWNER) is None
        assert define_subscription(Subscription(**SUBSCRIPTION.model_dump() | {"approval": waiting})) is None
