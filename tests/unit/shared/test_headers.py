import pytest

from shared.headers import is_reserved, may_pass


@pytest.mark.parametrize("name", ["Host", "x_forwarded.for", "SEC-WEBSOCKET-KEY", "Transfer-Encoding", "X-Request-Id"])
def test_some_names_are_the_gateway_s_alone(name: str) -> None:
    assert is_reserved(name)
    assert not may_pass(name)


@pytest.mark.parametrize("name", ["Authorization", "x_api_key", "Cookie", "X-Forwarded-Prefix", "X_Forwarded_User"])
def test_some_an_api_may_have_sent_but_no_client(name: str) -> None:
    assert not is_reserved(name)
    assert not may_pass(name)


@pytest.mark.parametrize("name", ["Origin", "User-Agent", "X-Tenant", "Cookie2x"])
def test_all_others_are_the_client_s(name: str) -> None:
    assert may_pass(name)
