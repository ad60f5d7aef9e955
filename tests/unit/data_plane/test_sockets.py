import socket

import pytest

from services.data_plane.sockets import PortError, check_free, listen
from tests.support.waiting import free_port


def test_a_port_that_somebody_has_is_an_error_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for ask in (listen, check_free):
            with pytest.raises(PortError, match=f"127.0.0.1, port {port}: somebody else listens there"):
                ask("127.0.0.1", port)


def test_a_shared_port_is_shared_with_those_who_share_it() -> None:
    port = free_port()
    first, second = listen("127.0.0.1", port, shared=True)[0], listen("127.0.0.1", port, shared=True)[0]
    with first, second:
        assert first.getsockname() == second.getsockname()
        with pytest.raises(PortError):
            check_free("127.0.0.1", port)
    check_free("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_an_error_in_words() -> None:
    with pytest.raises(PortError, match=r"192\.0\.2\.1, port 0: "):
        listen("192.0.2.1", 0)


def test_a_name_is_listened_on_at_all_its_addresses() -> None:
    sockets = listen("localhost", 0)
    assert {opened.getsockname()[0] for opened in sockets} <= {"127.0.0.1", "::1"}
    for opened in sockets:
        opened.close()
