import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.proxy_protocol import (
    HEAD_BYTES,
    MAX_BYTES,
    SIGNATURE,
    ProxyHead,
    ProxyHeaderError,
    read_head,
)
from tests.support.proxy import proxy_header

EXTENSIONS = st.binary(max_size=MAX_BYTES - HEAD_BYTES - 36)


def read(header: bytes) -> str | None:
    head = read_head(header[:HEAD_BYTES])
    assert len(header) == HEAD_BYTES + head.rest_bytes
    return head.read_source(header[HEAD_BYTES:])


@given(st.ip_addresses(v=4), EXTENSIONS)
def test_the_source_over_ipv4_is_read_and_extensions_are_passed_over(source: object, extensions: bytes) -> None:
    assert read(proxy_header(str(source), extensions=extensions)) == str(source)


@given(st.ip_addresses(v=6), EXTENSIONS)
def test_the_source_over_ipv6_is_read(source: object, extensions: bytes) -> None:
    found = read(proxy_header(str(source), extensions=extensions))
    assert found is not None
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    assert socket.inet_pton(socket.AF_INET6, str(source)).endswith(socket.inet_pton(family, found))


def test_an_ipv4_address_in_ipv6_is_told_as_what_it_is() -> None:
    assert read(proxy_header("::ffff:192.0.2.1")) == "192.0.2.1"


@given(st.integers(0, 255), EXTENSIONS)
def test_a_local_connection_has_no_source_whatever_else_it_says(family: int, rest: bytes) -> None:
    assert read(SIGNATURE + bytes((0x20, family)) + len(rest).to_bytes(2) + rest) is None


@given(st.binary(min_size=HEAD_BYTES, max_size=HEAD_BYTES))
def test_nothing_but_the_signature_is_taken(data: bytes) -> None:
    if not data.startswith(SIGNATURE):
        with pytest.raises(ProxyHeaderError):
            read_head(data)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**16 - 1))
def test_a_head_is_taken_within_its_bounds_or_refused(command: int, family: int, rest_bytes: int) -> None:
    data = SIGNATURE + bytes((command, family)) + rest_bytes.to_bytes(2)
    good = HEAD_BYTES + rest_bytes <= MAX_BYTES and (
        command == 0x20 or (command == 0x21 and rest_bytes >= {0x11: 12, 0x21: 36}.get(family, 2**16))
    )
    if good:
        assert read_head(data) == ProxyHead(family if command == 0x21 else 0, rest_bytes)
    else:
        with pytest.raises(ProxyHeaderError):
            read_head(data)


@pytest.mark.parametrize("line", [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_the_first_version_and_http_are_refused(line: bytes) -> None:
    with pytest.raises(ProxyHeaderError, match="no PROXY header of version 2"):
        read_head(line[:HEAD_BYTES])
