from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.settings import Settings

KEY = "a key of the tests, of 32 characters or more"


def make(**values: Any) -> Settings:
    return Settings.model_validate({"secret_key": KEY, **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"secret_key": None}, "FRAMEGATE_SECRET_KEY is needed"),
        ({"secret_key": "short"}, "32 characters"),
        ({"bootstrap_client_id": "x"}, "go together"),
        ({"bootstrap_client_id": "x", "bootstrap_client_secret": "short"}, "16 characters"),
        ({"admin_password": "admin"}, "too easily guessed"),
        ({"admin_username": "root", "admin_password": "root"}, "too easily guessed"),
        ({"tls_cert": "/cert.pem"}, "go together"),
        ({"database_url": "mysql://x"}, "neither SQLite nor PostgreSQL"),
        ({"redis_url": "http://x"}, "must be a URL of redis://"),
        ({"public_url": "ftp://x"}, "http or https"),
        ({"public_url": "https://user@x"}, "without query or credentials"),
        ({"gateway_url": "https://x"}, "ws or wss"),
        ({"endpoint_allow": "10.0.0.0/99"}, "10.0.0.0/99"),
        ({"oidc_issuer": "https://x"}, "go together"),
        ({"oidc_client_id": "x", "oidc_client_secret": "y"}, "go together"),
        ({"oidc_issuer": "http://x"}, "URL of https"),
        ({"oidc_issuer": "http://localhost.evil.example.com"}, "URL of https"),
        ({"oidc_issuer": "https://user@x"}, "without credentials"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make(**values)


def test_errors_never_show_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        make(secret_key="too short", bootstrap_client_secret="hidden secret")
    assert "too short" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_slash_at_the_end_makes_no_other_issuer() -> None:
    assert make(public_url="https://cp.example.com/").public_url == "https://cp.example.com"


def test_a_provider_s_issuer_stays_as_it_is_written() -> None:
    client = make(oidc_issuer="https://x.example.com/", oidc_client_id="x", oidc_client_secret="y").oidc_client
    assert client is not None
    assert client.issuer == "https://x.example.com/"
    assert make(oidc_issuer="", oidc_client_id="", oidc_client_secret="").oidc_client is None


def test_only_the_demo_knows_a_password_and_local_backends() -> None:
    assert make().first_password is None
    assert not make().addresses.permits("127.0.0.1")
    demo = Settings.model_validate({"demo": True})
    assert demo.first_password == "admin"
    assert demo.addresses.permits("127.0.0.1")
    assert not demo.addresses.permits("169.254.169.254")
    assert len(demo.sealing_key) >= 32


def test_what_is_denied_stays_denied_in_the_demo() -> None:
    settings = Settings.model_validate({"demo": True, "endpoint_deny": "10.0.0.0/8"})
    assert not settings.addresses.permits("10.1.1.1")
