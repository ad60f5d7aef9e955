from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.control_plane.publisher.backend_schemas import (
    BackendCredentialsBody,
    CaCertificate,
    ClientCertificate,
    SetHeaders,
)
from tests.support.certificate import make_certificate

CREDENTIALS = TypeAdapter(BackendCredentialsBody)


def accepts(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "headers", [{}, {"X-Tenant": "7"}, {"Origin": "https://gate.example"}, {"User-Agent": "Framegate (1; \t2)"}]
)
def test_headers_that_an_api_may_set(headers: dict[str, str]) -> None:
    assert accepts(SetHeaders, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil"},
        {"connection": "close"},
        {"Sec-WebSocket-Key": "x"},
        {"sec_websocket_protocol": "x"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"x.consumer.application": "another"},
        {"Authorization": "Bearer x"},
        {"Cookie": "a=b"},
        {"X Tenant": "7"},
        {"X-Tenant:": "7"},
        {"": "7"},
        {"X-Tenant\r\nX-Other": "7"},
        {"X-Tenant": "7\r\nX-Other: 8"},
        {"X-Tenant": "7\n"},
        {"X-Tenant": ""},
        {"X-Tenant": " 7"},
        {"X-Tenant": "ä"},
        {"X-Tenant": "x" * 2001},
        {"x" * 101: "7"},
        {"X-Tenant": "7", "x_tenant": "8"},
        {f"X-{number}": "7" for number in range(31)},
    ],
)
def test_headers_that_it_may_not(headers: dict[str, str]) -> None:
    assert not accepts(SetHeaders, headers)


def test_credentials_become_a_header() -> None:
    basic = CREDENTIALS.validate_python({"username": "gate", "password": "a:b"}).contract()
    assert (basic.header, basic.value) == ("Authorization", "Basic Z2F0ZTphOmI=")
    named = CREDENTIALS.validate_python({"header": "X-API-Key", "value": "secret"}).contract()
    assert (named.header, named.value) == ("X-API-Key", "secret")
    assert "secret" not in repr(named)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"header": "Authorization"},
        {"header": "Authorization", "value": "secret", "username": "gate"},
        {"header": "Authorization", "value": "secret\r\n"},
        {"header": "X-Request-Id", "value": "secret"},
        {"header": "Authorization", "value": None},
        {"username": "ga:te", "password": "secret"},
        {"username": "gate", "password": ""},
        {"username": "gate", "password": "secret", "realm": "x"},
    ],
)
def test_credentials_that_are_refused_without_showing_them(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        CREDENTIALS.validate_python(body)
    assert "secret" not in str(refused.value)


def test_certificates(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    cert, key, both = (path.read_text() for path in (files.cert, files.key, files.both))
    assert accepts(CaCertificate, cert)
    assert accepts(CaCertificate, cert + make_certificate(tmp_path).cert.read_text())
    assert accepts(ClientCertificate, both)
    for text in ("", " ", "rubbish", "ä", key, both, cert.replace("A", "B")):
        assert not accepts(CaCertificate, text), text
    other_key = make_certificate(tmp_path).key.read_text()
    for text in ("", "rubbish", cert, key, cert + other_key, cert + key.replace("PRIVATE", "ENCRYPTED PRIVATE")):
        assert not accepts(ClientCertificate, text), text
