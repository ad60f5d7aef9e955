import pytest
from pydantic import ValidationError

from shared.definition import ApiDefinition, Endpoint, Endpoints

PRODUCTION, SANDBOX = Endpoint(urls=("ws://production",)), Endpoint(urls=("ws://sandbox",))


def test_a_key_type_has_its_endpoint_and_no_other() -> None:
    both = Endpoints(production=PRODUCTION, sandbox=SANDBOX)
    assert (both.of("PRODUCTION"), both.of("SANDBOX")) == (PRODUCTION, SANDBOX)
    assert Endpoints(production=PRODUCTION).of("SANDBOX") is None
    assert Endpoints(sandbox=SANDBOX).of("PRODUCTION") is None


def test_an_endpoint_has_a_url() -> None:
    with pytest.raises(ValidationError):
        Endpoint(urls=())


def test_an_api_needs_a_token_and_has_no_default_version_unless_it_says_so() -> None:
    api = ApiDefinition.model_validate(
        {"id": "1", "name": "Echo", "context": "/echo", "version": "1.0", "state": "CREATED", "endpoints": {}}
    )
    assert api.auth.types == ("oauth2",)
    assert not api.default


def test_an_unknown_state_is_refused_rather_than_served() -> None:
    with pytest.raises(ValidationError, match="state"):
        ApiDefinition.model_validate(
            {"id": "1", "name": "Echo", "context": "/echo", "version": "1.0", "state": "PAUSED", "endpoints": {}}
        )
